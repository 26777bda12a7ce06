package wrap

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/fairway-gateway/fairway/proxies/database"
	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/document"
	"github.com/fairway-gateway/fairway/proxies/upstream"
)

// tables are databases that give what they were asked as rows, or fail.
type tables struct {
	mu    sync.Mutex
	asked []database.Query
	open  int // results that are not released
	fail  error
}

func (*tables) Names() []string            { return []string{"main", "other"} }
func (d *tables) Database(string) Database { return d }
func (*tables) Breaker() string            { return "closed" }
func (*tables) Dialect() database.Dialect  { return database.Postgres }
func (d *tables) add(q *database.Query) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked = append(d.asked, *q)
}
func (d *tables) opened(n int) int { d.mu.Lock(); defer d.mu.Unlock(); d.open += n; return d.open }

// Run gives the row {"text": ..., "args": [...]}.
func (d *tables) Run(ctx context.Context, q *database.Query) (*database.Result, error) {
	d.add(q)
	if _, ok := ctx.Deadline(); !ok {
		return nil, errors.New("a query has no end")
	}
	if d.fail != nil {
		return nil, d.fail
	}
	if strings.Contains(q.Text, "hang") {
		<-ctx.Done()
		return nil, &upstream.Failure{Kind: upstream.Timeout, Err: ctx.Err()}
	}
	body, err := json.Marshal([]any{map[string]any{"text": q.Text, "args": q.Args, "exact": json.Number("1.10")}})
	if err != nil {
		return nil, err
	}
	for _, s := range q.Sinks {
		if err := new(document.JSON).Decode(ctx, &decode.Input{Body: body}, s); err != nil {
			return nil, err
		}
	}
	d.opened(1)
	return database.NewResult(1, func() { d.opened(-1) }), nil
}

// asks is a step that asks the database main.
func asks(name, text string) Fetch {
	return Fetch{Name: name, SQL: &SQL{Database: "main", Query: text}}
}

// stored is a service of routes over d.
func stored(d *tables, routes ...Route) (*Service, error) {
	s, err := Compile(&Config{
		Prefixes: []string{"/s"},
		Metadata: Metadata{Version: "1.0.0", Repository: "https://example.org/s", Description: "Tested"},
		Routes:   routes,
	}, Deps{Databases: d, Secret: func(string) (string, error) { return "the secret", nil }})
	return s, err
}

// askStored sends a request to a service of one route.
func askStored(t *testing.T, d *tables, rt Route, target string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	if rt.Method == "" {
		rt.Method = http.MethodGet
	}
	s, err := stored(d, rt)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	w := asked(s, rt.Method, target, header...)
	if n := d.opened(0); n != 0 {
		t.Errorf("%d results are not released", n)
	}
	return w
}

