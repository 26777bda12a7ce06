package integration_test

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// prefix is the service's path for a row.
func (m misbehaviour) prefix() string {
	return "/" + regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(strings.ToLower(m.name), "-")
}

// service is the block of a row. Breakers are out of the way here; see TestBreaker.
func (m misbehaviour) service(address string) string {
	format := m.decode
	if format == "" {
		format = "json"
	}
	options := "limit 1MiB"
	if strings.Contains(m.options, "limit") {
		options = ""
	}
	timeout := "10s"
	if m.status == http.StatusGatewayTimeout { // for the others it is not what ends them, however busy the machine is
		timeout = "1s"
	}
	failWhen := ""
	if m.failWhen != "" {
		failWhen = "fail_when `" + m.failWhen + "`"
	}
	return fmt.Sprintf(`
	service %s {
		version 1.0.0
		repository https://example.org/ill
		description "An ill-behaved backend"
		backend %s {
			auth basic
			timeout %s
			retries 1
			breaker 100000 1s
			%s
			%s
		}
		GET /x {
			fetch /redirect {
				decode %s
				%s
			}
		}
	}`, m.prefix(), address, timeout, options, m.options, format, failWhen)
}

// TestBackends asks through services whose backends do everything that a server should not. Every answer must be a
// whole problem document, tell nothing it should not, and leave gateway and neighbours as they were.
func TestBackends(t *testing.T) {
	t.Parallel()
	elsewhere := startFake(t, says(ok(js, `{"stolen":true}`)))
	rows := slices.Concat(connectionRows(t), statusRows(elsewhere), bodyRows(t))
	fakes := map[string]*fakeBackend{}
	fine := startFake(t, says(ok(js, `{"fine":true}`)))
	config := "health\n" + misbehaviour{name: "fine"}.service(fine.url)
	for _, m := range rows {
		address := m.address
		if address == "" {
			fakes[m.name] = startFake(t, m.run)
			address = fakes[m.name].url
		}
		config += m.service(address)
	}
	// The budget for buffered bytes is out of the way here; see TestMemory.
	g := startGateway(t, siteWith("fairway {\nmemory 8GiB\n}", config))
	wantFine(t, g)
	before := goroutines(t, g)

	t.Run("rows", func(t *testing.T) {
		for _, m := range rows {
			t.Run(m.name, func(t *testing.T) {
				t.Parallel()
				wantIll(t, g, m)
				if fake := fakes[m.name]; fake != nil && m.once && len(fake.received()) != 1 {
					t.Errorf("%d attempts, want one", len(fake.received()))
				}
			})
		}
	})
	if got := elsewhere.received(); len(got) != 0 {
		t.Errorf("a redirect elsewhere was followed: %q", got)
	}
	wantFine(t, g)
	for _, fake := range fakes {
		fake.close()
	}
	const slack = 8 // the runtime's and the admin endpoint's own
	err := waitFor(func() error {
		if n := goroutines(t, g); n > before+slack {
			return fmt.Errorf("%d goroutines, %d before the misbehaviour", n, before)
		}
		return nil
	})
	if err != nil {
		dump := g.profile(t, 2)
		t.Errorf("goroutines are left: %v\n%.20000s", err, dump)
	}
}

// wantIll asks the row's service and checks what the caller is told.
func wantIll(t *testing.T, g *gateway, m misbehaviour) {
	t.Helper()
	a := g.ask(t, request{path: m.prefix() + "/x", user: backendUser + ":" + backendPassword})
	g.wantNothingLeaked(t, a, backendPassword, backendBasic)
	if m.good != "" {
		a.wantJSON(t, http.StatusOK, m.good)
		return
	}
	d := a.wantProblem(t, m.status, m.codes...)
	if m.content != "" && (d.ErrorContent == nil || !strings.Contains(*d.ErrorContent, m.content)) {
		t.Errorf("error_content %v, want %q in it", d.ErrorContent, m.content)
	}
	if d.ErrorContent != nil && strings.ContainsAny(*d.ErrorContent, "<\x00") {
		t.Errorf("error_content has markup or bytes: %q", *d.ErrorContent)
	}
	if len(a.body) > 8<<10 {
		t.Errorf("the problem has %d bytes", len(a.body))
	}
	if a.header.Get("Content-Encoding") != "" || a.header.Get("Location") != "" || a.header.Get("Set-Cookie") != "" {
		t.Errorf("the backend's headers came through: %v", a.header)
	}
	if m.more != nil {
		m.more(t, a, d)
	}
}

