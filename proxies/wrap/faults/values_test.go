package faults_test

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/proxies/session"
	"github.com/fairway-gateway/fairway/proxies/wrap"
)

// heard is what a backend was asked, as far as a value could have changed it.
type heard struct {
	Method, Host string
	Segments     []string // of the path, each unescaped
	Query        string   // in one spelling
	Header       string   // that of the route, without blanks around it
	Names        []string // of all headers
	Body         string
}

// chain is a service that puts a value of one backend into what it asks of another one.
type chain struct {
	*rig
	host string // of the second backend

	mu    sync.Mutex
	value string // that the first one gives
	heard []heard
	stray int // requests to a server that nobody may ask
	// strayURL stands for the word STRAY in a value.
	strayURL string
}

func chained(t testing.TB) *chain {
	t.Helper()
	c := new(chain)
	_, first := served(t, func(w http.ResponseWriter, _ *http.Request) {
		c.mu.Lock()
		defer c.mu.Unlock()
		out, _ := json.Marshal(map[string]string{"v": c.value})
		_, _ = w.Write(out)
	})
	_, second := served(t, c.hear)
	_, c.strayURL = served(t, func(http.ResponseWriter, *http.Request) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.stray++
	})
	c.host = strings.TrimPrefix(second, "http://")
	a := gets("a", "first", "/a")
	b := func(target string, more ...func(*wrap.Fetch)) []wrap.Fetch {
		return []wrap.Fetch{a, gets("b", "second", target, append(more, func(f *wrap.Fetch) {
			f.Header = append(f.Header, wrap.Header{Name: "X-Fixed", Value: "1"})
		})...)}
	}
	header := func(f *wrap.Fetch) { f.Header = []wrap.Header{{Name: "X-Value", Value: "<{a.v}>"}} }
	lone := func(f *wrap.Fetch) { f.Header = []wrap.Header{{Name: "X-Value", Value: "{a.v}"}} }
	posts := func(kind, jq string) func(*wrap.Fetch) {
		return func(f *wrap.Fetch) { f.Method, f.Body = http.MethodPost, &wrap.Body{Kind: kind, JQ: jq} }
	}
	whole := func(f *wrap.Fetch) { f.Target, f.URL = "", "$a.v" }
	cursor := func(f *wrap.Fetch) {
		f.Pages = &wrap.Pages{By: wrap.PagesCursor, JQ: "if .cursor then $a.v else null end", Param: "after", Items: "[1]"}
	}
	next := func(f *wrap.Fetch) {
		f.Pages = &wrap.Pages{By: wrap.PagesNext, JQ: "if .cursor then $a.v else null end", Items: "[1]"}
	}
	var routes []wrap.Route
	for pattern, fetches := range map[string][]wrap.Fetch{
		"/segment": b("/x/{a.v}/end"),
		"/mixed":   b("/x/.{a.v}/end"),
		"/last":    b("/x/{a.v}"),
		"/query":   b("/x?q={a.v}&fixed=1"),
		"/inquery": b("/x?q=-{a.v}-&fixed=1"),
		"/header":  b("/x", header),
		"/lone":    b("/x", lone),
		"/json":    b("/x", posts("json", "[$a.v]")),
		"/form":    b("/x", posts("form", "{v: $a.v, fixed: 1}")),
		"/text":    b("/x", posts("text", "$a.v")),
		"/url":     b("", whole),
		"/cursor":  b("/pages?fixed=1", cursor),
		"/next":    b("/pages", next),
		"/item":    {a, fanned("b", "[$a.v]", 1, gets("", "second", "/x/{item}/end?q={item}"))},
		"/kept":    b("/x/{a.v}/end", kept),
	} {
		routes = append(routes, wrap.Route{Pattern: pattern, Fetches: fetches, Reply: "[$a.v, $b]"})
	}
	c.rig = rigged(t, []wrap.Backend{backend("first", first), backend("second", second, func(b *wrap.Backend) { b.Auth = session.Basic{User: "u", Password: "p"} })}, routes...)
	return c
}

// hear remembers a request to the second backend.
func (c *chain) hear(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	query, err := url.ParseQuery(r.URL.RawQuery)
	h := heard{Method: r.Method, Host: r.Host, Query: query.Encode(), Header: strings.Trim(r.Header.Get("X-Value"), " \t"), Body: string(body)}
	if err != nil {
		h.Query = "no query: " + err.Error()
	}
	path, _, _ := strings.Cut(r.RequestURI, "?")
	for segment := range strings.SplitSeq(path, "/") {
		plain, err := url.PathUnescape(segment)
		if err != nil {
			plain = "no segment: " + err.Error()
		}
		h.Segments = append(h.Segments, plain)
	}
	h.Names = slices.Sorted(maps.Keys(r.Header))
	c.mu.Lock()
	defer c.mu.Unlock()
	c.heard = append(c.heard, h)
	if r.URL.Path == "/pages" && !query.Has("after") {
		_, _ = io.WriteString(w, `{"cursor":true}`)
		return
	}
	_, _ = io.WriteString(w, `{"cursor":false}`)
}

