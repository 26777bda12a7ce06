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
