package charset

import (
	"bytes"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/fairway-gateway/fairway/proxies/decode/internal/ascii"
)

// OfXML finds the encoding that the prolog of an XML document names, "" if none (XML 1.0, 4.3.3).
//
//	<?xml version="1.0" encoding="ISO-8859-1"?>  ->  ISO-8859-1
func OfXML(prefix []byte) string {
	prefix = bytes.TrimLeft(prefix, ascii.Space)
	rest, ok := bytes.CutPrefix(prefix, []byte("<?xml"))
	if !ok || len(rest) == 0 || strings.IndexByte(ascii.Space, rest[0]) < 0 {
		return ""
	}
	declaration, _, ok := bytes.Cut(rest, []byte("?>"))
	if !ok {
		return ""
	}
	for text := string(declaration); ; {
		name, value, more, ok := pseudoAttribute(text)
		if !ok {
			return ""
		}
		if name == "encoding" {
			return value
		}
		text = more
	}
}

// XMLSettled says whether more of a document can change that OfXML finds nothing in its first bytes: not where they
// begin no declaration, or it is whole.
func XMLSettled(prefix []byte) bool {
	prefix = bytes.TrimLeft(prefix, ascii.Space)
	const begin = "<?xml"
	if len(prefix) <= len(begin) {
		return !strings.HasPrefix(begin, string(prefix))
	}
	return !bytes.HasPrefix(prefix, []byte(begin)) || strings.IndexByte(ascii.Space, prefix[len(begin)]) < 0 || bytes.Contains(prefix, []byte("?>"))
}

// pseudoAttribute cuts the first name="value" off a declaration.
func pseudoAttribute(text string) (name, value, rest string, ok bool) {
	name, rest, ok = strings.Cut(text, "=")
	rest = strings.TrimLeft(rest, ascii.Space)
	if !ok || rest == "" || rest[0] != '"' && rest[0] != '\'' {
		return "", "", "", false
	}
	value, rest, ok = strings.Cut(rest[1:], rest[:1])
	return strings.Trim(name, ascii.Space), strings.Trim(value, ascii.Space), rest, ok
}

// OfHTML finds the encoding that a meta element of an HTML document names, or its XML prolog, "" if none. It is the
// prescan of the HTML standard (13.2.3.2), but for its rules on broken markup, which are those of the tokenizer.
//
//	<meta charset=iso-8859-1>
//	<meta http-equiv="Content-Type" content="text/html; charset=ISO-8859-1">
func OfHTML(prefix []byte) string {
	if label := OfXML(prefix); label != "" {
		return label
	}
	z := html.NewTokenizer(bytes.NewReader(prefix))
	for {
		switch z.Next() {
		case html.ErrorToken:
			return ""
		case html.StartTagToken, html.SelfClosingTagToken:
			name, more := z.TagName()
			if atom.Lookup(name) == atom.Meta && more {
				if label := metaCharset(z); label != "" {
					return label
				}
			}
		}
	}
}

// metaCharset reads the attributes of the meta element at which z stands.
func metaCharset(z *html.Tokenizer) string {
	var charset, content string
	pragma := false
	for more := true; more; {
		var key, value []byte
		key, value, more = z.TagAttr()
		switch string(key) {
		case "charset":
			charset = strings.Trim(string(value), ascii.Space)
		case "content":
			content = string(value)
		case "http-equiv":
			pragma = strings.EqualFold(strings.Trim(string(value), ascii.Space), "content-type")
		}
	}
	if charset == "" && pragma {
		charset = contentCharset(content)
	}
	return charset
}

// contentCharset finds the charset in the content of a pragma, which is wherever that word is followed by an equals sign.
func contentCharset(content string) string {
	const word = "charset"
	lower := strings.ToLower(content)
	if len(lower) != len(content) { // a letter whose small one is longer; no label has any
		return ""
	}
	for at := 0; ; {
		i := strings.Index(lower[at:], word)
		if i < 0 {
			return ""
		}
		at += i + len(word)
		value, ok := strings.CutPrefix(strings.TrimLeft(content[at:], ascii.Space), "=")
		if !ok {
			continue
		}
		value = strings.TrimLeft(value, ascii.Space)
		if value != "" && (value[0] == '"' || value[0] == '\'') {
			label, _, ok := strings.Cut(value[1:], value[:1])
			if !ok {
				return ""
			}
			return strings.Trim(label, ascii.Space)
		}
		if end := strings.IndexAny(value, "; \t\r\n\v\f"); end >= 0 {
			value = value[:end]
		}
		return value
	}
}
