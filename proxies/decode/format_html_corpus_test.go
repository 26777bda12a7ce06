package decode

import "testing"

func TestCorpusHTML(t *testing.T) {
	t.Parallel()
	corpus(t, "html", 25, func() checked { return new(HTML) })
}
