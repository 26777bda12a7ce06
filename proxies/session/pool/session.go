package pool

import (
	"encoding/json"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fairway-gateway/fairway/proxies/session"
)

// Session is a session that is logged in. It never changes; a rotated cookie makes another one of it.
type Session struct {
	slot    *slot
	version session.Version
	state   session.State
	born    time.Time // its login
	adopted bool      // it was found in the store

	cookies       cookies
	authorization []string

	futile atomic.Int64 // until when no login is tried for a challenge to it; nanoseconds since 1970
}

// Adopted says that the session was found in the store, so that it may be over without anybody here knowing.
func (s *Session) Adopted() bool { return s.adopted }

// Same says that two sessions are one, in the same state.
func (s *Session) Same(as *Session) bool { return s == as || s.version == as.version }

// State is what the login left behind. Nothing of it may be changed.
func (s *Session) State() *session.State { return &s.state }

// newer says that a version follows another.
func newer(v, than session.Version) bool {
	if v.Generation != than.Generation {
		return v.Generation > than.Generation
	}
	return v.Revision > than.Revision
}

// slot is what this process knows of one index: the session of now.
type slot struct {
	sealer  *sealer
	current atomic.Pointer[Session]
	used    atomic.Int64 // when last; nanoseconds since 1970, as the following
	refused atomic.Int64 // until when the credentials count as wrong
	kept    atomic.Int64 // until when the store keeps the session

	mu      sync.Mutex
	stored  session.Version // what the store has, as far as is known
	writing bool            // somebody writes what has changed
}

// set makes a session the current one, unless there is a later one.
func (s *slot) set(next *Session, stored session.Version, kept time.Time) *Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	if cur := s.current.Load(); cur != nil && !newer(next.version, cur.version) && cur.version.Generation == next.version.Generation {
		return cur // it was rotated meanwhile
	}
	s.current.Store(next)
	s.refused.Store(0)
	s.stored = stored
	s.kept.Store(kept.UnixNano())
	return next
}

// refuse forgets the session: its credentials count as wrong until then.
func (s *slot) refuse(until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current.Store(nil)
	s.refused.Store(until.UnixNano())
}

// payload is what is sealed.
type payload struct {
	// State is that of a session, and Born the time of its login.
	State *session.State `json:"state,omitempty"`
	Born  time.Time      `json:"born,omitzero"`
	// Refused is until when the credentials count as wrong.
	Refused time.Time `json:"refused,omitzero"`
}

var errPayload = errors.New("the record holds nothing that is known")

func (p *payload) seal(s *sealer) ([]byte, error) {
	plain, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	return s.seal(plain), nil
}

func openPayload(s *sealer, sealed []byte) (*payload, error) {
	plain, err := s.open(sealed)
	if err != nil {
		return nil, err
	}
	p := new(payload)
	if json.Unmarshal(plain, p) != nil || p.State == nil && p.Refused.IsZero() {
		return nil, errPayload // the error of json could quote what it read
	}
	return p, nil
}
