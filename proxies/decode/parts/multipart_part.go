package parts

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime"
	"net/url"
	"strings"
	"unicode/utf8"

	htmlcharset "golang.org/x/net/html/charset"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/charset"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/ascii"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/hexdigit"
)

// part is one part of a multipart body.
type part struct {
	number int // from 1, over all levels
	offset int // of its header in the body that encloses it
	header []partField
	raw    []byte // the content in its transfer encoding

	name, filename, id              string
	contentType, mediaType, charset string
}

// partField is one field of a header.
type partField struct{ name, value string }

// readHeader reads the header at the beginning of a part and gives what follows it.
func (p *part) readHeader(text []byte) (rest []byte, err error) {
	at := p.offset
	for {
		line, after, ended := bytes.Cut(text, []byte("\n"))
		if !ended {
			return nil, &decode.SyntaxError{Format: "multipart", Offset: int64(at), Msg: "the header of a part has no blank line behind it"}
		}
		at += len(text) - len(after)
		text = after
		line = bytes.TrimSuffix(line, []byte("\r"))
		if len(line) == 0 {
			return text, nil
		}
		if at-p.offset > maxPartHeader {
			return nil, &decode.LimitError{What: "bytes in the header of a part", Limit: maxPartHeader}
		}
		if (line[0] == ' ' || line[0] == '\t') && len(p.header) > 0 {
			last := &p.header[len(p.header)-1]
			last.value += " " + strings.Trim(string(line), ascii.Space)
			continue
		}
		name, value, found := bytes.Cut(line, []byte(":"))
		name = bytes.TrimRight(name, " \t")
		if !found || len(name) == 0 || !isToken(name) {
			return nil, &decode.SyntaxError{Format: "multipart", Offset: int64(at - len(line) - 1), Msg: "a line in the header of a part that is no field"}
		}
		if len(p.header) == maxPartFields {
			return nil, &decode.LimitError{What: "fields in the header of a part", Limit: maxPartFields}
		}
		p.header = append(p.header, partField{strings.ToLower(string(name)), strings.Trim(string(value), ascii.Space)})
	}
}

// isToken says whether name can be that of a field: visible ASCII.
func isToken(name []byte) bool {
	for _, c := range name {
		if c <= ' ' || c >= 0x7f {
			return false
		}
	}
	return true
}

// field gives the first field of a name.
func (p *part) field(name string) string {
	for i := range p.header {
		if p.header[i].name == name {
			return p.header[i].value
		}
	}
	return ""
}

// name reads what the header says of a part.
func (r *multipartReader) name(p *part) {
	if len(p.header) == 0 {
		return
	}
	disposition := p.field("content-disposition")
	p.name = r.readable(headerParam(disposition, "name"))
	p.filename = r.readable(headerParam(disposition, "filename"))
	p.contentType = r.readable(p.field("content-type"))
	p.mediaType, p.charset = decode.ContentType(p.contentType)
	if p.filename == "" {
		p.filename = r.readable(headerParam(p.contentType, "name"))
	}
	p.id = r.readable(strings.Trim(p.field("content-id"), ascii.Space+"<>"))
}

// readable gives the text of a field: encoded words are decoded, and bytes that are not ASCII are read as text is.
func (r *multipartReader) readable(value string) string {
	if strings.Contains(value, "=?") {
		words := mime.WordDecoder{CharsetReader: func(label string, input io.Reader) (io.Reader, error) {
			return htmlcharset.NewReaderLabel(label, input)
		}}
		if decoded, err := words.DecodeHeader(value); err == nil {
			value = decoded
		}
	}
	if utf8.ValidString(value) {
		return value
	}
	if text, _, err := charset.Text([]byte(value), charset.Options{Option: r.in.Charset.Option, Header: r.in.Charset.Header}); err == nil {
		return string(text)
	}
	return strings.ToValidUTF8(value, charset.Replaced)
}

// headerParam gives a parameter of a field like Content-Type: also of fields that break the rules, in the extended
// notation (name*=utf-8”...), and in pieces (name*0=...).
func headerParam(field, name string) string {
	plain, pieces := "", false
	_, rest := nextSemicolon(field)
	for rest != "" {
		var param string
		param, rest = nextSemicolon(rest)
		key, value, _ := strings.Cut(param, "=")
		key = strings.Trim(key, ascii.Space)
		if len(key) < len(name) || !strings.EqualFold(key[:len(name)], name) {
			continue
		}
		value = unquoteParam(strings.Trim(value, ascii.Space))
		switch key[len(name):] {
		case "*":
			if extended, ok := extendedParam(value); ok {
				return extended
			}
		case "":
			if plain == "" {
				plain = value
			}
		case "*0", "*0*":
			pieces = true
		}
	}
	if pieces {
		if _, params, err := mime.ParseMediaType(field); err == nil {
			return params[strings.ToLower(name)]
		}
	}
	return plain
}

// nextSemicolon cuts at the first semicolon that is not quoted.
func nextSemicolon(s string) (param, rest string) {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			quoted = !quoted
		case c == '\\' && quoted && i+1 < len(s) && s[i+1] == '"':
			i++
		case c == ';' && !quoted:
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}

