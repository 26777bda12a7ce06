package wrap

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/proxies/decode/document"
)

// farm is a backend of nodes, of which some are ill. It counts what it is asked.
type farm struct {
	mu      sync.Mutex
	asked   map[string]int
	now     atomic.Int32
	most    atomic.Int32
	release chan struct{} // not nil: /slow waits for it
}

func (f *farm) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/slow/") { // others may not be over yet when their answer is
		n := f.now.Add(1)
		defer f.now.Add(-1)
		for most := f.most.Load(); n > most && !f.most.CompareAndSwap(most, n); most = f.most.Load() {
		}
	}
	f.mu.Lock()
	f.asked[r.URL.RequestURI()]++
	f.mu.Unlock()
	switch {
	case r.URL.Path == "/nodes":
		_, _ = io.WriteString(w, `{"list":[{"id":"b","n":2},{"id":"a","n":1.50},{"id":"ill","n":3},{"id":"b","n":2}],"zone":"z1","none":[],"text":"x"}`)
	case strings.HasSuffix(r.URL.Path, "/ill"):
		w.Header().Set("Retry-After", "3")
		http.Error(w, "ill", http.StatusServiceUnavailable)
	case strings.HasPrefix(r.URL.Path, "/slow/"):
		select {
		case <-f.release:
		case <-r.Context().Done():
		}
		_, _ = io.WriteString(w, "1")
	default:
		w.WriteHeader(http.StatusCreated)
		_, _ = fmt.Fprintf(w, `{"z":"%s","a":1.10}`, r.URL.RequestURI())
	}
}

func newFarm() *farm { return &farm{asked: map[string]int{}} }

// each is a route over the farm's nodes with one fetch for each.
func each(list string, e FanOut, more ...Fetch) Route {
	e.List = list
	fetches := append([]Fetch{gets("all", "/nodes")}, more...)
	return Route{Method: "GET", Pattern: "/x", Fetches: append(fetches, Fetch{Name: "nodes", Each: &e})}
}

