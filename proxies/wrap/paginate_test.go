package wrap

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/proxies/session"
	"github.com/fairway-gateway/fairway/proxies/upstream"
)

// book is a backend with pages in every manner.
type book struct {
	asked   atomic.Int32
	refused atomic.Int32 // how often 429 is still answered
	other   string       // an origin that is not listed
}

func (b *book) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.asked.Add(1)
	q := r.URL.Query()
	page, _ := strconv.Atoi(q.Get("p"))
	item := func(n int) string { return fmt.Sprintf(`{"z":%d,"n":%d.50}`, n, n) }
	switch r.URL.Path {
	case "/link":
		if page < 3 {
			w.Header().Add("Link", `<https://elsewhere.test/first>; rel="first"`)
			w.Header().Add("Link", fmt.Sprintf(`</link?p=%d&keep=%s>; title="a, \"b\" <c>"; rel="prev next"`, page+1, q.Get("keep")))
		}
		_, _ = fmt.Fprintf(w, " [%s, %s]\n", item(2*page), item(2*page+1))
	case "/relative/list":
		if page < 2 {
			w.Header().Add("Link", fmt.Sprintf(`<?p=%d>;rel=next`, page+1))
		}
		_, _ = fmt.Fprintf(w, "[%d]", page)
	case "/next":
		next := "null"
		if page < 2 {
			next = strconv.Quote(fmt.Sprintf("http://%s/next?p=%d", r.Host, page+1))
		}
		_, _ = fmt.Fprintf(w, `{"data":[%s],"next":%s}`, item(page), next)
	case "/cursor":
		next := map[string]string{"": `"a b&c"`, "a b&c": "17", "17": `""`}[q.Get("after")]
		_, _ = fmt.Fprintf(w, `{"data":[%q],"next":%s,"size":%q}`, q.Get("after"), next, q.Get("size"))
	case "/number":
		if page > 2 {
			_, _ = w.Write([]byte(`[]`))
			return
		}
		_, _ = fmt.Fprintf(w, "[%d]", page)
	case "/number/404":
		if page > 2 {
			http.NotFound(w, r)
			return
		}
		_, _ = fmt.Fprintf(w, "[%d]", page)
	case "/loop":
		w.Header().Set("Link", fmt.Sprintf(`</loop?p=%d>; rel=next`, 1-page))
		_, _ = w.Write([]byte(`[1]`))
	case "/stray":
		w.Header().Set("Link", fmt.Sprintf(`<%s/x>; rel=next`, b.other))
		_, _ = w.Write([]byte(`[1]`))
	case "/endless":
		w.Header().Set("Link", fmt.Sprintf(`</endless?p=%d>; rel=next`, page+1))
		_, _ = fmt.Fprintf(w, "[%d,%d]", 2*page, 2*page+1)
	case "/busy":
		if page == 1 && b.refused.Add(-1) >= 0 {
			w.Header().Set("Retry-After", "1")
			http.Error(w, "slowly", http.StatusTooManyRequests)
			return
		}
		if page == 0 {
			w.Header().Set("Link", `</busy?p=1>; rel=next`)
		}
		_, _ = fmt.Fprintf(w, "[%d]", page)
	case "/breaks":
		if page == 1 {
			http.Error(w, "broken", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Link", `</breaks?p=1>; rel=next`)
		_, _ = w.Write([]byte(`[1]`))
	case "/partial":
		if page == 0 {
			w.Header().Set("Link", `</partial?p=1>; rel=next`)
		} else {
			w.Header().Set("Fairway-Partial", "weather")
		}
		_, _ = w.Write([]byte(`[1]`))
	default:
		_, _ = w.Write([]byte(`{"no":"list","odd":{"a":1}}`))
	}
}

func TestPagination(t *testing.T) {
	t.Parallel()
	zero := 0
	paged := func(target string, p Pages) Route {
		f := gets("", target)
		f.Pages = &p
		return Route{Fetches: []Fetch{f}}
	}
	replied := func(r Route, jq string) Route { r.Reply = jq; return r }
	link := Pages{By: PagesLink}
	for _, c := range []struct {
		name    string
		route   Route
		status  int
		want    string
		partial string
		refused int32
	}{
		{
			name: "link, text as it was", status: 200, route: paged("/link?keep=k", link),
			want: `[{"z":0,"n":0.50},{"z":1,"n":1.50},{"z":2,"n":2.50},{"z":3,"n":3.50},{"z":4,"n":4.50},{"z":5,"n":5.50},{"z":6,"n":6.50},{"z":7,"n":7.50}]`,
		},
		{name: "link for jq", status: 200, route: replied(paged("/link", link), "map(.n)"), want: `[0.50,1.50,2.50,3.50,4.50,5.50,6.50,7.50]`},
		{name: "relative link", status: 200, route: paged("/relative/list", link), want: `[0,1,2]`},
		{name: "next", status: 200, route: paged("/next", Pages{By: PagesNext, JQ: ".next", Items: ".data"}), want: `[{"n":0.50,"z":0},{"n":1.50,"z":1},{"n":2.50,"z":2}]`},
		{name: "cursor", status: 200, route: paged("/cursor?size=5", Pages{By: PagesCursor, JQ: ".next", Param: "after", Items: `[.data[0] + .size]`}), want: `["5","a b&c5","175"]`},
		{name: "numbers until a page is empty", status: 200, route: paged("/number?p=9", Pages{By: PagesNumber, Param: "p"}), want: `[1,2]`},
		{name: "numbers from 0, until one is not found", status: 200, route: paged("/number/404", Pages{By: PagesNumber, Param: "p", First: &zero}), want: `[0,1,2]`},
		{name: "a loop", status: 502, route: paged("/loop", link), want: "pagination_loop"},
		{name: "away from the backend", status: 502, route: paged("/stray", link), want: "origin_not_allowed"},
		{name: "most pages", status: 200, route: paged("/endless", Pages{By: PagesLink, MaxPages: 2}), want: `[0,1,2,3]`, partial: "-"},
		{name: "most items", status: 200, route: paged("/endless", Pages{By: PagesLink, MaxItems: 3}), want: `[0,1,2]`, partial: "-"},
		{name: "as many items as there may be", status: 200, route: paged("/relative/list", Pages{By: PagesLink, MaxItems: 3}), want: `[0,1,2]`},
		{name: "most items end with a page", status: 200, route: paged("/endless", Pages{By: PagesLink, MaxItems: 4}), want: `[0,1,2,3]`, partial: "-"},
		{name: "too often, and waited", status: 200, route: paged("/busy", link), refused: 1, want: `[0,1]`},
		{name: "too often for the time there is", status: 503, route: func() Route {
			r := paged("/busy", link)
			r.Budget = Duration(800_000_000)
			return r
		}(), refused: 1, want: "backend_status"},
		{name: "a page that breaks", status: 502, route: paged("/breaks", link), want: "backend_status"},
		{name: "a page that is partial", status: 200, route: paged("/partial", link), want: `[1,1]`, partial: "weather"},
		{name: "no list", status: 502, route: paged("/no", link), want: "say where its list is"},
		{name: "items that fail", status: 502, route: paged("/no", Pages{By: PagesLink, Items: "error(1)"}), want: "The items of page 1 could not be found"},
		{name: "an odd cursor", status: 502, route: paged("/no", Pages{By: PagesCursor, JQ: ".odd", Param: "p", Items: "[]"}), want: "neither text nor a number"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := &book{}
			b.refused.Store(c.refused)
			stray := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the other server is asked") }))
			t.Cleanup(stray.Close)
			b.other = stray.URL
			c.route.Method, c.route.Pattern = "GET", "/x"
			h, p := watched(t, b.ServeHTTP, session.None{}, c.route)
			w := asked(h, "GET", "/s/x")
			if w.Code != c.status || w.Header().Get("Fairway-Partial") != c.partial {
				t.Fatalf("%d, partial %q, want %d %q\n%s", w.Code, w.Header().Get("Fairway-Partial"), c.status, c.partial, w.Body)
			}
			if got := strings.TrimSpace(w.Body.String()); c.status == http.StatusOK && got != c.want || !strings.Contains(got, c.want) {
				t.Errorf("%s, want %s", got, c.want)
			}
			if n := p.memory.InUse(); n != 0 {
				t.Errorf("%d bytes stay charged", n)
			}
		})
	}
}

