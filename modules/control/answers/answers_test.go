package answers_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/answers"
	"github.com/fairway-gateway/fairway/proxies/wrap"
	"github.com/fairway-gateway/fairway/queries"
)

func idOf(t testing.TB, at string) uuid.UUID {
	t.Helper()
	at, _, _ = strings.Cut(at, "?")
	id, err := uuid.Parse(at[strings.LastIndexByte(at, '/')+1:])
	must(t, err)
	return id
}

// TestSameAnswer: what comes in time is answered at once, and what does not is the very same when it is fetched.
func TestSameAnswer(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, s *site, b *backend) {
		t.Helper()
		g := s.gateway(t, b.URL, func(c *wrap.Config) { c.Routes[0].Execute.After = wrap.Duration(20 * time.Second) })
		long := strings.Repeat("x", 100<<10)
		for _, c := range []struct {
			name   string
			answer func(http.ResponseWriter)
		}{
			{"short", text(`{"b": 1.50, "a": 12345678901234567890}`)},
			{"long", text(`{"long": "` + long + `"}`)},
			{"failure", func(w http.ResponseWriter) { w.WriteHeader(http.StatusNotFound) }},
			{"garbage", text(`{"a"`)},
		} {
			t.Run(c.name, func(t *testing.T) {
				b.gate <- c.answer
				now := g.ask(t, http.MethodGet, "/s/slow/1")
				at := g.begin(t, http.MethodGet, "/s/slow/1", header("Prefer", "respond-async"))
				if again := g.ask(t, http.MethodGet, at); again.StatusCode != http.StatusAccepted || again.Header.Get("Location") != at {
					t.Fatalf("%d %v", again.StatusCode, again.Header)
				}
				b.gate <- c.answer
				later := g.end(t, at)
				for _, name := range []string{"Content-Type", "Content-Length", "ETag"} {
					if now.Header.Get(name) != later.Header.Get(name) {
						t.Errorf("%s: %q and %q", name, now.Header.Get(name), later.Header.Get(name))
					}
				}
				if now.StatusCode != later.StatusCode || without(now.body) != without(later.body) {
					t.Errorf("%d %.300s\n%d %.300s", now.StatusCode, now.body, later.StatusCode, later.body)
				}
				if tag := later.Header.Get("ETag"); tag != "" {
					if cached := g.ask(t, http.MethodGet, at, header("If-None-Match", tag)); cached.StatusCode != http.StatusNotModified || cached.body != "" {
						t.Errorf("If-None-Match: %d %s", cached.StatusCode, cached.body)
					}
				}
				if head := g.ask(t, http.MethodHead, at); head.StatusCode != later.StatusCode || head.Header.Get("Content-Length") != later.Header.Get("Content-Length") {
					t.Errorf("HEAD: %d %v", head.StatusCode, head.Header)
				}
				e, err := s.store.Execution(t.Context(), idOf(t, at))
				must(t, err)
				want := queries.StatusFinished
				if later.StatusCode != http.StatusOK {
					want = queries.StatusFailed
				}
				if e.Status != want || e.ScriptID != nil || e.Executor != queries.ExecutorGateway || e.Route != "GET /slow/{n}" || e.Service != "s" {
					t.Errorf("%+v", e)
				}
			})
		}
	})
}

// without is a problem document without what each request has of its own.
func without(body string) string {
	var doc map[string]any
	if json.Unmarshal([]byte(body), &doc) != nil || doc["request_id"] == nil {
		return body
	}
	delete(doc, "request_id")
	out, _ := json.Marshal(doc)
	return string(out)
}

