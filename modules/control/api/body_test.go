package api_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/fairway-gateway/fairway/modules/control/api"
)

type document struct {
	Name  string   `json:"name"`
	List  []string `json:"list"`
	Inner struct {
		Number int `json:"number"`
	} `json:"inner"`
}

func read(body string, strict bool) (document, error) {
	var d document
	err := api.ReadJSON(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body)), &d, strict)
	return d, err
}

func TestReadJSON(t *testing.T) {
	t.Parallel()
	if d, err := read(` {"name":"é","list":["a"],"inner":{"number":7}} `, true); err != nil || d.Name != "é" || d.Inner.Number != 7 {
		t.Errorf("%+v, %v", d, err)
	}
	if _, err := read(`{"other":1}`, false); err != nil {
		t.Error(err)
	}
	for name, c := range map[string]struct {
		body   string
		status int
		says   string
	}{
		"none":           {"", 400, "The body is missing."},
		"blank":          {" \n", 400, "The body is missing."},
		"no JSON":        {`{`, 400, "The body is not JSON."},
		"not UTF-8":      {"{\"name\":\"\xff\"}", 400, "The body is not UTF-8."},
		"two":            {`{}{}`, 400, "The body is more than one JSON value."},
		"a list":         {`[]`, 400, "The body is a JSON array, which it should not be."},
		"wrong kind":     {`{"inner":{"number":"x"}}`, 400, `The member "inner.number" should not be a string.`},
		"unknown":        {`{"other":1}`, 400, `Unknown argument: "other"`},
		"unknown, long":  {`{"` + strings.Repeat("é", 100) + `":1}`, 400, "…"},
		"twice":          {`{"name":"a","list":[],"name":"b"}`, 400, `The member "name" is there twice.`},
		"nested deeply":  {strings.Repeat("[", 60_000), 400, "The body is not JSON."},
		"64 KiB and one": {`"` + strings.Repeat("x", 64<<10) + `"`, 413, "The body is longer than 65536 bytes."},
	} {
		_, err := read(c.body, true)
		f, ok := errors.AsType[api.Failure](err)
		if !ok || f.Status != c.status || !strings.Contains(f.Detail, c.says) || f.Type != "bad_body" || len(f.Detail) > 100 {
			t.Errorf("%s: %+v", name, err)
		}
	}
}

// FuzzReadJSON has a body be read, or be the caller's fault.
func FuzzReadJSON(f *testing.F) {
	for _, s := range []string{`{"name":"a"}`, `{"inner":{"number":1e99}}`, `null`, "\xef\xbb\xbf{}", `{"name":"a","name":2}`} {
		f.Add(s, true)
		f.Add(s, false)
	}
	f.Fuzz(func(t *testing.T, body string, strict bool) {
		if _, err := read(body, strict); err != nil {
			if fail, ok := errors.AsType[api.Failure](err); !ok || fail.Status >= 500 {
				t.Error(err)
			}
		}
	})
}
