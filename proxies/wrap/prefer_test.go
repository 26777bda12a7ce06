package wrap

import (
	"net/http"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/proxies/decode/document"
)

func TestPreferences(t *testing.T) {
	t.Parallel()
	const after = 5 * time.Second
	for _, c := range []struct {
		prefer   []string
		patience time.Duration
		applied  string // of a 202
	}{
		{nil, after, ""},
		{[]string{"respond-async"}, 0, "respond-async"},
		{[]string{"Respond-Async ; x=1"}, 0, "respond-async"},
		{[]string{"respond-async, wait=2"}, 2 * time.Second, "respond-async, wait=2"},
		{[]string{"wait=2", "respond-async"}, 2 * time.Second, "respond-async, wait=2"},
		{[]string{"wait=0"}, 0, "wait=0"},
		{[]string{`wait = "3"`}, 3 * time.Second, "wait=3"},
		{[]string{"wait=100"}, after, "wait=100"},
		{[]string{"wait=1, wait=2"}, time.Second, "wait=1"},
		{[]string{"wait=-1"}, after, ""},
		{[]string{"wait=99999999999999999999"}, after, ""},
		{[]string{"wait"}, after, ""},
		{[]string{"return=minimal, handling=lenient"}, after, ""},
		{[]string{",;=,,"}, after, ""},
	} {
		p := preferencesOf(http.Header{"Prefer": c.prefer})
		h := http.Header{}
		if p.applied(h, true); p.patience(after) != c.patience || h.Get("Preference-Applied") != c.applied {
			t.Errorf("%q: %s, %q", c.prefer, p.patience(after), h.Get("Preference-Applied"))
		}
	}
}

func FuzzPreferences(f *testing.F) {
	f.Add("respond-async, wait=10")
	f.Add(`wait="`)
	f.Fuzz(func(t *testing.T, value string) {
		p := preferencesOf(http.Header{"Prefer": {value}})
		if got := p.patience(time.Second); got < 0 || got > time.Second {
			t.Errorf("%q: %s", value, got)
		}
		h := http.Header{}
		p.applied(h, true)
	})
}

func FuzzAskAgain(f *testing.F) {
	s, err := Compile(&Config{
		Prefixes: []string{"/s"}, Metadata: Metadata{Version: "1", Repository: "https://example.org/r", Description: "d"},
		Backends: []Backend{{Addresses: []string{"http://127.0.0.1:1"}}},
		Routes:   []Route{{Method: "GET", Pattern: "/a/{x}", Fetches: []Fetch{{Target: "/a", Decoder: new(document.JSON), Format: "json"}}}},
	}, Deps{})
	if err != nil {
		f.Fatal(err)
	}
	f.Add("GET /a/{x}", []byte(`{"Method":"GET","URI":"/s/a/1","Prefix":"/s"}`))
	f.Add("GET /a/{x}", []byte(`{"URI":"%"}`))
	f.Fuzz(func(t *testing.T, route string, asked []byte) {
		if s.AskAgain(route, asked, nil) { // the route is none whose answers may take long
			t.Errorf("%s %s", route, asked)
		}
	})
}
