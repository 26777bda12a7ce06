package grant

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/fairway-gateway/fairway/proxies/session"
)

// Style is how a client tells who it is (RFC 6749, section 2.3.1). It is said and not found out: who tries both doubles each
// failed login, and some servers count them.
type Style string

// The styles.
const (
	Basic Style = "basic" // in the header Authorization, both halves form-encoded
	Post  Style = "post"  // client_id and client_secret in the body
)

// Endpoint is a token endpoint and a client that it knows.
type Endpoint struct {
	// URL is https, or http on this machine. Required.
	URL string
	// ClientID and ClientSecret are of a registered client. A client without a secret is a public one, and no ID means that the
	// endpoint knows no clients.
	ClientID, ClientSecret string
	// Style is how they are sent. Default: Basic.
	Style Style
	// Scopes are asked for. Default: none, the server's own.
	Scopes []string
	// Audience is who the token is for, which some servers want to be told. Default: none.
	Audience string
	// Transport leads to it. Where the URL is of the backend's own origin, the backend's is taken instead. Required.
	Transport http.RoundTripper
}

// Check says what is wrong with an endpoint that is configured.
func (e *Endpoint) Check() error {
	if err := CheckURL(e.URL); err != nil {
		return err
	}
	if e.Style != "" && e.Style != Basic && e.Style != Post {
		return fmt.Errorf("auth_style is basic or post, not %q", e.Style)
	}
	for _, scope := range e.Scopes {
		if scope == "" || strings.ContainsFunc(scope, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }) {
			return fmt.Errorf("%q is no scope", scope)
		}
	}
	return nil
}

// CheckURL says whether credentials may be sent to a URL: over https, or on this machine.
func CheckURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "":
		return errors.New("the token URL is no URL: write https://login.example.org/oauth2/token")
	case u.User != nil:
		return errors.New("the token URL has a user; client id and secret have places of their own")
	case u.Fragment != "" || strings.Contains(text, "#"):
		return errors.New("the token URL has a fragment, which is never sent")
	case u.Scheme == "https", u.Scheme == "http" && onThisMachine(u.Hostname()):
		return nil
	}
	return errors.New("credentials are sent over https alone, or to this machine: the token URL must begin with https://")
}

func onThisMachine(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.Unmap().IsLoopback()
}

// longestAnswer is how much of an answer is read, in bytes.
const longestAnswer = 1 << 20

// ask sends a form to the endpoint, once, and gives what it answered, and when it was asked.
func (e *Endpoint) ask(ctx context.Context, site session.Site, form url.Values, client session.Credentials, of owner) (*answer, time.Time, error) {
	asked := time.Now()
	req, err := e.request(ctx, form, client)
	if err != nil {
		return nil, asked, err
	}
	transport := e.Transport
	if site.Transport != nil && sameOrigin(site.URL, req.URL) {
		transport = site.Transport
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return nil, asked, broken(ctx, err)
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode >= http.StatusInternalServerError:
		return nil, asked, busy(resp)
	case resp.StatusCode < http.StatusOK || resp.StatusCode >= http.StatusMultipleChoices && resp.StatusCode < http.StatusBadRequest:
		return nil, asked, unavailable(fmt.Sprintf("The token endpoint answered %d, which is not followed", resp.StatusCode), nil)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, longestAnswer+1))
	switch {
	case err != nil:
		return nil, asked, broken(ctx, err)
	case len(body) > longestAnswer:
		return nil, asked, unavailable("The token endpoint answered more than is read", nil)
	}
	a, ok := parse(resp.Header.Get("Content-Type"), body)
	switch {
	case resp.StatusCode >= http.StatusBadRequest, ok && a.failed: // GitHub says 200 to errors
		return nil, asked, refusal(resp, a, of)
	case !ok:
		return nil, asked, unavailable("The token endpoint answered what is no token answer", nil)
	}
	return a, asked, nil
}

func (e *Endpoint) request(ctx context.Context, form url.Values, client session.Credentials) (*http.Request, error) {
	if e.Audience != "" {
		form.Set("audience", e.Audience)
	}
	basic := e.Style != Post && client.User != "" && client.Password != ""
	if client.User != "" && !basic {
		form.Set("client_id", client.User)
		if client.Password != "" {
			form.Set("client_secret", client.Password)
		}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.URL, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, unavailable("The token URL cannot be asked", nil)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Accept-Encoding", "identity")
	req.Header.Set("User-Agent", "fairway")
	if basic {
		// net/http's SetBasicAuth does not encode the halves, and a colon in an id would end it.
		halves := url.QueryEscape(client.User) + ":" + url.QueryEscape(client.Password)
		req.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(halves)))
	}
	return req, nil
}

// sameOrigin says whether two URLs have scheme, host and port in common.
func sameOrigin(a, b *url.URL) bool {
	return a != nil && b != nil && strings.EqualFold(a.Scheme, b.Scheme) && strings.EqualFold(withPort(a), withPort(b))
}

func withPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[strings.ToLower(u.Scheme)]
	}
	return net.JoinHostPort(u.Hostname(), port)
}
