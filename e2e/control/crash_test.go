package control_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
)

// writes are what TestKilledInMidWrites makes in all.
const writes = 1000

// ledger is what a gateway has said that it did.
type ledger struct {
	mu       sync.Mutex
	users    map[string]string // address -> id
	logins   []string          // refresh tokens
	answered atomic.Int64
}

// TestKilledInMidWrites has eight clients make users and log in, 1,000 times together, kills the gateway with SIGKILL at some
// moment, starts it again and goes on: nothing that it has answered before is lost.
func TestKilledInMidWrites(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, e engine) {
		t.Helper()
		w := start(t, e, e.options())
		s := w.scene(t)
		s.value("super.access")
		book := &ledger{users: map[string]string{}}
		killAt := 200 + rand.Int64N(600) //nolint:gosec // no secret
		t.Logf("killed when %d are answered", killAt)
		killed := make(chan struct{})
		var once sync.Once
		book.run(s, 0, func(n int64) {
			if n >= killAt {
				once.Do(func() {
					w.gateway.Kill()
					close(killed)
				})
			}
		})
		<-killed
		before := int(book.answered.Load())
		w.gateway.Run()
		book.kept(s)
		if t.Failed() {
			return
		}
		book.run(s, before, func(int64) {})
		if n := book.answered.Load(); n != writes {
			t.Errorf("%d writes in all", n)
		}
		book.kept(s)
		t.Logf("%d users and %d logins are kept, %d of them answered before the kill", len(book.users), len(book.logins), before)
	})
}

// run makes what is missing of the writes. A client ends when the gateway is gone.
func (b *ledger) run(s *scene, from int, answered func(n int64)) {
	s.t.Helper()
	const clients = 8
	next := atomic.Int64{}
	next.Store(int64(from))
	// Values are made before: a scene belongs to one goroutine.
	access, password := s.value("super.access"), s.value("super.password")
	email := s.value("super.email")
	var done sync.WaitGroup
	for range clients {
		done.Go(func() {
			for {
				n := next.Add(1)
				if n > writes {
					return
				}
				if !b.write(s, int(n), access, email, password) {
					return
				}
				answered(b.answered.Add(1))
			}
		})
	}
	done.Wait()
}

// write makes a user, or logs in. False: the gateway is gone.
func (b *ledger) write(s *scene, n int, access, email, password string) bool {
	one := &scene{world: s.world, t: s.t, vars: map[string]string{}, address: s.address}
	ask := post("/api/v1/user").bearer(access).json(fmt.Sprintf(`{"email":"u%d.%d@example.org","name":"User %d"}`, n, rand.Uint64(), n)) //nolint:gosec // no secret
	login := n%4 == 0
	if login {
		ask = logIn(email, password)
	}
	got, err := s.gateway.Do(one.request(s.gateway, ask))
	if err != nil {
		return false
	}
	pattern := `{"data":{"id":"<uuid:id>","email":"<text:email>","...":0}}`
	if login {
		pattern = `{"refresh_token":"<opaque:refresh>","...":0}`
	}
	if got.Status != http.StatusOK {
		s.t.Errorf("write %d: %s", n, got)
		return false
	}
	if err := match(pattern, got.Body, func(name, v string) { one.vars[name] = v }); err != nil {
		s.t.Errorf("write %d: %v", n, err)
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if login {
		b.logins = append(b.logins, one.vars["refresh"])
	} else {
		b.users[one.vars["email"]] = one.vars["id"]
	}
	return true
}

// kept holds the store and the gateway to what was answered: each user is there, and each login goes on.
func (b *ledger) kept(s *scene) {
	s.t.Helper()
	for email, id := range b.users {
		u, err := s.store.FindUser(context.Background(), email)
		if err != nil || u.ID.String() != id {
			s.t.Errorf("%s, who was made, is lost: %v", email, err)
		}
	}
	for _, refresh := range b.logins {
		post("/auth/refresh").json(`{"refresh_token":"` + refresh + `"}`).gives(200).do(s)
	}
	n, err := s.store.Queries().CountUsers(context.Background())
	if err != nil || int(n) < len(b.users) {
		s.t.Errorf("%d users, %v", n, err)
	}
}
