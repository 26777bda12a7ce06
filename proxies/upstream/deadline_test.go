package upstream

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestDeadline(t *testing.T) {
	t.Parallel()
	far := time.Now().Add(time.Hour)
	past := time.Now().Add(-time.Second)

	t.Run("the earlier one counts", func(t *testing.T) {
		t.Parallel()
		near := far.Add(-time.Minute)
		parent, cancel := context.WithDeadline(t.Context(), near)
		defer cancel()
		if got, ok := withDeadline(parent, far).Deadline(); !ok || !got.Equal(near) {
			t.Errorf("Deadline gives %v, %v, want the parent's %v", got, ok, near)
		}
		if got, _ := withDeadline(parent, near.Add(-time.Minute)).Deadline(); !got.Equal(near.Add(-time.Minute)) {
			t.Errorf("Deadline gives %v, want its own", got)
		}
	})
	t.Run("over", func(t *testing.T) {
		t.Parallel()
		d := withDeadline(t.Context(), past)
		if err := d.Err(); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Err gives %v without a clock", err)
		}
		<-d.Done()
		if err := d.Err(); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Err gives %v with a clock", err)
		}
	})
	t.Run("the parent ends", func(t *testing.T) {
		t.Parallel()
		parent, cancel := context.WithCancel(t.Context())
		d, waited := withDeadline(parent, far), withDeadline(parent, far)
		done := waited.Done()
		if d.Err() != nil || waited.Err() != nil {
			t.Fatal("it ended at once")
		}
		cancel()
		<-done
		for _, d := range []*deadlined{d, waited} {
			if err := d.Err(); !errors.Is(err, context.Canceled) {
				t.Errorf("Err gives %v", err)
			}
		}
	})
	t.Run("cancel", func(t *testing.T) {
		t.Parallel()
		before, after := withDeadline(t.Context(), far), withDeadline(t.Context(), far)
		done := before.Done()
		before.cancel()
		after.cancel()
		<-done
		<-after.Done()
		for _, d := range []*deadlined{before, after} {
			if err := d.Err(); !errors.Is(err, context.Canceled) {
				t.Errorf("Err gives %v", err)
			}
		}
	})
	t.Run("a child ends with it", func(t *testing.T) {
		t.Parallel()
		child, cancel := context.WithCancel(withDeadline(t.Context(), past))
		defer cancel()
		<-child.Done()
		if err := child.Err(); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the child's Err gives %v", err)
		}
	})
}
