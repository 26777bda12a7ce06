package queries

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"github.com/fairway-gateway/fairway/queries/db"
)

// Bucket is how a bucket of attempts leaks, and how the delay after them grows. The same key always has the same Bucket.
type Bucket struct {
	// Free is how many attempts have no delay, Full the highest level.
	Free, Full int
	// Leak is after how long one attempt is forgotten, at least a microsecond.
	Leak time.Duration
	// First is the delay after the attempt that is one too many. It doubles with each, at most 16 times, up to Most.
	First, Most time.Duration
}

// TryBucket adds an attempt to the bucket of a key (1 to 64 bytes), in one statement. wait says that the last attempt was too
// short ago by so much: then nothing was added. level is how many were in the bucket before.
func (s *Store) TryBucket(ctx context.Context, key []byte, b Bucket) (level int, wait time.Duration, err error) {
	before, err := s.queries().TryBucket(ctx, db.TryBucketParams{
		Key: key, LeakUs: microseconds(b.Leak), FullLevel: int64(b.Full), Free: int64(b.Free), FirstUs: b.First.Microseconds(), MostUs: b.Most.Microseconds(),
	})
	if err == nil {
		return int(before), 0, nil
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return 0, 0, err
	}
	row, err := s.queries().GetBucket(ctx, key)
	if errors.Is(err, sql.ErrNoRows) { // it was emptied meanwhile
		return 0, time.Microsecond, nil
	}
	if err != nil {
		return 0, 0, err
	}
	leak := microseconds(b.Leak)
	level = int((max(row.EmptyUs-row.NowUs, 0) + leak - 1) / leak)
	var delay time.Duration
	if level >= b.Free {
		delay = min(b.First<<min(level-b.Free, 16), b.Most)
	}
	wait = delay - time.Duration(row.NowUs-row.LastUs)*time.Microsecond
	return level, max(wait, time.Microsecond), nil
}

// UndoBucket takes one attempt back.
func (s *Store) UndoBucket(ctx context.Context, key []byte, b Bucket) error {
	_, err := s.queries().UndoBucket(ctx, db.UndoBucketParams{Key: key, LeakUs: microseconds(b.Leak)})
	return err
}

// ClearBucket empties a bucket.
func (s *Store) ClearBucket(ctx context.Context, key []byte) error {
	_, err := s.queries().ClearBucket(ctx, key)
	return err
}

// Rate is what became of one that was to be taken of a rate.
type Rate struct {
	// OK: it was taken.
	OK bool
	// Left is how many may be taken at once now.
	Left int
	// Retry is after how long one may be taken, 0 where Left is not. Reset is after how long all may.
	Retry, Reset time.Duration
}

// TakeRate takes one of most per time for a key (1 to 64 bytes), in one statement: most may be taken at once, and come back
// one by one.
func (s *Store) TakeRate(ctx context.Context, key []byte, most int, per time.Duration) (Rate, error) {
	most = max(most, 1)
	leak := microseconds(per / time.Duration(most))
	left, err := s.queries().TakeRate(ctx, db.TakeRateParams{Key: key, LeakUs: leak, FullLevel: int64(most)})
	if err == nil {
		return rateOf(true, left, leak, most), nil
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return Rate{}, err
	}
	row, err := s.queries().GetBucket(ctx, key)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return Rate{}, err
	}
	return rateOf(false, max(row.EmptyUs-row.NowUs, 0), leak, most), nil
}

// rateOf says what a bucket that is empty after some microseconds lets through.
func rateOf(ok bool, empty, leak int64, most int) Rate {
	used := (empty + leak - 1) / leak
	r := Rate{OK: ok, Left: max(0, most-int(used)), Reset: time.Duration(empty) * time.Microsecond}
	if r.Left == 0 {
		r.Retry = time.Duration(max(1, empty-int64(most-1)*leak)) * time.Microsecond
	}
	return r
}

// CountRates says how many keys with a prefix (1 to 64 bytes) have taken something of a rate that has not come back, and how
// many of them may take nothing now.
func (s *Store) CountRates(ctx context.Context, prefix []byte, most int, per time.Duration) (used, full int, err error) {
	most = max(most, 1)
	row, err := s.queries().CountBuckets(ctx, db.CountBucketsParams{
		FullUs: int64(most-1) * microseconds(per/time.Duration(most)), FirstKey: prefix, EndKey: behind(prefix),
	})
	return int(row.Used), int(row.Filled), err
}

// ClearRates has everything come back that keys with a prefix (1 to 64 bytes) have taken, and says how many keys those were.
func (s *Store) ClearRates(ctx context.Context, prefix []byte) (int, error) {
	n, err := s.queries().ClearBuckets(ctx, db.ClearBucketsParams{FirstKey: prefix, EndKey: behind(prefix)})
	return int(n), err
}

// behind is the first key that comes after all that have a prefix.
func behind(prefix []byte) []byte {
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] < 0xff {
			end := slices.Clone(prefix[:i+1])
			end[i]++
			return end
		}
	}
	return bytes.Repeat([]byte{0xff}, 65) // longer than any key
}

func microseconds(d time.Duration) int64 { return max(1, min(d, longest).Microseconds()) }
