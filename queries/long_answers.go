package queries

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries/db"
)

// ExecutorGateway is the executor of executions that a gateway runs itself: fetches of a service that take long.
const ExecutorGateway = "gateway"

// ReasonGatewayLost is why an execution failed whose gateway was not heard of any more, or ended before it had the answer.
const ReasonGatewayLost = "gateway_lost"

// gatewayQueues begin the names of queues of which no runner hears.
const gatewayQueues = '@'

// GatewayQueue is the queue in which long answers of a route wait for a gateway that has it.
func GatewayQueue(service, route string) string { return string(gatewayQueues) + service + " " + route }

func ofGateways(queue string) bool { return queue != "" && queue[0] == gatewayQueues }

// NewLongAnswer is a fetch of a service that takes longer than its caller waits.
type NewLongAnswer struct {
	// ID is that of the execution. Default: a new one.
	ID uuid.UUID
	// Service and Route say what is fetched, the route by method and pattern.
	Service, Route string
	// User is whose it is; nil: nobody's whom the store knows.
	User *uuid.UUID
	// Params say to people what was asked, JSON. Default {}.
	Params []byte
	// At is where its user finds the answer. Default: it is told to nobody else.
	At string
	// Caller is a keyed hash of whose it is, 32 bytes; TokenHash the SHA-256 of the token that who asks for it shows. Default: none.
	Caller, TokenHash []byte
	// Request is what another gateway needs to ask again, sealed; nil: nobody may. Attempts are then how many there may be.
	Request  []byte
	Attempts int
	// Timeout is how long an attempt may take.
	Timeout time.Duration
	// Gateway is who holds it, and Lease for how long. Default DefaultLease.
	Gateway uuid.UUID
	Lease   time.Duration
}

// BeginLongAnswer writes the execution of a fetch that runs, whose first attempt the gateway holds.
func (s *Store) BeginLongAnswer(ctx context.Context, n NewLongAnswer) (Holder, error) {
	if n.ID == uuid.Nil {
		id, err := uuid.NewV7()
		if err != nil {
			return Holder{}, err
		}
		n.ID = id
	}
	if len(n.Params) == 0 {
		n.Params = []byte("{}")
	}
	if n.Lease <= 0 {
		n.Lease = DefaultLease
	}
	if err := CheckJSON(n.Params); err != nil {
		return Holder{}, err
	}
	if err := plain(n.Service, n.Route, n.At); err != nil {
		return Holder{}, err
	}
	var out Holder
	err := s.move(ctx, func(q db.Querier, now time.Time) (err error) {
		out, err = s.beginLongAnswer(ctx, q, now, &n)
		return err
	})
	return out, missing(err)
}

func (s *Store) beginLongAnswer(ctx context.Context, q db.Querier, now time.Time, n *NewLongAnswer) (Holder, error) {
	begin := beginning(true, now)
	in := db.InsertExecutionParams{
		Status: begin.status, Attempt: begin.attempt, DispatchedAt: begin.dispatched,
		ID: n.ID, UserID: n.User, Params: n.Params, Queue: GatewayQueue(n.Service, n.Route), MaxAttempts: 1, TimeoutMs: max(1, milliseconds(n.Timeout)), Now: now,
		Executor: ExecutorGateway, Service: n.Service, Route: n.Route, AnswerAt: n.At,
	}
	if n.Request != nil {
		in.MaxAttempts, in.RetryOn = int64(max(n.Attempts, 1)), string(OutcomeLost)
	}
	if n.User != nil { // who is deleted at this moment has nothing made afterwards
		if _, err := q.GetLimit(ctx, *n.User); err != nil {
			return Holder{}, err
		}
	}
	if _, err := q.InsertExecution(ctx, in); err != nil {
		return Holder{}, err
	}
	if err := q.InsertLongAnswer(ctx, db.InsertLongAnswerParams{ExecutionID: n.ID, Caller: n.Caller, TokenHash: n.TokenHash, Request: n.Request, Now: now}); err != nil {
		return Holder{}, err
	}
	ready, err := s.makeAttempts(ctx, q, now, []newAttempt{{Execution: n.ID}})
	if err != nil {
		return Holder{}, err
	}
	claim := ClaimRequest{Runner: n.Gateway, Attempts: []uuid.UUID{ready[0].Attempt}, Lease: n.Lease, StartWithin: DefaultStartWithin}
	claim.Begin = func(c *Claimed) *StartRequest { return &StartRequest{Holder: c.Holder, Timeout: c.Timeout} }
	got, err := claimSome(ctx, q, now, claim)
	if err != nil {
		return Holder{}, err
	}
	if err := s.startClaimed(ctx, q, now, claim, got); err != nil {
		return Holder{}, err
	}
	if len(got) != 1 || !got[0].Started {
		return Holder{}, errors.New("an attempt that was just made cannot be begun")
	}
	return got[0].Holder, nil
}

