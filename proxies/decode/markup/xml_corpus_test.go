package markup

import (
	"testing"

	"github.com/fairway-gateway/fairway/proxies/decode/internal/decodetest"
)

func TestXMLCorpus(t *testing.T) {
	t.Parallel()
	decodetest.Corpus(t, "xml", 25, func() decodetest.Checked { return new(XML) })
}

func TestSOAPCorpus(t *testing.T) {
	t.Parallel()
	decodetest.Corpus(t, "soap", 8, func() decodetest.Checked { return new(SOAP) })
}

func TestRSSCorpus(t *testing.T) {
	t.Parallel()
	decodetest.Corpus(t, "rss", 8, func() decodetest.Checked { return new(Feed) })
}

func TestAtomCorpus(t *testing.T) {
	t.Parallel()
	decodetest.Corpus(t, "atom", 8, func() decodetest.Checked { return &Feed{Format: "atom"} })
}
