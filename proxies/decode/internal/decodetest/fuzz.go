package decodetest

import (
	"testing"
	"unicode/utf8"
)

// Fuzz checks for any bytes what both checks: the sinks agree, the text is compact JSON, the input is unchanged.
func Fuzz(f *testing.F, seeds []string, variants ...Checked) {
	f.Helper()
	for _, d := range variants {
		if err := d.Check(); err != nil {
			f.Fatal(err)
		}
	}
	for _, s := range seeds {
		for i := range variants {
			f.Add([]byte(s), uint8(i))
		}
	}
	f.Fuzz(func(t *testing.T, body []byte, which uint8) {
		text, err := Both(t, variants[int(which)%len(variants)], body)
		if err == nil && !utf8.Valid(text) {
			t.Fatalf("%q is not UTF-8", text)
		}
	})
}
