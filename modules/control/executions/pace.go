package executions

import (
	"cmp"
	"sync"
	"time"

	"github.com/google/uuid"
)

// Pace is how much somebody may ask for.
type Pace struct {
	// PerSecond is how many requests on the long run, AtOnce how many after a pause.
	PerSecond, AtOnce int
}

// paces count what the scripts of attempts ask for. They are used concurrently.
type paces struct {
	each time.Duration // for one request
	most time.Duration // how far somebody may be ahead
	mu   sync.Mutex
	// ahead is until when what somebody has asked for would have lasted at his pace; those of the past count for nothing.
	ahead map[uuid.UUID]time.Time
	full  int // how many there are when those that count for nothing are looked for
}

// pacesKept is how many there are at least before those that count for nothing are looked for.
const pacesKept = 1000

func newPaces(p Pace) *paces {
	each := time.Second / time.Duration(cmp.Or(p.PerSecond, 50))
	return &paces{each: each, most: each * time.Duration(cmp.Or(p.AtOnce, 500)), ahead: map[uuid.UUID]time.Time{}, full: pacesKept}
}

// take counts a request, or says when there may be another one.
func (p *paces) take(id uuid.UUID, now time.Time) (wait time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := p.ahead[id]
	if at.Before(now) {
		at = now
	}
	if at = at.Add(p.each); at.Sub(now) > p.most {
		return at.Sub(now) - p.most
	}
	if len(p.ahead) >= p.full {
		for other, until := range p.ahead {
			if until.Before(now) {
				delete(p.ahead, other)
			}
		}
		p.full = max(pacesKept, 2*len(p.ahead))
	}
	p.ahead[id] = at
	return 0
}
