package fairway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/fairway-gateway/fairway/proxies/cache"
	"github.com/fairway-gateway/fairway/queries"
)

const (
	// purgesAtOnce is how many entries of the store's feed are read at once, purgesTimeout how long the store may take for them.
	purgesAtOnce  = 1000
	purgesTimeout = 5 * time.Second
)

// purges has the cache of this process forget what any gateway of the store was told to forget. It is in the usage pool, behind its
// store, so that it ends before.
type purges struct {
	store *store
	cache *cache.Cache
	log   *slog.Logger

	begin sync.Once
	ctx   context.Context //nolint:containedctx // until it is destructed
	stop  context.CancelFunc
	done  sync.WaitGroup
}

// usePurges finds or makes those of the store of this configuration. Nothing is connected.
func (a *App) usePurges() error {
	if a.alone() {
		return nil
	}
	s := a.store
	v, err := a.take("purges "+s.dsn, func() (caddy.Destructor, error) {
		p := &purges{store: s, cache: a.process.cache, log: s.log}
		p.ctx, p.stop = context.WithCancel(s.background)
		return p, nil
	})
	if err != nil {
		return err
	}
	a.purges = v.(*purges)
	return nil
}

// Destruct ends it.
func (p *purges) Destruct() error {
	p.stop()
	p.done.Wait()
	return nil
}

// start follows the feed from now on, if nobody does yet.
func (p *purges) start() {
	p.begin.Do(func() { p.done.Go(p.follow) })
}

// follow reads the feed until it is stopped. What was told before the process began is heard, too: the cache may have been filled since.
func (p *purges) follow() {
	var open *queries.Store
	for open == nil {
		var err error
		if open, err = p.store.get(p.ctx); err == nil {
			break
		}
		select {
		case <-p.ctx.Done():
			return
		case <-time.After(storeRetry):
		}
	}
	var at int64
	// By the clock on the wall: the other one may stand still while a machine sleeps.
	heard, failing := time.Now().Round(0), false
	for range open.RevocationsWanted(p.ctx) {
		next, err := p.catchUp(open, at)
		at = next
		now := time.Now().Round(0)
		switch {
		case err == nil:
			if now.Sub(heard) > queries.KeepPurges/2 {
				p.cache.Purge(cache.Tag{}) // what was told meanwhile may be told no more
			}
			heard, failing = now, false
		case p.ctx.Err() == nil && !failing:
			failing = true
			p.log.WarnContext(p.ctx, "the store does not tell what caches are to forget", slog.Any("error", err))
		}
	}
}

// catchUp obeys what is new, and gives the number of the last.
func (p *purges) catchUp(open *queries.Store, at int64) (int64, error) {
	ctx, cancel := context.WithTimeout(p.ctx, purgesTimeout)
	defer cancel()
	for {
		batch, err := open.Revocations(ctx, at, purgesAtOnce)
		if err != nil {
			return at, err
		}
		for _, one := range batch {
			at = max(at, one.Number)
			if one.Kind != queries.RevokedCache {
				continue
			}
			var filter cache.Tag // of a later version: all
			if words, err := url.ParseQuery(one.Subject); err == nil {
				if known, err := filterOf(words); err == nil {
					filter = known
				}
			}
			p.cache.Purge(filter)
		}
		if len(batch) < purgesAtOnce {
			return at, nil
		}
	}
}

// tell has the other gateways forget what matches, where there are any.
func (p *purges) tell(ctx context.Context, words url.Values) error {
	if p == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, purgesTimeout)
	defer cancel()
	open, err := p.store.get(ctx)
	if err == nil {
		err = open.PurgeCaches(ctx, words.Encode())
	}
	if err != nil {
		return errors.Join(errNotTold, fmt.Errorf("the store: %w", err))
	}
	return nil
}

// errNotTold says that only this gateway forgot.
var errNotTold = errors.New("this gateway has forgotten, the others could not be told: try again")
