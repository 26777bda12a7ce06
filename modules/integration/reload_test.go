package integration_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// reloadedService has one backend and a word that tells configurations apart.
func reloadedService(address, word string) string {
	return fmt.Sprintf(`
	respond /word %q
	service /r {
		version 1.0.0
		repository https://example.org/r
		description "A service whose configuration changes"
		backend %s {
			retries 0
			breaker 2 1h
		}
		GET /{x} {
			fetch /{x} {
				decode json
			}
		}
	}`, word, address)
}

// wantWord waits until the new configuration answers: Caddy's reload returns when it is there, so this is no poll.
func (g *gateway) wantWord(t *testing.T, word string) {
	t.Helper()
	if a := g.get(t, "/word"); a.body != word {
		t.Errorf("the configuration says %q, want %q", a.body, word)
	}
}

// fineOrBroken answers /fine and fails everything else.
func fineOrBroken(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", js)
	if r.URL.Path != "/fine" {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	_, _ = io.WriteString(w, `{"from":"`+r.Host+`"}`)
}

// TestReloadGivesAChangedBackendAFreshBreaker opens a breaker; another address, or another setting of the backend, is
// another backend.
func TestReloadGivesAChangedBackendAFreshBreaker(t *testing.T) {
	t.Parallel()
	first, second := startRecorder(t, fineOrBroken), startRecorder(t, fineOrBroken)
	g := startGateway(t, site(reloadedService(first.url, "one")))
	for range 2 {
		g.get(t, "/r/broken").wantProblem(t, http.StatusBadGateway, "backend_status")
	}
	g.get(t, "/r/fine").wantProblem(t, http.StatusServiceUnavailable, "breaker_open")

	if err := g.reload(site(reloadedService(first.url, "two"))); err != nil {
		t.Fatal(err)
	}
	g.wantWord(t, "two")
	g.get(t, "/r/fine").wantProblem(t, http.StatusServiceUnavailable, "breaker_open")

	if err := g.reload(site(reloadedService(second.url, "three"))); err != nil {
		t.Fatal(err)
	}
	g.wantWord(t, "three")
	host := strings.TrimPrefix(second.url, "http://")
	g.get(t, "/r/fine").wantJSON(t, http.StatusOK, `{"from":"`+host+`"}`)
	if n := len(first.asked()); n != 2 {
		t.Errorf("the first backend was asked %d times, want 2", n)
	}

	// The first address again: nothing held its pool meanwhile, so its breaker is a new one.
	if err := g.reload(site(reloadedService(first.url, "four"))); err != nil {
		t.Fatal(err)
	}
	g.wantWord(t, "four")
	g.get(t, "/r/fine").wantJSON(t, http.StatusOK, `{"from":"`+strings.TrimPrefix(first.url, "http://")+`"}`)
}

// TestReloadKeepsConnections looks at the backend's side of a pool.
func TestReloadKeepsConnections(t *testing.T) {
	t.Parallel()
	backend := startRecorder(t, fineOrBroken)
	g := startGateway(t, site(reloadedService(backend.url, "one")))
	for i := range 4 {
		if a := g.get(t, "/r/fine"); a.status != http.StatusOK {
			t.Fatalf("%d %s", a.status, a.body)
		}
		word := fmt.Sprint("word ", i)
		if err := g.reload(site(reloadedService(backend.url, word))); err != nil {
			t.Fatal(err)
		}
		g.wantWord(t, word)
	}
	backend.mu.Lock()
	defer backend.mu.Unlock()
	from := map[string]bool{}
	for _, r := range backend.requests {
		from[r.RemoteAddr] = true
	}
	if len(backend.requests) != 4 || len(from) != 1 {
		t.Errorf("%d requests over %d connections, want 4 over 1", len(backend.requests), len(from))
	}
}

// TestReloadRefused has configurations that cannot be: the one before goes on, its breaker and all.
func TestReloadRefused(t *testing.T) {
	t.Parallel()
	backend := startRecorder(t, fineOrBroken)
	good := reloadedService(backend.url, "good")
	g := startGateway(t, site(good))
	for range 2 {
		g.get(t, "/r/broken").wantProblem(t, http.StatusBadGateway, "backend_status")
	}
	for name, c := range map[string]struct{ bad, says string }{
		"no Caddyfile":      {site(good) + "\n{", "Caddyfile"},
		"unknown word":      {site(strings.Replace(good, "retries 0", "retriez 0", 1)), "retriez"},
		"unbound variable":  {site(strings.Replace(good, "fetch /{x}", "fetch /{y}", 1)), "nothing binds {y}"},
		"program":           {site(strings.Replace(good, "GET /{x} {", "GET /{x} {\n\t\t\treply `]`", 1)), "unexpected token"},
		"secret not there":  {site(strings.Replace(good, "retries 0", "retries 0\n\t\t\theader X-Key {env.NOT_THERE}", 1)), "NOT_THERE"},
		"certificate fails": {site(strings.Replace(strings.Replace(good, "backend http:", "backend https:", 1), "retries 0", "retries 0\n\t\t\ttls {\n\t\t\t\tca /not/there.pem\n\t\t\t}", 1)), "/not/there.pem"},
	} {
		err := g.reload(c.bad)
		if err == nil {
			t.Errorf("%s: it is accepted", name)
			continue
		}
		if !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: the error does not say %q: %v", name, c.says, err)
		}
		g.wantWord(t, "good")
		g.get(t, "/r/fine").wantProblem(t, http.StatusServiceUnavailable, "breaker_open")
	}
}

// TestReloadLetsRequestsEnd holds requests inside the backend while configurations come and go.
func TestReloadLetsRequestsEnd(t *testing.T) {
	t.Parallel()
	const held = 8
	arrived, release := make(chan struct{}, held), make(chan struct{})
	backend := startRecorder(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/held" {
			arrived <- struct{}{}
			select {
			case <-release:
			case <-r.Context().Done():
				return
			}
		}
		w.Header().Set("Content-Type", js)
		_, _ = io.WriteString(w, `{"fine":true}`)
	})
	other := startRecorder(t, fineOrBroken)
	g := startGateway(t, site(reloadedService(backend.url, "one")))
	answers := make([]answer, held)
	errs := make([]error, held)
	var wg sync.WaitGroup
	for i := range held {
		wg.Go(func() { answers[i], errs[i] = g.try(t.Context(), request{path: "/r/held"}) })
	}
	letGo := sync.OnceFunc(func() { close(release) })
	defer wg.Wait()
	defer letGo()
	for range held {
		select {
		case <-arrived:
		case <-time.After(patience):
			t.Fatal("not all requests reached the backend")
		}
	}
	// The same backend, then another one, so that the held requests' pool is given back under their feet.
	for i, address := range []string{backend.url, other.url} {
		word := fmt.Sprint("word ", i)
		if err := g.reload(site(reloadedService(address, word))); err != nil {
			t.Fatal(err)
		}
		g.wantWord(t, word)
	}
	letGo()
	wg.Wait()
	for i, a := range answers {
		if errs[i] != nil {
			t.Errorf("request %d: %v", i, errs[i])
			continue
		}
		a.wantJSON(t, http.StatusOK, `{"fine":true}`)
	}
}
