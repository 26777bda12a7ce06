package control_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/e2e/gateway"
)

// TestStoreIsGone has the server of the store die: nobody is let in, nobody is told anything but to come back, and everything is
// as it was when the server is there again.
func TestStoreIsGone(t *testing.T) {
	t.Parallel()
	e := postgres(t)
	w := start(t, e, e.options())
	s := w.scene(t)
	lives("{user.access}").do(s)
	s.value("user.oauth")
	s.value("client.id")
	if err := e.server.Halt(); err != nil {
		t.Fatal(err)
	}
	unavailable := func(a *ask) {
		t.Helper()
		// What was taken a moment ago is believed for ten seconds more.
		await(s, 200*time.Millisecond, func() error {
			if got := s.send(a); got.Status < http.StatusInternalServerError {
				return fmt.Errorf("%s %s: %s", a.method, a.target, got)
			}
			return nil
		})
	}
	unavailable(whole("{user.access}"))
	for _, a := range []*ask{
		logIn("{user.email}", "{user.password}").gives(500, trendsSays("Authentication failed")).or(503),
		logIn("nobody@example.org", "x").gives(500, trendsSays("Authentication failed")).or(503),
		post("/auth/refresh").json(`{"refresh_token":"{user.refresh}"}`).gives(500).or(503),
		token().form("grant_type", "password", "client_id", "documentation", "username", "{user.username}", "password", "{user.password}").gives(500).or(503),
		whole("{user.access}").gives(500).or(503),
		get("/api/v1/users/me").basic("{user.email}", "{user.password}").gives(500).or(503),
		post("/api/v1/user").json(`{"email":"x@example.org","name":"x"}`).gives(500).or(503),
		post("/api/v1/user/{user.email}/recover-password").gives(500).or(503),
		get(programTokens).bearer("{user.access}").gives(500).or(503),
		get("/").gives(200), // alive, and not ready
		get("/api-health").gives(200, `{"status":"ok","timestamp":"<naive>","database":"unhealthy","version":"1.0"}`),
		get("/ping").gives(200),
	} {
		a.do(s)
	}
	if a := s.send(get("/ready")); a.Status != http.StatusServiceUnavailable {
		t.Errorf("/ready: %s", a)
	}
	if err := e.server.Restart(); err != nil {
		t.Fatal(err)
	}
	await(s, 200*time.Millisecond, func() error {
		if a := s.send(whole("{user.access}")); a.Status != http.StatusOK {
			return errors.New(a.String())
		}
		return nil
	})
	lives("{user.access}").do(s)
	post("/auth/refresh").json(`{"refresh_token":"{user.refresh}"}`).gives(200, loginAnswer).do(s)
}

// TestStoreNeverWas has a gateway start without the server of its store: the endpoints of OAuth2 answer the bare errors of RFC 6749,
// the others a document.
func TestStoreNeverWas(t *testing.T) {
	t.Parallel()
	o := sqlite(t).options()
	o.Env = append(o.Env, "DATABASE_URL=postgres://fairway@127.0.0.1:1/fairway")
	g := gateway.Start(t, builder, o)
	s := (&world{gateway: g}).scene(t)
	for _, a := range []*ask{post("/auth/oauth2/token"), get("/auth/oauth2/token"), post("/auth/oauth2/revoke"), post("/auth/oauth2/introspect"), post("/api/v1/oauth/token")} {
		got := s.send(a.form("grant_type", "password"))
		if got.Status != http.StatusServiceUnavailable || got.Header.Get("Content-Type") != "application/json" || got.Header.Get("Retry-After") == "" || got.Header.Get("X-Request-Id") == "" {
			t.Errorf("%s: %s %v", a.target, got, got.Header)
		}
		if err := match(`{"error":"temporarily_unavailable","error_description":"<text>"}`, got.Body, func(string, string) {}); err != nil {
			t.Errorf("%s: %v", a.target, err)
		}
	}
	post("/auth").json(`{}`).gives(503, `{"type":"urn:fairway:problem:store_unavailable","status":503,"msg":"<text>","...":0}`).do(s)
}
