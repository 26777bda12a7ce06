package fairway

import (
	"crypto/sha256"
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
	key, err := a.Key("sessions")
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(key)
	v, err := a.take(fmt.Sprintf("sessions %x %v", sum, store), func() (caddy.Destructor, error) {
		p, err := sessionpool.New(sessionpool.Options{Store: store, Keys: [][]byte{key}, Logger: a.ctx.Slogger()})
		return sessionPool{p}, err
	})
	if err != nil {
		return nil, err
	}
	return v.(sessionPool).Pool, nil
}
