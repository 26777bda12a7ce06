package queries

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"

	"github.com/fairway-gateway/fairway/queries/db"
)

// Statuses of an execution. It begins with StatusPending, or with StatusReady and a StatusPending before it that lasted no time, and moves along these edges
// alone, whatever a statement says:
//
//	from PENDING:    READY, CANCELLING, CANCELLED
//	from READY:      READY (another attempt), RUNNING, FAILED, CANCELLING
//	from RUNNING:    READY (another attempt), FINISHED, FAILED, CANCELLING
//	from CANCELLING: CANCELLED
const (
	StatusPending    = "PENDING"    // it waits for admission
	StatusReady      = "READY"      // it has an attempt that waits for a runner, or is being prepared by one
	StatusRunning    = "RUNNING"    // a runner has it
	StatusFinished   = "FINISHED"   // it succeeded
	StatusFailed     = "FAILED"     // it did not
	StatusCancelling = "CANCELLING" // its runner was told to end it
	StatusCancelled  = "CANCELLED"  // it was cancelled
)

// Statuses are all of them.
func Statuses() []string {
	return []string{StatusPending, StatusReady, StatusRunning, StatusFinished, StatusFailed, StatusCancelling, StatusCancelled}
}

// Ended says whether a status is one that never changes.
func Ended(status string) bool {
	return status == StatusFinished || status == StatusFailed || status == StatusCancelled
}

// Outcome is how an attempt ended.
type Outcome string

// Outcomes.
const (
	OutcomeSucceeded Outcome = "SUCCEEDED"
	OutcomeFailed    Outcome = "FAILED"    // the script did, or its executor
	OutcomeCancelled Outcome = "CANCELLED" // it was ended since somebody wished so
	OutcomeTimeout   Outcome = "TIMEOUT"   // it ran for longer than it may
	OutcomeOOM       Outcome = "OOM"       // it wanted more memory than it may have
	OutcomeLost      Outcome = "LOST"      // its runner was not heard of any more
	OutcomeRefused   Outcome = "REFUSED"   // its runner could not begin it
)

// Outcomes are all of them.
func Outcomes() []string {
	return []string{
		string(OutcomeSucceeded), string(OutcomeFailed), string(OutcomeCancelled), string(OutcomeTimeout), string(OutcomeOOM), string(OutcomeLost), string(OutcomeRefused),
	}
}

// DefaultQueue is that of executions which do not say where they run.
const DefaultQueue = "default"

// DefaultTimeout is how long an attempt may run that does not say it.
const DefaultTimeout = 24 * time.Hour

// StatusError says that an execution or script is not what must be for what was asked.
type StatusError struct {
	// Status is what it is.
	Status string
}

func (e *StatusError) Error() string { return "it is " + e.Status }

// ErrFenced says that somebody else holds an attempt by now, or that it has ended: what its runner does counts no more.
var ErrFenced = errors.New("the attempt is held by somebody else, or has ended") //nolint:gochecknoglobals // a sentinel

// ErrQueueFull says that a user has as many executions that wait as may.
var ErrQueueFull = errors.New("too many executions wait") //nolint:gochecknoglobals // a sentinel

// ErrKeyReused says that an idempotency key was used for something else.
var ErrKeyReused = errors.New("the idempotency key was used for something else") //nolint:gochecknoglobals // a sentinel

// NewExecution is what is to be run.
type NewExecution struct {
	// ID is that of the execution. Default: a new one.
	ID uuid.UUID
	// Script and Version say what is run, User whose it is. Required.
	Script  uuid.UUID
	Version int64
	User    uuid.UUID
	// Params are what it is run with, JSON, or ParamsKey is where the blobs have them. Default {}.
	Params    json.RawMessage
	ParamsKey string
	// Queue is whose runners may run it. Default DefaultQueue.
	Queue string
	// Priority: higher ones are admitted and run first. Default 0.
	Priority int64
	// MaxAttempts is how often it is tried. Default 1. What never ran since its runner was lost or refused it is tried five times
	// more.
	MaxAttempts int
	// RetryOn are the outcomes after which it is tried again. Default: none.
	RetryOn []Outcome
	// RetryDelay is how long the second attempt waits; each further one twice as long, an hour at most. Default 0.
	RetryDelay time.Duration
	// Timeout is how long an attempt may run, to the millisecond. Default DefaultTimeout.
	Timeout time.Duration
	// Key makes it the only one of the user with this key, 32 bytes, and BodyHash is a hash of what was asked, 32 bytes. Default: it
	// is one of its own.
	Key, BodyHash []byte
	// IsPlugin: the older client's plugin asked for it.
	IsPlugin bool
	// RerunOf is what it repeats.
	RerunOf *uuid.UUID
	// Arrival is the event that asks for it, which is written down with it. Default: none does.
	Arrival *Arrival
}