func TestPaginationIsRefused(t *testing.T) {
	t.Parallel()
	one := 1
	for want, p := range map[string]Pages{
		`did you mean "link"`:                        {By: "lnk"},
		"next and cursor take a jq program":          {By: PagesNext},
		"the others none: paginate cursor":           {By: PagesLink, JQ: "."},
		"cursor and page take the name":              {By: PagesNumber},
		"the others none: paginate page":             {By: PagesLink, Param: "p"},
		"for paginate page alone":                    {By: PagesLink, First: &one},
		"a number below 0":                           {By: PagesLink, MaxPages: -1},
		"nothing binds the variable $x":              {By: PagesNext, JQ: "$x"},
		"nothing binds the variable $y":              {By: PagesLink, Items: "$y"},
		"reply each takes the records of one answer": {By: PagesLink, MaxPages: 77},
		"only a GET has pages":                       {By: PagesLink, MaxPages: 78},
	} {
		f := gets("", "/x")
		f.Pages = &p
		r := Route{Method: "GET", Pattern: "/x", Fetches: []Fetch{f}}
		switch p.MaxPages {
		case 77:
			r.Each = new(Each)
		case 78:
			r.Fetches[0].Method = "POST"
		}
		_, err := Compile(&Config{
			Prefixes: []string{"/s"}, Metadata: Metadata{Version: "1", Repository: "https://example.org", Description: "d"},
			Backends: []Backend{{Name: "main", Addresses: []string{"http://127.0.0.1:1"}}}, Routes: []Route{r},
		}, Deps{Backend: func(cfg upstream.Config) (*upstream.Backend, func(), error) {
			b, err := upstream.New(cfg, upstream.Options{})
			return b, b.Close, err
		}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", p, err, want)
		}
	}
}

func TestNextLink(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]string{
		``:                                  "",
		`<a>`:                               "",
		`<a>; rel=next`:                     "a",
		`<a>;REL="Next"`:                    "a",
		`<a>; rel="prev next"`:              "a",
		`<a>; rel="nextish", <b>; rel=next`: "b",
		`<a,b;c>; rel=next`:                 "a,b;c",
		`<a>; title="x, <y>; rel=next"; rel=prev, <b> ; a ; rel = "next"`: "b",
		`<a>; title="x\"; rel=next"; rel=last`:                            "",
		`<a>; rel=prev; rel=next`:                                         "",
		`a; rel=next`:                                                     "",
		`<a; rel=next`:                                                    "",
		`<>; rel=next`:                                                    "",
		`,, <a> ;;; rel=next ;;`:                                          "a",
		`<a>; rel="next`:                                                  "a",
	} {
		if got := nextLink([]string{"<zzz>; rel=up", header}); got != want {
			t.Errorf("%s: %q, want %q", header, got, want)
		}
	}
}

func FuzzNextLink(f *testing.F) {
	f.Add(`<a>; rel="next"; x, <b>;rel=next`)
	f.Add(`<a>;=;"\`)
	f.Fuzz(func(t *testing.T, header string) {
		if got := nextLink([]string{header}); got != "" && !strings.Contains(header, got) {
			t.Errorf("%q is not in %q", got, header)
		}
	})
}

func TestWithQuery(t *testing.T) {
	t.Parallel()
	got := []string{withQuery("/x", "p", "1"), withQuery("/x?p=1&q=2&%70=3", "p", "a b&"), withQuery("/x?%zz&p", "p", ""), withQuery("/x?a[]=1", "a[]", "2")}
	want := []string{"/x?p=1", "/x?q=2&p=a+b%26", "/x?%zz&p=", "/x?a%5B%5D=2"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
