package markup

import (
	"testing"

	"github.com/fairway-gateway/fairway/proxies/decode/internal/decodetest"
)

func TestCorpusHTML(t *testing.T) {
	t.Parallel()
	decodetest.Corpus(t, "html", 25, func() decodetest.Checked { return new(HTML) })
}
