package decode

import "testing"

func TestCorpusCSV(t *testing.T) {
	t.Parallel()
	corpus(t, "csv", 25, func() checked { return new(CSV) })
}
