package decodetest

import (
	"errors"
	"runtime"
	"testing"

	"github.com/fairway-gateway/fairway/proxies/decode"
)

// CheckFactor holds what a decoder states of its factor to the worst that is measured.
func CheckFactor(t *testing.T, name string, dec Checked, bodies []string) {
	t.Helper()
	if RaceDetector {
		t.Skip("memory is measured without the race detector")
	}
	if err := dec.Check(); err != nil {
		t.Fatal(err)
	}
	worst, at := 0.0, ""
	for _, body := range bodies {
		if f := TreeFactor(t, dec, body); f > worst {
			worst, at = f, body
		}
	}
	t.Logf("%-26s measured %6.1f, stated %6.1f, worst %.30q", name, worst, dec.Factor(), at)
	if worst > dec.Factor() {
		t.Errorf("%s: a byte takes up to %.1f bytes, Factor says %.1f; worst is %.40q", name, worst, dec.Factor(), at)
	}
}

// TreeFactor measures how many bytes of memory a byte of body takes as a tree.
func TreeFactor(t *testing.T, d decode.Decoder, body string) float64 {
	t.Helper()
	in := &decode.Input{Body: []byte(body)}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	tree := decode.NewTree(decode.Limits{Nodes: 1 << 30})
	err := d.Decode(t.Context(), in, tree)
	runtime.ReadMemStats(&after)
	var limit *decode.LimitError
	if err != nil && !errors.As(err, &limit) {
		// NDJSON is given what is one line, and lines that are none: an error that comes early measures little.
		t.Logf("%T refuses %.30q: %v", d, body, err)
	}
	runtime.KeepAlive(tree)
	return float64(after.TotalAlloc-before.TotalAlloc) / float64(len(body))
}
