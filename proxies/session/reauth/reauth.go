// Package reauth sends requests to a backend that wants a session: it gets one from a pool, and where the backend challenges,
// logs in again and asks once more.
package reauth

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/fairway-gateway/fairway/proxies/identity"
	"github.com/fairway-gateway/fairway/proxies/session"
	"github.com/fairway-gateway/fairway/proxies/session/challenge"
	"github.com/fairway-gateway/fairway/proxies/session/pool"
)

// Config says how to get a session and how to notice that it is over.
type Config struct {
	// Account are the credentials of a service account. Nil: each caller's own.
	Account *session.Credentials
	// Sessions has all but the ID, the names and Alive, which come with the backend.
	Sessions pool.Config
	// Kind names the login, with everything by which two logins to one backend differ: "login_form /oauth2/start".
	Kind string
	// Challenge is how an expired session is noticed.
	Challenge challenge.Detector
	// Probe is a path that answers 2xx where a session is good and 401 or 403 where it is over, and never reaches the
	// application: /oauth2/auth. It is asked before a login, and before a request whose body can be sent only once. Default: none.
	Probe string
}

// Bounds of what one request costs.
const (
	buffered  = 64 << 10 // bytes of a body that is kept, to be sent again
	mostSends = 3        // the last one only after a session was found in the store that was over, too
	drained   = 32 << 10 // bytes read of a challenge, to keep its connection
)

// mostOrigins is of how many origins the handles are kept in pass-through.
const mostOrigins = 1000

// Strategy is a session.Strategy. It must be bound before it is used.
type Strategy struct {
	cfg  Config
	pool *pool.Pool

	backend  session.Backend
	sessions *pool.Sessions // of a backend with addresses
	origins  sync.Map       // in pass-through: an origin's *pool.Sessions
	known    atomic.Int64   // how many
}

// New makes a Strategy.
func New(p *pool.Pool, cfg Config) *Strategy { return &Strategy{cfg: cfg, pool: p} }

// Mode is bitly-proxy where the caller must send credentials, none under a service account.
func (s *Strategy) Mode() session.Mode {
	if s.PerCaller() {
		return session.ModeBitlyProxy
	}
	return session.ModeNone
}

// PerCaller says whether the caller's own credentials log in.
func (s *Strategy) PerCaller() bool { return s.cfg.Account == nil }

// ServiceAccount says whether fixed credentials log in.
func (s *Strategy) ServiceAccount() bool { return s.cfg.Account != nil }

// Bind implements session.Bound.
func (s *Strategy) Bind(b session.Backend) error {
	s.backend = b
	s.cfg.Challenge.Slow = len(b.Addresses) == 0
	if len(b.Addresses) > 0 {
		s.sessions = s.of(strings.Join(slices.Sorted(slices.Values(b.Addresses)), " "))
	}
	return nil
}

// of gives the sessions of an origin, or of a backend with several.
func (s *Strategy) of(addresses string) *pool.Sessions {
	cfg := s.cfg.Sessions
	cfg.ID = s.cfg.Kind + "\x00" + addresses
	cfg.Service, cfg.Backend = s.backend.Service, s.backend.Name
	if s.cfg.Probe != "" && len(s.cfg.Challenge.Statuses) == 0 { // else the configuration knows better than the proxy
		cfg.Alive = s.alive
	}
	return s.pool.Sessions(cfg)
}

func (s *Strategy) sessionsOf(u *url.URL) *pool.Sessions {
	if s.sessions != nil {
		return s.sessions
	}
	origin := u.Scheme + "://" + strings.ToLower(u.Host)
	if v, ok := s.origins.Load(origin); ok {
		return v.(*pool.Sessions)
	}
	made := s.of(origin)
	if s.known.Add(1) > mostOrigins { // a request may choose where it goes
		return made
	}
	v, _ := s.origins.LoadOrStore(origin, made)
	return v.(*pool.Sessions)
}

// RoundTrip implements session.Strategy. Where there is no session the error is a *session.LoginError.
func (s *Strategy) RoundTrip(req *http.Request, caller session.Caller, next http.RoundTripper) (*http.Response, error) {
	e := exchange{
		Strategy: s, sessions: s.sessionsOf(req.URL), next: next,
		credentials: session.Credentials{User: caller.User, Password: caller.Password},
	}
	if s.cfg.Account != nil {
		e.credentials = *s.cfg.Account
	}
	e.site = session.Site{URL: &url.URL{Scheme: req.URL.Scheme, Host: req.URL.Host}, Transport: next}
	if traced, ok := next.(interface{ Untraced() http.RoundTripper }); ok {
		e.site.Transport = traced.Untraced()
	}
	resp, err := e.run(req)
	if err != nil {
		if req.Body != nil {
			req.Body.Close()
		}
		return nil, err
	}
	if s.sessions != nil { // in pass-through, who passes it on knows what may pass
		identity.Pass{}.Strip(resp.Header)
	}
	return resp, nil
}

