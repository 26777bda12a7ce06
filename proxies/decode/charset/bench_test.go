package charset

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/fairway-gateway/fairway/proxies/decode/internal/utf16test"
)

func BenchmarkTextLatin1(b *testing.B) {
	body := []byte("gr\xfc\xdfe: 1\nstate: ok\nx: y\n")
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := Text(body, Options{Header: "ISO-8859-1"}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkText(b *testing.B) {
	for name, c := range map[string]struct {
		body string
		o    Options
	}{
		"windows-1252": {"gr\xfc\xdfe: a line of a status page\n", Options{Header: "latin1"}},
		"shift_jis":    {"\x93\xfa\x96{: a line of a status page\n", Options{Header: "shift_jis"}},
		"gb18030":      {"\xc4\xe3: a line of a status page\n", Options{Header: "gb18030"}},
		"utf-16le":     {utf16test.Bytes(binary.LittleEndian, "a line of a status page\n"), Options{Header: "utf-16le"}},
	} {
		b.Run(name, func(b *testing.B) {
			body := bytes.Repeat([]byte(c.body), 1<<20/len(c.body))
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := Text(body, c.o); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
