package fairway

import (
	"context"
	"sync"

	"github.com/caddyserver/caddy/v2"

	"github.com/fairway-gateway/fairway/modules/control/refusals"
	"github.com/fairway-gateway/fairway/proxies/rate"
)

// refusalsEntry is what writes down whom limits refuse, in the usage pool. It comes after its store, so that it ends before.
type refusalsEntry struct {
	*refusals.Recorder
	stop context.CancelFunc
	done *sync.WaitGroup
}

// Destruct writes what has not been written, and ends it.
func (e refusalsEntry) Destruct() error {
	e.stop()
	e.done.Wait()
	return nil
}

// useRefusals finds or makes what writes into the store of this configuration. Nothing is connected before the first refusal.
func (a *App) useRefusals() error {
	s := a.store
	v, err := a.take("refusals "+s.dsn, func() (caddy.Destructor, error) {
		e := refusalsEntry{done: new(sync.WaitGroup), Recorder: refusals.New(refusals.Config{Store: func(ctx context.Context) (refusals.Store, error) { return s.get(ctx) }, Logger: s.log})}
		ctx, stop := context.WithCancel(s.background)
		e.stop = stop
		e.done.Go(func() { e.Run(ctx) })
		return e, nil
	})
	if err != nil {
		return err
	}
	a.refusals = v.(refusalsEntry).Recorder
	return nil
}

// Refused has it written down that a limit refused a request, where this configuration has a store. It does not wait.
func (a *App) Refused(said rate.Refusal) { a.refusals.Refused(said) }
