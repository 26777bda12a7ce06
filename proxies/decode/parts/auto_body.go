package parts

import (
	"bytes"
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/charset"
	"github.com/fairway-gateway/fairway/proxies/decode/document"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/ascii"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/linewise"
	"github.com/fairway-gateway/fairway/proxies/decode/lines"
	"github.com/fairway-gateway/fairway/proxies/decode/table"
)

// autoBody is a body that is looked at.
type autoBody struct {
	ctx     context.Context //nolint:containedctx // lives as long as one Decode
	in      *decode.Input
	formats []string // that are asked for
	text    []byte   // once it is read
	charset charset.Choice

	head string // of the text, in lower case, without white space before it
	root string // name of the first element, in lower case, without prefix; "" if the text is no markup
}

// autoHead is how much of a text is looked at where its beginning says enough.
const autoHead = 4 << 10

// declares says whether the backend declares one of the media types.
func (b *autoBody) declares(media []string) bool {
	return slices.ContainsFunc(media, func(m string) bool {
		if suffix, ok := strings.CutPrefix(m, "+"); ok {
			return strings.HasSuffix(b.in.MediaType, "+"+suffix)
		}
		return m == b.in.MediaType
	})
}

// declaresText says whether the backend declares one of the types of text.
func (b *autoBody) declaresText() bool {
	return strings.HasPrefix(b.in.MediaType, "text/") || b.declares([]string{"application/json", "application/xml", "application/x-www-form-urlencoded", "+json", "+xml"})
}

func (b *autoBody) isMultipart() bool {
	if !strings.HasPrefix(b.in.MediaType, "multipart/") {
		return false
	}
	_, err := splitParts(b.in.Body, boundaryParam(b.in.ContentType))
	return err == nil
}

func (b *autoBody) isXLSX() bool {
	if !bytes.HasPrefix(b.in.Body, []byte("PK\x03\x04")) {
		return false
	}
	return table.IsWorkbook(b.ctx, b.in.Body)
}

// isBinary says whether the bytes are no text: by their first ones, or because there are control characters in what they
// would be as text. Some signatures are short words, "BM" of a bitmap among them, so those need control characters, too.
func (b *autoBody) isBinary() bool {
	kind := http.DetectContentType(b.in.Body)
	if strings.HasPrefix(kind, "text/") {
		return false
	}
	if kind != "application/octet-stream" {
		return kind == "application/pdf" || kind == "application/postscript" || !looksLikeText(b.in.Body[:min(len(b.in.Body), autoHead)])
	}
	if err := b.read(); err != nil {
		return b.charset.Source == "detection"
	}
	return !looksLikeText(b.text[:min(len(b.text), autoHead)])
}

// read makes text of the body.
func (b *autoBody) read() error {
	if b.text != nil {
		return nil
	}
	o := b.in.Charset
	o.Document = func(prefix []byte) string {
		if !bytes.HasPrefix(bytes.TrimLeft(prefix, ascii.Space), []byte("<")) {
			return ""
		}
		if label := charset.OfXML(prefix); label != "" {
			return label
		}
		return charset.OfHTML(prefix)
	}
	o.Replace = false
	text, cs, err := charset.Text(b.in.Body, o)
	// What nothing declares to be text is rather no text than text with replacements.
	if err != nil && b.in.Charset.Replace && (cs.Source != charset.ByDetection || strings.HasPrefix(b.in.MediaType, "text/")) {
		o.Replace = true
		text, cs, err = charset.Text(b.in.Body, o)
	}
	b.charset = cs
	if err != nil {
		return err
	}
	b.text = text
	if text == nil {
		b.text = []byte{}
	}
	b.head = strings.ToLower(strings.TrimLeft(string(text[:min(len(text), autoHead)]), ascii.Space))
	b.root = firstElement(b.head)
	return nil
}

// firstElement gives the name of the first element behind prolog, comments and document type.
func firstElement(head string) string {
	for strings.HasPrefix(head, "<") {
		end := ">"
		switch {
		case strings.HasPrefix(head, "<!--"):
			end = "-->"
		case strings.HasPrefix(head, "<?"):
			end = "?>"
		case !strings.HasPrefix(head, "<!"):
			name := head[1:]
			if i := strings.IndexAny(name, " \t\r\n/>"); i >= 0 {
				name = name[:i]
			}
			name = name[strings.IndexByte(name, ':')+1:]
			if name == "" || name[0] != '_' && (name[0] < 'a' || name[0] > 'z') && name[0] < 0x80 {
				return ""
			}
			return name
		}
		_, rest, found := strings.Cut(head, end)
		if !found {
			return ""
		}
		head = strings.TrimLeft(rest, ascii.Space)
	}
	return ""
}

// try says whether a decoder takes the text.
func (b *autoBody) try(d decode.Decoder, text []byte) bool {
	in := *b.in
	in.Body, in.Found = text, nil
	return d.Decode(b.ctx, &in, new(decode.Trial)) == nil
}

