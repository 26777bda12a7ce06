package outbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/modules/control/controltest"
	"github.com/fairway-gateway/fairway/queries"
)

var engines = controltest.NewEngines()

func TestMain(m *testing.M) { os.Exit(engines.Main(m)) }

// both runs a test with each engine, on an empty database.
func both(t *testing.T, test func(t *testing.T, dsn string)) {
	t.Helper()
	engines.Both(t, test)
}

var must = controltest.Must

func enqueue(t testing.TB, s *queries.Store, n int) {
	t.Helper()
	for i := range n {
		_, err := queries.Enqueue(t.Context(), s.Queries(), queries.Letter{Topic: "mail", Payload: json.RawMessage(fmt.Sprint(i))})
		must(t, err)
	}
}

// held counts the letters of the store.
func held(t testing.TB, s *queries.Store) (waiting, dead int64) {
	t.Helper()
	waiting, dead, err := s.CountLetters(t.Context(), "mail")
	must(t, err)
	return waiting, dead
}

// start runs a worker and gives the function that ends it and waits for that.
func start(t testing.TB, s Store, cfg Config) (stop func()) {
	t.Helper()
	cfg.Topic = "mail"
	w, err := New(s, cfg)
	must(t, err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		w.Run(ctx)
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		receive(t, ended, "the worker does not end")
	})
	t.Cleanup(stop)
	return stop
}

// receive waits for what must come.
func receive[T any](t testing.TB, from <-chan T, otherwise string) (v T) {
	t.Helper()
	select {
	case v = <-from:
	case <-time.After(5 * time.Minute):
		t.Fatal(otherwise)
	}
	return v
}

// gone waits until the store has no letter that waits.
func gone(t testing.TB, s *queries.Store) {
	t.Helper()
	controltest.Eventually(t, "no letter waits", func() bool {
		waiting, _ := held(t, s)
		return waiting == 0
	})
}

// kept is a log that can be read while it is written.
type kept struct {
	mu   sync.Mutex
	text strings.Builder
}

func (k *kept) Write(b []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.text.Write(b)
}

func (k *kept) count(what string) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return strings.Count(k.text.String(), what)
}

func (k *kept) logger() *slog.Logger { return slog.New(slog.NewTextHandler(k, nil)) }

// flaky is a store that can be switched off, for some of what a worker wants of it.
type flaky struct {
	Store
	claims, renewals, results atomic.Bool // true: they fail
}

var errDown = errors.New("down")

func (f *flaky) ClaimLetters(ctx context.Context, topic, holder string, most int, lease time.Duration) ([]queries.Claim, error) {
	if f.claims.Load() {
		return nil, errDown
	}
	return f.Store.ClaimLetters(ctx, topic, holder, most, lease)
}

func (f *flaky) RenewLetter(ctx context.Context, c queries.Claim, lease time.Duration) (bool, error) {
	if f.renewals.Load() {
		return false, errDown
	}
	return f.Store.RenewLetter(ctx, c, lease)
}

func (f *flaky) FinishLetter(ctx context.Context, c queries.Claim) (bool, error) {
	if f.results.Load() {
		return false, errDown
	}
	return f.Store.FinishLetter(ctx, c)
}