// exchange is one request with the answers to it.
type exchange struct {
	*Strategy
	sessions    *pool.Sessions
	site        session.Site
	credentials session.Credentials
	next        http.RoundTripper
}

func (e *exchange) run(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	held, err := e.sessions.Get(ctx, e.site, e.credentials)
	if err != nil {
		return nil, err
	}
	again, err := replay(req) //nolint:contextcheck // the request's own
	if err != nil {
		return nil, err
	}
	if again == nil && e.cfg.Probe != "" {
		if held, err = e.proven(ctx, held); err != nil {
			return nil, err
		}
	}
	for sends := 1; ; sends++ {
		e.sessions.Apply(req, held)
		resp, err := e.next.RoundTrip(req)
		if err != nil {
			return nil, err //nolint:wrapcheck // a round tripper is transparent
		}
		challenged := e.cfg.Challenge.Is(resp)
		e.sessions.Answered(resp, held, challenged) //nolint:contextcheck // cookies are written when the request is over
		if !challenged || again == nil {
			return resp, nil
		}
		if sends > 1 && !held.Adopted() || sends == mostSends {
			e.sessions.Futile(held)
			return resp, nil
		}
		renewed, err := e.sessions.Renew(ctx, e.site, e.credentials, held)
		if err == nil && renewed.Same(held) {
			return resp, nil // it is good, so that was the application's own answer
		}
		drain(resp.Body)
		if err != nil {
			return nil, err
		}
		held = renewed
		if req, err = again(); err != nil {
			return nil, err
		}
	}
}

// proven gives a session that the backend takes, for a request that can be sent only once.
func (e *exchange) proven(ctx context.Context, held *pool.Session) (*pool.Session, error) {
	alive, known := e.alive(ctx, e.site, held)
	if alive || !known {
		return held, nil
	}
	return e.sessions.Renew(ctx, e.site, e.credentials, held)
}

// alive asks the proxy whether a session is good.
func (s *Strategy) alive(ctx context.Context, site session.Site, held *pool.Session) (alive, known bool) {
	u := *site.URL
	u.Path = s.cfg.Probe
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return false, false
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "fairway")
	sessions := s.sessionsOf(site.URL)
	sessions.Apply(req, held)
	resp, err := site.Transport.RoundTrip(req) //nolint:bodyclose // drain does
	if err != nil {
		return false, false
	}
	defer drain(resp.Body)
	switch resp.StatusCode {
	case http.StatusOK, http.StatusAccepted, http.StatusNoContent:
		sessions.Answered(resp, held, false) //nolint:contextcheck // as above
		return true, true
	case http.StatusUnauthorized, http.StatusForbidden:
		return false, true
	}
	return false, false
}

// drain reads the little that may be left, so that the connection can be used again, and closes.
func drain(body io.ReadCloser) {
	if body == nil {
		return
	}
	_, _ = io.CopyN(io.Discard, body, drained)
	body.Close()
}

// replay gives what makes the request once more; nil: it can be sent only once. req is changed where its body is kept for that.
func replay(req *http.Request) (func() (*http.Request, error), error) {
	switch {
	case req.Body == nil, req.Body == http.NoBody:
	case req.GetBody != nil:
	case req.ContentLength > 0 && req.ContentLength <= buffered:
		body, err := io.ReadAll(io.LimitReader(req.Body, buffered+1))
		req.Body.Close()
		if err == nil && int64(len(body)) != req.ContentLength {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, fmt.Errorf("reading the request's body: %w", err)
		}
		get := func() io.ReadCloser { return io.NopCloser(bytes.NewReader(body)) }
		req.Body = get()
		return again(req, func() (io.ReadCloser, error) { return get(), nil }), nil
	case req.ContentLength == 0 && bodiless(req.Method):
		// A body that is empty and of unknown length keeps net/http from repeating the request.
		return again(req, func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("")), nil }), nil
	default:
		return nil, nil
	}
	return again(req, req.GetBody), nil
}

func bodiless(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return true
	}
	return false
}

// again makes requests that are req once more.
func again(req *http.Request, body func() (io.ReadCloser, error)) func() (*http.Request, error) {
	return func() (*http.Request, error) {
		out := req.WithContext(req.Context())
		out.Header = req.Header.Clone()
		if body == nil {
			return out, nil
		}
		var err error
		if out.Body, err = body(); err != nil {
			return nil, errors.Join(errBody, err)
		}
		return out, nil
	}
}

var errBody = errors.New("the body cannot be sent a second time")

// Beside gives the path of something that a proxy has beside its start: Beside("/oauth2/start", "auth") is /oauth2/auth.
func Beside(start, name string) string {
	u, err := url.Parse(start)
	if err != nil || u.Host != "" || !strings.HasPrefix(u.Path, "/") {
		return ""
	}
	return path.Join(path.Dir(u.Path), name)
}

// Interface guards.
var (
	_ session.Strategy = (*Strategy)(nil)
	_ session.Bound    = (*Strategy)(nil)
)
