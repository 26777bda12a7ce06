package rate

import (
	"cmp"
	"context"
	"sync"
	"time"
)

// Guard stands before something that gateways share and that may fail, be slow, or be away: it is asked for a short time only,
// and for a second not at all after it has failed. It is used concurrently.
type Guard struct {
	options GuardOptions

	mu   sync.Mutex
	away time.Time // until when nobody asks
}

// GuardOptions are how patient a Guard is, and whom it tells of changes.
type GuardOptions struct {
	// Patience is how long one question may take. Default 250ms.
	Patience time.Duration
	// Away is told of the first failure, Back of the first answer after it.
	Away func(context.Context, error)
	Back func(context.Context)
}

// retryShared is for how long what has failed is not asked.
const retryShared = time.Second

// NewGuard makes a Guard.
func NewGuard(o GuardOptions) *Guard {
	o.Patience = cmp.Or(o.Patience, 250*time.Millisecond)
	return &Guard{options: o}
}

// Try has ask ask. Its error says that there was no answer. False: it was not asked, or there was none. A nil Guard asks nobody.
func (g *Guard) Try(ctx context.Context, ask func(context.Context) error) bool {
	if g == nil || !g.Due() {
		return false
	}
	patient, cancel := context.WithTimeout(ctx, g.options.Patience)
	defer cancel()
	err := ask(patient)
	if err != nil && ctx.Err() != nil {
		return false // it was the caller who left
	}
	g.note(ctx, err)
	return err == nil
}

// Due says whether Try would ask.
func (g *Guard) Due() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return !time.Now().Before(g.away)
}

func (g *Guard) note(ctx context.Context, err error) {
	g.mu.Lock()
	was := !g.away.IsZero()
	if err != nil {
		g.away = time.Now().Add(retryShared)
	} else {
		g.away = time.Time{}
	}
	g.mu.Unlock()
	switch {
	case err != nil && !was:
		g.options.Away(ctx, err)
	case err == nil && was:
		g.options.Back(ctx)
	}
}