// begins gives the first byte of the text that is no white space, and the next; 0 where there is none.
func (b *autoBody) begins() (first, second byte) {
	if b.head == "" {
		return 0, 0
	}
	rest := strings.TrimLeft(b.head[1:], ascii.Space)
	if rest == "" {
		return b.head[0], 0
	}
	return b.head[0], rest[0]
}

// isJSON takes also what begins like JSON and is broken, so that it is an error and no text.
func (b *autoBody) isJSON() bool {
	first, second := b.begins()
	declared := b.declares([]string{"application/json", "text/json", "+json"})
	if first != '{' && first != '[' {
		return declared && first != 0 && first != '<' && b.try(new(document.JSON), b.text)
	}
	if b.try(new(document.JSON), b.text) {
		return true
	}
	if b.isNDJSON() {
		return false
	}
	return declared || first == '{' && (second == '"' || second == '}') || first == '[' && (second == '{' || second == '"' || second == '[')
}

// isNDJSON says whether the text is lines of JSON, the first of which is an object or array.
func (b *autoBody) isNDJSON() bool {
	if first, _ := b.begins(); first != '{' && first != '[' {
		return false
	}
	// The first line says soon that most texts are none.
	line, _, _ := bytes.Cut(bytes.TrimLeft(b.text, ascii.Space), []byte("\n"))
	return b.try(new(document.JSON), line) && b.try(new(document.NDJSON), b.text)
}

func (b *autoBody) isHTML() bool {
	if strings.HasPrefix(b.head, "<!doctype html") || b.root == "html" {
		return true
	}
	if b.declares([]string{"text/html", "application/xhtml+xml"}) {
		// Programs of old call everything HTML that they print.
		return b.root != "" && !strings.HasPrefix(b.head, "<?xml") && !b.isSOAP() && !b.isRSS() && !b.isAtom() ||
			b.root == "" && (strings.Contains(b.head, "</") || strings.Contains(b.head, "<br"))
	}
	return false
}

// isFragment says whether the text is a piece of HTML, of elements that are in XML as well.
func (b *autoBody) isFragment() bool {
	if strings.HasPrefix(b.head, "<?xml") || b.declares([]string{"application/xml", "text/xml", "+xml"}) {
		return false
	}
	return slices.Contains([]string{
		"head", "body", "title", "script", "style", "meta", "link", "div", "span", "p", "h1", "h2", "h3", "table", "tr", "ul", "ol", "dl", "form", "a", "b", "i",
		"br", "hr", "img", "pre", "font", "center", "strong", "em", "frameset", "iframe", "section", "article", "main", "nav", "header", "footer",
	}, b.root)
}

func (b *autoBody) isSOAP() bool {
	return b.root == "envelope" && (strings.Contains(b.head, "schemas.xmlsoap.org/soap/envelope") || strings.Contains(b.head, "www.w3.org/2003/05/soap-envelope"))
}

func (b *autoBody) isRSS() bool {
	return b.root == "rss" || b.root == "rdf" && strings.Contains(b.head, "purl.org/rss/")
}

func (b *autoBody) isAtom() bool {
	return b.root == "feed" && (strings.Contains(b.head, "www.w3.org/2005/atom") || strings.Contains(b.head, "purl.org/atom/"))
}

func (b *autoBody) isXML() bool { return b.root != "" || strings.HasPrefix(b.head, "<?xml") }

// isYAML says whether the text begins as only YAML does, or is declared as it and no JSON or markup.
func (b *autoBody) isYAML() bool {
	line, _, _ := strings.Cut(b.head, "\n")
	mark := strings.TrimRight(line, ascii.Space)
	return mark == "---" || strings.HasPrefix(mark, "--- ") || strings.HasPrefix(mark, "%yaml 1.") ||
		b.head != "" && b.declares([]string{"application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml", "+yaml"})
}

func (b *autoBody) isForm() bool {
	return b.head != "" && strings.IndexByte(b.head, '=') > 0 && !strings.ContainsAny(strings.TrimRight(b.head, ascii.Space), "\n<{") && b.try(new(document.Form), b.text)
}

// isKV says whether the text is lines of names and values, two at least, whose names are different words.
func (b *autoBody) isKV() bool {
	names := map[string]bool{}
	for l := (linewise.Lines{Text: string(b.text)}); ; {
		line, _, ok := l.Cut()
		if !ok {
			return len(names) > 1 && b.try(new(lines.KV), b.text)
		}
		line = strings.Trim(line, ascii.Space)
		if line == "" || line[0] == '#' {
			continue
		}
		at := strings.IndexAny(line, ":=")
		if at <= 0 || at > 60 {
			return false
		}
		name := strings.TrimRight(line[:at], ascii.Space)
		if names[name] || !nameLike(name) {
			return false
		}
		names[name] = true
	}
}

// nameLike says whether a text can be the name of a value: up to four words, the first of which begins with a letter.
func nameLike(s string) bool {
	c := s[0] | 0x20
	return (c >= 'a' && c <= 'z' || c == '_' || s[0] >= 0x80) && strings.Count(s, " ") < 4 && !strings.ContainsAny(s, `"'<>{}()[];,`)
}
