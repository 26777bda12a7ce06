// Package tokens says who a caller is who shows a token, and gives tokens out.
//
// An access token is a JWT (RFC 9068) signed with Ed25519. It says whose it is and what it may, not who its user is now: that
// is asked of the store when a token is seen for the first time, kept for a minute at most, and forgotten as soon as the
// store's feed of revocations tells of it. A refresh token is random; the store has its hash alone. It belongs to a family,
// one login, and is used once: whoever shows it again, but for a moment after the first time, ends the family.
//
//	Authority      keys, tokens, and the handlers of /auth and /auth/oauth2
//	Store          what is kept, declared here, and held to what it promises by tokenstest.Conformance
//	Passwords      who knows whether a password is right
package tokens

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/proxies/requestid"
)

// Config is how tokens are. Only Issuer and Secrets are required.
type Config struct {
	// Issuer is the name under which tokens are given out, in each as iss: the gateway's public address. All gateways that
	// share a store have the same.
	Issuer string
	// Audience is aud of each token. Default Issuer.
	Audience string
	// Secrets are at least one, each of at least 32 bytes. The first seals the signing keys in the store, all open them.
	Secrets [][]byte
	// Access is how long an access token lasts. Default 1 hour.
	Access time.Duration
	// ServiceAccess is the same for those of /api/v1/oauth/token. Default 30 minutes.
	ServiceAccess time.Duration
	// Refresh is how long a refresh token lasts that nobody uses. Default 14 days.
	Refresh time.Duration
	// Family is how long a login lasts at most, however often its token is refreshed. Default 180 days.
	Family time.Duration
	// Grace is for how long a refresh token that was just used gives the same successor to the same client. Default 30
	// seconds, negative none.
	Grace time.Duration
	// Rotate is how long one key signs. Default 30 days.
	Rotate time.Duration
	// Poll is how often the store is asked for revocations. Default 1 second.
	Poll time.Duration
	// CacheFor is how long a checked token is not checked again. Default and most 60 seconds, negative not at all.
	CacheFor time.Duration
	// CacheSize is how many checked tokens are kept. Default 10,000, some 6 MB.
	CacheSize int
	// AuthScopes are the scopes of tokens from /auth. Default "all".
	AuthScopes []string
	// Rights gives those of a token's scopes that its user still has a use for. A token that has none left is refused. Default
	// those of permit's table.
	Rights func(u *User, scopes []string) []string
	// Away says of an error of the store, or of who checks passwords, whether the store does not answer now: then callers are told
	// to come again. Default: no error is such.
	Away func(error) bool
	// NoPasswordGrant refuses the grant "password". /auth is no grant.
	NoPasswordGrant bool
	// NoQuerySecrets refuses passwords, secrets and tokens in a query.
	NoQuerySecrets bool
	// Heard is told what the feed tells, also where that is nothing: then all that was revoked before has been told. It is for
	// who keeps something that revocations speak of, and must be quick. Default nobody.
	Heard func([]Revocation)
	// Silent is called when the feed has not been read for 10 seconds, or twice Poll if that is more: nothing that was kept
	// counts until Heard is called again. Default nobody.
	Silent func()
	// Caller says who has shown himself otherwise than by a token, as an Access with nothing but User and Scopes, or what a token
	// is that was checked already; nil: that is to be found out here. Default nobody has.
	Caller func(*http.Request) (*Access, error)
	// Run gives the attempt at an execution that runs now and whose script has the token of a hash; false: there is none. Such
	// tokens are never remembered. Default: there are none.
	Run func(ctx context.Context, hash []byte) (Run, bool, error)
	// Address says where a request comes from. Default the host of its RemoteAddr.
	Address func(*http.Request) string
	// RequestID names a request. Default the caller's name for it, or a new one.
	RequestID func(*http.Request) string
	// Logger is told what happens to tokens, never what they are. Default none.
	Logger *slog.Logger
}

// The least and most of settings.
const (
	leastSecret   = 32
	mostCacheFor  = time.Minute
	refreshFamily = 180 * 24 * time.Hour
)

