package decode

import (
	"fmt"
	"strings"
	"testing"
)

// benchmarkSinks runs a decoder into a pooled Writer and into a Tree, which is new each time.
func benchmarkSinks(b *testing.B, d Decoder, text string) {
	b.Helper()
	in := &Input{Body: []byte(text)}
	b.Run("writer", func(b *testing.B) {
		buf := make([]byte, 0, 2*len(text)+64)
		w := NewWriter(buf, Limits{})
		b.SetBytes(int64(len(text)))
		b.ReportAllocs()
		for b.Loop() {
			w.Reset(buf, Limits{})
			if err := d.Decode(b.Context(), in, w); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("tree", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		b.ReportAllocs()
		for b.Loop() {
			if err := d.Decode(b.Context(), in, NewTree(Limits{})); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkKV25(b *testing.B) {
	benchmarkSinks(b, new(KV), "state: up\nuptime: 123456\n")
}

func BenchmarkJSON1K(b *testing.B) {
	var s strings.Builder
	s.WriteString(`{"builds":[`)
	for i := range 10 {
		if i > 0 {
			s.WriteByte(',')
		}
		fmt.Fprintf(&s, `{"id":%d,"name":"build-linux","status":"SUCCESS","duration":1234.5,"ok":true,"tags":["a","b"]}`, i)
	}
	s.WriteString(`],"next":null}`)
	benchmarkSinks(b, new(JSON), s.String())
}

func BenchmarkNDJSON(b *testing.B) {
	benchmarkSinks(b, new(NDJSON), strings.Repeat(`{"id":12345,"name":"build-linux","status":"SUCCESS"}`+"\n", 20))
}

func BenchmarkTextLatin1(b *testing.B) {
	body := []byte("gr\xfc\xdfe: 1\nstate: ok\nx: y\n")
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := Text(body, TextOptions{Header: "ISO-8859-1"}); err != nil {
			b.Fatal(err)
		}
	}
}
