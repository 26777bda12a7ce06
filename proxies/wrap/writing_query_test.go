package wrap

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestQueryBindsValuesOfTheBody: what a caller sends goes into a statement with its type, and never as text of SQL.
func TestQueryBindsValuesOfTheBody(t *testing.T) {
	t.Parallel()
	d := new(tables)
	step := asks("made", `insert into t values ({body.name}, {body.n}, {body.ok}, {body.none}, {body.at.0})`)
	step.SQL.Exec = true
	s, err := stored(d, Route{Method: "POST", Pattern: "/t", Body: &RequestBody{Kind: "json"}, Fetches: []Fetch{step}, Reply: `$body.name`})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	post := func(body string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodPost, "/s/t", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		return w
	}
	if w := post(`{"name":"'); drop table t --","n":1.50,"ok":true,"none":null,"at":["x"]}`); w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if diff := cmp.Diff([]any{"'); drop table t --", json.Number("1.50"), true, nil, "x"}, d.asked[0].Args); diff != "" {
		t.Error(diff)
	}
	if w := post(`{"name":{"a":1}}`); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "problem:bad_body") || len(d.asked) != 1 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