// Created is an execution that was asked for.
type Created struct {
	db.Execution
	// Existing: it was there before, made with the same idempotency key.
	Existing bool
}

// CreateExecution writes an execution, which waits for admission, and admits it, where the limits let it, in one transaction. The
// error is ErrQueueFull, ErrKeyReused, sql.ErrNoRows where there is no such living user, or a *MissingError where there is no such
// version of the script.
func (s *Store) CreateExecution(ctx context.Context, l Limits, n NewExecution) (Created, error) {
	made, err := s.CreateExecutions(ctx, l, []NewExecution{n})
	if err != nil {
		return Created{}, err
	}
	return made[0], nil
}

// CreateExecutions is CreateExecution of several, all or none.
func (s *Store) CreateExecutions(ctx context.Context, l Limits, all []NewExecution) ([]Created, error) {
	all = slices.Clone(all)
	for i := range all {
		if err := all[i].complete(); err != nil {
			return nil, err
		}
	}
	var made []Created
	err := s.move(ctx, func(q db.Querier, now time.Time) error {
		made = make([]Created, 0, len(all))
		users, err := s.lockUsers(ctx, q, l, all)
		if err != nil {
			return err
		}
		fresh, first := map[uuid.UUID]int{}, []newAttempt(nil)
		for i := range all {
			has := users[all[i].User]
			one, err := insertExecution(ctx, q, now, &all[i], has)
			if err != nil {
				return err
			}
			switch {
			case one.Existing:
			case has.free:
				first = append(first, newAttempt{Execution: one.ID})
			default:
				fresh[one.ID] = i
			}
			made = append(made, one)
		}
		if _, err := s.makeAttempts(ctx, q, now, first); err != nil || len(fresh) == 0 {
			return err
		}
		ready, err := s.admit(ctx, q, now, l, users, len(all)+admitAtOnce)
		for _, r := range ready {
			if i, ok := fresh[r.Execution]; ok {
				made[i].Status, made[i].Attempt, made[i].DispatchedAt = StatusReady, r.Number, &now
			}
		}
		return err
	})
	if err != nil {
		return nil, missing(err)
	}
	return made, nil
}

// complete writes defaults, and refuses what no database takes.
func (n *NewExecution) complete() error {
	if n.ID == uuid.Nil {
		id, err := uuid.NewV7()
		if err != nil {
			return err
		}
		n.ID = id
	}
	if len(n.Params) == 0 {
		n.Params = []byte("{}")
	}
	if err := CheckJSON(n.Params); err != nil {
		return fmt.Errorf("params: %w", err)
	}
	if n.Queue == "" {
		n.Queue = DefaultQueue
	}
	n.MaxAttempts = max(n.MaxAttempts, 1)
	if n.Timeout <= 0 {
		n.Timeout = DefaultTimeout
	}
	if (n.Key == nil) != (n.BodyHash == nil) {
		return errors.New("an idempotency key comes with a hash of the body")
	}
	return plain(n.Queue, n.ParamsKey)
}

// mostNested is how deep JSON may be nested: PostgreSQL takes no more than some thousand levels.
const mostNested = 1000

