package wrap

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/document"
	"github.com/fairway-gateway/fairway/proxies/session"
	"github.com/fairway-gateway/fairway/proxies/upstream"
)

// decoderFunc is a decoder that a test makes up.
type decoderFunc func(ctx context.Context, in *decode.Input, out decode.Sink) error

func (f decoderFunc) Decode(ctx context.Context, in *decode.Input, out decode.Sink) error {
	return f(ctx, in, out)
}

func (decoderFunc) Factor() float64 { return 1 }

// served compiles a service at /s with one backend named main, which h answers, and the routes.
func served(t *testing.T, h http.HandlerFunc, auth session.Strategy, routes func(url string) []Route) http.Handler {
	t.Helper()
	backend := httptest.NewServer(h)
	t.Cleanup(backend.Close)
	none := 0
	s, err := Compile(&Config{
		Prefixes: []string{"/s"},
		Metadata: Metadata{Version: "1.0.0", Repository: "https://example.org/s", Description: "Tested"},
		Backends: []Backend{{Name: "main", Addresses: []string{backend.URL}, Retries: &none, Auth: auth}},
		Routes:   routes(backend.URL),
	}, Deps{
		Backend: func(cfg upstream.Config) (*upstream.Backend, func(), error) {
			b, err := upstream.New(cfg, upstream.Options{})
			if err != nil {
				return nil, nil, err
			}
			return b, b.Close, nil
		},
		Secret: func(string) (string, error) { return backend.URL, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// gets is a fetch of JSON from the backend main.
func gets(name, target string) Fetch {
	return Fetch{Name: name, Target: target, Backend: "main", Decoder: new(document.JSON), Format: "json"}
}

// asked sends one request to h and gives the answer.
func asked(h http.Handler, method, target string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, http.NoBody)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func echo(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	if r.URL.Path == "/numbers" {
		_, _ = io.WriteString(w, `{"z": 1.50, "a": 12345678901234567890.123, "e": 1E400}`)
		return
	}
	out := `{"path":"` + r.URL.Path + `","type":"` + r.Header.Get("Content-Type") + `","body":` + quoted(string(body)) + `}`
	_, _ = io.WriteString(w, out)
}

func quoted(s string) string {
	return `"` + strings.NewReplacer(`"`, `\"`, "\n", `\n`).Replace(s) + `"`
}

func TestServe(t *testing.T) {
	t.Parallel()
	posts := func(kind, jq string) []Fetch {
		f := gets("", "/body")
		f.Method, f.Body = http.MethodPost, &Body{Kind: kind, JQ: jq}
		return []Fetch{f}
	}
	fails := func(jq string) []Fetch {
		f := gets("", "/numbers")
		f.FailWhen = jq
		return []Fetch{f}
	}
	h := served(t, echo, session.None{}, func(string) []Route {
		return []Route{
			{Method: "GET", Pattern: "/one", Fetches: []Fetch{gets("", "/numbers")}},
			{Method: "GET", Pattern: "/join", Fetches: []Fetch{gets("z", "/numbers"), gets("a", "/b")}},
			{Method: "GET", Pattern: "/reply", Fetches: []Fetch{gets("", "/numbers")}, Reply: `del(.e)`},
			{Method: "GET", Pattern: "/named/{id}", Fetches: []Fetch{gets("v", "/numbers")}, Reply: `{$id, n: $v.z}`},
			{Method: "GET", Pattern: "/noreply", Fetches: []Fetch{gets("", "/numbers")}, Reply: `empty`},
			{Method: "POST", Pattern: "/json", Fetches: posts("json", `{b: 1, a: $query.q}`)},
			{Method: "POST", Pattern: "/form", Fetches: posts("form", `{a: "x&y"}`)},
			{Method: "POST", Pattern: "/text", Fetches: posts("text", `"é"`)},
			{Method: "GET", Pattern: "/fail/no", Fetches: fails(`false`), Reply: `1`},
			{Method: "GET", Pattern: "/fail/null", Fetches: fails(`null`), Reply: `1`},
			{Method: "GET", Pattern: "/fail/true", Fetches: fails(`true`)},
			{Method: "GET", Pattern: "/fail/text", Fetches: fails(`"out of paper"`)},
			{Method: "GET", Pattern: "/fail/status", Fetches: fails(`{status: 404, detail: "no such thing"}`)},
			{Method: "GET", Pattern: "/fail/number", Fetches: fails(`7`)},
			{Method: "GET", Pattern: "/fail/route", Fetches: []Fetch{gets("a", "/numbers"), gets("b", "/x")}, FailWhen: `if $b.path == "/x" then "x it is" else false end`},
		}
	})
	for _, c := range []struct {
		method, path string
		status       int
		body         string // whole, or a part where it starts with …
	}{
		{"GET", "/s/one", 200, `{"z":1.50,"a":12345678901234567890.123,"e":1E400}` + "\n"},
		{"GET", "/s/join", 200, `{"z":{"z":1.50,"a":12345678901234567890.123,"e":1E400},"a":{"path":"/b","type":"","body":""}}` + "\n"},
		{"GET", "/s/reply", 200, `{"a":12345678901234567890.123,"z":1.50}` + "\n"},
		{"GET", "/s/named/a%20b", 200, `{"id":"a b","n":1.50}` + "\n"},
		{"GET", "/s/noreply", 502, "…urn:fairway:problem:reply_failed"},
		{"POST", "/s/json?q=x", 200, `{"path":"/body","type":"application/json","body":"{\"a\":\"x\",\"b\":1}"}` + "\n"},
		{"POST", "/s/form", 200, `{"path":"/body","type":"application/x-www-form-urlencoded","body":"a=x%26y"}` + "\n"},
		{"POST", "/s/text", 200, `{"path":"/body","type":"text/plain; charset=utf-8","body":"é"}` + "\n"},
		{"GET", "/s/fail/no", 200, "1\n"},
		{"GET", "/s/fail/null", 200, "1\n"},
		{"GET", "/s/fail/true", 502, "…urn:fairway:problem:backend_failed"},
		{"GET", "/s/fail/text", 502, "…out of paper"},
		{"GET", "/s/fail/status", 404, "…no such thing"},
		{"GET", "/s/fail/number", 502, "…urn:fairway:problem:backend_failed"},
		{"GET", "/s/fail/route", 502, "…x it is"},
		{"GET", "/s/nothing", 404, "…about:blank"},
		{"GET", "/elsewhere", 404, "…about:blank"},
		{"GET", "/s/metadata", 200, "…Tested"},
		{"DELETE", "/s/one", 405, "…about:blank"},
		{"OPTIONS", "/s/one", 200, ""},
	} {
		w := asked(h, c.method, c.path)
		part, isPart := strings.CutPrefix(c.body, "…")
		if w.Code != c.status || isPart && !strings.Contains(w.Body.String(), part) || !isPart && w.Body.String() != c.body {
			t.Errorf("%s %s: %d %s", c.method, c.path, w.Code, w.Body)
		}
		if w.Header().Get("X-Request-ID") == "" {
			t.Errorf("%s %s: no request id", c.method, c.path)
		}
		if allow := w.Header().Get("Allow"); (c.status == 405 || c.method == "OPTIONS") && allow != "GET, HEAD, OPTIONS" {
			t.Errorf("%s %s: Allow %q", c.method, c.path, allow)
		}
	}
	if w := asked(h, "HEAD", "/s/one"); w.Code != 200 || w.Header().Get("Content-Length") == "" {
		t.Errorf("HEAD: %d %v", w.Code, w.Header())
	}
}

// TestPanicIsOneAnswer has a decoder with a defect: its request fails without a word of it, the next one does not.
func TestPanicIsOneAnswer(t *testing.T) {
	t.Parallel()
	broken := gets("", "/x")
	broken.Decoder = decoderFunc(func(context.Context, *decode.Input, decode.Sink) error { panic("a defect") })
	h := served(t, echo, session.None{}, func(string) []Route {
		return []Route{
			{Method: "GET", Pattern: "/one", Fetches: []Fetch{broken}},
			{Method: "GET", Pattern: "/two", Fetches: []Fetch{broken, gets("other", "/numbers")}},
			{Method: "GET", Pattern: "/fine", Fetches: []Fetch{gets("", "/numbers")}},
		}
	})
	for _, path := range []string{"/s/one", "/s/two"} {
		w := asked(h, "GET", path)
		if w.Code != http.StatusInternalServerError || !strings.Contains(w.Body.String(), `"type":"urn:fairway:problem:`) {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
		if strings.Contains(w.Body.String(), "a defect") || strings.Contains(w.Body.String(), "goroutine") {
			t.Errorf("%s tells of the panic: %s", path, w.Body)
		}
		if w := asked(h, "GET", "/s/fine"); w.Code != 200 {
			t.Errorf("after %s: %d %s", path, w.Code, w.Body)
		}
	}
}

// TestFetchesRunAtOnce has a backend that answers nobody until all are there.
func TestFetchesRunAtOnce(t *testing.T) {
	t.Parallel()
	const n = 3
	var all sync.WaitGroup
	all.Add(n)
	h := served(t, func(w http.ResponseWriter, r *http.Request) {
		all.Done()
		met := make(chan struct{})
		go func() {
			all.Wait()
			close(met)
		}()
		select {
		case <-met:
			_, _ = io.WriteString(w, `1`)
		case <-r.Context().Done():
		case <-time.After(time.Minute):
		}
	}, session.None{}, func(string) []Route {
		return []Route{{Method: "GET", Pattern: "/", Fetches: []Fetch{gets("a", "/a"), gets("b", "/b"), gets("c", "/c")}}}
	})
	if w := asked(h, "GET", "/s/"); w.Code != 200 || w.Body.String() != `{"a":1,"b":1,"c":1}`+"\n" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// TestWhoseCredentialsTheBackendSees has an absolute target beside the backend's own: it never gets any.
func TestWhoseCredentialsTheBackendSees(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		auth          session.Strategy
		with, without string
		statusWithout int
	}{
		"none":   {session.None{}, `"":""`, `"":""`, 200},
		"caller": {session.Basic{}, `"ann":"pw"`, "", 401},
		"fixed":  {session.Basic{User: "svc", Password: "own"}, `"svc":"own"`, `"svc":"own"`, 200},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := served(t, func(w http.ResponseWriter, r *http.Request) {
				user, password, _ := r.BasicAuth()
				_, _ = io.WriteString(w, `{"`+user+`":"`+password+`"}`)
			}, c.auth, func(url string) []Route {
				absolute := gets("", url+"/x")
				absolute.Backend = ""
				return []Route{
					{Method: "GET", Pattern: "/own", Fetches: []Fetch{gets("", "/x")}},
					{Method: "GET", Pattern: "/absolute", Fetches: []Fetch{absolute}},
				}
			})
			// ann:pw
			const sent = "Basic YW5uOnB3"
			type seen struct {
				With, Without, Absolute, AbsoluteWithout string
				StatusWithout                            int
			}
			bare := asked(h, "GET", "/s/own")
			got := seen{
				With: asked(h, "GET", "/s/own", "Authorization", sent).Body.String(), StatusWithout: bare.Code,
				Absolute:        asked(h, "GET", "/s/absolute", "Authorization", sent).Body.String(),
				AbsoluteWithout: asked(h, "GET", "/s/absolute").Body.String(),
			}
			if bare.Code == 200 {
				got.Without = bare.Body.String()
			}
			object := func(members string) string {
				if members == "" {
					return ""
				}
				return "{" + members + "}\n"
			}
			want := seen{object(c.with), object(c.without), object(`"":""`), object(`"":""`), c.statusWithout}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
