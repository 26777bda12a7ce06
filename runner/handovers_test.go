package runner_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/runner"
	"github.com/fairway-gateway/fairway/runner/blobs"
	"github.com/fairway-gateway/fairway/runner/noop"
	"github.com/fairway-gateway/fairway/runner/runnertest"
)

// TestSweepHandovers has results lie there that no runner took: of an attempt that is over they are removed after a while, of any other they stay.
func TestSweepHandovers(t *testing.T) {
	t.Parallel()
	runnertest.Sites(t, func(t *testing.T, s *runnertest.Site) {
		t.Helper()
		_, end := s.Start(t, runner.Config{Executor: noop.New(noop.Plan{})}, 0)
		over := s.Execute(t, 1, `{}`, nil)[0]
		s.Await(t, over, queries.StatusFinished)
		end()
		waits := s.Execute(t, 1, `{}`, nil)[0]
		if _, err := runner.Admit(t.Context(), s.Store, queries.Limits{}); err != nil {
			t.Fatal(err)
		}
		names := map[string]bool{} // whether they stay
		for id, stays := range map[uuid.UUID]bool{over: false, waits: true} {
			attempts, err := s.Store.Attempts(t.Context(), id)
			if err != nil || len(attempts) != 1 {
				t.Fatal(attempts, err)
			}
			names[attempts[0].ID.String()] = stays
		}
		names[uuid.NewString()] = true // of another store
		names["something"] = true
		for name := range names {
			hand(t, s.Blobs, name)
		}
		if n, err := runner.SweepHandovers(t.Context(), s.Store, s.Blobs); err != nil || n != 0 {
			t.Fatalf("a moment after the end %d were removed, %v", n, err)
		}
		later, err := queries.Open(t.Context(), queries.Config{DSN: s.DSN, Clock: ahead(2 * time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		defer later.Close()
		if n, err := runner.SweepHandovers(t.Context(), later, s.Blobs); err != nil || n != 1 {
			t.Errorf("%d were removed, %v", n, err)
		}
		for name, stays := range names {
			if got := handed(t, s.Blobs, name); got != stays {
				t.Errorf("%s: it is there: %t", name, got)
			}
		}
	})
}

// TestTendSweepsHandovers: who looks after a store does so without being asked, and one of several at once.
func TestTendSweepsHandovers(t *testing.T) {
	t.Parallel()
	runnertest.Sites(t, func(t *testing.T, s *runnertest.Site) {
		t.Helper()
		_, end := s.Start(t, runner.Config{Executor: noop.New(noop.Plan{})}, 0)
		id := s.Execute(t, 1, `{}`, nil)[0]
		s.Await(t, id, queries.StatusFinished)
		end()
		attempts, err := s.Store.Attempts(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		name := attempts[0].ID.String()
		hand(t, s.Blobs, name)
		later, err := queries.Open(t.Context(), queries.Config{DSN: s.DSN, Clock: ahead(2 * time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		defer later.Close()
		ctx, stop := context.WithCancel(t.Context())
		asked := make(chan struct{}, 10)
		ended := make(chan struct{})
		for range 2 {
			go func() { // ends with stop
				runner.Tend(ctx, runner.Tending{Store: later, Every: 10 * time.Millisecond, Blobs: func(context.Context) (*blobs.Blobs, error) {
					asked <- struct{}{}
					return s.Blobs, nil
				}})
				ended <- struct{}{}
			}()
		}
		for deadline := time.Now().Add(runnertest.Patience); handed(t, s.Blobs, name); <-time.After(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("it stays")
			}
		}
		stop()
		<-ended
		<-ended
		if len(asked) != 1 {
			t.Errorf("%d looked for it", len(asked))
		}
	})
}

// hand puts something where results are handed over.
func hand(t *testing.T, place *blobs.Blobs, name string) {
	t.Helper()
	if _, err := place.Write(t.Context(), blobs.HandoverKey(name), "application/octet-stream", 10, func(w io.Writer) error {
		_, err := io.WriteString(w, "{}")
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

// handed says whether something is there.
func handed(t *testing.T, place *blobs.Blobs, name string) bool {
	t.Helper()
	content, err := place.Read(t.Context(), blobs.HandoverKey(name))
	if errors.Is(err, blobs.ErrNotFound) {
		return false
	}
	if err != nil {
		t.Fatal(err)
	}
	return content.Close() == nil
}

// ahead is a clock of a time to come.
func ahead(by time.Duration) func() time.Time {
	return func() time.Time { return time.Now().Add(by) }
}
