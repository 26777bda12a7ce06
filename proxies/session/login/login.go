// Package login logs in to backends as a browser without scripts would: from a start URL through redirects, pages and forms to
// the cookies of the backend's origin.
//
// What it meets on the way belongs to others, so it goes nowhere but to the backend, to the origin of its start URL and to the
// origins that are listed, sends the credentials once, presses no button that it does not know, and tells in its errors neither
// credentials nor cookies nor what a page said.
package login

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/fairway-gateway/fairway/proxies/session"
)

// Defaults of Config.
const (
	DefaultStart   = "/oauth2/start"
	DefaultTimeout = 20 * time.Second
)

// Bounds of one login.
const (
	maxSteps   = 15      // requests
	maxPage    = 1 << 20 // bytes of a page, after its content encoding was undone
	maxCookies = 64 << 10
)

// Kind is what is logged in to.
type Kind int

// The kinds.
const (
	// Proxy is an OAuth2 proxy in front of the backend: its start URL leads to the login form of an identity provider, and
	// that leads back. A login that ends elsewhere than at the backend is none.
	Proxy Kind = iota
	// Htpasswd is the form of oauth2-proxy itself (--htpasswd-file), which is filled in without being looked at:
	// POST .../sign_in beside the start URL.
	Htpasswd
	// Page is a login form of the backend: the start URL shows it, or leads to it. Where it is shown again after it was
	// filled in, the credentials are wrong.
	Page
)

// Field is a field of the login form with its value.
type Field struct{ Name, Value string }

// Config says how to log in.
type Config struct {
	// Kind of login. Default Proxy.
	Kind Kind
	// Start is where the login begins: a path of the backend, or a whole URL, whose origin then counts as listed.
	// Default "/oauth2/start"; a Page needs one.
	Start string
	// Origins are where the login may lead to, credentials and all, beside the backend's own: "https://login.example.org".
	// They are https, but for localhost and addresses of loopback. Default none.
	Origins []string
	// UsernameField and PasswordField are the names of the form's fields. Default: found out.
	UsernameField, PasswordField string
	// ExtraFields are set in the login form, beside what it holds itself.
	ExtraFields []Field
	// Consent says to approve where the identity provider asks whether the proxy may know the user. Default: that is an error.
	Consent bool
	// Timeout of a whole login. Default 20s.
	Timeout time.Duration
	// Elsewhere is how Origins are reached, see session.Backend; it refuses names that lead to an address inside. Default: not
	// at all, so that a login must stay with the backend.
	Elsewhere http.RoundTripper
}

// Driver logs in. It is used concurrently, and remembers nothing between logins.
type Driver struct {
	cfg     Config
	start   *url.URL // without a host: of the backend
	origins map[origin]bool
}

// New makes a Driver, after setting the config's defaults and checking it. The errors hold no secrets.
func New(cfg Config) (*Driver, error) {
	if cfg.Timeout == 0 {
		cfg.Timeout = DefaultTimeout
	}
	if cfg.Start == "" && cfg.Kind != Page {
		cfg.Start = DefaultStart
	}
	d := &Driver{cfg: cfg, origins: make(map[origin]bool)}
	var errs []error
	for _, s := range cfg.Origins {
		o, err := parseOrigin(s)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		d.origins[o] = true
	}
	if err := d.parseStart(cfg.Start); err != nil {
		errs = append(errs, err)
	}
	if cfg.Timeout < 0 {
		errs = append(errs, errors.New("login_timeout is negative"))
	}
	for _, f := range cfg.ExtraFields {
		if f.Name == "" {
			errs = append(errs, errors.New("extra_fields: a field needs a name"))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return d, nil
}

func (d *Driver) parseStart(start string) error {
	u, err := url.Parse(start)
	if err != nil {
		return errors.New("start: not a path and not a URL")
	}
	switch {
	case u.Fragment != "" || strings.Contains(start, "#"):
		return errors.New("start: no fragment here")
	case strings.ContainsAny(start, " \\"):
		return errors.New("start: blanks and backslashes must be escaped")
	case strings.HasPrefix(start, "/") && u.Host == "" && !strings.HasPrefix(start, "//"):
	case u.Scheme == "http" || u.Scheme == "https":
		o, err := originOf(u)
		if err != nil {
			return fmt.Errorf("start: %w", err)
		}
		if !o.secure() {
			return errors.New("start: credentials go over https only, but to loopback")
		}
		d.origins[o] = true
	default:
		return errors.New("start: must be a path that begins with a slash, or a URL with http:// or https://")
	}
	d.start = u
	return nil
}

// Login implements session.Login. The cookies of the state are those that a browser would send to the backend, without those
// that other services of its host have set for themselves.
func (d *Driver) Login(ctx context.Context, site session.Site, c session.Credentials) (*session.State, error) {
	if c.User == "" || c.Password == "" {
		return nil, &session.LoginError{Kind: session.BadCredentials, Detail: "a login needs a user name and a password"}
	}
	ctx, cancel := context.WithTimeout(ctx, d.cfg.Timeout)
	defer cancel()
	f, err := d.newFlow(site, c)
	if err != nil {
		return nil, err
	}
	if err := f.run(ctx); err != nil {
		return nil, err
	}
	return f.state()
}

// Interface guard.
var _ session.Login = (*Driver)(nil)
