package faults_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/http/httpguts"

	"github.com/fairway-gateway/fairway/proxies/wrap"
)

// Bounds of what an answer tells of the parts that nested gateways say they are without, in bytes.
const (
	longestHeader = 2500
	longestEntry  = 2500
	mostEntries   = 101
)

// nested is a service over a backend that says of itself what it likes: header and body are taken from the test.
type nested struct {
	*rig
	header []string
	body   string
}

func hostile(t testing.TB) *nested {
	t.Helper()
	n := new(nested)
	_, url := served(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Fairway-Partial"] = n.header
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(n.body))
	})
	b := gets("b", "main", "/x")
	pages := gets("", "main", "/x", func(f *wrap.Fetch) { f.Pages = &wrap.Pages{By: wrap.PagesLink, Items: "[.]"} })
	n.rig = rigged(t, []wrap.Backend{backend("main", url)},
		wrap.Route{Pattern: "/text", Fetches: []wrap.Fetch{gets("", "main", "/x")}},
		wrap.Route{Pattern: "/named", Fetches: []wrap.Fetch{b, gets("c", "main", "/y")}},
		wrap.Route{Pattern: "/jq", Fetches: []wrap.Fetch{b}, Reply: "{ b: $b }"},
		wrap.Route{Pattern: "/each", Fetches: []wrap.Fetch{fanned("list", "[1,2,3]", 2, gets("", "main", "/{item}"))}, Reply: "{ n: ($list | length) }"},
		wrap.Route{Pattern: "/pages", Fetches: []wrap.Fetch{pages}, Reply: "{ n: length }"},
		wrap.Route{Pattern: "/kept", Fetches: []wrap.Fetch{gets("b", "main", "/x", kept)}},
	)
	return n
}

// wantOwn asks all routes: what they answer is whole, bounded, and has nothing in its header that a backend could have put there.
func (n *nested) wantOwn(t *testing.T, header []string, body string) {
	t.Helper()
	n.header, n.body = header, body
	said := len(header) > 0
	for _, path := range []string{"/text", "/named", "/jq", "/each", "/pages", "/kept"} {
		a := n.ask(t.Context(), t, path)
		got := a.header.Values("Fairway-Partial")
		if a.status != http.StatusOK {
			if a.status != http.StatusBadGateway || len(got) > 0 {
				t.Errorf("%s: %d %q %.300s", path, a.status, got, a.text)
			}
			continue
		}
		if len(got) > 1 || said != (len(got) == 1) {
			t.Fatalf("%s: its header is %d values for %q", path, len(got), header)
		}
		if !said {
			continue
		}
		bad := func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune("\",;\\", r) }
		for name := range strings.SplitSeq(got[0], ", ") {
			if name == "" || strings.ContainsFunc(name, bad) {
				t.Errorf("%s: its header has the name %q", path, name)
			}
		}
		if len(got[0]) > longestHeader || !httpguts.ValidHeaderFieldValue(got[0]) {
			t.Errorf("%s: its header has %d bytes: %.300q", path, len(got[0]), got[0])
		}
		if path != "/text" { // whose members are the backend's
			wantEntries(t, path, a.text)
		}
	}
	n.cache.Purge(struct{ Service, Route, Fetch, Target string }{})
}

// wantEntries checks the member partial of an object that the gateway has made.
func wantEntries(t *testing.T, path, text string) {
	t.Helper()
	var own struct{ Partial []json.RawMessage }
	if err := json.Unmarshal([]byte(text), &own); err != nil || len(own.Partial) == 0 || len(own.Partial) > mostEntries {
		t.Errorf("%s: %d entries, %v: %.300s", path, len(own.Partial), err, text)
	}
	for _, raw := range own.Partial {
		var members map[string]any
		if err := json.Unmarshal(raw, &members); err != nil || len(raw) > longestEntry {
			t.Errorf("%s: an entry of %d bytes, %v: %.300s", path, len(raw), err, raw)
		}
		for name, value := range members {
			if !slices.Contains([]string{"type", "title", "status", "detail", "fetch", "backend", "backend_status"}, name) {
				t.Errorf("%s: an entry has the member %s: %v", path, name, value)
			}
		}
		status, ok := members["status"].(float64)
		kind, _ := members["type"].(string)
		if !ok || status < 400 || status > 599 || kind != "about:blank" && !strings.HasPrefix(kind, "urn:fairway:problem:") {
			t.Errorf("%s: an entry is %.300s", path, raw)
		}
	}
}

