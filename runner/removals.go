package runner

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/runner/blobs"
)

const (
	// removalsLease is under which one of all processes removes blobs. Who has not got it, or has failed, rests for so long.
	removalsLease = "blob removals"
	removalsRest  = time.Minute
	// removedAtOnce is how many blobs are removed at a time, removers how many of them at the same time.
	removedAtOnce = 500
	removers      = 8
)

// RemoveBlobs removes blobs of executions that are removed, those after a key, at most so many. It gives the last key that it looked at, "" if it was the last
// one at all. What cannot be removed is tried again another time. Whoever is killed in between leaves it to the next one.
func RemoveBlobs(ctx context.Context, s *queries.Store, open func(context.Context) (*blobs.Blobs, error), after string, most int) (last string, err error) {
	keys, err := s.BlobsToRemove(ctx, after, most)
	if err != nil || len(keys) == 0 {
		return "", err
	}
	place, err := open(ctx)
	if err != nil {
		return "", err
	}
	failed := make([]error, len(keys))
	next := make(chan int)
	var all sync.WaitGroup
	for range min(removers, len(keys)) {
		all.Go(func() {
			for i := range next {
				failed[i] = place.Remove(ctx, keys[i])
			}
		})
	}
	for i := range keys {
		next <- i
	}
	close(next)
	all.Wait()
	gone := make([]string, 0, len(keys))
	for i, key := range keys {
		if failed[i] == nil {
			gone = append(gone, key)
		}
	}
	if len(keys) == most {
		last = keys[most-1]
	}
	if len(gone) > 0 {
		err = s.BlobsRemoved(ctx, gone)
	}
	return last, errors.Join(err, errors.Join(failed...))
}

// removals removes blobs a part at a time, so that what else is looked after does not wait.
type removals struct {
	after string    // where the next part begins
	rests time.Time // until when it does nothing: another process does it, or it failed
}

// some removes the next part, if there is one and no other process does.
func (r *removals) some(ctx context.Context, t *Tending, holder string) error {
	if time.Now().Before(r.rests) {
		return nil
	}
	found, err := t.Store.BlobsToRemove(ctx, r.after, 1)
	if err == nil && len(found) == 0 {
		r.after = ""
		return nil
	}
	mine := false
	if err == nil {
		_, mine, err = t.Store.Lease(ctx, removalsLease, holder, removalsRest)
	}
	if mine {
		r.after, err = RemoveBlobs(ctx, t.Store, t.Blobs, r.after, removedAtOnce)
	}
	if err != nil || !mine {
		r.rests = time.Now().Add(removalsRest)
	}
	return err
}
