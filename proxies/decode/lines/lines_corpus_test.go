package lines

import (
	"testing"

	"github.com/fairway-gateway/fairway/proxies/decode/internal/decodetest"
)

func TestTextCorpus(t *testing.T) {
	t.Parallel()
	decodetest.Corpus(t, "text", 25, func() decodetest.Checked { return new(PlainText) })
}

func TestLinesCorpus(t *testing.T) {
	t.Parallel()
	decodetest.Corpus(t, "lines", 8, func() decodetest.Checked { return new(Lines) })
}

func TestRegexpCorpus(t *testing.T) {
	t.Parallel()
	decodetest.Corpus(t, "regexp", 8, func() decodetest.Checked { return new(Regexp) })
}
