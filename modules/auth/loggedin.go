package auth

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/fairway-gateway/fairway/modules/fairway"
	"github.com/fairway-gateway/fairway/proxies/observe"
	"github.com/fairway-gateway/fairway/proxies/session"
	"github.com/fairway-gateway/fairway/proxies/session/pool"
	"github.com/fairway-gateway/fairway/proxies/session/reauth"
	"github.com/fairway-gateway/fairway/proxies/wrap"
)

// Life is how long sessions and logins last.
type Life struct {
	// SessionTTL is how long a session is kept since its last use, at most 8h, which is also the longest since its login.
	// Default 1h.
	SessionTTL wrap.Duration `json:"session_ttl,omitempty"`
	// LoginTimeout is for a whole login. Default 20s.
	LoginTimeout wrap.Duration `json:"login_timeout,omitempty"`
}

// Check refuses what no session can have.
func (l *Life) Check() error {
	switch {
	case l.SessionTTL < 0 || l.LoginTimeout < 0:
		return errors.New("a time below 0 has no meaning here")
	case time.Duration(l.SessionTTL) > pool.MaxAge:
		return fmt.Errorf("session_ttl is at most %s, which is how long a session lasts at all", pool.MaxAge)
	case time.Duration(l.LoginTimeout) > longestLogin:
		return fmt.Errorf("login_timeout is at most %s", longestLogin)
	}
	return nil
}

// longestLogin bounds login_timeout.
const longestLogin = 5 * time.Minute

// loggedIn is a strategy with sessions, which is made when its backend is known. Until then it only tells what it will be.
type loggedIn struct {
	bound    *reauth.Strategy
	app      *fairway.App
	metrics  *observe.Metrics
	pool     *pool.Pool
	released []func()
}

// provision gets the pool.
func (l *loggedIn) provision(ctx caddy.Context) error {
	v, err := ctx.App("fairway")
	if err != nil {
		return err
	}
	l.app = v.(*fairway.App)
	l.metrics = l.app.Deps(ctx).Metrics
	l.pool, err = l.app.SessionPool()
	return err
}

// bind makes the strategy for a backend. A configuration that is only checked has no pool, and nobody calls it.
func (l *loggedIn) bind(b session.Backend, cfg reauth.Config) error {
	if l.pool == nil {
		return nil
	}
	metrics := l.metrics.Login(b.Service, b.Name)
	l.released = append(l.released, metrics.Close)
	cfg.Sessions.Metrics = metrics
	l.bound = reauth.New(l.pool, cfg)
	return l.bound.Bind(b)
}

var errUnbound = errors.New("the strategy does not know its backend")

// RoundTrip implements session.Strategy.
func (l *loggedIn) RoundTrip(req *http.Request, caller session.Caller, next http.RoundTripper) (*http.Response, error) {
	if l.bound == nil {
		return nil, errUnbound
	}
	return l.bound.RoundTrip(req, caller, next) //nolint:wrapcheck // a strategy is transparent
}

// SetsHeaders implements session.HeaderSetter: a caller's never passes, and some sessions are tokens.
func (*loggedIn) SetsHeaders() []string { return []string{"Authorization"} }

// Cleanup implements caddy.CleanerUpper.
func (l *loggedIn) Cleanup() error {
	for _, release := range l.released {
		release()
	}
	l.released = nil
	return nil
}
