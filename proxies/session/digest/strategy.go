// Package digest answers the challenges of HTTP Digest (RFC 7616, and RFC 2069 for servers of the nineties).
package digest

import (
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/fairway-gateway/fairway/proxies/session"
)

// Strategy sends digests: of the caller's own credentials, or of fixed ones. The password itself is never sent. It remembers
// challenges, so that one request in many needs two round trips.
type Strategy struct {
	// User and Password are the fixed credentials. An empty User means the caller's own.
	User, Password string

	nonces nonces
}

// Mode is basic where the caller must send credentials, none under a service account.
func (s *Strategy) Mode() session.Mode {
	if s.PerCaller() {
		return session.ModeBasic
	}
	return session.ModeNone
}

// PerCaller says whether the caller's own credentials are used.
func (s *Strategy) PerCaller() bool { return s.User == "" }

// ServiceAccount says whether fixed credentials are used.
func (s *Strategy) ServiceAccount() bool { return s.User != "" }

// SetsHeaders gives Authorization.
func (s *Strategy) SetsHeaders() []string { return []string{"Authorization"} }

// mostRounds is how often a request is sent: without a nonce, with one, and again while the server says that the nonce is over.
const mostRounds = 8

// RoundTrip sends req until the server takes it or refuses the credentials. An answer 401 is given back as it is.
func (s *Strategy) RoundTrip(req *http.Request, caller session.Caller, next http.RoundTripper) (*http.Response, error) {
	e := exchange{nonces: &s.nonces, user: s.User, password: s.Password, next: next}
	if s.PerCaller() {
		e.user, e.password = caller.User, caller.Password
	}
	e.key = s.nonces.key(req.URL, e.user, e.password)
	if !replayable(req) {
		return e.once(req)
	}
	return e.until(req)
}

// exchange is one request with all its rounds.
type exchange struct {
	nonces         *nonces
	key            key
	user, password string
	next           http.RoundTripper
}

// until sends req again until it is not challenged any more.
//
// Who meets a second nonce that is over has competition: some servers want the counts of a nonce in order, and Apache's nonces for
// one request end when another one is issued to the same client, which it knows by the opaque. Then one at a time asks without
// credentials, as a new client, and has the nonce that comes for itself.
func (e *exchange) until(req *http.Request) (*http.Response, error) {
	known, fresh, alone := e.nonces.find(e.key), false, false
	for round := 1; ; round++ {
		sending := req
		if round > 1 {
			var err error
			if sending, err = again(req); err != nil {
				return nil, err
			}
		}
		if err := e.sign(sending, known); err != nil {
			unsent(sending)
			return nil, err
		}
		resp, err := e.next.RoundTrip(sending)
		if err != nil || resp == nil || resp.StatusCode != http.StatusUnauthorized {
			if err == nil && resp != nil {
				e.keep(known, fresh, resp)
			}
			return resp, err //nolint:wrapcheck // a round tripper is transparent
		}
		if !fresh {
			e.nonces.forget(e.key, known)
		}
		c := strongest(resp.Header)
		if c == nil || round == mostRounds || fresh && !c.stale {
			return resp, nil // nothing that can be answered, or the credentials are wrong
		}
		leave(resp)
		if !fresh {
			known, fresh = newNonce(c), true
			continue
		}
		if !alone {
			done, err := e.nonces.turn(req.Context())
			if err != nil {
				return nil, err
			}
			defer done()
			alone = true
		}
		known, fresh = nil, false
	}
}

// sign sets the header, where there is a challenge to answer.
func (e *exchange) sign(req *http.Request, known *nonce) error {
	if known == nil {
		return nil
	}
	u := known.use()
	value, err := u.authorize(req, e.user, e.password)
	if err != nil {
		kind := session.Unavailable
		if errors.Is(err, errName) {
			kind = session.BadCredentials
		}
		return &session.LoginError{Kind: kind, Detail: sentence(err), Err: err}
	}
	req.Header["Authorization"] = []string{value}
	return nil
}

// keep remembers a challenge that was answered well, and the nonce that is to be used next.
func (e *exchange) keep(known *nonce, fresh bool, resp *http.Response) {
	if known == nil {
		return
	}
	if next := nextNonce(resp.Header); next != "" {
		known.replace(next)
	}
	if fresh {
		e.nonces.keep(e.key, known)
	}
}

// once sends a request whose body cannot be had twice. A HEAD of the same target goes before it and fetches a nonce that nobody
// else uses, so that the request itself meets none that is over.
func (e *exchange) once(req *http.Request) (*http.Response, error) {
	probe := req.Clone(req.Context())
	probe.Method, probe.Body, probe.GetBody, probe.ContentLength, probe.TransferEncoding = http.MethodHead, nil, nil, 0, nil
	for _, name := range []string{"Authorization", "Content-Type", "Content-Length", "Content-Encoding", "Expect", "Transfer-Encoding", "Trailer", "Upgrade", "Connection"} {
		probe.Header.Del(name)
	}
	resp, err := e.next.RoundTrip(probe)
	if err != nil || resp == nil {
		unsent(req)
		return resp, err //nolint:wrapcheck // a round tripper is transparent
	}
	known, fresh := e.nonces.find(e.key), false
	if resp.StatusCode == http.StatusUnauthorized {
		c := strongest(resp.Header)
		if c == nil {
			unsent(req)
			return resp, nil
		}
		known, fresh = newNonce(c), true
	}
	leave(resp)
	if err := e.sign(req, known); err != nil {
		unsent(req)
		return nil, err
	}
	resp, err = e.next.RoundTrip(req)
	if err == nil && resp != nil && resp.StatusCode != http.StatusUnauthorized {
		e.keep(known, fresh, resp)
	}
	return resp, err //nolint:wrapcheck // a round tripper is transparent
}

// unsent closes the body of a request that no transport has taken.
func unsent(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
}

// replayable says that a request can be sent again.
func replayable(req *http.Request) bool {
	return req.Body == nil || req.Body == http.NoBody || req.GetBody != nil || empty(req)
}

// empty says that a body is the empty one that keeps a transport from repeating a request by itself.
func empty(req *http.Request) bool {
	return req.ContentLength == 0 && req.GetBody == nil && (req.Method == http.MethodGet || req.Method == http.MethodHead || req.Method == http.MethodOptions)
}

// again makes a copy of a request that was sent.
func again(req *http.Request) (*http.Request, error) {
	out := req.Clone(req.Context())
	delete(out.Header, "Authorization")
	switch {
	case req.Body == nil || req.Body == http.NoBody:
	case req.GetBody == nil:
		out.Body = io.NopCloser(strings.NewReader(""))
	default:
		body, err := req.GetBody()
		if err != nil {
			return nil, err //nolint:wrapcheck // of who made the request
		}
		out.Body = body
	}
	return out, nil
}

// leave reads the end of a short answer, so that its connection can be used again.
func leave(resp *http.Response) {
	if resp.Body == nil {
		return
	}
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10) // what is longer is closed with its connection
	_ = resp.Body.Close()
}

// sentence makes the detail of an error of ours.
func sentence(err error) string {
	text := err.Error()
	return string(text[0]-'a'+'A') + text[1:]
}

// Interface guard.
var _ session.HeaderSetter = (*Strategy)(nil)