func TestFanOut(t *testing.T) {
	t.Parallel()
	tolerant := func(r Route) Route { r.Fetches[len(r.Fetches)-1].Optional = true; return r }
	optional := func(f Fetch) Fetch { f.Optional = true; return f }
	replied := func(r Route, jq string) Route { r.Reply = jq; return r }
	node := gets("", "/node/{item.id}?zone={all.zone}")
	for _, c := range []struct {
		name    string
		route   Route
		status  int
		want    string // JSON, or a part of the problem
		partial string
	}{
		{
			name: "in order, with status and text as it was", status: 200,
			route: replied(each(`$all.list[:2]`, FanOut{Fetches: []Fetch{node}}), ""),
			want:  `{"all":{"list":[{"id":"b","n":2},{"id":"a","n":1.50},{"id":"ill","n":3},{"id":"b","n":2}],"zone":"z1","none":[],"text":"x"},"nodes":[{"item":{"id":"b","n":2},"status":201,"value":{"z":"/node/b?zone=z1","a":1.10}},{"item":{"id":"a","n":1.50},"status":201,"value":{"z":"/node/a?zone=z1","a":1.10}}]}`,
		},
		{
			name: "for jq", status: 200,
			route: replied(each(`$all.list[:2]`, FanOut{Concurrency: 1, Fetches: []Fetch{node}}), `[$nodes[] | [.item.n, .status, .value.z]]`),
			want:  `[[2,201,"/node/b?zone=z1"],[1.50,201,"/node/a?zone=z1"]]`,
		},
		{
			name: "items that are texts, two fetches for each, one of the other", status: 200,
			route: replied(each(`$all.list[:2] | map(.id)`, FanOut{Fetches: []Fetch{gets("first", "/node/{item}"), gets("second", "/again?of={first.z}")}}), `[$nodes[].value.second.z]`),
			want:  `["/again?of=%2Fnode%2Fb","/again?of=%2Fnode%2Fa"]`,
		},
		{
			name: "jq of a body and a fail_when see item and outer fetch", status: 200,
			route: replied(each(`[1,2]`, FanOut{Fetches: []Fetch{{Method: "POST", Target: "/echo", Backend: "main", Decoder: new(document.JSON), Body: &Body{Kind: "json", JQ: `[$item, $all.zone]`}, FailWhen: `$item == 3 and $all == null`}}}), `[$nodes[].item]`),
			want:  `[1,2]`,
		},
		{
			name: "an ill item fails the whole", status: 502, want: `"fetch":"nodes[2]"`,
			route: each(`$all.list`, FanOut{Fetches: []Fetch{node}}),
		},
		{
			name: "items may fail", status: 200, partial: "nodes",
			route: replied(tolerant(each(`$all.list`, FanOut{Fetches: []Fetch{node}})), `{ nodes: [$nodes[] | [.status, .value.z, .problem.fetch]] }`),
			want:  `{"nodes":[[201,"/node/b?zone=z1",null],[201,"/node/a?zone=z1",null],[502,null,"nodes[2]"],[201,"/node/b?zone=z1",null]]}`,
		},
		{
			name: "items may fail, as text", status: 200, partial: "nodes",
			route: tolerant(each(`["ill", $all.none[0]]`, FanOut{Fetches: []Fetch{gets("", "/node/{item}")}})),
			want: `{"all":{"list":[{"id":"b","n":2},{"id":"a","n":1.50},{"id":"ill","n":3},{"id":"b","n":2}],"zone":"z1","none":[],"text":"x"},` +
				`"nodes":[{"item":"ill","status":502,"value":null,"problem":{"backend":"main","backend_status":503,"detail":"The backend main answered 503 Service Unavailable.","fetch":"nodes[0]","status":502,"title":"Bad Gateway","type":"urn:fairway:problem:backend_status"}},` +
				`{"item":null,"status":502,"value":null,"problem":{"detail":"The value {item}, of the list of each, is missing or empty.","fetch":"nodes[1]","status":502,"title":"Bad Gateway","type":"urn:fairway:problem:bad_value"}}]}`,
		},
		{
			name: "a part of an item may fail", status: 200, partial: "nodes",
			route: replied(each(`["ill"]`, FanOut{Fetches: []Fetch{gets("well", "/node/x"), optional(gets("ill", "/node/{item}"))}}), `{ z: $all.zone, v: $nodes[0].value, s: $nodes[0].status, f: $nodes[0].problem.fetch, p: [$partial[].fetch] }`),
			want:  `{"f":"ill","p":["nodes[0].ill"],"s":502,"v":{"ill":null,"well":{"a":1.10,"z":"/node/x"}},"z":"z1"}`,
		},
		{name: "no items", status: 200, want: `[]`, route: replied(each(`$all.none`, FanOut{Fetches: []Fetch{node}}), `$nodes`)},
		{name: "no list", status: 502, want: "gave no array", route: each(`$all.nope`, FanOut{Fetches: []Fetch{node}})},
		{name: "too many", status: 502, want: "has 4 items, and its limit is 3", route: each(`$all.list`, FanOut{Limit: 3, Fetches: []Fetch{node}})},
		{name: "a program that fails", status: 502, want: "reply_failed", route: each(`error("x")`, FanOut{Fetches: []Fetch{node}})},
		{
			name: "a bad item", status: 502, want: "The value {item}, of the list of each, is only dots.",
			route: each(`[".."]`, FanOut{Fetches: []Fetch{gets("", "/node/{item}")}}),
		},
		{
			name: "an optional whole", status: 200, partial: "nodes", want: `{"n":null}`,
			route: replied(tolerant(each(`$all.nope`, FanOut{Fetches: []Fetch{node}})), `{ n: $nodes }`),
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFarm()
			w := asked(served(t, f.ServeHTTP, nil, func(string) []Route { return []Route{c.route} }), "GET", "/s/x")
			if w.Code != c.status || w.Header().Get("Fairway-Partial") != c.partial {
				t.Fatalf("%d, partial %q, want %d %q\n%s", w.Code, w.Header().Get("Fairway-Partial"), c.status, c.partial, w.Body)
			}
			if c.status >= 400 {
				if !strings.Contains(w.Body.String(), c.want) {
					t.Errorf("%s, want %s", w.Body, c.want)
				}
				return
			}
			got := strings.TrimSpace(w.Body.String())
			if c.partial != "" && got[0] == '{' {
				var object map[string]json.RawMessage
				if err := json.Unmarshal([]byte(got), &object); err != nil {
					t.Fatal(err)
				}
				delete(object, "partial")
				rest, err := json.Marshal(object)
				if err != nil {
					t.Fatal(err)
				}
				got = string(rest)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			for what, n := range f.asked {
				if strings.HasPrefix(what, "/node/") && n != 1 {
					t.Errorf("%s is asked %d times", what, n)
				}
			}
		})
	}
}

