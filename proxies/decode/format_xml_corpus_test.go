package decode

import "testing"

func TestXMLCorpus(t *testing.T) {
	t.Parallel()
	corpus(t, "xml", 25, func() checked { return new(XML) })
}

func TestSOAPCorpus(t *testing.T) {
	t.Parallel()
	corpus(t, "soap", 8, func() checked { return new(SOAP) })
}

func TestRSSCorpus(t *testing.T) {
	t.Parallel()
	corpus(t, "rss", 8, func() checked { return new(Feed) })
}

func TestAtomCorpus(t *testing.T) {
	t.Parallel()
	corpus(t, "atom", 8, func() checked { return &Feed{Format: "atom"} })
}