func TestQueryBindsValues(t *testing.T) {
	t.Parallel()
	params := []Param{
		{Name: "id", Type: "integer"},
		{Name: "n", Type: "number"},
		{Name: "b", Type: "bool"},
		{Name: "d", Type: "date"},
		{Name: "i", Type: "integer", Default: new("7")},
		{Name: "none", Type: "integer"},
		{Name: "X-Of", In: "header", Type: "integer"},
	}
	for name, c := range map[string]struct {
		text, target string
		want         []any
		fails        string
	}{
		"none":             {text: "select 1", want: []any{}},
		"a path parameter": {text: "select {id}, {job}", want: []any{json.Number("12"), "a'b/c"}},
		"typed":            {text: "select {query.n}, {query.b}, {query.d}, {query.i}", target: "?n=1.50&b=true&d=2024-02-29&i=123456789012345678901", want: []any{json.Number("1.50"), true, "2024-02-29", json.Number("123456789012345678901")}},
		"defaults":         {text: "select {query.i}, {query.none}, {query.other}", want: []any{json.Number("7"), nil, nil}},
		"undeclared":       {text: "select {query.x}", target: "?x=%27%3B%20drop%20table%0at", want: []any{"'; drop table\nt"}},
		"empty":            {text: "select {query.x}", target: "?x=", want: []any{""}},
		"headers":          {text: "select {header.X-Of}, {header.X-Other}, {header.X-None}", want: []any{json.Number("5"), "o", nil}},
		"the caller":       {text: "select {caller.user}", want: []any{"ida"}},
		"a secret":         {text: "select {env.X}", want: []any{"the secret"}},
		"NUL":              {text: "select {query.x}", target: "?x=%00", fails: "bad_parameter"},
		"no UTF-8":         {text: "select {query.x}", target: "?x=%ff", fails: "bad_parameter"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := new(tables)
			rt := Route{Pattern: "/x/{id}/{job...}", Params: params, Fetches: []Fetch{asks("rows", c.text)}}
			w := askStored(t, d, rt, "/s/x/12/a%27b/c"+c.target, "X-Of", "5", "X-Other", "o", "Authorization", "Basic aWRhOng=")
			if c.fails != "" {
				if len(d.asked) != 0 || !strings.Contains(w.Body.String(), c.fails) {
					t.Errorf("%d %s", w.Code, w.Body)
				}
				return
			}
			if len(d.asked) != 1 {
				t.Fatalf("it was asked %d times: %d %s", len(d.asked), w.Code, w.Body)
			}
			if diff := cmp.Diff(c.want, d.asked[0].Args); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestQueryGraph has queries wait for each other, and for the items of a list.
func TestQueryGraph(t *testing.T) {
	t.Parallel()
	d := new(tables)
	w := askStored(t, d, Route{Pattern: "/x", Reply: `{ a: $a[0].args, b: $b[0].args }`, Fetches: []Fetch{
		asks("b", "select {a.0.exact}, {a.0.nothing}, {a.0.text}"), asks("a", "select {query.x}"),
	}}, "/s/x?x=1")
	if got, want := strings.TrimSpace(w.Body.String()), `{"a":["1"],"b":[1.10,null,"select $1"]}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	w = askStored(t, new(tables), Route{Pattern: "/x", Reply: `$b`, Fetches: []Fetch{asks("b", "select {a.0}"), asks("a", "select 1")}}, "/s/x")
	if w.Code != http.StatusBadGateway || !strings.Contains(w.Body.String(), "bad_value") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	d = new(tables)
	each := Fetch{Name: "all", Each: &FanOut{List: `[1, 2.5, "x", null, 1, true, {"a": "in"}, 1] | map({v: (.a? // .)})`, Fetches: []Fetch{asks("rows", "select {item.v}")}}}
	w = askStored(t, d, Route{Pattern: "/x", Reply: `[$all[].value.rows[0].args[0]]`, Fetches: []Fetch{each}}, "/s/x")
	if got, want := strings.TrimSpace(w.Body.String()), `[1,2.5,"x",null,1,true,"in",1]`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if len(d.asked) != 6 {
		t.Errorf("equal queries were asked: %d", len(d.asked))
	}
}

func TestQueryAnswers(t *testing.T) {
	t.Parallel()
	const rows = `[{"args":[],"exact":1.10,"text":"select 1"}]`
	for name, c := range map[string]struct {
		route Route
		want  string
	}{
		"as text":  {Route{Fetches: []Fetch{asks("rows", "select 1")}}, `{"rows":` + rows + `}`},
		"by jq":    {Route{Fetches: []Fetch{asks("rows", "select 1")}, Reply: `$rows[0].exact`}, `1.10`},
		"both":     {Route{Fetches: []Fetch{asks("rows", "select 1"), asks("more", "select {rows.0.exact}")}}, `{"rows":` + rows + `,"more":[{"args":[1.10],"exact":1.10,"text":"select $1"}]}`},
		"promised": {Route{Fetches: []Fetch{asks("rows", "select 1")}, Reply: "$rows", Columns: []Column{{Name: "exact", Type: "string"}}}, `schema_drift`},
		"judged":   {Route{Fetches: []Fetch{asks("rows", "select 1")}, FailWhen: `$rows[0].exact > 1`}, `backend_failed`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.route.Pattern = "/x"
			w := askStored(t, new(tables), c.route, "/s/x")
			if got := strings.TrimSpace(w.Body.String()); got != c.want && (strings.Contains(c.want, "{") || !strings.Contains(got, c.want)) {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestQueryExec(t *testing.T) {
	t.Parallel()
	f := asks("done", "insert into t values ({query.x})")
	f.SQL.Exec = true
	d := new(tables)
	w := askStored(t, d, Route{Method: http.MethodPost, Pattern: "/x", Reply: `{ ok: true }`, Fetches: []Fetch{f}}, "/s/x?x=1")
	if w.Code != http.StatusOK || len(d.asked) != 1 || !d.asked[0].Exec {
		t.Errorf("%d %s %v", w.Code, w.Body, d.asked)
	}
	each := Fetch{Name: "all", Each: &FanOut{List: `[1, 1]`, Fetches: []Fetch{f}}}
	d = new(tables)
	askStored(t, d, Route{Method: http.MethodPost, Pattern: "/x", Fetches: []Fetch{each}}, "/s/x?x=1")
	if len(d.asked) != 2 {
		t.Errorf("what changes data was done %d times for two items", len(d.asked))
	}
}

// TestQueryFailures holds what callers are told, and that it is nothing of the database's own words.
func TestQueryFailures(t *testing.T) {
	t.Parallel()
	secret := errors.New("near s3cret: select * from salaries")
	for name, c := range map[string]struct {
		fail   error
		text   string
		status int
		code   string
	}{
		"unreachable": {fail: &upstream.Failure{Kind: upstream.Unreachable, Err: secret}, status: 502, code: "backend_unreachable"},
		"late":        {fail: &upstream.Failure{Kind: upstream.Timeout, Err: secret}, status: 504, code: "backend_timeout"},
		"hangs":       {text: "select hang", status: 504, code: "backend_timeout"},
		"too large":   {fail: &upstream.Failure{Kind: upstream.TooLarge, Err: secret}, status: 502, code: "backend_too_large"},
		"no JSON":     {fail: &upstream.Failure{Kind: upstream.Undecodable, Err: secret}, status: 502, code: "undecodable"},
		"refused":     {fail: &upstream.Failure{Kind: upstream.Judged, Err: secret}, status: 502, code: "backend_failed"},
		"conflict":    {fail: &upstream.Failure{Kind: upstream.Judged, Verdict: 409, Err: secret}, status: 409, code: "backend_failed"},
		"open":        {fail: &upstream.Failure{Kind: upstream.BreakerOpen, Err: secret}, status: 503, code: "breaker_open"},
		"memory":      {fail: &upstream.Failure{Kind: upstream.MemorySpent, Err: secret}, status: 503, code: "memory_spent"},
		"a defect":    {fail: &upstream.Failure{Kind: upstream.Defect, Err: secret}, status: 500, code: "internal"},
		"unknown":     {fail: secret, status: 500, code: "internal"},
		"the caller's value": {
			fail: &upstream.Failure{Kind: upstream.Unusable, Err: &database.ValueError{Err: secret}}, text: "select {query.x}", status: 400, code: "bad_parameter",
		},
		"a value": {fail: &upstream.Failure{Kind: upstream.Unusable, Err: &database.ValueError{Err: secret}}, text: "select {env.X}", status: 502, code: "bad_value"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := asks("rows", c.text)
			if c.text == "" {
				f.SQL.Query = "select 1"
			}
			f.Timeout = Duration(20 * time.Millisecond)
			w := askStored(t, &tables{fail: c.fail}, Route{Pattern: "/x", Fetches: []Fetch{f}}, "/s/x?x=1")
			var doc struct{ Type, Fetch, Backend, Detail string }
			if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil {
				t.Fatal(err)
			}
			if w.Code != c.status || doc.Type != "urn:fairway:problem:"+c.code {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			if c.status != 500 && (doc.Fetch != "rows" || doc.Backend != "main" || doc.Detail == "") {
				t.Errorf("%s", w.Body)
			}
			for _, word := range []string{"s3cret", "salaries", "select"} {
				if strings.Contains(w.Body.String(), word) {
					t.Errorf("callers are told %q: %s", word, w.Body)
				}
			}
			if (w.Code == 503) != (w.Header().Get("Retry-After") != "") {
				t.Errorf("Retry-After is %q", w.Header().Get("Retry-After"))
			}
		})
	}
	down := &tables{fail: &upstream.Failure{Kind: upstream.Unreachable, Err: secret}}
	f := asks("rows", "select 1")
	f.Fallback = `[.status]`
	w := askStored(t, down, Route{Pattern: "/x", Fetches: []Fetch{f}}, "/s/x")
	if w.Code != http.StatusOK || w.Header().Get("Fairway-Partial") != "rows" || !strings.HasPrefix(w.Body.String(), `{"rows":[502],"partial":[`) {
		t.Errorf("%d %s %s", w.Code, w.Header(), w.Body)
	}
}

func TestQueryIsCompiled(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(f *Fetch, rt *Route)
		says   string
		path   string
		offset int
	}{
		"no name":           {func(f *Fetch, _ *Route) { f.Name = "" }, "sql needs a name", "routes/0/fetches/0", -1},
		"no database":       {func(f *Fetch, _ *Route) { f.SQL.Database = "" }, "needs the name of a database", "routes/0/fetches/0/sql/database", -1},
		"another database":  {func(f *Fetch, _ *Route) { f.SQL.Database = "mian" }, `there is no database mian; did you mean "main"?`, "routes/0/fetches/0/sql/database", -1},
		"a target":          {func(f *Fetch, _ *Route) { f.Target = "/x" }, "does not belong to it", "routes/0/fetches/0", -1},
		"quotes":            {func(f *Fetch, _ *Route) { f.SQL.Query = "select\n'{id}'" }, "inside quotes", "routes/0/fetches/0/sql/query", 8},
		"unbound":           {func(f *Fetch, _ *Route) { f.SQL.Query = "select {ib}" }, `nothing binds {ib}; did you mean "id"?`, "routes/0/fetches/0/sql/query", -1},
		"a cycle":           {func(f *Fetch, _ *Route) { f.SQL.Query = "select {rows.0}" }, "waits for its own value", "routes/0/fetches/0", -1},
		"credentials":       {func(f *Fetch, _ *Route) { f.SQL.Query = "select {header.Authorization}" }, "credentials", "routes/0/fetches/0/sql/query", -1},
		"a write":           {func(f *Fetch, _ *Route) { f.SQL.Query = "delete from t" }, "which only exec may", "routes/0/fetches/0/sql/query", -1},
		"a transaction":     {func(f *Fetch, _ *Route) { f.SQL.Query = "commit" }, "begins with", "routes/0/fetches/0/sql/query", -1},
		"misspelt":          {func(f *Fetch, _ *Route) { f.SQL.Query = "slect 1" }, `did you mean "select"?`, "routes/0/fetches/0/sql/query", -1},
		"exec in a GET":     {func(f *Fetch, _ *Route) { f.SQL.Exec = true }, "a GET must not", "routes/0/fetches/0/sql/exec", -1},
		"exec of a pragma":  {func(f *Fetch, rt *Route) { f.SQL.Exec, f.SQL.Query, rt.Method = true, "pragma x = 1", "POST" }, "begins with", "routes/0/fetches/0/sql/query", -1},
		"rows below 0":      {func(f *Fetch, _ *Route) { f.SQL.LimitRows = -1 }, "limit_rows", "routes/0/fetches/0/sql/limit_rows", -1},
		"a limit below 0":   {func(f *Fetch, _ *Route) { f.SQL.Limit = -1 }, "limit", "routes/0/fetches/0/sql/limit", -1},
		"a timeout below 0": {func(f *Fetch, _ *Route) { f.Timeout = -1 }, "timeout", "routes/0/fetches/0/timeout", -1},
		"unused":            {func(_ *Fetch, rt *Route) { rt.Reply = "1" }, "nothing uses the sql rows", "routes/0/fetches/0", -1},
		"reply each":        {func(_ *Fetch, rt *Route) { rt.Each = new(Each) }, "an each or sql", "routes/0/each", -1},
		"a query and each":  {func(f *Fetch, _ *Route) { f.Each = &FanOut{List: "[]"} }, "fetches nothing itself", "routes/0/fetches/0", -1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rt := Route{Method: http.MethodGet, Pattern: "/x/{id}", Fetches: []Fetch{asks("rows", "select 1")}}
			c.change(&rt.Fetches[0], &rt)
			_, err := stored(new(tables), rt)
			e, ok := errors.AsType[*ConfigError](err)
			if !ok {
				t.Fatalf("the error is %v", err)
			}
			if !strings.Contains(e.Msg, c.says) || e.Path != c.path || e.Offset != c.offset {
				t.Errorf("%q at %s, %d", e.Msg, e.Path, e.Offset)
			}
			if !strings.Contains(fmt.Sprint(e), "sql") && c.path != "routes/0/each" && name != "no name" {
				t.Errorf("it does not say where: %v", e)
			}
		})
	}
}

// TestQuerySpan holds what the span of a query says.
func TestQuerySpan(t *testing.T) {
	t.Parallel()
	s, err := stored(new(tables), Route{Method: http.MethodGet, Pattern: "/x/{id}", Fetches: []Fetch{asks("rows", "select {id}")}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	spans := tracetest.NewInMemoryExporter()
	ctx, root := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans)).Tracer("test").Start(t.Context(), "request")
	s.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodGet, "/s/x/secret", http.NoBody))
	root.End()
	got := map[string]string{}
	for _, span := range spans.GetSpans() {
		for _, a := range span.Attributes {
			if span.Name == "fairway.query" {
				got[string(a.Key)] = a.Value.AsString()
			}
		}
	}
	want := map[string]string{"fairway.service": "s", "fairway.route": "GET /x/{id}", "fairway.fetch": "rows", "fairway.database": "main", "fairway.outcome": "ok"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
