package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/e2e/gateway"
	"github.com/fairway-gateway/fairway/e2e/peers"
	"github.com/fairway-gateway/fairway/internal/pgtest"
)

// stores are the ways in which gateways can share a store: the options for each of them, and what the store holds in the end.
func stores(t *testing.T, run func(t *testing.T, o gateway.Options, secret string, dump func() string)) {
	t.Helper()
	secret := gateway.NewSecret()
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		file := filepath.Join(t.TempDir(), "store.db")
		run(t, gateway.Options{
			Fairway: "\t\tdatabase sqlite:" + file + "\n\t\tsecret {env.FAIRWAY_SECRET}",
			Env:     []string{"FAIRWAY_SECRET=" + secret},
		}, secret, func() string {
			var all string
			for _, suffix := range []string{"", "-wal"} {
				content, err := os.ReadFile(file + suffix)
				if err != nil && !errors.Is(err, os.ErrNotExist) {
					t.Fatal(err)
				}
				all += string(content)
			}
			if len(all) < 1000 {
				t.Errorf("the store has %d bytes", len(all))
			}
			return all
		})
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		server := pgtest.For(t)
		run(t, gateway.Options{
			Fairway: "\t\tdatabase {env.DATABASE_URL}\n\t\tsecret {env.FAIRWAY_SECRET}",
			Env:     []string{"DATABASE_URL=" + server.DSN("postgres"), "FAIRWAY_SECRET=" + secret},
		}, secret, func() string {
			out, err := exec.CommandContext(context.Background(), "pg_dump", "--inserts", "-h", server.Dir(), "-U", "postgres", "postgres").CombinedOutput() //nolint:gosec // ours
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			return string(out)
		})
	})
}

// TestOUT04OneLoginForAllGateways has callers at three gateways that share a store: each credential is logged in once when
// there is no session, when it has ended, and after one gateway was killed in the middle of a login. Twice it may be where a gateway
// says that its lease ended before its login did, which a machine that is slow enough makes of any lease.
func TestOUT04OneLoginForAllGateways(t *testing.T) {
	t.Parallel()
	stores(t, func(t *testing.T, o gateway.Options, secret string, dump func() string) {
		t.Helper()
		s := startStack(t, peers.DexOptions{})
		o.Site = s.site()
		gateways := []*gateway.Gateway{startGateway(t, o), startGateway(t, o), startGateway(t, o)}
		users := []peers.User{peers.Alice(), peers.Bob()}
		for _, what := range []string{"cold", "expired", "expired again"} {
			s.dex.Relay.Forget()
			for i, a := range together(t, 96, func(i int) (gateway.Answer, error) { return asks(gateways[i%3], users[i%2])(i) }) {
				wantUser(t, a, users[i%2])
			}
			lost := 0
			for _, g := range gateways {
				lost += strings.Count(g.Log(), "the lease of a login ended before the login") + strings.Count(g.Log(), "the store of sessions failed")
			}
			if n := s.dex.Logins(); n < len(users) || n > len(users)+lost {
				t.Errorf("%s: %d logins for %d credentials, and %d leases were lost", what, n, len(users), lost)
			}
			s.proxy.Restart()
		}
		told := secrets([]*peers.Relay{s.proxy.Relay, s.dex.Relay}, users...)
		told[secret] = "secret of the gateways"
		for _, u := range users {
			told[u.Email] = "name of a user"
		}
		wantNoSecret(t, "store", dump(), told)
	})
}

// TestOUT04KilledInMidLogin kills the gateway that logs in: another one takes over.
func TestOUT04KilledInMidLogin(t *testing.T) {
	t.Parallel()
	stores(t, func(t *testing.T, o gateway.Options, _ string, _ func() string) {
		t.Helper()
		s := startStack(t, peers.DexOptions{})
		o.Site = s.site()
		first, second := startGateway(t, o), startGateway(t, o)
		s.dex.Relay.Delay(time.Hour)
		gone := make(chan error, 1)
		go func() { // ends with the gateway
			_, err := first.Do(first.Request(http.MethodGet, "/wrapped/who", peers.Alice().Email, peers.Alice().Password, nil))
			gone <- err
		}()
		await(t, func() error {
			if len(s.dex.Relay.Seen()) == 0 {
				return errNotYet
			}
			return nil
		})
		first.Kill()
		if err := <-gone; err == nil {
			t.Error("a gateway that was killed answered")
		}
		s.dex.Relay.Delay(0)
		// Its lease is still held for a while.
		await(t, func() error {
			a := who(second, peers.Alice())
			if a.Status != http.StatusOK {
				return fmt.Errorf("%s", a)
			}
			return nil
		})
		if n := s.dex.Logins(); n != 1 {
			t.Errorf("%d logins", n)
		}
	})
}

// TestOUT04TheFirstCallerLeaves has the caller for whom the login was begun hang up: the others get their answers, by the same
// login.
func TestOUT04TheFirstCallerLeaves(t *testing.T) {
	t.Parallel()
	s := startGuarded(t, peers.DexOptions{})
	s.dex.Relay.Delay(300 * time.Millisecond)
	ctx, leave := context.WithCancel(context.Background())
	gone := make(chan error, 1)
	go func() { // ends when the caller leaves
		req := s.gateway.Request(http.MethodGet, "/wrapped/who", peers.Alice().Email, peers.Alice().Password, nil)
		_, err := s.gateway.Do(req.WithContext(ctx))
		gone <- err
	}()
	await(t, func() error {
		if len(s.dex.Relay.Seen()) == 0 {
			return errNotYet
		}
		return nil
	})
	others := make(chan []gateway.Answer, 1)
	go func() { others <- together(t, 20, asks(s.gateway, peers.Alice())) }()
	await(t, func() error {
		if s.dex.Relay.Count("", "/dex/auth/local/login") == 0 {
			return errNotYet
		}
		return nil
	})
	leave()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("the first caller: %v", err)
	}
	for _, a := range <-others {
		wantUser(t, a, peers.Alice())
	}
	if n := s.dex.Logins(); n != 1 {
		t.Errorf("%d logins", n)
	}
}