// TestOfOthers: an answer is for who asked for it, whatever somebody else knows of it.
func TestOfOthers(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, s *site, b *backend) {
		t.Helper()
		anyone := s.gateway(t, b.URL, nil)
		at := anyone.begin(t, http.MethodGet, "/s/slow/1")
		path, token, _ := strings.Cut(at, "?token=")
		if len(token) < 26 {
			t.Errorf("the token is %q", token)
		}
		known := s.gateway(t, b.URL, func(c *wrap.Config) { c.Prefixes, c.Callers.Who = []string{"/u"}, wrap.Users })
		mine := known.begin(t, http.MethodGet, "/u/slow/1", as("ann"))
		if strings.Contains(mine, "token") {
			t.Error(mine)
		}
		b.gate <- text(`1`)
		b.gate <- text(`2`)
		anyone.end(t, at)
		known.end(t, mine, as("ann"))
		for _, c := range []struct {
			g      *gateway
			method string
			at     string
			set    []func(*http.Request)
			want   int
		}{
			{anyone, "GET", at, nil, 200},
			{anyone, "GET", path, nil, 404},
			{anyone, "DELETE", path, nil, 404},
			{anyone, "GET", path + "?token=", nil, 404},
			{anyone, "GET", path + "?token=" + token[1:], nil, 404},
			{anyone, "GET", "/s/execution/" + uuid.Must(uuid.NewV7()).String() + "?token=" + token, nil, 404},
			{anyone, "GET", "/s/execution/" + strings.Repeat("-", 36), nil, 404},
			{anyone, "GET", "/s/execution/x", nil, 404},
			{anyone, "POST", at, nil, 405},
			{anyone, "OPTIONS", at, nil, 200},
			{anyone, "GET", "/s/execution/" + idOf(t, mine).String(), nil, 404},
			{known, "GET", "/u/execution/" + idOf(t, at).String() + "?token=" + token, []func(*http.Request){as("ann")}, 404},
			{known, "GET", mine, nil, 401},
			{known, "GET", mine, []func(*http.Request){as("bob")}, 404},
			{known, "DELETE", mine, []func(*http.Request){as("bob")}, 404},
			{known, "GET", mine, []func(*http.Request){as("ann")}, 200},
			{known, "DELETE", mine, []func(*http.Request){as("ann")}, 204},
			{known, "GET", mine, []func(*http.Request){as("ann")}, 404},
		} {
			if a := c.g.ask(t, c.method, c.at, c.set...); a.StatusCode != c.want {
				t.Errorf("%s %s: %d %s", c.method, c.at, a.StatusCode, a.body)
			}
		}
	})
}

// TestCancelled: who cancels it has the fetch be ended, whatever way he does it.
func TestCancelled(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, s *site, b *backend) {
		t.Helper()
		g := s.gateway(t, b.URL, nil)
		other := s.gateway(t, b.URL, nil)
		for _, cancel := range []func(at string){
			func(at string) { g.ask(t, http.MethodDelete, at) },
			func(at string) { other.ask(t, http.MethodDelete, at) },
			func(at string) {
				_, err := s.store.Cancel(t.Context(), queries.By{Actor: "test"}, idOf(t, at), "x")
				must(t, err)
			},
		} {
			at := g.begin(t, http.MethodGet, "/s/slow/1")
			cancel(at)
			wait(t, b.left, "the end of the fetch")
			g.end(t, at).fails(t, http.StatusGone, "cancelled")
			if e, err := s.store.Execution(t.Context(), idOf(t, at)); err != nil || e.Status != queries.StatusCancelled {
				t.Errorf("%s %v", e.Status, err)
			}
		}
	})
}

// TestHangUp: who leaves while waiting ends the fetch, and who was told to come back does not.
func TestHangUp(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, s *site, b *backend) {
		t.Helper()
		g := s.gateway(t, b.URL, func(c *wrap.Config) { c.Routes[0].Execute.After = wrap.Duration(20 * time.Second) })
		client := &http.Client{Timeout: 200 * time.Millisecond}
		if resp, err := client.Get(g.URL + "/s/slow/1"); err == nil {
			resp.Body.Close()
			t.Fatal(resp.Status)
		}
		wait(t, b.left, "the end of the fetch")
		at := g.begin(t, http.MethodGet, "/s/slow/1", header("Prefer", "respond-async, wait=0"), header("Connection", "close"))
		b.gate <- text(`[1]`)
		g.end(t, at).want(t, http.StatusOK, "[1]\n")
	})
}

// TestBounds: there are as many at once as the route says, and of one caller fewer.
func TestBounds(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, s *site, b *backend) {
		t.Helper()
		g := s.gateway(t, b.URL, func(c *wrap.Config) {
			c.Callers.Who = wrap.Users
			c.Routes[0].Execute.AtOnce, c.Routes[0].Execute.PerCaller = 3, 2
		})
		var all []string
		for _, name := range []string{"ann", "ann", "bob"} {
			all = append(all, g.begin(t, http.MethodGet, "/s/slow/1", as(name)))
		}
		for name, want := range map[string]int{"ann": http.StatusTooManyRequests, "carl": http.StatusServiceUnavailable} {
			a := g.ask(t, http.MethodGet, "/s/slow/1", as(name))
			if a.StatusCode != want || a.Header.Get("Retry-After") == "" {
				t.Errorf("%s: %d %s", name, a.StatusCode, a.body)
			}
			wait(t, b.left, "the end of the fetch of whom there is no room for")
		}
		b.gate <- text(`1`)
		b.gate <- text(`1`)
		b.gate <- text(`1`)
		for i, name := range []string{"ann", "ann", "bob"} {
			g.end(t, all[i], as(name))
		}
		g.begin(t, http.MethodGet, "/s/slow/1", as("ann"))
	})
}