// unquoteParam takes off the quotes. A backslash escapes only a quote or another: some browsers sent paths of Windows.
func unquoteParam(s string) string {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return s
	}
	s = s[1 : len(s)-1]
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	return strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(s)
}

// extendedParam reads a value of RFC 5987: charset, language and escaped bytes.
func extendedParam(s string) (string, bool) {
	label, rest, ok := strings.Cut(s, "'")
	if !ok {
		return "", false
	}
	_, rest, ok = strings.Cut(rest, "'")
	if !ok {
		return "", false
	}
	raw, err := url.PathUnescape(rest)
	if err != nil {
		return "", false
	}
	text, _, err := charset.Text([]byte(raw), charset.Options{Header: label})
	return string(text), err == nil
}

// content undoes the transfer encoding.
func (p *part) content() ([]byte, error) {
	switch encoding := strings.ToLower(p.field("content-transfer-encoding")); encoding {
	case "", "7bit", "8bit", "binary", "none", "identity":
		return p.raw, nil
	case "quoted-printable":
		return fromQuotedPrintable(p.raw), nil
	case "base64":
		return p.fromBase64()
	}
	return nil, p.broken("a transfer encoding that nobody here reads")
}

// fromQuotedPrintable undoes the escapes and leaves an equals sign that starts none. The library's reader refuses lines of
// more than 4 KiB, which there are.
func fromQuotedPrintable(raw []byte) []byte {
	text := make([]byte, 0, len(raw))
	for len(raw) > 0 {
		line, rest, ended := bytes.Cut(raw, []byte("\n"))
		end := raw[len(line) : len(raw)-len(rest)]
		raw = rest
		if ended && bytes.HasSuffix(line, []byte("\r")) {
			end = []byte("\r\n")
		}
		line = bytes.TrimRight(line, " \t\r") // white space at the end of a line was added on the way
		if soft, ok := bytes.CutSuffix(line, []byte("=")); ok && ended {
			line, end = soft, nil
		}
		for i := 0; i < len(line); i++ {
			if line[i] == '=' && i+2 < len(line) && hexdigit.Is(line[i+1]) && hexdigit.Is(line[i+2]) {
				text = append(text, hexdigit.Value(line[i+1])<<4|hexdigit.Value(line[i+2]))
				i += 2
				continue
			}
			text = append(text, line[i])
		}
		text = append(text, end...)
	}
	return text
}

// fromBase64 leaves out white space and takes text that lacks its padding.
func (p *part) fromBase64() ([]byte, error) {
	text := make([]byte, 0, len(p.raw))
	for _, c := range p.raw {
		if strings.IndexByte(ascii.Space, c) < 0 {
			text = append(text, c)
		}
	}
	text = bytes.TrimRight(text, "=")
	n, err := base64.RawStdEncoding.Decode(text, text)
	if err != nil {
		return nil, p.broken("a transfer encoding that is not base64")
	}
	return text[:n], nil
}

func (p *part) broken(msg string) error {
	return &decode.SyntaxError{Format: "multipart", Offset: int64(p.offset), Msg: msg}
}

// multipart says whether the part has parts.
func (p *part) multipart() bool { return strings.HasPrefix(p.mediaType, "multipart/") }

// kind is what the value of a part is by its media type.
func (p *part) kind(jsonText bool) string {
	sub := p.mediaType[strings.IndexByte(p.mediaType, '/')+1:]
	switch {
	case sub == "json" || strings.HasSuffix(sub, "+json"):
		if jsonText {
			return partText
		}
		return partJSON
	case p.mediaType == "", strings.HasPrefix(p.mediaType, "text/"), strings.HasPrefix(p.mediaType, "message/"), p.declares() != nil:
		return partText
	}
	switch p.mediaType {
	case "application/x-www-form-urlencoded", "application/javascript", "application/x-javascript", "application/yaml", "application/x-yaml",
		"application/csv", "application/x-ndjson", "application/jsonl", "application/http", "application/edifact", "application/edi-x12", "application/sql":
		return partText
	}
	return partBase64
}

// declares gives the function that reads the charset from a document of the part's type, nil if such documents have none.
func (p *part) declares() func([]byte) string {
	sub := p.mediaType[strings.IndexByte(p.mediaType, '/')+1:]
	switch {
	case sub == "html":
		return charset.OfHTML
	case sub == "xml" || strings.HasSuffix(sub, "+xml"):
		return charset.OfXML
	}
	return nil
}

// matches says how the part is what a name means: 0 not at all, else the smaller the better.
func (p *part) matches(name string) int {
	switch name {
	case "":
		return 0
	case p.name:
		return 1
	case p.filename:
		return 2
	case p.id:
		return 3
	case p.mediaType:
		return 4
	}
	return 0
}

// looksLikeText says whether a text has no control characters beside white space.
func looksLikeText(text []byte) bool {
	for _, c := range text {
		if c < ' ' && strings.IndexByte(ascii.Space+"\x1b\b", c) < 0 {
			return false
		}
	}
	return true
}