// TestFanOutIsBounded: as many as concurrency says are under way, and no more.
func TestFanOutIsBounded(t *testing.T) {
	t.Parallel()
	f := newFarm()
	f.release = make(chan struct{})
	route := each(`[range(20)]`, FanOut{Concurrency: 3, Fetches: []Fetch{gets("", "/slow/{item}")}})
	route.Reply = `[$nodes[].item] == [range(20)] and $all.zone == "z1"`
	h := served(t, f.ServeHTTP, nil, func(string) []Route { return []Route{route} })
	done := make(chan *http.Response)
	go func() { done <- asked(h, "GET", "/s/x").Result() }()
	eventually(t, "three are under way", func() bool { return f.now.Load() == 3 })
	close(f.release)
	select {
	case w := <-done:
		body, _ := io.ReadAll(w.Body)
		if string(body) != "true\n" || f.most.Load() != 3 {
			t.Errorf("%s, at most %d at once", body, f.most.Load())
		}
	case <-time.After(2 * time.Minute):
		t.Fatal("it does not end")
	}
}

func TestFanOutIsRefused(t *testing.T) {
	t.Parallel()
	node := gets("", "/node/{item}")
	for want, route := range map[string]Route{
		"each fetches nothing; it needs":                    each(`[]`, FanOut{}),
		"concurrency is 1 to 256":                           each(`[]`, FanOut{Concurrency: 257, Fetches: []Fetch{node}}),
		"limit is 1 to 100000":                              each(`[]`, FanOut{Limit: 100_001, Fetches: []Fetch{node}}),
		"nothing binds the variable $item":                  each(`$item`, FanOut{Fetches: []Fetch{node}}),
		"nothing binds {item}":                              {Fetches: []Fetch{node}},
		"all is the name of a fetch around each":            each(`[]`, FanOut{Fetches: []Fetch{gets("all", "/x")}}),
		"two fetches of the name a":                         each(`[]`, FanOut{Fetches: []Fetch{gets("a", "/x"), gets("a", "/y")}}),
		"it waits for its own value: more -> nodes -> more": each(`[]`, FanOut{Fetches: []Fetch{gets("", "/{more.x}")}}, gets("more", "/{nodes.0.value}")),
		"it waits for its own value: a -> b -> a":           each(`[]`, FanOut{Fetches: []Fetch{gets("a", "/{b}"), gets("b", "/{a}")}}),
		"choose another name for the other item":            each(`[]`, FanOut{Fetches: []Fetch{node}}, gets("item", "/x")),
		"an each inside another is not available":           each(`[]`, FanOut{Fetches: []Fetch{{Name: "inner", Each: &FanOut{List: `[]`, Fetches: []Fetch{gets("", "/x")}}}}}),
		"each fetches nothing itself":                       {Fetches: []Fetch{{Name: "n", Target: "/x", Each: &FanOut{List: `[]`, Fetches: []Fetch{node}}}}},
		"each needs a name":                                 {Fetches: []Fetch{{Each: &FanOut{List: `[]`, Fetches: []Fetch{node}}}}},
		"reply each takes the records of one fetch":         {Fetches: []Fetch{{Name: "n", Each: &FanOut{List: `[]`, Fetches: []Fetch{node}}}}, Each: new(Each)},
	} {
		route.Method, route.Pattern = "GET", "/x"
		_, err := Compile(&Config{
			Prefixes: []string{"/s"}, Metadata: Metadata{Version: "1", Repository: "https://example.org", Description: "d"},
			Backends: []Backend{{Name: "main", Addresses: []string{"http://127.0.0.1:1"}}}, Routes: []Route{route},
		}, Deps{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
