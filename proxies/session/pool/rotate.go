package pool

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/fairway-gateway/fairway/proxies/session"
)

// storeTimeout is for what is asked of the store in the background.
const storeTimeout = 5 * time.Second

// rotate makes the session that follows one whose cookies an answer has changed.
func (s *Sessions) rotate(of *Session, set []*http.Cookie) {
	sl, now := of.slot, s.pool.now()
	sl.mu.Lock()
	cur := sl.current.Load()
	// What an answer to an older session says is not of this one. Within a login the last answer counts.
	if cur == nil || cur.version.Generation != of.version.Generation {
		sl.mu.Unlock()
		return
	}
	list, changed := cur.cookies.rotated(set, now)
	if changed {
		state := cur.state
		state.Cookies = list
		v := cur.version
		v.Revision++
		sl.current.Store(s.session(sl, v, &state, cur.born))
	}
	sl.mu.Unlock()
	if changed {
		s.pool.persist(sl, s)
	}
}

// session makes a session of its state.
func (s *Sessions) session(sl *slot, v session.Version, state *session.State, born time.Time) *Session {
	out := &Session{slot: sl, version: v, state: *state, born: born, cookies: newCookies(state.Cookies, s.cfg.Hidden)}
	if state.Authorization != "" {
		out.authorization = []string{state.Authorization}
	}
	return out
}

// persist has the session of a slot written to the store, in the background. One writer at a time writes what is newest.
func (p *Pool) persist(sl *slot, s *Sessions) {
	sl.mu.Lock()
	defer sl.mu.Unlock()
	if sl.writing || !p.begin() {
		return
	}
	sl.writing = true
	go func() {
		defer p.tasks.Done()
		p.write(sl, s)
	}()
}

// begin counts something that is done in the background; false: the pool is closed. Its end is tasks.Done.
func (p *Pool) begin() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.tasks.Add(1)
	return true
}

// write writes until nothing has changed meanwhile.
func (p *Pool) write(sl *slot, s *Sessions) {
	var last *Session
	for {
		sl.mu.Lock()
		cur := sl.current.Load()
		if cur == nil || cur == last {
			sl.writing = false
			sl.mu.Unlock()
			return
		}
		stored := sl.stored
		sl.mu.Unlock()
		ctx, cancel := context.WithTimeout(p.ctx, storeTimeout)
		saved, err := s.save(ctx, sl, cur, stored)
		cancel()
		last = saved
		if err != nil {
			p.log.LogAttrs(p.ctx, slog.LevelWarn, "a session could not be stored",
				slog.String("service", s.cfg.Service), slog.String("backend", s.cfg.Backend), slog.Any("error", err))
			sl.kept.Store(s.until(cur.born, p.now()).UnixNano()) // it is not tried with every request
		}
	}
}

// save writes a session in the place of the version that is thought to be there, and gives the one that is there then. What
// another gateway wrote of a later login stays, and is found with the next challenge. Within one login its cookies count where
// we only want a longer life, and ours where they were rotated.
func (s *Sessions) save(ctx context.Context, sl *slot, cur *Session, stored session.Version) (*Session, error) {
	store, index := s.pool.store, sl.sealer.index[:]
	rotated := newer(cur.version, stored)
	for range 3 {
		until := s.until(cur.born, s.pool.now())
		sealed, err := (&payload{State: &cur.state, Born: cur.born}).seal(sl.sealer)
		if err != nil {
			return cur, err
		}
		ok, err := store.ReplaceSession(ctx, index, stored, session.Record{Version: cur.version, Sealed: sealed, Expires: until})
		if err != nil {
			return cur, err
		}
		if ok {
			sl.mu.Lock()
			sl.stored = cur.version
			sl.kept.Store(until.UnixNano())
			sl.mu.Unlock()
			return cur, nil
		}
		there, found, err := store.Session(ctx, index)
		switch {
		case err != nil:
			return cur, err
		case !found:
			stored = session.Version{}
			continue
		case there.Generation != cur.version.Generation:
			return cur, nil
		case !rotated:
			return s.follow(sl, cur, there), nil
		}
		stored = there.Version
		if !newer(cur.version, stored) {
			next := s.overtake(sl, cur, stored)
			if next == nil {
				return cur, nil
			}
			cur = next
		}
	}
	return cur, nil // somebody else writes all the time
}

// follow makes what is in the store the session of now, unless that has changed.
func (s *Sessions) follow(sl *slot, cur *Session, there session.Record) *Session {
	p, err := openPayload(sl.sealer, there.Sealed)
	if err != nil || p.State == nil {
		return cur
	}
	sl.mu.Lock()
	defer sl.mu.Unlock()
	if sl.current.Load() != cur {
		return cur
	}
	next := s.session(sl, there.Version, p.State, p.Born)
	sl.current.Store(next)
	sl.stored = there.Version
	sl.kept.Store(there.Expires.UnixNano())
	return next
}

// overtake gives the session of now a revision that follows the stored one; nil: it is not the session of now any more.
func (s *Sessions) overtake(sl *slot, cur *Session, stored session.Version) *Session {
	sl.mu.Lock()
	defer sl.mu.Unlock()
	if sl.current.Load() != cur {
		return nil
	}
	next := s.session(sl, session.Version{Generation: cur.version.Generation, Revision: stored.Revision + 1}, &cur.state, cur.born)
	sl.current.Store(next)
	return next
}
