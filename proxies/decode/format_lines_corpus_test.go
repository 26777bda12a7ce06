package decode

import "testing"

func TestTextCorpus(t *testing.T) {
	t.Parallel()
	corpus(t, "text", 25, func() checked { return new(PlainText) })
}

func TestLinesCorpus(t *testing.T) {
	t.Parallel()
	corpus(t, "lines", 8, func() checked { return new(Lines) })
}

func TestRegexpCorpus(t *testing.T) {
	t.Parallel()
	corpus(t, "regexp", 8, func() checked { return new(Regexp) })
}
