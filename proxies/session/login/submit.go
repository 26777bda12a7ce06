package login

import (
	"bytes"
	"mime/multipart"
	"net/textproto"
	"net/url"
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
)

// Encodings of a form.
const (
	encodingURL       = "application/x-www-form-urlencoded"
	encodingMultipart = "multipart/form-data"
)

// compose gives what a form sends when a button is pressed (nil: none). values are what is typed into its fields.
func (f *form) compose(b *button, values map[*field]string, extra []Field) []Field {
	var all []Field
	left := append([]Field(nil), extra...)
	for _, o := range f.fields {
		value, typed := values[o]
		if o.name == "" || !o.sent && !typed {
			continue
		}
		if !typed {
			value = o.value
			for i, e := range left {
				if e.Name == o.name {
					value = e.Value
					left = append(left[:i:i], left[i+1:]...)
					break
				}
			}
		}
		all = append(all, Field{o.name, value})
	}
	if b != nil && b.name != "" {
		if b.image {
			all = append(all, Field{b.name + ".x", "0"}, Field{b.name + ".y", "0"})
		} else {
			all = append(all, Field{b.name, b.value})
		}
	}
	return append(all, left...)
}

// encoder gives what writes text in the charset of a form, as browsers do: characters that it lacks become references; nil
// writes UTF-8. It names the charset.
func (f *form) encoder(page string) (*encoding.Encoder, string) {
	for _, label := range append(strings.Fields(strings.ReplaceAll(f.accept, ",", " ")), page) {
		enc, err := htmlindex.Get(label)
		if err != nil {
			continue
		}
		name, err := htmlindex.Name(enc)
		if err != nil || name == "utf-8" || strings.HasPrefix(name, "utf-16") || name == "replacement" {
			break
		}
		return encoding.HTMLEscapeUnsupported(enc.NewEncoder()), name
	}
	return nil, "UTF-8"
}

// encode writes pairs in one of the encodings.
func encode(enctype string, pairs []Field, enc *encoding.Encoder, charset string) (body []byte, contentType string, err error) {
	written := func(s string) string {
		s = strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
		s = strings.ReplaceAll(s, "\n", "\r\n")
		if enc == nil {
			return s
		}
		if t, err := enc.String(s); err == nil {
			return t
		}
		return s
	}
	if enctype != encodingMultipart {
		var b bytes.Buffer
		for i, p := range pairs {
			if i > 0 {
				b.WriteByte('&')
			}
			value := p.Value
			if p.Name == "_charset_" {
				value = charset
			}
			b.WriteString(url.QueryEscape(written(p.Name)) + "=" + url.QueryEscape(written(value)))
		}
		return b.Bytes(), encodingURL, nil
	}
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	escape := strings.NewReplacer("\n", "%0A", "\r", "%0D", `"`, "%22")
	for _, p := range pairs {
		part, err := w.CreatePart(textproto.MIMEHeader{"Content-Disposition": {`form-data; name="` + escape.Replace(written(p.Name)) + `"`}})
		if err != nil {
			return nil, "", err
		}
		if _, err := part.Write([]byte(written(p.Value))); err != nil {
			return nil, "", err
		}
	}
	if err := w.Close(); err != nil {
		return nil, "", err
	}
	return b.Bytes(), w.FormDataContentType(), nil
}