// KeptAnswer is what a fetch gave, as its caller is answered.
type KeptAnswer struct {
	// Status and Header are those of the answer, Header in a form that is not the store's matter.
	Status int
	Header []byte
	// Body is the answer's, or Key where the blobs have it, and Size its bytes.
	Body []byte
	Key  string
	Size int64
	// Expires is until when it is kept.
	Expires time.Duration
}

// EndLongAnswer ends the attempt of a long answer, and keeps what it gave; nil: nothing. It gives the status of the execution: READY
// where another attempt follows, and then nothing is kept. The error is ErrFenced where the attempt is not the holder's any more.
func (s *Store) EndLongAnswer(ctx context.Context, r FinishRequest, a *KeptAnswer) (string, error) {
	out := make([]Finished, 1)
	err := s.move(ctx, func(q db.Querier, now time.Time) error {
		if err := s.finish(ctx, q, now, []FinishRequest{r}, out); err != nil {
			return err
		}
		if out[0].Status == "" {
			return ErrFenced
		}
		if a == nil || !Ended(out[0].Status) || out[0].Status == StatusCancelled {
			return nil
		}
		expires, status := now.Add(a.Expires), int64(a.Status)
		_, err := q.KeepLongAnswer(ctx, db.KeepLongAnswerParams{
			ExecutionID: r.Execution, Status: &status, Header: a.Header, Body: a.Body, BodyKey: a.Key, BodySize: a.Size, ExpiresAt: &expires,
		})
		return err
	})
	return out[0].Status, err
}

// LongAnswer gives a long answer, and how its execution is; sql.ErrNoRows: there is none, or it is not kept any more.
func (s *Store) LongAnswer(ctx context.Context, id uuid.UUID) (db.GetLongAnswerRow, error) {
	a, err := s.queries().GetLongAnswer(ctx, id)
	if err == nil && a.ExpiresAt != nil && !a.ExpiresAt.After(s.clock.Now()) {
		return db.GetLongAnswerRow{}, sql.ErrNoRows
	}
	return a, err
}

// LongRequest gives what it takes to ask again for a long answer; sql.ErrNoRows: nothing does.
func (s *Store) LongRequest(ctx context.Context, id uuid.UUID) (db.GetLongRequestRow, error) {
	return s.queries().GetLongRequest(ctx, id)
}

// WaitingLongAnswers gives those of some queues in which a long answer waits for a gateway that makes it again.
func (s *Store) WaitingLongAnswers(ctx context.Context, queues []string) ([]string, error) {
	names, err := batchOf(queues)
	if err != nil {
		return nil, err
	}
	return s.queries().ListWaitingLongAnswers(ctx, db.ListWaitingLongAnswersParams{Queues: names, Now: s.clock.Now()})
}

// Kept is a long answer that is not kept any more.
type Kept struct {
	Execution uuid.UUID
	// Key is where the blobs have its body; empty: nowhere.
	Key string
}

// unheldFor is how long a long answer waits for a gateway that has its route.
const unheldFor = 10 * time.Minute

// SweepLongAnswers looks after long answers: those without an answer are told of for keep after their end, those that wait for a
// gateway for ten minutes are cancelled, and those are given that have been kept for long enough, at most so many, for whoever
// removes their blobs and then ForgetLongAnswer them.
func (s *Store) SweepLongAnswers(ctx context.Context, keep time.Duration, most int) ([]Kept, error) {
	now := s.clock.Now()
	until := now.Add(keep)
	if _, err := s.queries().EndLongAnswers(ctx, &until); err != nil {
		return nil, err
	}
	waiting, err := s.queries().ListUnheldLongAnswers(ctx, db.ListUnheldLongAnswersParams{Since: now.Add(-unheldFor), AtMost: int64(most)})
	if err != nil {
		return nil, err
	}
	for _, id := range waiting {
		_, err := s.Cancel(ctx, By{Actor: "system"}, id, ReasonGatewayLost+": no gateway has its route any more")
		if _, moved := errors.AsType[*StatusError](err); err != nil && !moved && !errors.Is(err, sql.ErrNoRows) {
			return nil, err
		}
	}
	over, err := s.queries().ListOverLongAnswers(ctx, db.ListOverLongAnswersParams{Now: &now, AtMost: int64(most)})
	out := make([]Kept, len(over))
	for i, o := range over {
		out[i] = Kept{Execution: o.ExecutionID, Key: o.BodyKey}
	}
	return out, err
}

// ForgetLongAnswer deletes what is not kept any more.
func (s *Store) ForgetLongAnswer(ctx context.Context, id uuid.UUID) error {
	now := s.clock.Now()
	_, err := s.queries().DeleteLongAnswer(ctx, db.DeleteLongAnswerParams{ExecutionID: id, Now: &now})
	return err
}
