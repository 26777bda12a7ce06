package executions

import (
	"time"

	"github.com/google/uuid"
)

// StripHTML is for tests.
func StripHTML(text string) string { return stripHTML(text) }

// Paces are for tests.
type Paces struct{ p *paces }

// NewPaces is for tests.
func NewPaces(p Pace) Paces { return Paces{newPaces(p)} }

// Take is for tests.
func (p Paces) Take(id uuid.UUID, now time.Time) time.Duration { return p.p.take(id, now) }

// Len is for tests.
func (p Paces) Len() int { return len(p.p.ahead) }

// Wished reads what a follower asks for, and which lines.
func Wished(behind, wait, accept, start, last string) (at string, waits time.Duration, streams bool, after int64, err error) {
	f := &following{Behind: behind, Wait: wait, Accept: accept}
	c, err := f.cursor()
	if err != nil {
		return "", 0, false, 0, err
	}
	if waits, streams, err = f.wait(); err != nil {
		return "", 0, false, 0, err
	}
	p, err := (&logging{Start: start, LastID: last}).part()
	return c.String(), waits, streams, p.After, err
}
