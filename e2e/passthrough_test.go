package e2e_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/fairway-gateway/fairway/e2e/gateway"
	"github.com/fairway-gateway/fairway/e2e/peers"
)

// passThrough is a site that hands all on to the stack, with a session of the caller.
func (s stack) passThrough(words ...string) string {
	return `
	reverse_proxy ` + s.proxy.URL + ` {
		transport session {
			` + oauth2Proxy(append([]string{"login_origins " + s.dex.Relay.URL}, words...)...) + `
		}
	}`
}

// startPassThrough starts a stack with a gateway that passes all on to it.
func startPassThrough(t testing.TB, flags ...string) guarded {
	t.Helper()
	s := startStack(t, peers.DexOptions{}, flags...)
	return guarded{stack: s, gateway: startGateway(t, gateway.Options{Site: s.passThrough()})}
}

// echoOf reads what the backend says that it got.
func echoOf(t testing.TB, a gateway.Answer) peers.Echo {
	t.Helper()
	var e peers.Echo
	if err := json.Unmarshal([]byte(a.Body), &e); err != nil {
		t.Errorf("%s: %v", a, err)
	}
	return e
}

// TestPassThrough is plain reverse_proxy with a session: requests and answers pass, logins happen.
func TestPassThrough(t *testing.T) {
	t.Parallel()
	s := startPassThrough(t)
	alice := peers.Alice()
	for range 2 {
		if e := echoOf(t, s.gateway.Get("/any/path?q=1", alice.Email, alice.Password)); e.Email != alice.Email || e.Path != "/any/path" || e.Query != "q=1" {
			t.Errorf("%+v", e)
		}
	}
	if a := s.gateway.Get("/status/403", alice.Email, alice.Password); a.Status != http.StatusForbidden || !strings.Contains(a.Body, "the application says 403") {
		t.Errorf("%s", a)
	}
	if n := s.dex.Logins(); n != 1 {
		t.Errorf("%d logins", n)
	}
	nobody := s.gateway.Get("/any/path", "", "")
	if nobody.Status != http.StatusUnauthorized || nobody.Header.Get("Www-Authenticate") == "" {
		t.Errorf("without credentials: %s", nobody)
	}
	if a := s.gateway.Get("/any/path", alice.Email, "wrong"); a.Status != http.StatusUnauthorized || a.Header.Get("Www-Authenticate") == "" {
		t.Errorf("with a wrong password: %s", a)
	}
	s.proxy.Restart()
	wantUser(t, s.gateway.Get("/any/path", alice.Email, alice.Password), alice)
	wantNothingLeaked(t, s.gateway, secrets([]*peers.Relay{s.proxy.Relay, s.dex.Relay}, alice))
}

// TestOUT08UploadsArePassedOnce sends bodies that cannot be sent twice while the session has ended.
func TestOUT08UploadsArePassedOnce(t *testing.T) {
	t.Parallel()
	s := startPassThrough(t)
	alice := peers.Alice()
	big := strings.Repeat("0123456789abcdef", 1<<18) // 4 MiB
	for what, body := range map[string]func() io.Reader{
		"in pieces": func() io.Reader { return &slowBody{pieces: strings.Split("a b c d e f g", " ")} },
		"large":     func() io.Reader { return strings.NewReader(big) },
		"small":     func() io.Reader { return strings.NewReader("abcdefg") },
	} {
		before := posts(s.backend)
		a, err := s.gateway.Do(s.gateway.Request(http.MethodPost, "/upload", alice.Email, alice.Password, body()))
		if err != nil {
			t.Fatal(err)
		}
		want := "abcdefg"
		if what == "large" {
			want = big
		}
		if e := echoOf(t, a); a.Status != http.StatusOK || e.Body != want || e.Email != alice.Email {
			t.Errorf("%s: %d with %d bytes of %s", what, a.Status, len(e.Body), e.Email)
		}
		if n := posts(s.backend) - before; n != 1 {
			t.Errorf("%s: the application saw it %d times", what, n)
		}
		s.proxy.Restart()
	}
}

// posts counts what was posted to the application.
func posts(b *peers.Backend) int {
	n := 0
	for _, got := range b.Got() {
		if got.Method == http.MethodPost {
			n++
		}
	}
	return n
}

// TestOUT12StreamsAndSockets open through a session that has ended.
func TestOUT12StreamsAndSockets(t *testing.T) {
	t.Parallel()
	s := startPassThrough(t)
	alice := peers.Alice()
	for range 2 {
		events(t, s.gateway, alice)
		s.proxy.Restart()
		socket(t, s.gateway, alice)
		s.proxy.Restart()
	}
	if n := s.dex.Logins(); n != 4 {
		t.Errorf("%d logins", n)
	}
}

// events reads two events and leaves.
func events(t *testing.T, g *gateway.Gateway, u peers.User) {
	t.Helper()
	ctx, leave := context.WithCancel(context.Background())
	defer leave()
	resp, err := http.DefaultTransport.RoundTrip(g.Request(http.MethodGet, "/events", u.Email, u.Password, nil).WithContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("events: %s %q", resp.Status, resp.Header)
	}
	lines := bufio.NewReader(resp.Body)
	for _, want := range []string{"data: 0\n", "\n", "data: 1\n"} {
		if line, err := lines.ReadString('\n'); err != nil || line != want {
			t.Fatalf("events: %q, %v", line, err)
		}
	}
}

// socket says something after an upgrade and hears it.
func socket(t *testing.T, g *gateway.Gateway, u peers.User) {
	t.Helper()
	conn, err := (&net.Dialer{Timeout: patience}).DialContext(context.Background(), "tcp", strings.TrimPrefix(g.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // nothing to lose
	req := g.Request(http.MethodGet, "/socket", u.Email, u.Password, nil)
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Upgrade", "echo")
	if err := req.Write(conn); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(conn)
	resp, err := http.ReadResponse(in, req) //nolint:bodyclose // it has none
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("socket: %+v, %v", resp, err)
	}
	if _, err := io.WriteString(conn, "hear me\n"); err != nil {
		t.Fatal(err)
	}
	if line, err := in.ReadString('\n'); err != nil || line != "hear me\n" {
		t.Errorf("socket: %q, %v", line, err)
	}
}
