package wrap

import (
	"context"
	"sync"

	"github.com/fairway-gateway/fairway/proxies/problem"
)

// shared has equal requests of one fan-out sent once. Its entries live as long as the caller's request, so nobody gets an
// answer that was made for somebody else.
type shared struct {
	mu      sync.Mutex
	entries map[string]*sharedEntry
}

type sharedEntry struct {
	done    chan struct{}
	result  result
	problem *problem.Problem
}

func newShared() *shared { return &shared{entries: map[string]*sharedEntry{}} }

// do gives what fetch gives for the first of equal keys, to all of them. The answer belongs to the first.
func (s *shared) do(ctx context.Context, key string, fetch func() (*result, *problem.Problem)) (result, *problem.Problem) {
	s.mu.Lock()
	e, known := s.entries[key]
	if !known {
		e = &sharedEntry{done: make(chan struct{})}
		s.entries[key] = e
	}
	s.mu.Unlock()
	if known {
		select {
		case <-e.done:
			return e.result, e.problem
		case <-ctx.Done():
			return result{}, &problem.Problem{Status: statusClientClosed, Detail: "The caller hung up.", Cause: ctx.Err()}
		}
	}
	defer close(e.done)
	e.problem = &problem.Problem{Code: problem.Internal, Status: 500} // stays where fetch panics
	res, p := fetch()
	e.result, e.problem = *res, p
	return *res, p
}
