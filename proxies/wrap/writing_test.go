package wrap

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/proxies/decode/lines"
	"github.com/fairway-gateway/fairway/proxies/upstream"
)

// posts is a fetch that writes to the backend main.
func posts(name, target, kind, jq string) Fetch {
	f := gets(name, target)
	f.Method, f.Body = http.MethodPost, &Body{Kind: kind, JQ: jq}
	return f
}

// sent is what a backend was asked.
type sent struct {
	mu  sync.Mutex
	all []string
}

func (s *sent) note(format string, args ...any) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, fmt.Sprintf(format, args...))
	return len(s.all)
}

func (s *sent) list() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.all)
}

const bodySchema = `{
	"type": "object", "additionalProperties": false, "required": ["title", "size"],
	"properties": {"title": {"type": "string", "minLength": 1}, "size": {"type": "integer"}, "tags/of": {"type": "array", "items": {"enum": ["a", "b"]}}}
}`

// chunked hides the length of a body.
type chunked struct{ io.Reader }

func TestRequestBody(t *testing.T) {
	t.Parallel()
	schema := filepath.Join(t.TempDir(), "body.json")
	if err := os.WriteFile(schema, []byte(bodySchema), 0o600); err != nil {
		t.Fatal(err)
	}
	const jsonType, formType = "application/json", "application/x-www-form-urlencoded"
	plain := RequestBody{Kind: "json"}
	shaped := RequestBody{Kind: "json", Schema: schema}
	for _, c := range []struct {
		name     string
		take     *RequestBody
		method   string
		mediaTyp string
		header   string // name: value
		body     string
		chunked  bool
		target   string // of the fetch; default /x
		status   int
		want     string // what the backend was sent, or a part of the problem
	}{
		{name: "json", take: &plain, mediaTyp: jsonType, body: `{"b": 1.50, "a": [null, "é"]}`, status: 200, want: `/x {"a":[null,"é"],"b":1.50}`},
		{name: "json of unknown length", take: &plain, mediaTyp: jsonType, body: `[1]`, chunked: true, status: 200, want: `/x [1]`},
		{name: "json of another kind", take: &plain, mediaTyp: "application/merge-patch+json; charset=utf-8", body: `1`, status: 200, want: `/x 1`},
		{name: "json in latin1", take: &plain, mediaTyp: "application/json; charset=iso-8859-1", body: "\"\xe9\"", status: 200, want: `/x "é"`},
		{name: "a value of the body in the target", take: &plain, mediaTyp: jsonType, body: `{"id":"a/b?c","n":7}`, target: "/x/{body.id}?n={body.n}&m={body.none}", status: 200, want: `/x/a%2Fb%3Fc?n=7 {"id":"a/b?c","n":7}`},
		{name: "a value that is missing in the target", take: &plain, mediaTyp: jsonType, body: `{}`, target: "/x/{body.id}", status: 400, want: `bad_body`},
		{name: "form", take: &RequestBody{Kind: "form", List: []string{"t", "none"}}, mediaTyp: formType, body: "a=1+2&t=x&t=y", status: 200, want: `/x {"a":"1 2","none":[],"t":["x","y"]}`},
		{name: "form twice", take: &RequestBody{Kind: "form"}, mediaTyp: formType, body: "a=1&a=2", status: 400, want: "The field a is there twice."},
		{name: "form without fields", take: &RequestBody{Kind: "form"}, status: 200, want: `/x {}`},
		{name: "form with a bad escape", take: &RequestBody{Kind: "form"}, mediaTyp: formType, body: "a=%zz", status: 400, want: "The body cannot be read as form ("},
		{name: "own type", take: &RequestBody{Kind: "json", Types: []string{"application/x-ipynb+json"}}, mediaTyp: "application/x-ipynb+json", body: `{}`, status: 200, want: `/x {}`},
		{name: "not own type", take: &RequestBody{Kind: "json", Types: []string{"application/x-ipynb+json"}}, mediaTyp: jsonType, body: `{}`, status: 415, want: "The body must be application/x-ipynb+json"},
		{name: "missing", take: &plain, mediaTyp: jsonType, status: 400, want: "The body is missing."},
		{name: "missing, of unknown length", take: &plain, mediaTyp: jsonType, chunked: true, status: 400, want: "The body is missing."},
		{name: "missing and optional", take: &RequestBody{Kind: "json", Optional: true}, status: 200, want: `/x null`},
		{name: "another type", take: &plain, mediaTyp: "text/plain", body: `{}`, status: 415, want: "The body must be application/json, and its header"},
		{name: "no type", take: &plain, body: `{}`, status: 415, want: "The body must be application/json"},
		{name: "packed", take: &plain, mediaTyp: jsonType, header: "Content-Encoding: gzip", body: `{}`, status: 415, want: "content encoding"},
		{name: "packed by no more than its name", take: &plain, mediaTyp: jsonType, header: "Content-Encoding: identity", body: `{}`, status: 200, want: `/x {}`},
		{name: "as long as allowed", take: &RequestBody{Kind: "json", Limit: 10}, mediaTyp: jsonType, body: `"12345678"`, status: 200, want: `/x "12345678"`},
		{name: "too long", take: &RequestBody{Kind: "json", Limit: 10}, mediaTyp: jsonType, body: `"123456789"`, status: 413, want: "longer than 10 bytes"},
		{name: "too long, of unknown length", take: &RequestBody{Kind: "json", Limit: 10}, mediaTyp: jsonType, body: `"123456789"`, chunked: true, status: 413, want: "longer than 10 bytes"},
		{name: "too long by default", take: &plain, mediaTyp: jsonType, body: `"` + strings.Repeat("x", 1<<20) + `"`, chunked: true, status: 413, want: "longer than 1048576 bytes"},
		{name: "not json", take: &plain, mediaTyp: jsonType, body: `{"a":}`, status: 400, want: " at byte 5)"},
		{name: "two of them", take: &plain, mediaTyp: jsonType, body: `{}{}`, status: 400, want: "bad_body"},
		{name: "not utf-8", take: &plain, mediaTyp: jsonType, body: "\"\xe9\"", status: 400, want: "bad_body"},
		{name: "a charset that is none", take: &plain, mediaTyp: "application/json; charset=klingon", body: `{}`, status: 400, want: "bad_body"},
		{name: "shaped", take: &shaped, mediaTyp: jsonType, body: `{"title":"t","size":12345678901234567890}`, status: 200, want: `/x {"size":12345678901234567890,"title":"t"}`},
		{name: "not so shaped", take: &shaped, mediaTyp: jsonType, body: `{"title":"","tags/of":["a","c"],"x":1}`, status: 422, want: `"errors":[`},
		{name: "a huge number", take: &shaped, mediaTyp: jsonType, body: `{"title":"t","size":1e1000000000}`, status: 422, want: "/size breaks the rule number"},
		{name: "none taken", status: 415, mediaTyp: jsonType, body: `{}`, want: "This path takes no body."},
		{name: "none taken, of unknown length", status: 415, mediaTyp: jsonType, body: `{}`, chunked: true, want: "This path takes no body."},
		{name: "none taken and none sent", status: 200, want: `/x "none"`},
		{name: "none taken and none sent, of unknown length", status: 200, chunked: true, want: `/x "none"`},
		{name: "deleted", take: &plain, method: http.MethodDelete, mediaTyp: jsonType, body: `[1]`, status: 200, want: `/x [1]`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var asked sent
			h := served(t, func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				asked.note("%s %s", r.URL.RequestURI(), body)
				_, _ = io.WriteString(w, "{}")
			}, nil, func(string) []Route {
				program := "$body"
				if c.take == nil {
					program = `"none"`
				}
				target := c.target
				if target == "" {
					target = "/x"
				}
				return []Route{{Method: "POST", Pattern: "/x", Body: c.take, Fetches: []Fetch{posts("", target, "json", program)}}, {Method: "DELETE", Pattern: "/x", Body: c.take, Fetches: []Fetch{posts("", target, "json", program)}}}
			})
			gateway := httptest.NewServer(h)
			t.Cleanup(gateway.Close)
			var body io.Reader
			if c.body != "" || c.chunked {
				body = strings.NewReader(c.body)
			}
			if c.chunked {
				body = chunked{body}
			}
			method := c.method
			if method == "" {
				method = http.MethodPost
			}
			r, err := http.NewRequestWithContext(t.Context(), method, gateway.URL+"/s/x", body)
			if err != nil {
				t.Fatal(err)
			}
			if c.mediaTyp != "" {
				r.Header.Set("Content-Type", c.mediaTyp)
			}
			if name, value, ok := strings.Cut(c.header, ": "); ok {
				r.Header.Set(name, value)
			}
			resp, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			text, _ := io.ReadAll(resp.Body)
			if resp.StatusCode != c.status {
				t.Fatalf("%d %s, want %d", resp.StatusCode, text, c.status)
			}
			if c.status == http.StatusOK {
				if diff := cmp.Diff([]string{c.want}, asked.list()); diff != "" {
					t.Error("the backend was sent (-want +got):\n", diff)
				}
				return
			}
			if !strings.Contains(string(text), c.want) || !strings.Contains(string(text), "urn:fairway:problem:bad_body") {
				t.Errorf("%s, want %s", text, c.want)
			}
			if len(asked.list()) > 0 {
				t.Errorf("the backend was asked all the same: %q", asked.list())
			}
		})
	}
}

