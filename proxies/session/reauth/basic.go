package reauth

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/fairway-gateway/fairway/proxies/identity"
	"github.com/fairway-gateway/fairway/proxies/session"
	"github.com/fairway-gateway/fairway/proxies/session/challenge"
)

// Basic sends HTTP Basic credentials with each request to a proxy that takes them, and knows the proxy's refusal from the
// application's. There are no sessions.
type Basic struct {
	// Account are the credentials of a service account. Nil: each caller's own.
	Account *session.Credentials
	// Challenge is how a refusal of the proxy is noticed, and Probe the path where it is asked whether it was one, as in Config.
	Challenge challenge.Detector
	Probe     string
	// Hidden is what the names of the proxy's cookies begin with. Callers neither send nor see them.
	Hidden string
}

var errRefused = errors.New("the proxy refused them")

// RoundTrip sends req. Where the proxy refuses the credentials the error is a *session.LoginError.
func (b *Basic) RoundTrip(req *http.Request, caller session.Caller, next http.RoundTripper) (*http.Response, error) {
	c := session.Credentials{User: caller.User, Password: caller.Password}
	if b.Account != nil {
		c = *b.Account
	}
	req.SetBasicAuth(c.User, c.Password)
	b.dropCookies(req.Header)
	resp, err := next.RoundTrip(req)
	if err != nil {
		return nil, err //nolint:wrapcheck // a round tripper is transparent
	}
	if b.Challenge.Is(resp) && b.refused(req.Context(), req.URL, c, next) {
		drain(resp.Body)
		return nil, &session.LoginError{Kind: session.BadCredentials, Err: errRefused}
	}
	b.hideCookies(resp.Header)
	identity.Pass{}.Strip(resp.Header)
	return resp, nil
}

// refused asks the proxy whether it was the one that did not like the credentials.
func (b *Basic) refused(ctx context.Context, of *url.URL, c session.Credentials, next http.RoundTripper) bool {
	u := url.URL{Scheme: of.Scheme, Host: of.Host, Path: b.Probe}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return false
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "fairway")
	req.SetBasicAuth(c.User, c.Password)
	resp, err := next.RoundTrip(req) //nolint:bodyclose // drain does
	if err != nil {
		return false
	}
	drain(resp.Body)
	return resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden
}

// dropCookies takes the proxy's cookies out of a request: who has one is not who the credentials say.
func (b *Basic) dropCookies(h http.Header) {
	lines := h["Cookie"]
	if len(lines) == 0 {
		return
	}
	var kept []string
	for _, line := range lines {
		for pair := range strings.SplitSeq(line, ";") {
			if pair = strings.TrimSpace(pair); pair != "" && !strings.HasPrefix(pair, b.Hidden) {
				kept = append(kept, pair)
			}
		}
	}
	delete(h, "Cookie")
	if len(kept) > 0 {
		h["Cookie"] = []string{strings.Join(kept, "; ")}
	}
}

func (b *Basic) hideCookies(h http.Header) {
	lines := h["Set-Cookie"]
	if len(lines) == 0 {
		return
	}
	var kept []string
	for _, line := range lines {
		if !strings.HasPrefix(strings.TrimSpace(line), b.Hidden) {
			kept = append(kept, line)
		}
	}
	delete(h, "Set-Cookie")
	if len(kept) > 0 {
		h["Set-Cookie"] = kept
	}
}
