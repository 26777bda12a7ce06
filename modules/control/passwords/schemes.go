package passwords

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// schemes are those of living accounts, as far as is known. A failure makes one hash of each. To make only the most
// expensive one would tell who exists: those whose hash is a cheap one would be refused sooner than nobody is.
type schemes struct {
	// always is that of new hashes.
	always Scheme

	mu    sync.Mutex
	list  []Scheme
	asked time.Time
}

const (
	// schemesAge is how old the list may be. A scheme that a check meets is in it at once.
	schemesAge = time.Minute
	// mostSchemes bounds the work of a failure. There is one, and while old hashes are replaced two or three; of more only
	// the most expensive ones are made for nobody.
	mostSchemes = 6
)

// all gives the schemes, the most expensive one first.
func (s *schemes) all() []Scheme {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.known()
}

func (s *schemes) known() []Scheme {
	if s.list == nil {
		s.list = []Scheme{s.always}
	}
	return s.list
}

// learn adds a scheme. Lists are not changed in place, since checks read them.
func (s *schemes) learn(one Scheme) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if list := s.known(); !slices.Contains(list, one) {
		s.list = ordered(append(slices.Clone(list), one))
	}
}

func ordered(list []Scheme) []Scheme {
	slices.SortFunc(list, func(a, b Scheme) int {
		return cmp.Or(cmp.Compare(b.work(), a.work()), cmp.Compare(a.String(), b.String()))
	})
	list = slices.Compact(list)
	return list[:min(len(list), mostSchemes)]
}

// due says, to one who asks, that the list is old.
func (s *schemes) due(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.asked.IsZero() && now.Sub(s.asked) < schemesAge {
		return false
	}
	s.asked = now
	return true
}

// refresh asks the accounts for their schemes, now and then. With a store that fails the old ones are kept.
func (c *Checker[A]) refresh(ctx context.Context) {
	if !c.schemes.due(time.Now()) {
		return
	}
	texts, err := c.accounts.Schemes(ctx)
	if err != nil {
		c.log.WarnContext(ctx, "the schemes of passwords could not be asked for", slog.Any("error", err))
		return
	}
	list := []Scheme{c.schemes.always}
	for _, t := range texts {
		one, err := ParseScheme(t)
		if err != nil {
			if t != "" {
				c.log.WarnContext(ctx, "an account has a password that cannot be read", slog.Any("error", err))
			}
			continue
		}
		list = append(list, one)
	}
	c.schemes.mu.Lock()
	defer c.schemes.mu.Unlock()
	c.schemes.list = ordered(list)
}
