package queries

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/internal/pgtest"
)

// TestPooler opens stores behind a pgbouncer that has fewer connections than they have: all of them work, nobody is left with a lock, and revocations are found.
func TestPooler(t *testing.T) {
	t.Parallel()
	if got, err := Examine(t.Context(), postgresDSN(t), nil); err != nil || got.Pooled {
		t.Errorf("without a pooler: %+v, %v", got, err)
	}
	for mode, connections := range map[string]int{"transaction": 3, "session": 20} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			_, dsn := shared.Pooled(t, mode, connections)
			var stores [3]*Store
			var failed [3]error
			var opening sync.WaitGroup
			for i := range stores {
				opening.Go(func() {
					stores[i], failed[i] = Open(t.Context(), Config{DSN: dsn + poolOption + []string{"", "&default_query_exec_mode=exec"}[i%2]})
				})
			}
			opening.Wait()
			for i, s := range stores {
				if failed[i] == nil {
					t.Cleanup(s.Close)
				}
			}
			if err := errors.Join(failed[:]...); err != nil {
				t.Fatal(err)
			}
			var working sync.WaitGroup
			for i, s := range stores {
				for n := range 8 {
					working.Go(func() {
						for round := range 20 {
							id := numbered(n + 10*i + 1000*round + int(mode[0])<<20)
							if ok, err := s.ReplaceSession(t.Context(), id, Version{}, Session{Version: Version{Generation: 1}, Sealed: id, Expires: in(time.Hour)}); err != nil || !ok {
								t.Error(ok, err)
							}
							if got, ok, err := stores[(i+1)%len(stores)].Session(t.Context(), id); err != nil || !ok || string(got.Sealed) != string(id) {
								t.Error(ok, err)
							}
						}
					})
				}
			}
			working.Wait()
			found := stores[0].RevocationsWanted(t.Context())
			before, err := stores[0].RevocationNumber(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if err := stores[1].RevokeAccess(t.Context(), mode, time.Hour); err != nil {
				t.Fatal(err)
			}
			waitUntil(t, func() bool {
				<-found
				all, err := stores[0].Revocations(t.Context(), before, 10)
				if err != nil {
					t.Fatal(err)
				}
				return slices.ContainsFunc(all, func(r Revocation) bool { return r.Subject == mode })
			})
			got, err := Examine(t.Context(), dsn, nil)
			if err != nil || !got.Pooled || got.Standby || got.Applied != got.Newest {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

func waitUntil(t *testing.T, is func() bool) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it does not come to pass")
		}
	}
}

// TestFailover kills the server of an open store and has its standby lead: what was written is there, writing goes on, and who listens hears again. Nobody opens a
// store at a standby.
func TestFailover(t *testing.T) {
	t.Parallel()
	first := pgtest.For(t)
	second := first.Standby(t, true)
	s := openStore(t, strings.TrimSuffix(pgtest.DSNOf("postgres", second, first), "&target_session_attrs=read-write")) // whichever leads: it is written to
	replace(t, s, index(1), Version{}, Version{1, 0}, "a", in(time.Hour), true)
	if _, err := Open(t.Context(), Config{DSN: second.DSN("postgres")}); !Away(err) || !strings.Contains(err.Error(), "read only") {
		t.Errorf("a standby is opened: %v", err)
	}
	if got, err := Examine(t.Context(), second.DSN("postgres"), nil); err != nil || !got.Standby {
		t.Errorf("%+v, %v", got, err)
	}
	for _, dsn := range []string{pgtest.DSNOf("postgres", second, first), strings.TrimSuffix(pgtest.DSNOf("postgres", second, first), "&target_session_attrs=read-write")} {
		if got, err := Examine(t.Context(), dsn, nil); err != nil || got.Standby || got.Applied == 0 {
			t.Errorf("%s: %+v, %v", dsn, got, err)
		}
	}
	heard := make(chan struct{}, 1)
	ctx, cancel := context.WithCancel(t.Context())
	var listening sync.WaitGroup
	listening.Go(func() { s.listen(ctx, "of_this_test", func() { ring(heard) }) })
	defer listening.Wait()
	defer cancel()
	<-heard // it listens
	if err := first.Crash(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Session(t.Context(), index(1)); !Away(err) {
		t.Errorf("nobody leads: %v", err)
	}
	if err := second.Promote(); err != nil {
		t.Fatal(err)
	}
	waitUntil(t, func() bool {
		_, ok, err := s.Session(t.Context(), index(1))
		if err == nil && !ok {
			t.Fatal("what was written is lost")
		}
		return err == nil
	})
	replace(t, s, index(2), Version{}, Version{1, 0}, "b", in(time.Hour), true)
	waitUntil(t, func() bool {
		if err := s.notify(t.Context(), "of_this_test"); err != nil {
			t.Fatal(err)
		}
		select {
		case <-heard:
			return true
		default:
			return false
		}
	})
}

func TestSockets(t *testing.T) {
	t.Parallel()
	for dsn, want := range map[string]string{
		"postgres://u:s%20a@/db?host=/b,/a":                          "[/a /b] s a",
		"postgres://u:pw@h:1,i:2/db?target_session_attrs=read-write": "[] pw",
		"postgres://u@/db?host=/a&password=pw":                       "[/a] pw",
		"postgres://u@h:port/db":                                     "[] ",
	} {
		directories, password := Sockets(dsn)
		if diff := cmp.Diff(want, fmt.Sprint(directories, " ", password)); diff != "" {
			t.Errorf("%s: %s", dsn, diff)
		}
	}
}