func (c Config) withDefaults() Config {
	c.Audience = cmp.Or(c.Audience, c.Issuer)
	c.Access = cmp.Or(c.Access, time.Hour)
	c.ServiceAccess = cmp.Or(c.ServiceAccess, 30*time.Minute)
	c.Refresh = cmp.Or(c.Refresh, 14*24*time.Hour)
	c.Family = cmp.Or(c.Family, refreshFamily)
	c.Grace = max(0, cmp.Or(c.Grace, 30*time.Second))
	c.Rotate = cmp.Or(c.Rotate, 30*24*time.Hour)
	c.Poll = cmp.Or(c.Poll, time.Second)
	c.CacheFor = min(cmp.Or(c.CacheFor, mostCacheFor), mostCacheFor)
	c.CacheSize = cmp.Or(c.CacheSize, 10_000)
	if c.AuthScopes == nil {
		c.AuthScopes = []string{"all"}
	}
	if c.Rights == nil {
		c.Rights = rights(permit.New())
	}
	if c.Caller == nil {
		c.Caller = func(*http.Request) (*Access, error) { return nil, nil }
	}
	if c.Run == nil {
		c.Run = func(context.Context, []byte) (Run, bool, error) { return Run{}, false, nil }
	}
	if c.Address == nil {
		c.Address = remoteHost
	}
	if c.RequestID == nil {
		c.RequestID = func(r *http.Request) string { return requestid.Of(r.Header) }
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// rights are what a table says of a user's scopes.
func rights(t *permit.Table) func(*User, []string) []string {
	return func(u *User, scopes []string) []string {
		return t.Rights(permit.Caller{
			User: u.ID, Role: permit.Role(u.Role), Active: u.Active, Regular: u.Regular, Internal: u.Internal, Scopes: scopes,
		})
	}
}

func (c Config) check() error {
	if c.Issuer == "" {
		return errors.New("tokens need an issuer")
	}
	if len(c.Secrets) == 0 {
		return errors.New("tokens need a secret")
	}
	for _, s := range c.Secrets {
		if len(s) < leastSecret {
			return errors.New("a secret for tokens has at least 32 bytes")
		}
	}
	for _, d := range []time.Duration{c.Access, c.ServiceAccess, c.Refresh, c.Family, c.Rotate, c.Poll} {
		if d <= 0 {
			return errors.New("lifetimes and intervals of tokens are positive")
		}
	}
	if c.CacheSize < 0 {
		return errors.New("the cache of tokens cannot have a negative size")
	}
	return nil
}

// remoteHost is the address of a connection without its port.
func remoteHost(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// Passwords knows whose password is right. It throttles, too: an attempt may cost the caller time.
type Passwords interface {
	// Verify gives the id of the user whose password it is. False: there is none such, or it is wrong. A *BusyError says that
	// it was not looked at.
	Verify(ctx context.Context, a Attempt) (user string, ok bool, err error)
}

// Attempt is a login that somebody tries.
type Attempt struct {
	// Login is an e-mail address or a user name; Password as it was sent.
	Login, Password string
	// Address is where the request came from.
	Address string
}

// BusyError says that a password was not looked at.
type BusyError struct {
	// Throttled: the caller, or somebody for the same user, tried too often. Else there is too much to do.
	Throttled bool
	// RetryAfter is how long to wait.
	RetryAfter time.Duration
}

func (e *BusyError) Error() string {
	if e.Throttled {
		return "too many attempts"
	}
	return "too many passwords are being checked"
}

// awayRetry is after what time who came while the store was away is told to come again.
const awayRetry = time.Second

// later makes of an error of a store that does not answer the one that says so to callers, and logs it.
func (a *Authority) later(ctx context.Context, err error) error {
	if a.cfg.Away == nil || !a.cfg.Away(err) {
		return err
	}
	if ctx.Err() == nil {
		a.log.WarnContext(ctx, "nobody can be let in: the store does not answer", slog.Any("error", err))
	}
	return &BusyError{RetryAfter: awayRetry}
}

// Authority gives out tokens and checks them. It is used concurrently.
type Authority struct {
	cfg       Config
	store     Store
	passwords Passwords
	keys      *keyring
	cache     *cache
	log       *slog.Logger
	stop      context.CancelFunc
	done      sync.WaitGroup
}

// New makes an authority, which loads the signing keys, or makes the first. ctx is for the start. Close it.
func New(ctx context.Context, store Store, passwords Passwords, cfg Config) (*Authority, error) {
	cfg = cfg.withDefaults()
	if err := cfg.check(); err != nil {
		return nil, err
	}
	a := &Authority{
		cfg: cfg, store: store, passwords: passwords, log: cfg.Logger,
		keys:  newKeyring(store, cfg),
		cache: newCache(cfg.CacheSize),
	}
	// The feed is asked where it stands before anything is cached.
	at, err := a.store.RevocationNumber(ctx)
	if err != nil {
		return nil, err
	}
	if err := a.keys.ensure(ctx); err != nil {
		return nil, err
	}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	a.stop = stop
	a.done.Go(func() { a.follow(background, at) })
	return a, nil
}

// Close ends what the authority does in the background.
func (a *Authority) Close() {
	a.stop()
	a.done.Wait()
}
