package live

import (
	"context"
	"sync"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

// feed is an execution that is watched.
type feed struct {
	store    Store
	id       uuid.UUID
	watchers int // the hub's lock is over it

	mu      sync.Mutex
	state   *db.ListStatesRow // nil: it is not there
	version int64             // grows when there may be something to be read
	changed chan struct{}     // closed with each change

	reading chan struct{} // held by who reads
	pages   []*page       // those that were read last
}

// page is what happened behind a cursor.
type page struct {
	move, line int64 // of the cursor
	version    int64 // before it was read
	events     []happening
}

// What a page has at most; and how many pages are kept, for others who have come as far.
const (
	pageLines = 1000
	pageBytes = 64 << 10
	pageMoves = 1000
	pagesKept = 2
)

func newFeed(s Store, id uuid.UUID) *feed {
	return &feed{store: s, id: id, changed: make(chan struct{}), reading: make(chan struct{}, 1)}
}

// set says where the execution is now, nil: it is not there.
func (f *feed) set(now *db.ListStatesRow) {
	f.mu.Lock()
	defer f.mu.Unlock()
	was := f.state
	if was != nil && now != nil && (now.UpdatedAt.Before(was.UpdatedAt) || now.LastLog < was.LastLog) {
		return // somebody who asked before was answered later
	}
	moved := was == nil || now == nil || was.Status != now.Status || was.Attempt != now.Attempt || was.LastLog != now.LastLog
	if was == nil && now == nil || !moved && was.Progress == now.Progress {
		return
	}
	f.state = now
	if moved {
		f.version++
	}
	close(f.changed)
	f.changed = make(chan struct{})
}

// now is where the execution is, and what is closed when that changes.
func (f *feed) now() (state *db.ListStatesRow, version int64, changed <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.state, f.version, f.changed
}

// behind gives what happened behind a cursor, seen at a version at the earliest.
func (f *feed) behind(ctx context.Context, at Cursor, version int64) (*page, error) {
	select {
	case f.reading <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-f.reading }()
	for _, p := range f.pages {
		if p.move == at.Move && p.line == at.Line && (len(p.events) > 0 || p.version >= version) {
			return p, nil
		}
	}
	p, err := f.read(ctx, at)
	if err != nil {
		return nil, err
	}
	if f.pages = append(f.pages, p); len(f.pages) > pagesKept {
		f.pages = append([]*page(nil), f.pages[1:]...)
	}
	return p, nil
}

func (f *feed) read(ctx context.Context, at Cursor) (*page, error) {
	state, version, _ := f.now()
	p := &page{move: at.Move, line: at.Line, version: version}
	// Moves first: what was written into the log before one is seen with it.
	moves, err := f.store.StatusLogAfter(ctx, f.id, at.Move, pageMoves)
	if err != nil {
		return nil, err
	}
	lines, more, err := Lines(ctx, f.store, f.id, Part{After: at.Line, Lines: pageLines, Bytes: pageBytes})
	if err != nil {
		return nil, err
	}
	position, err := f.position(ctx, state, moves)
	if err != nil {
		return nil, err
	}
	p.events, err = arrange(at, moves, position, lines, more || len(moves) == pageMoves && len(lines) > 0)
	return p, err
}

// position is where the execution stands, if the last of its moves is that it waits.
func (f *feed) position(ctx context.Context, state *db.ListStatesRow, moves []db.StatusLog) (*Position, error) {
	if state == nil || len(moves) == 0 {
		return nil, nil
	}
	if to := moves[len(moves)-1].StatusTo; to != state.Status || to != queries.StatusPending && to != queries.StatusReady {
		return nil, nil
	}
	e, err := f.store.Execution(ctx, f.id)
	if err != nil {
		return nil, err
	}
	if e.Status != state.Status {
		return nil, nil
	}
	at, err := f.store.Position(ctx, e)
	if err != nil {
		return nil, err
	}
	return &Position{Ahead: at.Ahead, Own: at.OfUser}, nil
}
