package queries

import (
	"context"
	"crypto/subtle"
	"database/sql"
	"errors"
	"time"

	"github.com/fairway-gateway/fairway/queries/db"
)

// Once is a request that is done once.
type Once struct {
	// Key and Body are SHA-256 of what the request is told by, and of what it asks for: 32 bytes each.
	Key, Body []byte
	// Lease is for how long it may be under way before it is taken for dead.
	Lease time.Duration
	// Lasts is for how long it is remembered.
	Lasts time.Duration
}

// Begun is what is known of a request that is done once.
type Begun struct {
	// Fence, above 0, says that the request is to be done now, by who asked: AnswerOnce or ReleaseOnce wants it.
	Fence int64
	// SameBody says that what was asked for before is the same; the rest is known only then.
	SameBody bool
	// Status is that of the answer that was given, 0: another is doing the request.
	Status int
	// Sealed is the rest of the answer.
	Sealed []byte
}

// BeginOnce says who does a request. Of those who ask at once one is given a fence.
func (s *Store) BeginOnce(ctx context.Context, o Once) (Begun, error) {
	for {
		fence, err := s.queries().TakeIdempotencyKey(ctx, db.TakeIdempotencyKeyParams{
			KeyHash: o.Key, BodyHash: o.Body, LeaseMs: milliseconds(o.Lease), LifetimeMs: milliseconds(o.Lasts),
		})
		if err == nil {
			return Begun{Fence: fence, SameBody: true}, nil
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return Begun{}, err
		}
		row, err := s.queries().GetIdempotencyKey(ctx, o.Key)
		if errors.Is(err, sql.ErrNoRows) && ctx.Err() == nil {
			continue // it has expired in between
		}
		if err != nil {
			return Begun{}, err
		}
		if subtle.ConstantTimeCompare(row.BodyHash, o.Body) == 0 {
			return Begun{}, nil
		}
		if row.Status == 0 {
			return Begun{SameBody: true}, nil
		}
		return Begun{SameBody: true, Status: int(row.Status), Sealed: row.Sealed}, nil
	}
}

// AnswerOnce keeps the answer of a request, whose status is above 0. False: its lease had ended, and another does it.
func (s *Store) AnswerOnce(ctx context.Context, key []byte, fence int64, status int, sealed []byte) (bool, error) {
	n, err := s.queries().AnswerIdempotencyKey(ctx, db.AnswerIdempotencyKeyParams{KeyHash: key, Fence: fence, Status: int64(status), Sealed: sealed})
	return n == 1, err
}

// ReleaseOnce lets others do a request that has failed, with the same body.
func (s *Store) ReleaseOnce(ctx context.Context, key []byte, fence int64) error {
	_, err := s.queries().ReleaseIdempotencyKey(ctx, db.ReleaseIdempotencyKeyParams{KeyHash: key, Fence: fence})
	return err
}
