package table

import (
	"testing"

	"github.com/fairway-gateway/fairway/proxies/decode/internal/decodetest"
)

func TestCorpusCSV(t *testing.T) {
	t.Parallel()
	decodetest.Corpus(t, "csv", 25, func() decodetest.Checked { return new(CSV) })
}
