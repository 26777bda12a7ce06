package outbox

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/fairway-gateway/fairway/modules/control/controltest"
	"github.com/fairway-gateway/fairway/proxies/observe"
	"github.com/fairway-gateway/fairway/queries"
)

// watch notes how often letters were worked on, and whether one ever was by two at once.
type watch struct {
	mu       sync.Mutex
	now      map[uuid.UUID]int
	times    map[uuid.UUID]int
	most     int // letters at once
	together bool
}

func (w *watch) begin(id uuid.UUID) (end func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.now == nil {
		w.now, w.times = map[uuid.UUID]int{}, map[uuid.UUID]int{}
	}
	w.now[id]++
	w.times[id]++
	w.together = w.together || w.now[id] > 1
	w.most = max(w.most, len(w.now))
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.now[id]--; w.now[id] == 0 {
			delete(w.now, id)
		}
	}
}

// once fails unless so many letters were each worked on once.
func (w *watch) once(t *testing.T, letters int) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.times) != letters || w.together {
		t.Errorf("%d of %d letters, two at once: %v", len(w.times), letters, w.together)
	}
	for id, n := range w.times {
		if n != 1 {
			t.Errorf("%v was sent %d times", id, n)
		}
	}
}

// TestEachLetterLeavesOnceAndNotAllAtOnce holds the bound of Parallel and that of what is leased.
func TestEachLetterLeavesOnceAndNotAllAtOnce(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := controltest.Store(t, dsn)
		enqueue(t, s, 50)
		var w watch
		m := observe.New()
		reg := prometheus.NewRegistry()
		must(t, m.Register(reg))
		stop := start(t, s, Config{Parallel: 3, Metrics: m, Count: 10 * time.Millisecond, Handle: func(_ context.Context, l Letter) error {
			defer w.begin(l.ID)()
			if len(l.Payload) == 0 || l.Attempt != 1 || l.Created.IsZero() {
				t.Errorf("%+v", l)
			}
			return nil
		}})
		gone(t, s)
		w.once(t, 50)
		if w.most > 3 {
			t.Errorf("%d at once", w.most)
		}
		controltest.Eventually(t, "50 are counted", func() bool { return sample(t, reg, "sent") == 50 && sample(t, reg, "pending") == 0 })
		stop()
		if sample(t, reg, "sent") != -1 {
			t.Error("its metrics outlive it")
		}
	})
}

// TestNoMoreLettersAreLeasedThanAreWorkedOn has three that take long, and a fourth that waits for nobody's lease.
func TestNoMoreLettersAreLeasedThanAreWorkedOn(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := controltest.Store(t, dsn)
		enqueue(t, s, 4)
		begun, gate := make(chan struct{}, 4), make(chan struct{})
		start(t, s, Config{Parallel: 3, Handle: func(context.Context, Letter) error {
			begun <- struct{}{}
			<-gate
			return nil
		}})
		for range 3 {
			receive(t, begun, "none begins")
		}
		if got, err := s.ClaimLetters(t.Context(), "mail", "other", 9, 0); err != nil || len(got) != 1 {
			t.Errorf("%d letters are nobody's, %v", len(got), err)
		}
		select {
		case <-begun:
			t.Error("four at once")
		case <-time.After(1500 * time.Millisecond): // it looks each second
		}
		close(gate)
		gone(t, s)
	})
}

// sample gives the value of the series with a label of that value, -1: there is none.
func sample(t *testing.T, reg *prometheus.Registry, label string) float64 {
	t.Helper()
	all, err := reg.Gather()
	must(t, err)
	for _, f := range all {
		for _, one := range f.GetMetric() {
			for _, l := range one.GetLabel() {
				if l.GetValue() == label {
					return one.GetCounter().GetValue() + one.GetGauge().GetValue()
				}
			}
		}
	}
	return -1
}

// TestTwoGatewaysNeverSendOneLetterAtOnce has each letter take longer than its lease. On a machine so busy that a lease could not be
// renewed in time a letter is begun again, later: that is no fault, two at once would be.
func TestTwoGatewaysNeverSendOneLetterAtOnce(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := controltest.Store(t, dsn)
		enqueue(t, s, 8)
		var w watch
		var left sync.Map // letters that left, by id
		cfg := Config{Parallel: 4, Lease: 5 * time.Second, First: time.Millisecond, Handle: func(ctx context.Context, l Letter) error {
			defer w.begin(l.ID)()
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(6 * time.Second):
				left.Store(l.ID, true)
				return nil
			}
		}}
		start(t, s, cfg)
		start(t, controltest.Store(t, dsn), cfg)
		gone(t, s)
		w.mu.Lock()
		defer w.mu.Unlock()
		n := 0
		left.Range(func(any, any) bool { n++; return true })
		if n != 8 || w.together {
			t.Errorf("%d of 8 letters left, two at once: %v", n, w.together)
		}
	})
}

