package queries

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries/db"
)

// Outcomes of what arrives.
const (
	ArrivalStarted = "STARTED" // an execution was made
	ArrivalRefused = "REFUSED" // none was, and never will
	ArrivalSkipped = "SKIPPED" // none was, so that events do not go in circles
)

// Arrival is an event that arrived from outside, or from the store itself, and asks for an execution.
type Arrival struct {
	// Origin is who brought it: hook:<id>, on:<name>. Required.
	Origin string
	// User is whose execution it is to be. Default uuid.Nil: there is no such user.
	User uuid.UUID
	// Event is what it says it is. At most 1000 characters of it are kept.
	Event string
	// Path are the origins that led here, each in angle brackets, this one not.
	Path string
}

// PathWith is the path of what an arrival's execution brings about.
func (a Arrival) PathWith() string { return a.Path + "<" + a.Origin + ">" }

// WriteArrival writes down with q what became of an event, at a time. execution is nil where none was made.
func WriteArrival(ctx context.Context, q db.Querier, now time.Time, a Arrival, outcome, reason string, execution *uuid.UUID) error {
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	row := db.InsertArrivalParams{ID: id, At: now, Origin: shorten(a.Origin), Event: shorten(a.Event), Outcome: outcome, Reason: shorten(reason), ExecutionID: execution, Path: a.PathWith()}
	if a.User != uuid.Nil {
		row.UserID = &a.User
	}
	return q.InsertArrival(ctx, row)
}

// RefuseArrival writes down why an event starts nothing.
func (s *Store) RefuseArrival(ctx context.Context, a Arrival, outcome, reason string) error {
	return WriteArrival(ctx, s.queries(), s.clock.Now(), a, outcome, reason, nil)
}

// ArrivalsFrom gives what an origin brought, the newest first.
func (s *Store) ArrivalsFrom(ctx context.Context, origin string, most int) ([]db.Arrival, error) {
	return s.queries().ListArrivalsFrom(ctx, db.ListArrivalsFromParams{Origin: origin, AtMost: int64(most)})
}

// Arrivals gives what arrived for a user, or with uuid.Nil for all, the newest first.
func (s *Store) Arrivals(ctx context.Context, user uuid.UUID, most int) ([]db.Arrival, error) {
	if user == uuid.Nil {
		return s.queries().ListArrivals(ctx, int64(most))
	}
	return s.queries().ListArrivalsOf(ctx, db.ListArrivalsOfParams{UserID: &user, AtMost: int64(most)})
}

// PathOf gives the origins that led to an execution, each in angle brackets, the last one's own the last; empty: no event did.
func (s *Store) PathOf(ctx context.Context, execution uuid.UUID) (string, error) {
	all, err := s.queries().ListPathsOf(ctx, &execution)
	if err != nil || len(all) == 0 {
		return "", err
	}
	return all[0].Path, nil
}
