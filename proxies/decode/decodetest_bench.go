package decode

import "testing"

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
