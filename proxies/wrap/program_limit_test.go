package wrap

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// TestProgramThatExplodesIsEnded: what a backend says makes a program too large; the answer says so, wherever it stands.
func TestProgramThatExplodesIsEnded(t *testing.T) {
	t.Parallel()
	asks := 0
	backend := func(w http.ResponseWriter, _ *http.Request) {
		asks++
		_, _ = io.WriteString(w, `{"n":1000000000,"i":500000000}`)
	}
	for name, r := range map[string]Route{
		"reply":     {Fetches: []Fetch{gets("a", "/x")}, Reply: `"x" * $a.n`},
		"index":     {Fetches: []Fetch{gets("a", "/x")}, Reply: `$a | .list[.i] = 1`},
		"status":    {Fetches: []Fetch{gets("a", "/x")}, Reply: `$a.n`, Status: `"x" * $a.n | length`},
		"fail_when": {Fetches: []Fetch{func() Fetch { f := gets("a", "/x"); f.FailWhen = `"x" * .n == ""`; return f }()}, Reply: `$a.n`},
	} {
		asks = 0
		r.Method, r.Pattern = "GET", "/x"
		w := asked(served(t, backend, nil, func(string) []Route { return []Route{r} }), "GET", "/s/x")
		if w.Code != http.StatusBadGateway || !strings.Contains(w.Body.String(), `problem:reply_failed`) || !strings.Contains(w.Body.String(), "The jq program ") {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
		if asks != 1 {
			t.Errorf("%s: the backend was asked %d times; another answer would end the same way", name, asks)
		}
	}
}