// TestFaultsOfABody: a caller is told where the body is wrong, and nothing of what stands there.
func TestFaultsOfABody(t *testing.T) {
	t.Parallel()
	schema := filepath.Join(t.TempDir(), "body.json")
	if err := os.WriteFile(schema, []byte(bodySchema), 0o600); err != nil {
		t.Fatal(err)
	}
	h := served(t, echo, nil, func(string) []Route {
		return []Route{{Method: "PUT", Pattern: "/x", Body: &RequestBody{Kind: "json", Schema: schema}, Fetches: []Fetch{gets("", "/x")}, Reply: "$body"}}
	})
	faults := func(body string) []string {
		r := httptest.NewRequest(http.MethodPut, "/s/x", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != http.StatusUnprocessableEntity || strings.Contains(w.Body.String(), "secret") {
			t.Errorf("%s: %d %s", body, w.Code, w.Body)
		}
		var p struct {
			Errors []struct{ Pointer, Detail string }
		}
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, e := range p.Errors {
			out = append(out, e.Pointer+" "+e.Detail)
		}
		return out
	}
	for body, want := range map[string][]string{
		`"secret"`: {" is not of the type object"},
		`{"title":"","size":"secret","tags/of":["a","secret"]}`: {"/size is not of the type integer", "/tags~1of/1 breaks the rule enum", "/title breaks the rule minLength"},
		`{"title":"t","more":1}`:                                {" has the unknown member more", " is without size"},
	} {
		if diff := cmp.Diff(want, faults(body)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", body, diff)
		}
	}
	if many := faults(`{"title":"t","size":1,"tags/of":[` + strings.Repeat(`1,`, 1000) + `1]}`); len(many) != mostFaults {
		t.Errorf("%d faults are told", len(many))
	}
}

// TestSlowBody: a body that does not come costs the time of the request, and no more.
func TestSlowBody(t *testing.T) {
	t.Parallel()
	h := served(t, echo, nil, func(string) []Route {
		return []Route{{Method: "POST", Pattern: "/x", Body: &RequestBody{Kind: "json"}, Budget: Duration(50 * time.Millisecond), Fetches: []Fetch{gets("", "/x")}}, {Method: "POST", Pattern: "/none", Budget: Duration(50 * time.Millisecond), Fetches: []Fetch{gets("", "/x")}}}
	})
	gateway := httptest.NewServer(h)
	t.Cleanup(gateway.Close)
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", gateway.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "POST /s/x HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n[1,"); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 408 ") || !strings.Contains(string(answer), "problem:bad_body") {
		t.Errorf("%v %s", err, answer)
	}
	// One whose length is not known may be none; a route that takes none does not wait for it longer either.
	other, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", gateway.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := io.WriteString(other, "POST /s/none HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	answer, err = io.ReadAll(other)
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 415 ") {
		t.Errorf("%v %s", err, answer)
	}
}