func TestHostileParts(t *testing.T) {
	t.Parallel()
	long, text := strings.Repeat("x", 1<<20), strings.Repeat("x", 100<<10)
	for name, c := range map[string]struct {
		header []string
		body   string
	}{
		"none":                     {nil, `{"a":1}`},
		"empty":                    {[]string{""}, `{"a":1}`},
		"commas":                   {[]string{strings.Repeat(",", 50_000)}, `{"a":1}`},
		"long":                     {[]string{long[:50_000]}, `{"a":1}`},
		"longer than may be":       {[]string{long}, `{"a":1}`},
		"many":                     {[]string{strings.Repeat("name,", 10_000)}, `{"a":1}`},
		"many that are different":  {[]string{distinct(2000)}, `{"a":1}`},
		"many values":              {slices.Repeat([]string{"a, b"}, 1000), `{"a":1}`},
		"strange characters":       {[]string{"a\tb, \"c\", d;e, \x80\xff, ü, [0], a[b, ..., -, *"}, `{"a":1}`},
		"partial is no array":      {[]string{"x"}, `{"partial":"x"}`},
		"partial is an object":     {[]string{"x"}, `{"partial":{"type":"x"}}`},
		"partial is null":          {[]string{"x"}, `{"partial":null}`},
		"partial is deep":          {[]string{"x"}, `{"partial":` + strings.Repeat("[", 900) + strings.Repeat("]", 900) + `}`},
		"entries of all kinds":     {[]string{"x"}, `{"partial":[null,1,"x",[],{},{"type":1,"status":"504","fetch":[]},{"type":"urn:fairway:problem:backend_timeout","status":504,"fetch":"f"}]}`},
		"an entry that is long":    {[]string{"x"}, `{"partial":[{"type":"urn:fairway:problem:` + text + `","status":504,"detail":"` + text + `","fetch":"` + text + `","title":"` + text + `"}]}`},
		"entries that are many":    {[]string{"x"}, `{"partial":[` + strings.Repeat(`{"status":504},`, 5000) + `{}]}`},
		"statuses that are none":   {[]string{"x"}, `{"partial":[{"status":200},{"status":-1},{"status":1e300},{"status":99999999999999999999},{"status":600}]}`},
		"names that end the name":  {[]string{"x"}, `{"partial":[{"fetch":"a, b\r\nX-Evil: 1"},{"fetch":"\u0000\u2028\ud800"},{"fetch":"[[["},{"fetch":""}]}`},
		"details that are markup":  {[]string{"x"}, `{"partial":[{"detail":"</script>\u0000\u001b[31m"}]}`},
		"the member twice":         {[]string{"x"}, `{"partial":[],"partial":[{"status":504}]}`},
		"other cases of the names": {[]string{"x"}, `{"Partial":[{"STATUS":504,"FETCH":"f"}]}`},
		"no object":                {[]string{"x"}, `[{"partial":[1]}]`},
		"no JSON":                  {[]string{"x"}, `{"partial":[`},
		"nothing":                  {[]string{"x"}, ``},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hostile(t).wantOwn(t, c.header, c.body)
		})
	}
}

// distinct gives so many different names.
func distinct(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("part-of-a-rather-long-name-"[:i%27] + string(rune('a'+i%26)) + string(rune('a'+i/26%26)) + string(rune('a'+i/676%26)) + ",")
	}
	return b.String()
}

func FuzzHostileParts(f *testing.F) {
	f.Add("weather, river", `{"partial":[{"type":"urn:fairway:problem:backend_timeout","status":504,"detail":"late","fetch":"weather"}]}`)
	f.Add("a\"b;c\\d\x80", `{"partial":[1,{"status":"x"}]}`)
	f.Add(",,,", `[]`)
	n := hostile(f)
	f.Fuzz(func(t *testing.T, header, body string) {
		if !httpguts.ValidHeaderFieldValue(header) { // the server would not write it
			t.Skip()
		}
		n.wantOwn(t, []string{header}, body)
	})
}
