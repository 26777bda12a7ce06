package decode

import "testing"

func TestJSONCorpus(t *testing.T) {
	t.Parallel()
	corpus(t, "json", 25, func() checked { return new(JSON) })
}

func TestTextCorpus(t *testing.T) {
	t.Parallel()
	corpus(t, "text", 25, func() checked { return new(PlainText) })
}

func TestNDJSONCorpus(t *testing.T) {
	t.Parallel()
	corpus(t, "ndjson", 8, func() checked { return new(NDJSON) })
}

func TestLinesCorpus(t *testing.T) {
	t.Parallel()
	corpus(t, "lines", 8, func() checked { return new(Lines) })
}

func TestFormCorpus(t *testing.T) {
	t.Parallel()
	corpus(t, "form", 8, func() checked { return new(Form) })
}

func TestRegexpCorpus(t *testing.T) {
	t.Parallel()
	corpus(t, "regexp", 8, func() checked { return new(Regexp) })
}
