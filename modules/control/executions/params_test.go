package executions

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/queries"
)

// FuzzParameters holds what a script is run with to what the store takes: an object without a token, of which nothing of the body is lost.
func FuzzParameters(f *testing.F) {
	for _, seed := range [][3]string{
		{"year=2026&areas=a&areas=b", `{"year":1}`, `{"properties":{"year":{"type":"integer"},"areas":{"type":["array","null"]}}}`},
		{"token=x", "", ""},
		{"a=%00&b=%ff", "\ufeff{}", `{"properties":[]}`},
		{"a=1&a=2", `{"token":"x","a":{"a":1e999}}`, `{"properties":{"a":{"type":"number"}}}`},
		{"a=[1", `{"a":"\u0000<>&\ud800"}`, `{"properties":{"a":{"type":"array"}}}`},
		{"a=true&b=null&c={}&d=-0", "[]", `{"properties":{"a":{"type":"boolean"},"b":{"type":"null"},"c":{"type":"object"},"d":{"type":"integer"}}}`},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, query, body, schema string) {
		made, err := parameters(query, []byte(body), json.RawMessage(schema))
		if err != nil {
			return
		}
		if err := queries.CheckJSON(made); err != nil {
			t.Fatalf("%q: %v", made, err)
		}
		var got map[string]json.RawMessage
		if err := json.Unmarshal(made, &got); err != nil || got == nil {
			t.Fatalf("%q: %v", made, err)
		}
		if _, ok := got["token"]; ok {
			t.Errorf("%q has a token", made)
		}
		given, err := object([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		for name := range given {
			if name != "token" && got[name] == nil {
				t.Errorf("%q has no %q", made, name)
			}
		}
		for name := range got {
			if given[name] == nil && !values.Has(name) {
				t.Errorf("%q has %q from nowhere", made, name)
			}
		}
	})
}

// FuzzWishes holds what headers say to its bounds.
func FuzzWishes(f *testing.F) {
	f.Add("gpu-2", "-5", "90s", "3", "k", false)
	f.Add("-", "9223372036854775808", "1e300", "-1", "", true)
	f.Add("a--b", "1", "NaN", "11", "\x7f", true)
	f.Fuzz(func(t *testing.T, queue, priority, timeout, retries, key string, admin bool) {
		h := http.Header{queueHeader: {queue}, priorityHeader: {priority}, timeoutHeader: {timeout}, retriesHeader: {retries}, keyHeader: {key}}
		w, err := wishesOf(h, admin)
		if err != nil {
			return
		}
		if len(w.queue) > 64 || strings.ContainsAny(w.queue, " /\x00\"'") || w.queue == "" {
			t.Errorf("queue %q", w.queue)
		}
		if w.priority > 1000 || w.priority < -1000 || w.priority > 0 && !admin {
			t.Errorf("priority %d", w.priority)
		}
		if w.timeout < time.Millisecond || w.retries < 0 || w.retries > 10 || w.key == "" || len(w.key) > 255 {
			t.Errorf("%+v", w)
		}
	})
}

func TestQueues(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"default": true, "a": true, "gpu-2": true, "a_b": true, "a-b-c": true, "": false, "-": false, "a-": false, "-a": false, "a--b": false, "A": false, "a b": false, "ä": false,
		strings.Repeat("a", 64): true, strings.Repeat("a", 65): false,
	} {
		if got := isQueue(name); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
}
