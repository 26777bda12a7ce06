package wrap

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/proxies/decode/lines"
	"github.com/fairway-gateway/fairway/proxies/session"
)

// joined is a backend whose parts fail each in its way.
func joined(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/builds":
		_, _ = io.WriteString(w, `{"id":"a/b","n":12345678901234567890,"ok":true,"none":null,"list":[{"x":"é"}],"empty":"","dots":"..","line":"a\nb"}`)
	case "/word":
		_, _ = io.WriteString(w, "w1\n")
	case "/503":
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusServiceUnavailable)
	case "/503/later":
		w.Header().Set("Retry-After", "30")
		w.WriteHeader(http.StatusServiceUnavailable)
	case "/404":
		http.NotFound(w, r)
	case "/hangs":
		<-r.Context().Done()
	case "/partial":
		w.Header().Set("Fairway-Partial", "weather, river")
		_, _ = io.WriteString(w, `{"a":1,"partial":[{"type":"urn:fairway:problem:backend_timeout","status":504,"detail":"late","fetch":"weather"},{"type":"https://example.org/x","status":7,"detail":"odd","fetch":"river"}]}`)
	case "/partial/rows":
		w.Header().Set("Fairway-Partial", "weather, river\"\\;")
		_, _ = io.WriteString(w, `[1]`)
	default:
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"asked":%q,"header":%q}`, r.URL.EscapedPath()+"?"+r.URL.RawQuery, r.Header.Get("X-Of"))
	}
}

// TestFetchUsesTheValueOfAnother: placeholders and programs take what another fetch gave.
func TestFetchUsesTheValueOfAnother(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, target, header string
		want                 string // what is asked, or the code of the problem
		detail               string
	}{
		{name: "text", target: "/x/{a.id}", want: "/x/a%2Fb?"},
		{name: "exact number", target: "/x?n={a.n}&s=1", want: "/x?n=12345678901234567890&s=1"},
		{name: "bool", target: "/x/{a.ok}", want: "/x/true?"},
		{name: "inside a list", target: "/x/{a.list.0.x}", want: "/x/%C3%A9?"},
		{name: "null leaves its pair out", target: "/x?n={a.none}&m={a.nope.nope}&s=1", want: "/x?s=1"},
		{name: "header", target: "/x", header: "{a.id}", want: "/x?a/b"},
		{name: "the whole value", target: "/x/{word}", want: "/x/w1?"},
		{name: "null in a path", target: "/x/{a.none}", want: "bad_value", detail: "The value {a.none}, which the fetch a gave, is missing or empty."},
		{name: "empty in a path", target: "/x/{a.empty}", want: "bad_value", detail: "is missing or empty"},
		{name: "beyond the list", target: "/x/{a.list.1.x}", want: "bad_value", detail: "is missing or empty"},
		{name: "dots", target: "/x/{a.dots}", want: "bad_value", detail: "is only dots"},
		{name: "a line end", target: "/x?y={a.line}", want: "bad_value", detail: "control character"},
		{name: "a list", target: "/x?y={a.list}", want: "bad_value", detail: "is an object or array"},
		{name: "a line end in a header", target: "/x", header: "{a.line}", want: "bad_value", detail: "control character"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := served(t, joined, nil, func(string) []Route {
				b := gets("b", c.target)
				if c.header != "" {
					b.Header = []Header{{Name: "X-Of", Value: c.header}}
				}
				word := Fetch{Name: "word", Target: "/word", Backend: "main", Decoder: new(lines.PlainText), Format: "text"}
				return []Route{{Method: "GET", Pattern: "/x", Fetches: []Fetch{b, gets("a", "/builds"), word}, Reply: `[$b.asked + $b.header, $a.id, $word]`}}
			})
			w := asked(h, "GET", "/s/x")
			if strings.HasPrefix(c.want, "/") {
				if want := `["` + c.want + `","a/b","w1"]` + "\n"; w.Code != http.StatusOK || w.Body.String() != want {
					t.Errorf("%d %s, want %s", w.Code, w.Body, want)
				}
				return
			}
			var p struct{ Type, Detail string }
			if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
				t.Fatal(err)
			}
			if w.Code != http.StatusBadGateway || p.Type != "urn:fairway:problem:"+c.want || !strings.Contains(p.Detail, c.detail) {
				t.Errorf("%d %s, want %s %s", w.Code, w.Body, c.want, c.detail)
			}
		})
	}
}

// failedPart is what an answer says of a part that failed.
type failedPart struct {
	Type, Fetch string
	Status      int
}

func TestPartialAnswers(t *testing.T) {
	t.Parallel()
	optional := func(f Fetch) Fetch { f.Optional = true; return f }
	fallback := func(f Fetch, jq string) Fetch { f.Fallback = jq; return f }
	brief := func(f Fetch) Fetch { f.Budget = Duration(30 * time.Millisecond); return f }
	problemOf := func(code string) string { return "urn:fairway:problem:" + code }
	for _, c := range []struct {
		name    string
		route   Route
		status  int
		body    string // without the member partial
		partial string // the header
		parts   []failedPart
		retry   string
	}{
		{
			name: "optional", status: 200, body: `{"a":"a/b","b":null}`, partial: "b", retry: "7",
			parts: []failedPart{{problemOf("backend_status"), "b", 502}},
			route: Route{Fetches: []Fetch{gets("a", "/builds"), optional(gets("b", "/503"))}, Reply: "{ a: $a.id, b: $b }"},
		},
		{
			name: "the longest wait of several", status: 200, body: `{"a":null,"b":null}`, partial: "a, b", retry: "30",
			parts: []failedPart{{problemOf("backend_status"), "a", 502}, {problemOf("backend_status"), "b", 502}},
			route: Route{Fetches: []Fetch{optional(gets("a", "/503")), optional(gets("b", "/503/later"))}},
		},
		{
			name: "fallback sees the problem", status: 200, body: `{"a":"a/b","b":[502,"b"]}`, partial: "b", retry: "7",
			parts: []failedPart{{problemOf("backend_status"), "b", 502}},
			route: Route{Fetches: []Fetch{gets("a", "/builds"), fallback(gets("b", "/503"), `[.status, .fetch]`)}, Reply: "{ a: $a.id, b: $b }"},
		},
		{
			name: "fallback sees other values", status: 200, body: `{"b":"a/b"}`, partial: "b",
			parts: []failedPart{{problemOf("backend_status"), "b", 404}},
			route: Route{Fetches: []Fetch{gets("a", "/builds"), fallback(gets("b", "/404"), `$a.id`)}, Reply: "{ b: $b }"},
		},
		{
			name: "a fallback that fails", status: 502,
			parts: nil, body: "reply_failed",
			route: Route{Fetches: []Fetch{gets("a", "/builds"), fallback(gets("b", "/404"), `error("x")`)}, Reply: "{ a: $a, b: $b }"},
		},
		{
			name: "a budget of its own", status: 200, body: `{"b":null}`, partial: "b",
			parts: []failedPart{{problemOf("backend_timeout"), "b", 504}},
			route: Route{Fetches: []Fetch{brief(optional(gets("b", "/hangs")))}, Reply: "{ b: $b }"},
		},
		{
			name: "what needs a failed part is without", status: 200, body: `{"a":null,"b":null}`, partial: "a, b",
			parts: []failedPart{{problemOf("backend_status"), "a", 404}, {problemOf("dependency_failed"), "b", 404}},
			route: Route{Fetches: []Fetch{optional(gets("a", "/404")), optional(gets("b", "/x/{a.id}"))}},
		},
		{
			name: "what needs a fallback has it", status: 200, body: `"/x/7?"`, partial: "a",
			route: Route{Fetches: []Fetch{fallback(gets("a", "/404"), `{id: 7}`), gets("b", "/x/{a.id}")}, Reply: "$b.asked"},
		},
		{
			name: "required after optional", status: 404, body: "dependency_failed",
			route: Route{Fetches: []Fetch{optional(gets("a", "/404")), gets("b", "/x/{a.id}")}},
		},
		{
			name: "required", status: 502, body: "backend_status", retry: "7",
			route: Route{Fetches: []Fetch{gets("a", "/builds"), gets("b", "/503")}},
		},
		{
			name: "the status by rule", status: 206, body: `{"a":"a/b","failed":["b"]}`, partial: "b",
			parts: []failedPart{{problemOf("backend_status"), "b", 404}},
			route: Route{
				Fetches: []Fetch{gets("a", "/builds"), optional(gets("b", "/404"))}, Reply: "{ a: $a.id, failed: [$partial[].fetch, $b | values] }",
				Status: "if ($partial | length) > 0 then 206 else 200 end",
			},
		},
		{
			name: "no status at all", status: 502, body: "reply_failed",
			route: Route{Fetches: []Fetch{gets("a", "/builds")}, Reply: "$a", Status: `"ok"`},
		},
		{
			name: "a nested gateway", status: 200, body: `{"a":"a/b","b":1}`, partial: "b.weather, b.river",
			parts: []failedPart{{problemOf("backend_timeout"), "b.weather", 504}, {"about:blank", "b.river", 502}},
			route: Route{Fetches: []Fetch{gets("a", "/builds"), gets("b", "/partial")}, Reply: "{ a: $a.id, b: $b.a }"},
		},
		{
			name: "a nested gateway's own answer", status: 200, body: `{"a":1}`, partial: "weather, river",
			parts: []failedPart{{problemOf("backend_timeout"), "weather", 504}, {"https://example.org/x", "river", 7}},
			route: Route{Fetches: []Fetch{gets("", "/partial")}},
		},
		{
			name: "a nested gateway that answers rows", status: 200, body: `[1]`, partial: "weather, river",
			route: Route{Fetches: []Fetch{gets("", "/partial/rows")}},
		},
		{
			name: "an answer that is no object", status: 200, body: `[null]`, partial: "b",
			route: Route{Fetches: []Fetch{optional(gets("b", "/404"))}, Reply: "[$b]"},
		},
		{
			name: "an empty object", status: 200, body: `{}`, partial: "b", parts: []failedPart{{problemOf("backend_status"), "b", 404}},
			route: Route{Fetches: []Fetch{optional(gets("b", "/404"))}, Reply: "{} | if $b then . else . end"},
		},
		{
			name: "an object with the member", status: 200, body: `{}`, partial: "b", parts: []failedPart{},
			route: Route{Fetches: []Fetch{optional(gets("b", "/404"))}, Reply: "{partial: [$b | values]}"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.route.Method, c.route.Pattern = "GET", "/x"
			w := asked(served(t, joined, nil, func(string) []Route { return []Route{c.route} }), "GET", "/s/x")
			if w.Code != c.status || w.Header().Get("Fairway-Partial") != c.partial || w.Header().Get("Retry-After") != c.retry {
				t.Errorf("%d, partial %q, retry after %q, want %d %q %q\n%s", w.Code, w.Header().Get("Fairway-Partial"), w.Header().Get("Retry-After"), c.status, c.partial, c.retry, w.Body)
			}
			if c.status >= 400 {
				if !strings.Contains(w.Body.String(), problemOf(c.body)) {
					t.Errorf("%s, want %s", w.Body, c.body)
				}
				return
			}
			var object map[string]json.RawMessage
			body := strings.TrimSpace(w.Body.String())
			if json.Unmarshal([]byte(body), &object) == nil {
				var parts []failedPart
				if raw, ok := object["partial"]; ok {
					if err := json.Unmarshal(raw, &parts); err != nil {
						t.Error(err)
					}
				}
				if diff := cmp.Diff(c.parts, parts); diff != "" {
					t.Error(diff)
				}
				delete(object, "partial")
				rest, err := json.Marshal(object)
				if err != nil {
					t.Fatal(err)
				}
				body = string(rest)
			}
			if body != c.body {
				t.Errorf("%s, want %s", body, c.body)
			}
		})
	}
}

// TestNotEveryFailureIsAPart: a mistake of the caller, or of the gateway, is none that an answer goes on without.
func TestNotEveryFailureIsAPart(t *testing.T) {
	t.Parallel()
	h := served(t, joined, session.None{}, func(string) []Route {
		bad := gets("b", "/x/{query.id}")
		bad.Optional = true
		panics := gets("b", "/x")
		panics.Optional = true
		panics.FailWhen = `. as $x | $a`
		panics.Decoder = decoderFunc(nil)
		return []Route{
			{Method: "GET", Pattern: "/caller", Fetches: []Fetch{gets("a", "/builds"), bad}},
			{Method: "GET", Pattern: "/panic", Fetches: []Fetch{gets("a", "/builds"), panics}},
		}
	})
	if w := asked(h, "GET", "/s/caller?id=.."); w.Code != http.StatusBadRequest {
		t.Errorf("the caller's mistake: %d %s", w.Code, w.Body)
	}
	if w := asked(h, "GET", "/s/panic"); w.Code != http.StatusInternalServerError {
		t.Errorf("a panic: %d %s", w.Code, w.Body)
	}
}
