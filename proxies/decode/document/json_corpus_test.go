package document

import (
	"testing"

	"github.com/fairway-gateway/fairway/proxies/decode/internal/decodetest"
)

func TestJSONCorpus(t *testing.T) {
	t.Parallel()
	decodetest.Corpus(t, "json", 25, func() decodetest.Checked { return new(JSON) })
}

func TestNDJSONCorpus(t *testing.T) {
	t.Parallel()
	decodetest.Corpus(t, "ndjson", 8, func() decodetest.Checked { return new(NDJSON) })
}

func TestFormCorpus(t *testing.T) {
	t.Parallel()
	decodetest.Corpus(t, "form", 8, func() decodetest.Checked { return new(Form) })
}