// CheckJSON says why parameters or results cannot be kept: they are no JSON, or one of the engines would refuse them.
func CheckJSON(text json.RawMessage) error {
	if !json.Valid(text) {
		return errors.New("this is no JSON")
	}
	depth, quoted, escaped := 0, false, false
	for _, c := range text {
		switch {
		case escaped:
			escaped = false
		case quoted && c == '\\':
			escaped = true
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > mostNested {
				return fmt.Errorf("this JSON is nested deeper than %d", mostNested)
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return plain(string(text))
}

// insertExecution writes one that waits, or one that is ready and wants its attempt, where nobody has to be asked whether it may run.
func insertExecution(ctx context.Context, q db.Querier, now time.Time, n *NewExecution, of quota) (Created, error) {
	if n.Key != nil {
		old, err := q.GetExecutionByKey(ctx, db.GetExecutionByKeyParams{UserID: &n.User, IdempotencyKey: n.Key})
		if !errors.Is(err, sql.ErrNoRows) {
			return existing(old, n, err)
		}
	}
	if full := of.waiting; full != nil {
		if *full == 0 {
			return Created{}, ErrQueueFull
		}
		*full--
	}
	if n.RerunOf != nil && n.ParamsKey != "" { // the blob is the other one's, with which it were removed
		if _, err := q.HoldExecution(ctx, *n.RerunOf); err != nil {
			return Created{}, err
		}
	}
	begin := beginning(of.free, now)
	row, err := q.InsertExecution(ctx, db.InsertExecutionParams{
		Status: begin.status, Attempt: begin.attempt, DispatchedAt: begin.dispatched,
		ID: n.ID, ScriptID: &n.Script, ScriptVersion: &n.Version, UserID: &n.User, Params: n.Params, ParamsKey: n.ParamsKey,
		Queue: n.Queue, Priority: n.Priority, MaxAttempts: int64(n.MaxAttempts), RetryOn: words(n.RetryOn), RetryDelayMs: milliseconds(n.RetryDelay),
		TimeoutMs: max(1, milliseconds(n.Timeout)), IdempotencyKey: n.Key, BodyHash: n.BodyHash, IsPluginExecution: n.IsPlugin, RerunOf: n.RerunOf, Now: now,
	})
	if n.Key != nil && errors.Is(err, sql.ErrNoRows) { // somebody was faster
		old, err := q.GetExecutionByKey(ctx, db.GetExecutionByKeyParams{UserID: &n.User, IdempotencyKey: n.Key})
		return existing(old, n, err)
	}
	if err == nil && n.Arrival != nil {
		err = WriteArrival(ctx, q, now, *n.Arrival, ArrivalStarted, "", &row.ID)
	}
	return Created{Execution: row}, err
}

// first is how an execution begins.
type first struct {
	status     string
	attempt    int64
	dispatched *time.Time
}

// beginning is how one begins that may run at once, or waits for admission.
func beginning(ready bool, now time.Time) first {
	if ready {
		return first{StatusReady, 1, &now}
	}
	return first{status: StatusPending}
}

func existing(old db.Execution, n *NewExecution, err error) (Created, error) {
	if err == nil && !bytes.Equal(old.BodyHash, n.BodyHash) {
		err = ErrKeyReused
	}
	return Created{Execution: old, Existing: true}, err
}

// Execution gives one that is not deleted; sql.ErrNoRows: there is none.
func (s *Store) Execution(ctx context.Context, id uuid.UUID) (db.Execution, error) {
	e, err := s.queries().GetExecution(ctx, id)
	if err == nil && e.DeletedAt != nil {
		err = sql.ErrNoRows
	}
	if err != nil {
		return db.Execution{}, err
	}
	return e, nil
}

// Attempts gives those of an execution, in order.
func (s *Store) Attempts(ctx context.Context, execution uuid.UUID) ([]db.ExecutionAttempt, error) {
	return s.queries().ListAttempts(ctx, execution)
}

// MissingError says that something does not exist that something else would be of.
type MissingError struct{ Err error }

func (e *MissingError) Error() string { return "there is no such thing: " + e.Err.Error() }

// Unwrap gives the cause.
func (e *MissingError) Unwrap() error { return e.Err }

const constraintForeign = 787 // SQLITE_CONSTRAINT_FOREIGNKEY

// missing makes a *MissingError of an error that says so.
func missing(err error) error {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == "23503" {
		return &MissingError{Err: err}
	}
	if lite, ok := errors.AsType[*sqlite.Error](err); ok && lite.Code() == constraintForeign {
		return &MissingError{Err: err}
	}
	return err
}
