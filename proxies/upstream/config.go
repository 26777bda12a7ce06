package upstream

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"
)

// Defaults of Config.
const (
	DefaultTimeout         = 10 * time.Second
	DefaultRetries         = 2
	DefaultBreakerFailures = 5
	DefaultBreakerOpen     = 30 * time.Second
	DefaultLimit           = 10 << 20
)

// proxyEnvironment as Config.Proxy means HTTP_PROXY and friends.
const proxyEnvironment = "environment"

// WithDefaults gives the config with a value wherever zero means none given. Retries and Redirects stay: their zero
// has a meaning.
func (c Config) WithDefaults() Config {
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
	}
	if c.BreakerFailures == 0 {
		c.BreakerFailures = DefaultBreakerFailures
	}
	if c.BreakerOpen == 0 {
		c.BreakerOpen = DefaultBreakerOpen
	}
	if c.Limit == 0 {
		c.Limit = DefaultLimit
	}
	return c
}

// Check says what is wrong with the config, all of it. It reads no files. The errors hold no credentials.
func (c Config) Check() error {
	var errs []error
	if len(c.Addresses) == 0 {
		errs = append(errs, errors.New("a backend needs an address"))
	}
	var sockets, secure int
	seen := make(map[string]bool, len(c.Addresses))
	for _, address := range c.Addresses {
		o, err := parseAddress(address)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if o.socket != "" {
			sockets++
		}
		if o.scheme == "https" {
			secure++
		}
		if name := o.String(); seen[name] {
			errs = append(errs, fmt.Errorf("address %s is named twice", name))
		} else {
			seen[name] = true
		}
	}
	for _, n := range []struct {
		name  string
		value int64
		least int64
	}{
		{"timeout", int64(c.Timeout), 0},
		{"retries", int64(c.Retries), 0},
		{"breaker: failures", int64(c.BreakerFailures), 0},
		{"breaker: open for", int64(c.BreakerOpen), 0},
		{"limit", c.Limit, 0},
		{"redirects", int64(c.Redirects), 0},
	} {
		if n.value < n.least {
			errs = append(errs, fmt.Errorf("%s is negative", n.name))
		}
	}
	errs = append(errs, c.TLS.check(secure > 0), c.checkProxy(sockets > 0))
	return errors.Join(errs...)
}

func (t TLS) check(secure bool) error {
	if (t.ClientCertificateFile == "") != (t.ClientKeyFile == "") {
		return errors.New("tls: a client certificate needs both its certificate and its key file")
	}
	set := len(t.CA) > 0 || t.ServerName != "" || t.ClientCertificateFile != "" || t.InsecureSkipVerify
	if set && !secure {
		return errors.New("tls: the options are for https addresses and there is none")
	}
	return nil
}

func (c Config) checkProxy(sockets bool) error {
	if c.Proxy == "" || c.Proxy == proxyEnvironment {
		return nil
	}
	if sockets {
		return errors.New("proxy: a unix socket is not reached through a proxy")
	}
	_, err := parseProxy(c.Proxy)
	return err
}

// parseProxy keeps the URL out of its errors: it may hold a password.
func parseProxy(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil {
		return nil, errors.New("proxy: not a URL")
	}
	switch u.Scheme {
	case "http", "https", "socks5", "socks5h":
	default:
		return nil, fmt.Errorf("proxy: the scheme is %q, must be http, https, socks5 or socks5h", u.Scheme)
	}
	if u.Hostname() == "" || !validPort(u.Port()) {
		return nil, errors.New("proxy: the URL needs a host, and a port of 1 to 65535 if any")
	}
	if u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("proxy: the URL may not have a path, query or fragment")
	}
	return u, nil
}

// origin is an address, taken apart.
type origin struct {
	scheme, host string
	socket       string // file of a unix socket; host is then localhost
}

// String gives the address in one spelling, for metrics and comparisons.
func (o origin) String() string {
	if o.socket != "" {
		return "unix/" + o.socket
	}
	return o.scheme + "://" + o.host
}

func parseAddress(address string) (origin, error) {
	if file, ok := strings.CutPrefix(address, "unix/"); ok {
		if !path.IsAbs(file) || path.Clean(file) == "/" || strings.ContainsRune(file, 0) {
			return origin{}, fmt.Errorf("address %q: a unix socket is written unix//path/of/socket", address)
		}
		return origin{scheme: "http", host: "localhost", socket: path.Clean(file)}, nil
	}
	u, err := url.Parse(address)
	if err != nil {
		return origin{}, errors.New("address: not a URL")
	}
	if u.User != nil {
		// Neither is the address told: it holds a password.
		return origin{}, fmt.Errorf("address of host %q: no user and password here, they belong into auth", u.Host)
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return origin{}, fmt.Errorf("address %q: must begin with http://, https:// or unix//", address)
	case u.Opaque != "" || u.Hostname() == "" || !validPort(u.Port()) || strings.HasSuffix(u.Host, ":"):
		return origin{}, fmt.Errorf("address %q: needs a host, and a port of 1 to 65535 if any", address)
	case u.Path != "":
		return origin{}, fmt.Errorf("address %q: no path here, it belongs into fetch", address)
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.Contains(address, "#"):
		return origin{}, fmt.Errorf("address %q: no query and no fragment here", address)
	}
	return origin{scheme: u.Scheme, host: strings.ToLower(u.Host)}, nil
}

func validPort(port string) bool {
	if port == "" {
		return true
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0
}

// same says that u is of this origin.
func (o origin) same(u *url.URL) bool {
	return u.User == nil && u.Scheme == o.scheme && strings.EqualFold(withPort(u.Scheme, u.Host), withPort(o.scheme, o.host))
}

func withPort(scheme, host string) string {
	if u := (url.URL{Host: host}); u.Port() != "" {
		return host
	}
	host = strings.TrimSuffix(host, ":")
	if scheme == "https" {
		return host + ":443"
	}
	return host + ":80"
}