// TestBodyIsCharged: what is read of callers counts for the budget, and is given back.
func TestBodyIsCharged(t *testing.T) {
	t.Parallel()
	backend := httptest.NewServer(http.HandlerFunc(echo))
	t.Cleanup(backend.Close)
	memory := upstream.NewMemory(100_000)
	s, err := Compile(&Config{
		Prefixes: []string{"/s"}, Metadata: Metadata{Version: "1.0.0", Repository: "https://example.org/s", Description: "Tested"},
		Backends: []Backend{{Name: "main", Addresses: []string{backend.URL}}},
		Routes:   []Route{{Method: "POST", Pattern: "/x", Body: &RequestBody{Kind: "json"}, Fetches: []Fetch{gets("", "/x")}}},
	}, Deps{Memory: memory, Backend: func(cfg upstream.Config) (*upstream.Backend, func(), error) {
		b, err := upstream.New(cfg, upstream.Options{})
		if err != nil {
			return nil, nil, err
		}
		return b, b.Close, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	for n, want := range map[int]int{10: http.StatusOK, 50_000: http.StatusServiceUnavailable} {
		r := httptest.NewRequest(http.MethodPost, "/s/x", strings.NewReader(`"`+strings.Repeat("x", n)+`"`))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("a body of %d bytes: %d %s", n, w.Code, w.Body)
		}
		if memory.InUse() != 0 {
			t.Errorf("%d bytes are not given back", memory.InUse())
		}
	}
}

func TestBodyForTheBackend(t *testing.T) {
	t.Parallel()
	h := served(t, echo, nil, func(string) []Route {
		xml := posts("", "/x", "xml", `{"s:Envelope": {"@xmlns:s": "urn:s", "s:Body": {"#content": [{job: $query.job}, {n: [1, 2][0]}]}}}`)
		soap := xml
		soap.Header = []Header{{Name: "Content-Type", Value: "text/xml; charset=utf-8"}}
		return []Route{
			{Method: "GET", Pattern: "/xml", Fetches: []Fetch{xml}},
			{Method: "GET", Pattern: "/soap", Fetches: []Fetch{soap}},
			{Method: "GET", Pattern: "/none", Fetches: []Fetch{posts("", "/x", "xml", `[1]`)}},
		}
	})
	const body = `<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<s:Envelope xmlns:s=\"urn:s\"><s:Body><job>a&lt;/job&gt;&amp;</job><n>1</n></s:Body></s:Envelope>\n`
	for path, want := range map[string]string{
		"/s/xml?job=a%3C/job%3E%26":  `{"path":"/x","type":"application/xml","body":"` + body + `"}`,
		"/s/soap?job=a%3C/job%3E%26": `{"path":"/x","type":"text/xml; charset=utf-8","body":"` + body + `"}`,
		"/s/none":                    "written as XML (the document is an object with one member, the root element).",
	} {
		if w := asked(h, "GET", path); !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d %s, want %s", path, w.Code, w.Body, want)
		}
	}
}

// flaky fails each path once.
func flaky(asked *sent) http.HandlerFunc {
	var mu sync.Mutex
	seen := map[string]bool{}
	return func(w http.ResponseWriter, r *http.Request) {
		asked.note("%s %s", r.URL.Path, r.Header.Get(keyHeader))
		mu.Lock()
		defer mu.Unlock()
		if !seen[r.URL.Path] {
			seen[r.URL.Path] = true
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		_, _ = io.WriteString(w, `{"ok":true}`)
	}
}

// patient compiles routes over a backend that is tried twice more.
func patient(t *testing.T, h http.HandlerFunc, routes ...Route) http.Handler {
	t.Helper()
	backend := httptest.NewServer(h)
	t.Cleanup(backend.Close)
	s, err := Compile(&Config{
		Prefixes: []string{"/s"}, Metadata: Metadata{Version: "1.0.0", Repository: "https://example.org/s", Description: "Tested"},
		Backends: []Backend{{Name: "main", Addresses: []string{backend.URL}}}, Routes: routes,
	}, Deps{Backend: func(cfg upstream.Config) (*upstream.Backend, func(), error) {
		b, err := upstream.New(cfg, upstream.Options{})
		if err != nil {
			return nil, nil, err
		}
		return b, b.Close, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// TestWritingIsTriedAgainOnlyWhereItMay: a POST is made once, unless the fetch says that a second does no harm.
func TestWritingIsTriedAgainOnlyWhereItMay(t *testing.T) {
	t.Parallel()
	once, again, keyed := posts("", "/once", "json", "1"), posts("", "/again", "json", "1"), posts("", "/keyed", "json", "1")
	again.Idempotent, keyed.IdempotencyKey = true, true
	put, patch := gets("", "/put"), gets("", "/patch")
	put.Method, patch.Method = http.MethodPut, http.MethodPatch
	first, second := posts("a", "/first", "json", "1"), posts("b", "/second", "json", "1")
	first.IdempotencyKey, second.IdempotencyKey = true, true
	item := posts("", "/items/{item}", "json", "1")
	item.IdempotencyKey = true
	var got sent
	h := patient(t, flaky(&got),
		Route{Method: "POST", Pattern: "/once", Fetches: []Fetch{once}}, Route{Method: "POST", Pattern: "/again", Fetches: []Fetch{again}},
		Route{Method: "POST", Pattern: "/keyed", Fetches: []Fetch{keyed}}, Route{Method: "POST", Pattern: "/put", Fetches: []Fetch{put}},
		Route{Method: "POST", Pattern: "/patch", Fetches: []Fetch{patch}}, Route{Method: "POST", Pattern: "/two", Fetches: []Fetch{first, second}},
		Route{Method: "POST", Pattern: "/each", Fetches: []Fetch{{Name: "all", Each: &FanOut{List: `[1, 2]`, Concurrency: 1, Fetches: []Fetch{item}}}}},
	)
	tries := func(path string, header ...string) (int, []string) {
		before := len(got.list())
		w := asked(h, "POST", "/s"+path, header...)
		return w.Code, got.list()[before:]
	}
	for path, want := range map[string][]string{
		"/once":  {"/once "},
		"/patch": {"/patch "},
		"/again": {"/again ", "/again "},
		"/put":   {"/put ", "/put "},
		"/keyed": {"/keyed k-1", "/keyed k-1"},
	} {
		code, list := tries(path, keyHeader, "k-1")
		if diff := cmp.Diff(want, list); diff != "" || (code == http.StatusOK) != (len(want) == 2) {
			t.Errorf("%s: %d %s", path, code, diff)
		}
	}
	// Without a key of the caller there is one that nobody else has.
	_, one := tries("/keyed")
	_, other := tries("/keyed")
	if len(one) != 1 || len(other) != 1 || len(one[0]) < len("/keyed ")+20 || one[0] == other[0] {
		t.Errorf("keys of our own: %q, %q", one, other)
	}
	for path, n := range map[string]int{"/two": 2, "/each": 2} {
		_, list := tries(path, keyHeader, "k-1")
		slices.Sort(list)
		if len(list) != 2*n || list[0] != list[1] || list[2] != list[3] || strings.HasSuffix(list[0], " k-1") {
			t.Fatalf("%s: %q, want two attempts with one key each", path, list)
		}
		_, a, _ := strings.Cut(list[0], " ")
		_, b, _ := strings.Cut(list[2], " ")
		if a == b || a == "" {
			t.Errorf("%s: two requests have the keys %q and %q", path, a, b)
		}
		if _, same := tries(path, keyHeader, "k-1"); !slices.ContainsFunc(same, func(s string) bool { return strings.HasSuffix(s, a) }) {
			t.Errorf("%s: asked again with the same key, the keys are %q and not %s", path, same, a)
		}
	}
	for _, key := range []string{"", "a b", strings.Repeat("x", 256), "\x7f"} {
		if code, list := tries("/keyed", keyHeader, key); code != http.StatusBadRequest || len(list) > 0 {
			t.Errorf("the key %q: %d, %q", key, code, list)
		}
	}
}

// TestCreateThenFollow is what nbreport does: it creates, reads what was created where the answer says it is, and tells the caller.
func TestCreateThenFollow(t *testing.T) {
	t.Parallel()
	var got sent
	location, status := "/reports/7", http.StatusCreated
	var mu sync.Mutex
	backend := func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		got.note("%s %s", r.Method, r.URL.Path)
		switch r.Method {
		case http.MethodPost:
			w.Header()["Location"] = []string{strings.ReplaceAll(location, "HOST", r.Host)}
			w.Header().Set("Set-Cookie", "session=secret")
			w.Header().Add("X-Two", "1")
			w.Header().Add("X-Two", "2")
			w.WriteHeader(status)
		case http.MethodDelete:
			w.WriteHeader(http.StatusNoContent)
		default:
			_, _ = io.WriteString(w, `{"handle":"r","product_url":"https://x.example.org/r"}`)
		}
	}
	create := posts("created", "/reports", "json", `$body`)
	create.Meta, create.Decoder, create.Format = true, new(lines.PlainText), "text"
	follow := gets("report", "")
	follow.URL = `$created.headers.location`
	drop := gets("", "/reports/{id}")
	drop.Method = http.MethodDelete
	meta := create
	meta.Name = ""
	h := served(t, backend, nil, func(string) []Route {
		return []Route{
			{
				Method: "POST", Pattern: "/reports", Body: &RequestBody{Kind: "json"}, Fetches: []Fetch{create, follow},
				Reply: `{ product_url: $report.product_url, cookie: $created.headers["set-cookie"], two: $created.headers["x-two"], value: $created.value }`, Status: `$created.status`,
				Header: []ReplyHeader{{Name: "location", JQ: `"reports/" + ($created.headers.location | split("/") | last)`}, {Name: "X-None", JQ: `null`}, {Name: "X-N", JQ: `1.5`}},
			},
			{
				Method: "POST", Pattern: "/jobs", Body: &RequestBody{Kind: "json"}, Fetches: []Fetch{create}, Reply: `{ queued: true }`, Status: `202`,
				Header: []ReplyHeader{{Name: "Location", JQ: `"/s/queue/7"`}, {Name: "X-Bad", JQ: `$body.bad`}},
			},
			{Method: "POST", Pattern: "/meta", Body: &RequestBody{Kind: "json"}, Fetches: []Fetch{meta}},
			{Method: "DELETE", Pattern: "/reports/{id}", Fetches: []Fetch{drop}, Status: `204`, Header: []ReplyHeader{{Name: "X-Gone", JQ: `$id`}}},
		}
	})
	post := func(path, body string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	const report = `{"cookie":null,"product_url":"https://x.example.org/r","two":"1, 2","value":""}` + "\n"
	for _, where := range []string{"/reports/7", "http://HOST/reports/7"} {
		location = where
		w := post("/s/reports", `{"handle":"r"}`)
		if w.Code != http.StatusCreated || w.Body.String() != report || w.Header().Get("Location") != "reports/7" || w.Header().Get("X-N") != "1.5" || w.Header()["X-None"] != nil {
			t.Errorf("%s: %d %v %s", where, w.Code, w.Header(), w.Body)
		}
	}
	if diff := cmp.Diff([]string{"POST /reports", "GET /reports/7", "POST /reports", "GET /reports/7"}, got.list()); diff != "" {
		t.Error(diff)
	}
	location = "https://elsewhere.example.org/reports/7"
	if w := post("/s/reports", `{}`); w.Code != http.StatusBadGateway || !strings.Contains(w.Body.String(), "origin_not_allowed") || w.Header()["Location"] != nil {
		t.Errorf("a foreign location: %d %v %s", w.Code, w.Header(), w.Body)
	}
	status = http.StatusAccepted
	if w := post("/s/jobs", `{}`); w.Code != http.StatusAccepted || w.Header().Get("Location") != "/s/queue/7" || w.Body.String() != `{"queued":true}`+"\n" {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	for _, bad := range []string{`"a\r\nSet-Cookie: x=y"`, `{"a":1}`, `"é"`} {
		if w := post("/s/jobs", `{"bad":`+bad+`}`); w.Code != http.StatusBadGateway || w.Header()["X-Bad"] != nil || w.Header()["Location"] != nil {
			t.Errorf("%s: %d %v", bad, w.Code, w.Header())
		}
	}
	location = "/x"
	w := post("/s/meta", `{}`)
	var told struct {
		Status  int
		Headers map[string]string
		Value   any
	}
	if err := json.Unmarshal(w.Body.Bytes(), &told); err != nil || told.Status != http.StatusAccepted || told.Headers["location"] != "/x" || told.Headers["set-cookie"] != "" || told.Value != "" {
		t.Errorf("%v %s", err, w.Body)
	}
	w = asked(h, "DELETE", "/s/reports/7")
	if w.Code != http.StatusNoContent || w.Body.Len() > 0 || w.Header().Get("Content-Type") != "" || w.Header().Get("X-Gone") != "7" {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
}
