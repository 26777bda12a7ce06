package wrap

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/document"
)

// lineRecords is a decoder of lines that tells them as they come: JSON texts, or strings.
type lineRecords struct{}

func (lineRecords) Factor() float64 { return 1 }

func (d lineRecords) Decode(ctx context.Context, in *decode.Input, out decode.Sink) error {
	return d.Stream(ctx, strings.NewReader(string(in.Body)), in, out)
}

func (lineRecords) Stream(ctx context.Context, text io.Reader, _ *decode.Input, out decode.Sink) error {
	if err := out.BeginArray(); err != nil {
		return err
	}
	line := make([]byte, 0, 100)
	one := make([]byte, 1)
	for {
		n, err := text.Read(one)
		if n == 1 && one[0] != '\n' {
			line = append(line, one[0])
			continue
		}
		if n == 1 {
			if line[0] == '{' || line[0] == '[' {
				if err := new(document.JSON).Decode(ctx, &decode.Input{Body: line}, out); err != nil {
					return err
				}
			} else if err := out.String(string(line)); err != nil {
				return err
			}
			line = line[:0]
		}
		if err == io.EOF {
			return out.EndArray()
		}
		if err != nil {
			return err
		}
	}
}

func streams(target, jq string) Route {
	return Route{
		Method: "GET", Pattern: target, Reply: jq, Each: new(Each), Output: []string{OutputJSON, OutputNDJSON, OutputCSV},
		Fetches: []Fetch{{Name: "rows", Target: target, Backend: "main", Decoder: lineRecords{}, Format: "lines"}},
	}
}

func TestStream(t *testing.T) {
	t.Parallel()
	bodies := map[string]string{
		"/rows":    "{\"b\":1.50,\"a\":\"é\"}\n{\"b\":2,\"a\":\"x\"}\n",
		"/empty":   "",
		"/strings": "one\ntwo\n",
		"/latin":   "caf\xe9\n",
		"/ragged":  "{\"a\":1}\n{\"b\":2}\n",
		"/bad":     "{\"a\":\n",
	}
	h := served(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/latin") {
			w.Header().Set("Content-Type", "text/plain; charset=latin1")
		}
		for path, body := range bodies {
			if strings.HasPrefix(r.URL.Path, path) {
				_, _ = io.WriteString(w, body)
			}
		}
	}, nil, func(string) []Route {
		counted := streams("/rows/counted", "")
		counted.Columns, counted.OnDrift = []Column{{Name: "b", Type: "string"}, {Name: "a", Type: "string"}}, DriftCount
		fails := streams("/rows/fails", "")
		fails.Columns = []Column{{Name: "b", Type: "integer"}, {Name: "a", Type: "string"}}
		return []Route{
			streams("/rows", ""), streams("/empty", ""), streams("/strings", ""), streams("/latin", ""), streams("/ragged", ""), streams("/bad", ""),
			streams("/rows/twice", `.b, .a`), streams("/rows/none", `empty`), streams("/rows/some", `select(.b == 2) | { $now, q: $query.q, b } | del(.now)`),
			streams("/rows/error", `error("no")`), counted, fails,
		}
	})
	for _, c := range []struct {
		path, accept string
		status       int
		want         string // whole, or a part where it starts with …
	}{
		{"/rows", "", 200, `[{"b":1.50,"a":"é"},{"b":2,"a":"x"}]` + "\n"},
		{"/rows", "application/x-ndjson", 200, `{"b":1.50,"a":"é"}` + "\n" + `{"b":2,"a":"x"}` + "\n"},
		{"/rows", "text/csv", 200, "b,a\r\n1.50,é\r\n2,x\r\n"},
		{"/empty", "", 200, "[]\n"},
		{"/empty", "text/csv", 200, ""},
		{"/strings", "text/csv", 200, "one\r\ntwo\r\n"},
		{"/latin", "", 200, `["café"]` + "\n"},
		{"/rows/twice", "", 200, `[1.50,"é",2,"x"]` + "\n"},
		{"/rows/none", "", 200, "[]\n"},
		{"/rows/some?q=1", "", 200, `[{"b":2,"q":"1"}]` + "\n"},
		{"/rows/error", "", 502, "…urn:fairway:problem:reply_failed"},
		{"/rows/counted", "", 200, `[{"b":1.50,"a":"é"},{"b":2,"a":"x"}]` + "\n"},
		{"/rows/fails", "", 502, `…urn:fairway:problem:schema_drift`},
		{"/bad", "", 502, "…urn:fairway:problem:undecodable"},
		{"/rows", "image/png", 406, "…urn:fairway:problem:not_acceptable"},
	} {
		var header []string
		if c.accept != "" {
			header = []string{"Accept", c.accept}
		}
		w := asked(h, "GET", "/s"+c.path, header...)
		part, isPart := strings.CutPrefix(c.want, "…")
		if w.Code != c.status || isPart && !strings.Contains(w.Body.String(), part) || !isPart && w.Body.String() != c.want {
			t.Errorf("%s %s: %d %s", c.path, c.accept, w.Code, w.Body)
		}
		if w.Header().Get("ETag") != "" {
			t.Errorf("%s has an entity tag", c.path)
		}
	}
	// A failure after the first byte.
	func() {
		defer func() {
			if v := recover(); v != http.ErrAbortHandler { //nolint:errorlint // that very value ends a connection
				t.Errorf("a failure midway ends with %v", v)
			}
		}()
		asked(h, "GET", "/s/ragged", "Accept", "text/csv")
		t.Error("a failure midway is a good answer")
	}()
}

func TestCompileEach(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*Route){
		"reply each needs records, and decode json gives one value": func(r *Route) { r.Fetches[0].Decoder, r.Fetches[0].Format = decoderFunc(nil), "json" },
		"fail_when judges a whole answer":                           func(r *Route) { r.Fetches[0].FailWhen = "." },
		"and the route has 2":                                       func(r *Route) { r.Fetches = append(r.Fetches, gets("other", "/x")) },
		"on_error is abort or record":                               func(r *Route) { r.Each.OnError = "stop" },
		"on_error record writes a last line of NDJSON":              func(r *Route) { r.Each.OnError, r.Output = OnErrorRecord, nil },
		"on_drift header needs the whole answer":                    func(r *Route) { r.Columns, r.OnDrift = []Column{{Name: "a", Type: "any"}}, DriftHeader },
		"nothing binds the variable $rows":                          func(r *Route) { r.Reply = "$rows" },
	} {
		r := streams("/rows", "")
		change(&r)
		_, err := Compile(&Config{
			Prefixes: []string{"/s"}, Metadata: Metadata{Version: "1", Repository: "https://x", Description: "d"},
			Backends: []Backend{{Name: "main", Addresses: []string{"http://x"}}}, Routes: []Route{r},
		}, Deps{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}
