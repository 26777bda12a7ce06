package decode

import "testing"

func TestUnpacks(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		d           Decoder
		contentType string
		want        bool
	}{
		{new(JSON), "application/json", true},
		{new(CSV), "application/gzip", true}, // nobody decodes the bytes of gzip as CSV
		{new(Bytes), "text/plain", false},
		{new(Bytes), "application/gzip", false},
		{new(Auto), "text/csv; charset=utf-8", true},
		{new(Auto), "application/ld+json", true},
		{new(Auto), "application/gzip", false},
		{new(Auto), "application/octet-stream", false},
		{new(Auto), "", false},
		{new(XLSX), "", true},
		{new(Multipart), "multipart/mixed", true},
	} {
		if got := Unpacks(c.d, c.contentType); got != c.want {
			t.Errorf("%T of %q: %v", c.d, c.contentType, got)
		}
	}
}