// wantFine checks that the gateway and a service beside the ill ones answer.
func wantFine(t *testing.T, g *gateway) {
	t.Helper()
	if a := g.get(t, "/"); a.status != http.StatusOK || a.body != "OK" {
		t.Errorf("GET / is %d %q", a.status, a.body)
	}
	g.ask(t, request{path: "/fine/x", user: backendUser + ":" + backendPassword}).wantJSON(t, http.StatusOK, `{"fine":true}`)
}

// goroutines is how many run in the gateway.
func goroutines(t *testing.T, g *gateway) int {
	t.Helper()
	var n int
	if _, err := fmt.Sscanf(g.profile(t, 1), "goroutine profile: total %d", &n); err != nil {
		t.Fatalf("the goroutine profile: %v", err)
	}
	return n
}

// profile is the gateway's goroutine profile: 1 counts, 2 shows stacks.
func (g *gateway) profile(t *testing.T, debug int) string {
	t.Helper()
	resp, err := client.Get(fmt.Sprintf("http://%s/debug/pprof/goroutine?debug=%d", g.admin, debug))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	out, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// TestBackendsAtOnce has many callers at the same ill backends at once: the neighbour must not notice, and nobody
// must wait for ever.
func TestBackendsAtOnce(t *testing.T) {
	t.Parallel()
	rows := []misbehaviour{
		{name: "silent", run: saysAndWaits(""), status: 504, codes: []string{"backend_timeout"}},
		{name: "endless", run: saysForever(head("Connection: close"), strings.Repeat(" ", 4096)), status: 502, codes: []string{"backend_too_large"}},
		{name: "resetting", run: resets(""), status: 502, codes: []string{"backend_unreachable"}},
	}
	fine := startFake(t, says(ok(js, `{"fine":true}`)))
	config := "health\n" + misbehaviour{name: "fine"}.service(fine.url)
	for _, m := range rows {
		config += m.service(startFake(t, m.run).url)
	}
	g := startGateway(t, site(config))
	const callers = 30
	var group sync.WaitGroup
	for range callers {
		for _, m := range rows {
			group.Go(func() {
				a, err := g.try(t.Context(), request{path: m.prefix() + "/x", user: backendUser + ":" + backendPassword})
				if err != nil {
					t.Errorf("%s: %v", m.name, err)
					return
				}
				a.wantProblem(t, m.status, m.codes...)
			})
		}
	}
	wantFine(t, g)
	group.Wait()
	wantFine(t, g)
}

// TestMemory has a budget for buffered bytes that a body does not fit in: the caller may try again, and small answers
// still pass.
func TestMemory(t *testing.T) {
	t.Parallel()
	fine := startFake(t, says(ok(js, `{"fine":true}`)))
	large := misbehaviour{name: "large", status: http.StatusServiceUnavailable, codes: []string{"memory_spent"}, more: func(t *testing.T, a answer, _ document) {
		t.Helper()
		if a.header.Get("Retry-After") == "" {
			t.Error("503 without Retry-After")
		}
	}}
	backend := startFake(t, says(ok(js, "["+strings.Repeat("0,", 250_000)+"0]")))
	config := "health\n" + misbehaviour{name: "fine"}.service(fine.url) + large.service(backend.url)
	g := startGateway(t, siteWith("fairway {\nmemory 1MiB\n}", config))
	for range 3 {
		wantIll(t, g, large)
		wantFine(t, g)
	}
}
