package parts

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/charset"
	"github.com/fairway-gateway/fairway/proxies/decode/document"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/decodetest"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/utf16test"
	"github.com/fairway-gateway/fairway/proxies/decode/lines"
	"github.com/fairway-gateway/fairway/proxies/decode/markup"
	"github.com/fairway-gateway/fairway/proxies/decode/table"
)

// TestUTF16Formats decodes documents in UTF-16, with and without a byte order mark, whole and as streams.
func TestUTF16Formats(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		decoder    decodetest.Checked
		text, want string
	}{
		{new(table.CSV), "sep=;\r\nname;größe\r\nÄpfel;1,5\r\n", `[{"name":"Äpfel","größe":"1,5"}]`},
		{new(document.JSON), `{"a":"é"}`, `{"a":"é"}`},
		{new(lines.Lines), "Привет мир\n日本 語\n", `["Привет мир","日本 語"]`},
		{new(markup.XML), `<?xml version="1.0" encoding="UTF-16"?><a><b>é</b></a>`, `{"b":"é"}`},
		{new(lines.KV), "a: é\r\n", `{"a":"é"}`},
	} {
		if err := c.decoder.Check(); err != nil {
			t.Fatal(err)
		}
		for name, body := range map[string]string{
			"little": utf16test.Bytes(binary.LittleEndian, c.text), "big": utf16test.Bytes(binary.BigEndian, c.text),
			"little with a mark": "\xff\xfe" + utf16test.Bytes(binary.LittleEndian, c.text), "big with a mark": "\xfe\xff" + utf16test.Bytes(binary.BigEndian, c.text),
		} {
			o := charset.Options{}
			if d, ok := c.decoder.(decode.Declarer); ok {
				o.Document = d.DeclaredCharset
			}
			text, _, err := charset.Text([]byte(body), o)
			if err != nil {
				t.Fatal(err)
			}
			w := decode.NewWriter(nil, decode.Limits{})
			if err := c.decoder.Decode(t.Context(), &decode.Input{Body: text}, w); err != nil {
				t.Fatalf("%s %q: %v", name, c.text, err)
			}
			if diff := cmp.Diff(c.want, string(w.Bytes())); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
			s, ok := c.decoder.(decode.Streamer)
			if _, isJSON := c.decoder.(*document.JSON); !ok || isJSON || c.decoder == decodetest.Checked(nil) {
				continue
			}
			if x, isXML := c.decoder.(*markup.XML); isXML && x.Records == "" {
				continue
			}
			w = decode.NewWriter(nil, decode.Limits{})
			if err := s.Stream(t.Context(), charset.NewReader(bytes.NewReader([]byte(body)), o), &decode.Input{}, w); err != nil {
				t.Fatalf("%s %q: as a stream %v", name, c.text, err)
			}
			if diff := cmp.Diff(c.want, string(w.Bytes())); diff != "" {
				t.Errorf("%s as a stream (-want +got):\n%s", name, diff)
			}
		}
	}
}

// TestAutoReplaces has bytes that no charset knows, in what is declared to be text and in what is not.
func TestAutoReplaces(t *testing.T) {
	t.Parallel()
	for contentType, want := range map[string]string{
		"text/plain; charset=utf-8": `"caf� and so on"`,
		"text/plain":                `"cafÿ� and so on"`,
		"application/x-unknown":     "binary",
	} {
		body := "caf\xff\x81 and so on"
		if contentType == "text/plain; charset=utf-8" {
			body = "caf\xff and so on"
		}
		in := &decode.Input{Body: []byte(body), ContentType: contentType, Charset: charset.Options{Replace: true}, Found: new(decode.Found)}
		in.MediaType, in.Charset.Header = decode.ContentType(contentType)
		w := decode.NewWriter(nil, decode.Limits{})
		if err := new(Auto).Decode(t.Context(), in, w); err != nil {
			t.Fatal(err)
		}
		if got := string(w.Bytes()); got != want && in.Found.Format != want {
			t.Errorf("%s: %s %s, want %s", contentType, in.Found.Format, got, want)
		}
	}
}