// TestWhoCannotRenewGoesBeforeAnotherComes has a gateway lose sight of the store while it works on a letter.
func TestWhoCannotRenewGoesBeforeAnotherComes(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := controltest.Store(t, dsn)
		enqueue(t, s, 1)
		var w watch
		first := &flaky{Store: s}
		first.renewals.Store(true)
		begun, left := make(chan struct{}), make(chan error, 1)
		start(t, first, Config{Lease: time.Second, First: time.Millisecond, Handle: func(ctx context.Context, l Letter) error {
			defer w.begin(l.ID)()
			first.claims.Store(true)
			close(begun)
			<-ctx.Done()
			left <- context.Cause(ctx)
			return ctx.Err()
		}})
		receive(t, begun, "nobody takes the letter")
		start(t, controltest.Store(t, dsn), Config{Handle: func(_ context.Context, l Letter) error {
			defer w.begin(l.ID)()
			return nil
		}})
		if why := receive(t, left, "it goes on"); !errors.Is(why, errLost) {
			t.Error(why)
		}
		gone(t, s)
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.together {
			t.Error("two sent it at once")
		}
	})
}

// TestALetterOfAGatewayThatWasKilledIsTaken holds that its lease ends by itself.
func TestALetterOfAGatewayThatWasKilledIsTaken(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := controltest.Store(t, dsn)
		enqueue(t, s, 1)
		if got, err := s.ClaimLetters(t.Context(), "mail", "killed", 9, 300*time.Millisecond); err != nil || len(got) != 1 {
			t.Fatal(got, err)
		}
		attempt := make(chan int, 1)
		start(t, s, Config{Handle: func(_ context.Context, l Letter) error {
			attempt <- l.Attempt
			return nil
		}})
		if n := receive(t, attempt, "nobody takes it"); n != 2 {
			t.Errorf("attempt %d", n)
		}
	})
}

// TestFailuresAreTriedAgainAndThenLaidAside also revives what was laid aside.
func TestFailuresAreTriedAgainAndThenLaidAside(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := controltest.Store(t, dsn)
		enqueue(t, s, 3) // 0 fails always, 1 for good, 2 once
		var mu sync.Mutex
		attempts := map[string]int{}
		var well atomic.Bool
		var log kept
		start(t, s, Config{Attempts: 3, First: time.Millisecond, Logger: log.logger(), Handle: func(_ context.Context, l Letter) error {
			mu.Lock()
			defer mu.Unlock()
			attempts[string(l.Payload)]++
			switch {
			case well.Load(), string(l.Payload) == "2" && l.Attempt == 2:
				return nil
			case string(l.Payload) == "1":
				return fmt.Errorf("wrapped: %w", Permanent(errors.New("no such mailbox")))
			case l.Attempt == 2:
				panic("a defect")
			}
			return errors.New("not now")
		}})
		gone(t, s)
		if _, dead := held(t, s); dead != 2 {
			t.Errorf("%d are laid aside", dead)
		}
		mu.Lock()
		if attempts["0"] != 3 || attempts["1"] != 1 || attempts["2"] != 2 {
			t.Errorf("%v", attempts)
		}
		mu.Unlock()
		all, err := s.Queries().ListDeadOutbox(t.Context(), 9)
		must(t, err)
		well.Store(true)
		for _, one := range all {
			if want := map[string]string{"0": "not now", "1": "wrapped: no such mailbox"}[string(one.Payload)]; one.LastError != want {
				t.Errorf("%s: %q", one.Payload, one.LastError)
			}
			_, err := s.Queries().ReviveOutbox(t.Context(), one.ID)
			must(t, err)
		}
		gone(t, s)
		if _, dead := held(t, s); dead != 0 {
			t.Errorf("%d were not revived", dead)
		}
		if log.count("a letter is laid aside") != 2 || log.count("panicked") < 1 {
			t.Error(log.text.String())
		}
	})
}

// TestALetterThatEndsItsGatewayIsLaidAside also holds that it is not looked at any more.
func TestALetterThatEndsItsGatewayIsLaidAside(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := controltest.Store(t, dsn)
		enqueue(t, s, 1)
		for range 4 {
			if got, err := s.ClaimLetters(t.Context(), "mail", "killed", 1, 0); err != nil || len(got) != 1 {
				t.Fatal(got, err)
			}
		}
		start(t, s, Config{Attempts: 2, Handle: func(context.Context, Letter) error {
			t.Error("it is looked at")
			return nil
		}})
		gone(t, s)
		if _, dead := held(t, s); dead != 1 {
			t.Errorf("%d", dead)
		}
	})
}

