package decodetest

import (
	"testing"

	"github.com/fairway-gateway/fairway/proxies/decode"
)

// Benchmark runs a decoder into a pooled Writer and into a Tree, which is new each time.
func Benchmark(b *testing.B, d decode.Decoder, text string) {
	b.Helper()
	in := &decode.Input{Body: []byte(text)}
	b.Run("writer", func(b *testing.B) {
		buf := make([]byte, 0, 2*len(text)+64)
		w := decode.NewWriter(buf, decode.Limits{})
		b.SetBytes(int64(len(text)))
		b.ReportAllocs()
		for b.Loop() {
			w.Reset(buf, decode.Limits{})
			if err := d.Decode(b.Context(), in, w); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("tree", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		b.ReportAllocs()
		for b.Loop() {
			if err := d.Decode(b.Context(), in, decode.NewTree(decode.Limits{})); err != nil {
				b.Fatal(err)
			}
		}
	})
}
