package queries

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries/db"
)

// Limits say how many executions are admitted. All gateways are to have the same.
type Limits struct {
	// Global is how many there are at once, of all users. 0: any number.
	Global int
	// PerUser is how many a user has at once who is no administrator and has no limit of their own (SetLimit). 0: any number.
	PerUser int
	// Waiting is how many of a user's may wait for admission, of whom PerUser or a limit holds. 0: any number.
	Waiting int
}

// Ready is an attempt that waits for a runner now.
type Ready struct {
	Attempt, Execution uuid.UUID
	// Number is that of the attempt, from 1.
	Number int64
	// Queue is whose runners may take it.
	Queue    string
	Priority int64
	// Available is when it may be taken: later than now after a failure.
	Available time.Time
}

// Dispatch is told of attempts that wait for a runner from now on, in the transaction that makes them, whose Querier it is given:
// Postgres has its pgx.Tx. An error ends the transaction. It must be quick, and not use the store otherwise.
type Dispatch func(ctx context.Context, q db.Querier, ready []Ready) error

// OnReady has a function be told of attempts: of every one that this store makes from now on. Where another process makes
// attempts, its own is told. nil: nobody is.
func (s *Store) OnReady(d Dispatch) {
	if d == nil {
		s.ready.Store(nil)
		return
	}
	s.ready.Store(&d)
}

// Settings of admission.
const (
	// admitAtOnce is how many of others are admitted together with one that is made.
	admitAtOnce = 100
	// admitUsers is for how many users one transaction looks.
	admitUsers = 100
	// lockOfAll is the number of the lock under which all executions are counted; those of users are made of their ids.
	lockOfAll = 0x6661697277617901
)

// quota is how many executions of a user may be admitted.
type quota struct {
	user    uuid.UUID
	limited bool
	free    bool // nothing is counted, for anybody: it has not to be asked whether something may run
	most    int
	waiting *int // how many more may wait; nil: any number
}

func (l Limits) of(user uuid.UUID, role string, own int64) quota {
	switch {
	case own >= 0:
		return quota{user: user, limited: true, most: int(own)}
	case l.PerUser == 0 || role == "ADMIN" || role == "SUPERADMIN":
		return quota{user: user, free: l.Global == 0}
	}
	return quota{user: user, limited: true, most: l.PerUser}
}

// lockUsers finds the quotas of users who want something run, and has nobody else admit something of theirs meanwhile.
func (s *Store) lockUsers(ctx context.Context, q db.Querier, l Limits, all []NewExecution) (map[uuid.UUID]quota, error) {
	out := map[uuid.UUID]quota{}
	for i := range all {
		user := all[i].User
		if _, ok := out[user]; ok {
			continue
		}
		has, err := q.GetLimit(ctx, user)
		if err != nil {
			return nil, err
		}
		out[user] = l.of(user, has.Role, has.AtMost)
	}
	if err := lockQuotas(ctx, q, l, out); err != nil {
		return nil, err
	}
	for user, has := range out {
		if !has.limited || l.Waiting == 0 {
			continue
		}
		n, err := q.CountWaitingOf(ctx, &user)
		if err != nil {
			return nil, err
		}
		more := max(0, l.Waiting-int(n))
		has.waiting = &more
		out[user] = has
	}
	return out, nil
}

