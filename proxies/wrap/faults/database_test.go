package faults_test

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/proxies/database"
	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/document"
	"github.com/fairway-gateway/fairway/proxies/upstream"
	"github.com/fairway-gateway/fairway/proxies/wrap"
)

// tables are databases that hang, fail or panic where the query says so. They know how many queries run, and how many results
// are not released.
type tables struct{ asked, now, open atomic.Int32 }

func (*tables) Names() []string                 { return []string{"main"} }
func (d *tables) Database(string) wrap.Database { return d }
func (*tables) Breaker() string                 { return "closed" }
func (*tables) Dialect() database.Dialect       { return database.SQLite }
func (d *tables) Run(ctx context.Context, q *database.Query) (*database.Result, error) {
	d.asked.Add(1)
	d.now.Add(1)
	defer d.now.Add(-1)
	switch {
	case strings.Contains(q.Text, "hangs"):
		<-ctx.Done()
		kind := upstream.Cancelled
		if context.Cause(ctx) == context.DeadlineExceeded { //nolint:errorlint // it is never wrapped
			kind = upstream.Timeout
		}
		return nil, &upstream.Failure{Kind: kind, Err: ctx.Err()}
	case strings.Contains(q.Text, "panics"):
		panic("a secret of a row")
	case strings.Contains(q.Text, "fails"):
		return nil, &upstream.Failure{Kind: upstream.Unreachable}
	}
	for _, s := range q.Sinks {
		if err := new(document.JSON).Decode(ctx, &decode.Input{Body: []byte(`[{"n":1}]`)}, s); err != nil {
			return nil, err
		}
	}
	d.open.Add(1)
	return database.NewResult(1, func() { d.open.Add(-1) }), nil
}

// queries is a sql.
func queries(name, table string) wrap.Fetch {
	return wrap.Fetch{Name: name, SQL: &wrap.SQL{Database: "main", Query: "select n from " + table}}
}

// TestDatabaseFails holds queries to what fetches are held to: they end with their caller and with what fails beside them, cost
// their time, and a panic is one answer.
func TestDatabaseFails(t *testing.T) {
	t.Parallel()
	brief := func(f wrap.Fetch) wrap.Fetch {
		f.Timeout, f.Optional = wrap.Duration(50*time.Millisecond), true
		return f
	}
	hangs := gets("h", "main", "/hangs")
	well := gets("w", "main", "/well")
	for _, c := range []struct {
		name    string
		fetches []wrap.Fetch
		status  int
		code    string // of the problem or the part
		queries int32
		leaves  bool
	}{
		{name: "the caller leaves", fetches: []wrap.Fetch{queries("q", "hangs"), queries("a", "a"), hangs}, queries: 2, leaves: true},
		{name: "the caller leaves items", fetches: []wrap.Fetch{fanned("l", "[range(20)]", 4, queries("q", "hangs where n = {item}")), hangs}, queries: 4, leaves: true},
		{name: "the caller leaves what others need", fetches: []wrap.Fetch{queries("q", "hangs"), gets("b", "main", "/b?n={q.0.n}"), hangs}, queries: 1, leaves: true},
		{name: "a failure ends a fetch", fetches: []wrap.Fetch{queries("q", "fails"), hangs}, status: 502, code: "backend_unreachable", queries: 1},
		{name: "a failure of a fetch ends it", fetches: []wrap.Fetch{queries("q", "hangs"), queries("a", "a"), gets("b", "main", "/broken")}, status: 502, code: "backend_status", queries: 2},
		{name: "a failure of an item ends the others", fetches: []wrap.Fetch{fanned("l", "[range(4)]", 4, queries("a", "a where n = {item}"), queries("q", "fails where n = {item}"))}, status: 502, code: "backend_unreachable"},
		{name: "late", fetches: []wrap.Fetch{brief(queries("q", "hangs")), well}, status: 200, code: "backend_timeout", queries: 1},
		{name: "a panic", fetches: []wrap.Fetch{queries("q", "panics"), queries("a", "a"), well}, status: 500, code: "internal", queries: 2},
		{name: "a panic of an item", fetches: []wrap.Fetch{fanned("l", "[1,1,1]", 2, queries("q", "panics where n = {item}"))}, status: 500, code: "internal", queries: 1},
		{name: "a panic alone", fetches: []wrap.Fetch{queries("q", "panics")}, status: 500, code: "internal", queries: 1},
		{name: "a panic, optional", fetches: []wrap.Fetch{brief(queries("q", "panics")), well}, status: 500, code: "internal", queries: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := new(tables)
			main, url := served(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/broken" {
					eventually(t, "the query runs", func() bool { return d.now.Load() == 1 && d.asked.Load() == c.queries })
					w.WriteHeader(http.StatusInternalServerError)
					return
				}
				endless(w, r)
			})
			var backends []wrap.Backend
			for _, f := range c.fetches {
				if f.Backend != "" {
					backends = []wrap.Backend{backend("main", url)}
				}
			}
			r := riggedWith(t, d, backends, wrap.Route{Pattern: "/x", Fetches: c.fetches}, wrap.Route{Pattern: "/fine", Fetches: []wrap.Fetch{queries("q", "a")}})
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			told := make(chan answer)
			go func() { told <- r.ask(ctx, t, "/x") }()
			if c.leaves {
				eventually(t, "all is under way", func() bool { return d.asked.Load() == c.queries && main.now.Load() == 1 && d.now.Load() > 0 })
				leave()
			}
			a := <-told
			said := a.Type
			if len(a.partial) > 0 {
				said = a.partial[0].Type
			}
			if !c.leaves && (a.status != c.status || said != c.code) || c.leaves && a.text != "" {
				t.Errorf("%d %s, want %d %s", a.status, a.text, c.status, c.code)
			}
			if strings.Contains(a.text, "secret") {
				t.Errorf("it tells of the panic: %s", a.text)
			}
			eventually(t, "all ends", func() bool { return main.now.Load() == 0 && d.now.Load() == 0 })
			if n := d.asked.Load(); n != c.queries && c.queries > 0 {
				t.Errorf("%d queries, want %d", n, c.queries)
			}
			if n := d.open.Load(); n != 0 {
				t.Errorf("%d results are not released", n)
			}
			if a := r.ask(t.Context(), t, "/fine"); a.status != http.StatusOK {
				t.Errorf("afterwards: %d %s", a.status, a.text)
			}
		})
	}
}
