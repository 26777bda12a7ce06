package decode

import "testing"

func TestJSONCorpus(t *testing.T) {
	t.Parallel()
	corpus(t, "json", 25, func() checked { return new(JSON) })
}

func TestNDJSONCorpus(t *testing.T) {
	t.Parallel()
	corpus(t, "ndjson", 8, func() checked { return new(NDJSON) })
}

func TestFormCorpus(t *testing.T) {
	t.Parallel()
	corpus(t, "form", 8, func() checked { return new(Form) })
}