// lockQuotas takes the locks under which executions are counted: first that of all, then those of users in order. It comes before
// anything is written.
func lockQuotas(ctx context.Context, q db.Querier, l Limits, users map[uuid.UUID]quota) error {
	if l.Global > 0 {
		if err := q.LockAdmission(ctx, lockOfAll); err != nil {
			return err
		}
	}
	numbers := make([]int64, 0, len(users))
	for user, has := range users {
		if has.limited {
			numbers = append(numbers, int64(binary.BigEndian.Uint64(user[:8])^binary.BigEndian.Uint64(user[8:]))) //nolint:gosec // any number does
		}
	}
	slices.Sort(numbers)
	for _, n := range slices.Compact(numbers) {
		if err := q.LockAdmission(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

// Admit admits what waits and may run, at most so many, the highest priority first and then who has waited longest. It says how
// many: as many as it was let, and there may be more. Any gateway may call it at any time; it is to be called when executions
// end, and now and then.
func (s *Store) Admit(ctx context.Context, l Limits, most int) (int, error) {
	waiting, err := s.queries().ListWaitingUsers(ctx)
	if err != nil || len(waiting) == 0 {
		return 0, err
	}
	step := admitUsers
	if l.Global > 0 {
		step = len(waiting) // among whom the room is shared
	}
	n := 0
	for some := range slices.Chunk(waiting, step) {
		if n == most {
			break
		}
		users := map[uuid.UUID]quota{}
		for _, u := range some {
			users[u.ID] = l.of(u.ID, u.Role, u.AtMost)
		}
		var ready []Ready
		err := s.move(ctx, func(q db.Querier, now time.Time) (err error) {
			if err := lockQuotas(ctx, q, l, users); err != nil {
				return err
			}
			ready, err = s.admit(ctx, q, now, l, users, most-n)
			return err
		})
		if err != nil {
			return n, err
		}
		n += len(ready)
	}
	return n, nil
}

// admit moves what may run of users, whose quotas are locked.
func (s *Store) admit(ctx context.Context, q db.Querier, now time.Time, l Limits, users map[uuid.UUID]quota, most int) ([]Ready, error) {
	if l.Global > 0 {
		active, err := q.CountActive(ctx)
		if err != nil {
			return nil, err
		}
		most = min(most, l.Global-int(active))
	}
	var first []db.ListWaitingOfRow
	for user, has := range users {
		room := most
		if has.limited {
			active, err := q.CountActiveOf(ctx, &user)
			if err != nil {
				return nil, err
			}
			room = min(room, has.most-int(active))
		}
		if room <= 0 {
			continue
		}
		some, err := q.ListWaitingOf(ctx, db.ListWaitingOfParams{UserID: &user, AtMost: int64(room)})
		if err != nil {
			return nil, err
		}
		first = append(first, some...)
	}
	slices.SortFunc(first, func(a, b db.ListWaitingOfRow) int {
		return cmp.Or(cmp.Compare(b.Priority, a.Priority), a.QueuedAt.Compare(b.QueuedAt), slices.Compare(a.ID[:], b.ID[:]))
	})
	ids := make([]uuid.UUID, 0, min(len(first), max(most, 0)))
	for _, e := range first[:min(len(first), max(most, 0))] {
		ids = append(ids, e.ID)
	}
	if len(ids) == 0 {
		return nil, nil
	}
	locked, err := q.LockExecutions(ctx, idList(ids))
	if err != nil {
		return nil, err
	}
	moves := make([]movement, 0, len(locked))
	for _, e := range locked {
		if e.Status == StatusPending { // it may have been cancelled
			moves = append(moves, movement{ID: e.ID, Was: e.Status, Status: StatusReady, Again: 1})
		}
	}
	return s.moveAll(ctx, q, now, moves)
}

// movement is a step of an execution. Its fields are those that MoveExecutions reads.
type movement struct {
	ID     uuid.UUID `json:"-"`
	Was    string    `json:"was"`
	Status string    `json:"status"`
	Reason string    `json:"reason"`
	// Again is 1 where there is another attempt, after Delay.
	Again int           `json:"again"`
	Ends  int           `json:"ends"`
	Delay time.Duration `json:"-"`
	// Notice is what the log is told of it; empty: nothing. Noted is 1 where there is one.
	Notice string `json:"-"`
	Noted  int    `json:"noted"`
}

// level is how grave the notice of a step is.
func (m *movement) level() string {
	switch {
	case m.Status == StatusFailed:
		return "ERROR"
	case m.Again > 0:
		return "WARNING"
	}
	return "INFO"
}

// moveAll moves executions, which the transaction has locked, and makes the attempts of those that have another one.
func (s *Store) moveAll(ctx context.Context, q db.Querier, now time.Time, moves []movement) ([]Ready, error) {
	if len(moves) == 0 {
		return nil, nil
	}
	byID, again := make(map[uuid.UUID]*movement, len(moves)), make([]newAttempt, 0, len(moves))
	for i := range moves {
		m := &moves[i]
		m.Reason = shorten(m.Reason)
		if Ended(m.Status) {
			m.Ends = 1
		}
		if m.Notice != "" {
			m.Noted = 1
		}
		byID[m.ID] = m
		if m.Again > 0 {
			again = append(again, newAttempt{m.ID, m.Delay})
		}
	}
	batch, err := batchOf(byID)
	if err != nil {
		return nil, err
	}
	moved, err := q.MoveExecutions(ctx, db.MoveExecutionsParams{Now: now, Batch: batch})
	if err != nil {
		return nil, err
	}
	if len(moved) != len(moves) {
		return nil, errors.New("executions that are locked have moved")
	}
	countMoves(q, moves)
	var notices []notice
	for _, row := range moved {
		if m := byID[row.ID]; m.Noted > 0 {
			notices = append(notices, notice{row.ID, row.LastLog, m.level(), shorten(m.Notice)})
		}
	}
	if err := addNotices(ctx, q, now, notices); err != nil {
		return nil, err
	}
	return s.makeAttempts(ctx, q, now, again)
}

// newAttempt is one that is to be made of an execution that counts it already, and may be taken after a while.
type newAttempt struct {
	Execution uuid.UUID
	Delay     time.Duration
}

// makeAttempts makes attempts, and tells of them.
func (s *Store) makeAttempts(ctx context.Context, q db.Querier, now time.Time, all []newAttempt) ([]Ready, error) {
	if len(all) == 0 {
		return nil, nil
	}
	rows := make([]map[string]any, len(all))
	for i, a := range all {
		id, err := uuid.NewV7()
		if err != nil {
			return nil, err
		}
		rows[i] = map[string]any{"id": id, "execution_id": a.Execution, "available_at": sqlTime(now.Add(a.Delay))}
	}
	batch, err := batchOf(rows)
	if err != nil {
		return nil, err
	}
	made, err := q.InsertAttempts(ctx, db.InsertAttemptsParams{Now: now, Batch: batch})
	if err != nil {
		return nil, err
	}
	ready := make([]Ready, len(made))
	for i, a := range made {
		ready[i] = Ready{Attempt: a.ID, Execution: a.ExecutionID, Number: a.Number, Queue: a.Queue, Priority: a.Priority, Available: a.AvailableAt}
	}
	told := slices.DeleteFunc(slices.Clone(ready), func(r Ready) bool { return ofGateways(r.Queue) })
	if len(told) == 0 {
		return ready, nil
	}
	countReady(q)
	if d := s.ready.Load(); d != nil {
		return ready, (*d)(ctx, q, told)
	}
	return ready, nil
}

// SetLimit says how many executions of a user run at once, whatever holds for others; nil: what holds for all.
func (s *Store) SetLimit(ctx context.Context, by By, user uuid.UUID, most *int) error {
	return s.inTx(ctx, func(q db.Querier) error {
		var err error
		diff := []byte(`{"max_concurrent_executions":null}`)
		if most == nil {
			err = q.DeleteLimit(ctx, user)
		} else {
			if diff, err = limitDiff(*most); err == nil {
				err = q.SetLimit(ctx, db.SetLimitParams{UserID: user, AtMost: int64(*most), Now: s.clock.Now()})
			}
		}
		if err != nil {
			return missing(err)
		}
		return audit(ctx, q, by, "user.limit", "user:"+user.String(), diff)
	})
}

func limitDiff(most int) ([]byte, error) {
	return json.Marshal(map[string]int{"max_concurrent_executions": most})
}