// TestLeaving: a gateway that ends gives up what it makes, and another one makes it where that does no harm.
func TestLeaving(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, s *site, b *backend) {
		t.Helper()
		first, second := s.gateway(t, b.URL, nil), s.gateway(t, b.URL, nil)
		may, mayNot := first.begin(t, http.MethodGet, "/s/slow/7?q=1"), first.begin(t, http.MethodPost, "/s/slow")
		for range 2 {
			wait(t, b.asked, "a request")
		}
		first.keeper.Close()
		for range 2 {
			wait(t, b.left, "the end of what the first one fetches")
		}
		if r := wait(t, b.asked, "a request of the second one"); r.Method != http.MethodGet || r.URL.Path != "/slow/7" {
			t.Errorf("%s %s", r.Method, r.URL)
		}
		b.gate <- text(`{"again": true}`)
		second.end(t, may).want(t, http.StatusOK, `{"again":true}`+"\n")
		second.end(t, mayNot).fails(t, http.StatusBadGateway, "gateway_lost")
		e, err := s.store.Execution(t.Context(), idOf(t, mayNot))
		if must(t, err); e.Status != queries.StatusFailed || e.Reason != queries.ReasonGatewayLost {
			t.Errorf("%s %s", e.Status, e.Reason)
		}
		if e, err = s.store.Execution(t.Context(), idOf(t, may)); err != nil || e.Attempt != 2 {
			t.Errorf("%d %v", e.Attempt, err)
		}
	})
}

// TestDrain: a gateway that ends first ends what it makes, if there is the time.
func TestDrain(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, s *site, b *backend) {
		t.Helper()
		first := s.gateway(t, b.URL, nil, func(c *answers.Config) { c.Drain = patience })
		second := s.gateway(t, b.URL, nil)
		at := first.begin(t, http.MethodPost, "/s/slow")
		wait(t, b.asked, "the request")
		closed := make(chan struct{})
		go func() {
			first.keeper.Close()
			close(closed)
		}()
		b.gate <- text(`"whole"`)
		wait(t, closed, "the end of the keeper")
		second.end(t, at).want(t, http.StatusOK, "\"whole\"\n")
	})
}

// TestReload: what is made goes on when its service is closed.
func TestReload(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, s *site, b *backend) {
		t.Helper()
		g, next := s.gateway(t, b.URL, nil), s.gateway(t, b.URL, nil)
		at := g.begin(t, http.MethodGet, "/s/slow/1")
		wait(t, b.asked, "the request")
		g.service.Close()
		b.gate <- text(`"whole"`)
		next.end(t, at).want(t, http.StatusOK, "\"whole\"\n")
	})
}

// TestBackendThatNeverEnds: the route's own timeout ends it, and not its budget.
func TestBackendThatNeverEnds(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, s *site, b *backend) {
		t.Helper()
		g := s.gateway(t, b.URL, func(c *wrap.Config) {
			c.Routes[0].Budget, c.Routes[0].Execute.Timeout = wrap.Duration(100*time.Millisecond), wrap.Duration(2*time.Second)
		})
		began := time.Now()
		at := g.begin(t, http.MethodGet, "/s/slow/1")
		a := g.end(t, at)
		if a.StatusCode != http.StatusGatewayTimeout || time.Since(began) < time.Second {
			t.Errorf("after %s: %d %s", time.Since(began), a.StatusCode, a.body)
		}
		wait(t, b.left, "the end of the fetch")
	})
}

// TestBackendThatCuts: what breaks off is a failure, told when it is asked for.
func TestBackendThatCuts(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, s *site, b *backend) {
		t.Helper()
		g := s.gateway(t, b.URL, nil)
		at := g.begin(t, http.MethodGet, "/s/slow/1")
		b.gate <- func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write([]byte(`{"a":`))
		}
		g.end(t, at).fails(t, http.StatusBadGateway, "backend_cut")
	})
}

// TestKeptForAWhile: an answer is kept for as long as its route says, and then nothing of it is left.
func TestKeptForAWhile(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, s *site, b *backend) {
		t.Helper()
		g := s.gateway(t, b.URL, nil)
		at := g.begin(t, http.MethodGet, "/s/slow/1")
		b.gate <- text(`"` + strings.Repeat("x", 100<<10) + `"`)
		g.end(t, at)
		id := idOf(t, at)
		row, err := s.store.LongAnswer(t.Context(), id)
		if must(t, err); row.BodyKey == "" || row.Body != nil || row.ExpiresAt == nil || time.Until(*row.ExpiresAt) < 23*time.Hour {
			t.Errorf("%+v", row)
		}
		if req, err := s.store.LongRequest(t.Context(), id); err != nil || req.Request != nil {
			t.Errorf("the request is kept: %v", err)
		}
	})
}
