package runner_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/runner"
	"github.com/fairway-gateway/fairway/runner/blobs"
	"github.com/fairway-gateway/fairway/runner/runnertest"
)

// TestRemoveBlobs removes blobs of executions that are removed, in parts; what cannot be removed is removed another time, by whoever looks after the store.
func TestRemoveBlobs(t *testing.T) {
	t.Parallel()
	runnertest.Sites(t, func(t *testing.T, s *runnertest.Site) {
		t.Helper()
		keys := []string{"params/1.json", "params/2.json", "params/3.json", "params/4.json"}
		for _, key := range keys {
			if _, err := s.Blobs.Write(t.Context(), key, "application/json", 10, func(w io.Writer) error {
				_, err := io.WriteString(w, "{}")
				return err
			}); err != nil {
				t.Fatal(err)
			}
		}
		left := func() (out []string) {
			t.Helper()
			for _, key := range keys {
				content, err := s.Blobs.Read(t.Context(), key)
				if errors.Is(err, blobs.ErrNotFound) {
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				_ = content.Close() // nothing was read
				out = append(out, key)
			}
			return out
		}
		for i, id := range s.Execute(t, 4, `{}`, func(n *queries.NewExecution) { n.ParamsKey = keys[0]; keys = append(keys[1:], keys[0]) }) {
			if i == 3 {
				continue // it waits
			}
			if _, err := s.Store.Cancel(t.Context(), queries.By{Actor: "a"}, id, "enough"); err != nil {
				t.Fatal(err)
			}
		}
		later, err := queries.Open(t.Context(), queries.Config{DSN: s.DSN, Clock: ahead(48 * time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		defer later.Close()
		if done, err := later.Maintain(t.Context(), queries.Retention{Executions: 24 * time.Hour}); err != nil || done.Executions != 3 {
			t.Fatal(done, err)
		}
		there := func(context.Context) (*blobs.Blobs, error) { return s.Blobs, nil }
		away := errors.New("away")
		if _, err := runner.RemoveBlobs(t.Context(), later, func(context.Context) (*blobs.Blobs, error) { return nil, away }, "", 2); !errors.Is(err, away) {
			t.Error(err)
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := runner.RemoveBlobs(ended, later, there, "", 2); err == nil || len(left()) != 4 {
			t.Error(err, left())
		}
		if last, err := runner.RemoveBlobs(t.Context(), later, there, "", 2); err != nil || last != keys[1] || !slices.Equal(left(), keys[2:]) {
			t.Error(last, err, left())
		}
		// Somebody was killed between the blob and the row.
		if err := s.Blobs.Remove(t.Context(), keys[2]); err != nil {
			t.Error(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { // ends with stop
			defer close(done)
			runner.Tend(ctx, runner.Tending{Store: later, Every: 10 * time.Millisecond, Blobs: there})
		}()
		for deadline := time.Now().Add(runnertest.Patience); ; <-time.After(5 * time.Millisecond) {
			some, err := later.BlobsToRemove(t.Context(), "", 10)
			if err != nil {
				t.Fatal(err)
			}
			if len(some) == 0 {
				break
			}
			if time.Now().After(deadline) {
				t.Fatal("they stay:", some)
			}
		}
		stop()
		<-done
		if !slices.Equal(left(), keys[3:]) {
			t.Error(left())
		}
	})
}
