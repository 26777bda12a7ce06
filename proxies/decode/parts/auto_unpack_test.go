package parts

import (
	"testing"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/document"
	"github.com/fairway-gateway/fairway/proxies/decode/table"
)

func TestUnpacks(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		d           decode.Decoder
		contentType string
		want        bool
	}{
		{new(document.JSON), "application/json", true},
		{new(table.CSV), "application/gzip", true}, // nobody decodes the bytes of gzip as CSV
		{new(Bytes), "text/plain", false},
		{new(Bytes), "application/gzip", false},
		{new(Auto), "text/csv; charset=utf-8", true},
		{new(Auto), "application/ld+json", true},
		{new(Auto), "application/gzip", false},
		{new(Auto), "application/octet-stream", false},
		{new(Auto), "", false},
		{new(table.XLSX), "", true},
		{new(Multipart), "multipart/mixed", true},
	} {
		if got := decode.Unpacks(c.d, c.contentType); got != c.want {
			t.Errorf("%T of %q: %v", c.d, c.contentType, got)
		}
	}
}