// wantWhole gives the value to every route: the second backend hears it as it is and in its place, or is not asked at all.
func (c *chain) wantWhole(t *testing.T, value string) {
	t.Helper()
	value = strings.ToValidUTF8(strings.ReplaceAll(value, "STRAY", c.strayURL), "\uFFFD")
	text := func(v any) string {
		out, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	get := func(segments []string, query url.Values, header string) heard {
		return heard{Method: http.MethodGet, Host: c.host, Segments: append([]string{""}, segments...), Query: query.Encode(), Header: strings.Trim(header, " \t")}
	}
	post := func(body string) heard {
		return heard{Method: http.MethodPost, Host: c.host, Segments: []string{"", "x"}, Body: body}
	}
	x, fixed := []string{"x"}, func(name, v string) url.Values { return url.Values{name: {v}, "fixed": {"1"}} }
	for path, want := range map[string]heard{
		"/segment": get([]string{"x", value, "end"}, nil, ""),
		"/mixed":   get([]string{"x", "." + value, "end"}, nil, ""),
		"/last":    get([]string{"x", value}, nil, ""),
		"/query":   get(x, fixed("q", value), ""),
		"/inquery": get(x, fixed("q", "-"+value+"-"), ""),
		"/header":  get(x, nil, "<"+value+">"),
		"/lone":    get(x, nil, value),
		"/form":    post(url.Values{"v": {value}, "fixed": {"1"}}.Encode()),
		"/text":    post(value),
		"/json":    post(""),
		"/cursor":  get([]string{"pages"}, fixed("after", value), ""),
		"/item":    get([]string{"x", value, "end"}, url.Values{"q": {value}}, ""),
		"/kept":    get([]string{"x", value, "end"}, nil, ""),
		"/url":     {}, "/next": {},
	} {
		c.mu.Lock()
		c.value, c.heard = value, nil
		c.mu.Unlock()
		a := c.ask(t.Context(), t, path)
		c.mu.Lock()
		got, stray := c.heard, c.stray
		c.mu.Unlock()
		if stray > 0 {
			t.Fatalf("%s with %q: another server was asked", path, value)
		}
		if a.status != http.StatusOK && !slices.Contains([]string{"bad_value", "origin_not_allowed", "pagination_loop"}, a.Type) {
			t.Errorf("%s with %q: %d %s", path, value, a.status, a.text)
		}
		if path == "/next" || path == "/cursor" { // the first page has nothing of it
			got = got[1:]
		}
		if len(got) == 0 && a.status != http.StatusOK {
			continue
		}
		if len(got) == 0 && value == "" && path == "/cursor" || len(got) == 0 && path == "/next" {
			continue // there is no next page
		}
		if len(got) != 1 {
			t.Fatalf("%s with %q: %d requests, answered %d %s", path, value, len(got), a.status, a.text)
		}
		c.wantHeard(t, path, value, got[0], want, text)
	}
	c.cache.Purge(struct{ Service, Route, Fetch, Target string }{})
}

func (c *chain) wantHeard(t *testing.T, path, value string, got, want heard, text func(any) string) {
	t.Helper()
	names := got.Names
	got.Names = nil
	for _, name := range names {
		if !slices.Contains([]string{"Accept-Encoding", "Authorization", "Content-Length", "Content-Type", "User-Agent", "X-Fixed", "X-Value", "Traceparent"}, name) {
			t.Errorf("%s with %q: there is a header %s", path, value, name)
		}
	}
	switch path {
	case "/url", "/next": // it is the URL; only the server and the headers are not its to choose
		if got.Host != c.host || got.Method != http.MethodGet || got.Header != "" || got.Body != "" {
			t.Errorf("%s with %q: %+v", path, value, got)
		}
		return
	case "/json":
		var list []string
		if err := json.Unmarshal([]byte(got.Body), &list); err != nil || len(list) != 1 || list[0] != value {
			t.Errorf("%s with %q: %s", path, value, got.Body)
		}
		got.Body = ""
	case "/query":
		if value == "" {
			want.Query = got.Query // empty, it may be left out or not
		}
	}
	if diff := cmp.Diff(text(want), text(got)); diff != "" {
		t.Errorf("%s with %q: %s", path, value, diff)
	}
}

// hostileValues are values that would be something else if they were not escaped.
func hostileValues() []string {
	return []string{
		"plain", "", " ", " a ", ".", "..", "...", "a/b", "../x", "/", "//", "//STRAY", "%2e%2e", "%2F", "%", "%zz", "a?b=c", "a&b=c&q=d", "#", "a#b", ";", "a;b", "+", "a+b",
		"a\r\nX-Evil: 1", "a\nb", "a\x00b", "\x7f", "é", "\u2028", "\u202e", "😀", "\uFEFF", "{query.x}", "{a.v}", "${x}", "`", "'", `"`, `\`, `\\STRAY\x`, "<x>",
		"STRAY/x", "http://u:p@STRAY", "http:STRAY", "http:/x", "https://127.0.0.1/", "http://[::1]/", "javascript:alert(1)", "/x", "/x?y=1", "?0 0", "/x?q=é \"<>|^`{}", "/x#y", "/x y", "/x\ty", "/../../x",
		"/a//b", "/./b", "?q=1", "?", "x", "null", "false", "0", "1e400", "-", "@", "a@b", ":", "a:b", "/:@", "/@STRAY", `/\STRAY`, "/%", "/%0d%0aX-Evil:1", "/x HTTP/1.1\r\nHost: evil\r\n\r\n",
	}
}

// TestValuesStayInTheirPlace: what one backend gives never is more than a value in what another is asked.
func TestValuesStayInTheirPlace(t *testing.T) {
	t.Parallel()
	c := chained(t)
	for _, v := range append(hostileValues(), strings.Repeat("é/", 3000), strings.Repeat("x", 20_000)) {
		c.wantWhole(t, v)
	}
}

func FuzzValuesStayInTheirPlace(f *testing.F) {
	for _, v := range hostileValues() {
		f.Add(v)
	}
	c := chained(f)
	f.Fuzz(func(t *testing.T, value string) {
		if len(value) > 20_000 {
			t.Skip()
		}
		c.wantWhole(t, value)
	})
}