// TestStoppingLetsLettersEndAndGivesTheOthersBack has one that ends in time, and one that does not at its last attempt.
func TestStoppingLetsLettersEndAndGivesTheOthersBack(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := controltest.Store(t, dsn)
		enqueue(t, s, 3)
		begun, finish := make(chan struct{}, 3), make(chan struct{})
		var why atomic.Value
		stop := start(t, s, Config{Parallel: 2, Attempts: 1, Drain: 300 * time.Millisecond, Handle: func(ctx context.Context, l Letter) error {
			begun <- struct{}{}
			if string(l.Payload) == "0" {
				<-finish
				return nil
			}
			<-ctx.Done()
			why.Store(context.Cause(ctx))
			return ctx.Err()
		}})
		receive(t, begun, "none begins")
		receive(t, begun, "the second does not begin")
		time.AfterFunc(50*time.Millisecond, func() { close(finish) })
		stop()
		if err, _ := why.Load().(error); !errors.Is(err, errStopping) {
			t.Error(err)
		}
		if waiting, dead := held(t, s); waiting != 2 || dead != 0 {
			t.Errorf("%d wait, %d are laid aside", waiting, dead)
		}
		if got, err := s.ClaimLetters(t.Context(), "mail", "next", 9, time.Minute); err != nil || len(got) != 2 {
			t.Errorf("they are not given back: %+v, %v", got, err)
		}
	})
}

// TestAStoreThatDoesNotAnswerIsWaitedFor holds that this is said once, and that what has left is written down later.
func TestAStoreThatDoesNotAnswerIsWaitedFor(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := controltest.Store(t, dsn)
		down := &flaky{Store: s}
		down.claims.Store(true)
		down.results.Store(true)
		enqueue(t, s, 1)
		var log kept
		var w watch
		start(t, down, Config{Logger: log.logger(), Handle: func(_ context.Context, l Letter) error {
			defer w.begin(l.ID)()
			time.AfterFunc(500*time.Millisecond, func() { down.results.Store(false) })
			return nil
		}})
		controltest.Eventually(t, "it is said", func() bool { return log.count("the store does not answer") > 0 })
		enqueue(t, s, 1)
		down.claims.Store(false)
		gone(t, s)
		w.once(t, 2)
		if log.count("the store does not answer") != 1 || log.count("answers\"") != 1 {
			t.Error(log.text.String())
		}
	})
}

// TestRunEndsWithItsStore has nobody else end it.
func TestRunEndsWithItsStore(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s, err := queries.Open(t.Context(), queries.Config{DSN: dsn})
		must(t, err)
		enqueue(t, s, 1)
		begun, ended := make(chan struct{}), make(chan struct{})
		w, err := New(s, Config{Topic: "mail", Handle: func(context.Context, Letter) error {
			close(begun)
			return nil
		}})
		must(t, err)
		go func() {
			defer close(ended)
			w.Run(context.WithoutCancel(t.Context()))
		}()
		receive(t, begun, "it does not begin")
		s.Close()
		receive(t, ended, "it goes on without a store")
	})
}

func TestBackoff(t *testing.T) {
	t.Parallel()
	w, err := New(nil, Config{Topic: "mail", Handle: func(context.Context, Letter) error { return nil }})
	must(t, err)
	var all time.Duration
	for attempt := 1; attempt < w.cfg.Attempts; attempt++ {
		d := w.cfg.backoff(attempt, 0.5)
		if least, most := w.cfg.backoff(attempt, 0), w.cfg.backoff(attempt, 1); least >= d || most <= d || most > 2*least {
			t.Errorf("%d: %v to %v", attempt, least, most)
		}
		all += d
	}
	if w.cfg.backoff(1, 0.5) != time.Minute || w.cfg.backoff(3, 0.5) != 4*time.Minute || all < 20*time.Hour || all > 24*time.Hour {
		t.Errorf("%v, %v, %v", w.cfg.backoff(1, 0.5), w.cfg.backoff(3, 0.5), all)
	}
	if d := w.cfg.backoff(1<<30, 0.5); d != 6*time.Hour {
		t.Error(d)
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for _, cfg := range []Config{{Topic: "mail"}, {Handle: func(context.Context, Letter) error { return nil }}} {
		if _, err := New(nil, cfg); err == nil || !strings.Contains(err.Error(), "topic and a handler") {
			t.Error(err)
		}
	}
}
