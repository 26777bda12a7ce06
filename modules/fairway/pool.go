package fairway

import (
	"fmt"

	"github.com/caddyserver/caddy/v2"

	sessionpool "github.com/fairway-gateway/fairway/proxies/session/pool"
)

// sessionPool is the pool of sessions in the usage pool.
type sessionPool struct{ *sessionpool.Pool }

// Destruct ends the logins that are under way.
func (p sessionPool) Destruct() error {
	p.Close()
	return nil
}

// SessionPool gives the pool of sessions with backends to a module that is being provisioned: the one of an earlier
// configuration, if that has the same store and the same secret.
func (a *App) SessionPool() (*sessionpool.Pool, error) {
	store, err := a.Sessions()
	if err != nil {
		return nil, err
	}
	id, err := a.SecretID()
	if err != nil {
		return nil, err
	}
	v, err := a.take(fmt.Sprintf("sessions %s %v", id, store), func() (caddy.Destructor, error) {
		keys := func() ([][]byte, error) { return a.Keys("sessions") }
		p, err := sessionpool.New(sessionpool.Options{Store: store, Unlock: keys, Logger: a.ctx.Slogger()})
		return sessionPool{p}, err
	})
	if err != nil {
		return nil, err
	}
	return v.(sessionPool).Pool, nil
}
