package wrap

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/proxies/session"
)

// TestRefresh loads in the background: nobody waits, an old value stays while no new one comes.
func TestRefresh(t *testing.T) {
	t.Parallel()
	b := new(stock)
	b.status.Store(500)
	f := gets("a", "/x")
	f.Refresh = &Refresh{Every: Duration(time.Millisecond), Ready: true}
	s := storing(t, b, nil, Route{Pattern: "/x", Fetches: []Fetch{f}, Reply: "$a.z"})
	if got := s.Loading(); len(got) != 1 || got[0] != "s GET /x a" {
		t.Errorf("it loads %q", got)
	}
	s.Start()
	eventually(t, "a first load has failed", func() bool { return b.n.Load() > 1 })
	if len(s.Loading()) != 1 {
		t.Error("it is ready without a value")
	}
	b.status.Store(0)
	eventually(t, "the first value is there", func() bool { return len(s.Loading()) == 0 })
	n := b.n.Load()
	eventually(t, "it is loaded again", func() bool { return b.n.Load() > n+3 })
	w := asked(s, "GET", "/s/x")
	if w.Code != http.StatusOK || !strings.HasPrefix(w.Header().Get("Cache-Status"), "fairway;hit;") {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	b.status.Store(500)
	n = b.n.Load()
	eventually(t, "loads fail", func() bool { return b.n.Load() > n+1 })
	if w := asked(s, "GET", "/s/x"); w.Code != http.StatusOK || w.Header().Get("Fairway-Partial") != "" {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
}

func TestRefreshIsRefused(t *testing.T) {
	t.Parallel()
	every := func(f Fetch, more ...func(*Fetch)) Fetch {
		f.Refresh = &Refresh{Every: Duration(time.Hour)}
		for _, m := range more {
			m(&f)
		}
		return f
	}
	const asks = "nothing of a request or of another fetch may go into it"
	for _, c := range []struct {
		want    string
		auth    session.Strategy
		fetches []Fetch
	}{
		{want: "refresh takes how often", fetches: []Fetch{every(gets("", "/x"), func(f *Fetch) { f.Refresh.Every = 0 })}},
		{want: "leave cache out", fetches: []Fetch{every(keeps(gets("", "/x")))}},
		{want: "only a GET", fetches: []Fetch{every(gets("", "/x"), func(f *Fetch) { f.Method = "POST" })}},
		{want: asks, fetches: []Fetch{every(gets("", "/x/{query.q}"))}},
		{want: asks, fetches: []Fetch{every(gets("", "/x"), func(f *Fetch) { f.Header = []Header{{Name: "X", Value: "{header.Y}"}} })}},
		{want: asks, fetches: []Fetch{every(gets("", "/x"), func(f *Fetch) { f.FailWhen = "$query.x" })}},
		{want: asks, fetches: []Fetch{gets("a", "/a"), every(gets("b", "/{a.x}"))}},
		{want: asks, fetches: []Fetch{{Name: "n", Each: &FanOut{List: "[]", Fetches: []Fetch{every(gets("", "/x"))}}}}},
		{want: asks, auth: session.Basic{}, fetches: []Fetch{every(gets("", "/x"))}},
	} {
		_, err := Compile(&Config{
			Prefixes: []string{"/s"}, Metadata: Metadata{Version: "1", Repository: "https://example.org", Description: "d"},
			Backends: []Backend{{Name: "main", Addresses: []string{"http://127.0.0.1:1"}, Auth: c.auth}},
			Routes:   []Route{{Method: "GET", Pattern: "/x", Fetches: c.fetches}},
		}, Deps{})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
}
