package upstream

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"
	"golang.org/x/net/http/httpproxy"

	"github.com/fairway-gateway/fairway/proxies/observe"
	"github.com/fairway-gateway/fairway/proxies/upstream/direct"
)

// Settings of every transport.
const (
	dialTimeout     = 5 * time.Second
	dialKeepAlive   = 30 * time.Second
	tlsTimeout      = 10 * time.Second
	idleTimeout     = 90 * time.Second
	idlePerAddress  = 512
	headerLimit     = 64 << 10 // bytes, of an answer with all its 1xx
	continueTimeout = time.Second
	pingAfter       = 15 * time.Second // of silence on an HTTP/2 connection
	pingTimeout     = 5 * time.Second
)

// endpoint is one address with its connections and its breaker.
type endpoint struct {
	origin
	address   string        // as configured
	absolute  bool          // the request line has the whole URL, for a forward proxy
	blank     *http.Request // what every request has
	transport transport
	breaker   *gobreaker.TwoStepCircuitBreaker[*Answer]
	metrics   *observe.BreakerMetrics

	inFlight  atomic.Int64
	openUntil atomic.Int64 // nanoseconds since 1970; 0: not open
	failures  atomic.Uint32
}

// transport sends requests on connections that it keeps.
type transport interface {
	http.RoundTripper
	CloseIdleConnections()
}

// open says that the breaker lets nothing through at now.
func (e *endpoint) open(now time.Time) bool {
	until := e.openUntil.Load()
	return until != 0 && now.UnixNano() < until
}

func newEndpoint(cfg *Config, address string, trust *tls.Config) (*endpoint, error) {
	o, err := parseAddress(address)
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: dialKeepAlive}
	if cfg.Guarded {
		dialer.Control = guard
	}
	t := newTransport(trust)
	t.DialContext = dialer.DialContext
	e := &endpoint{origin: o, address: address, transport: t}
	e.blank = &http.Request{Host: o.host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
	if o.socket != "" {
		t.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", o.socket)
		}
		e.transport = plainHTTP(t, "")
		return e, nil
	}
	proxy, err := proxyOf(cfg.Proxy, o)
	if err != nil {
		return nil, err
	}
	switch {
	case proxy != nil:
		t.Proxy = http.ProxyURL(proxy)
		e.absolute = o.scheme == "http" && (proxy.Scheme == "http" || proxy.Scheme == "https")
	case o.scheme == "http":
		e.transport = plainHTTP(t, dialAddress(o.host))
	}
	return e, nil
}

// largeBody is the longest body of a request that is written whole before its answer is read, in bytes. A server that
// answers while it reads could wait for us to read while we wait for it.
const largeBody = 64 << 10

// plainTransport is HTTP/1.1 without TLS and proxy.
type plainTransport struct {
	small *direct.Transport // costs less than net/http's
	large *http.Transport
}

// plainHTTP makes the transport of address, which t dials too.
func plainHTTP(t *http.Transport, address string) *plainTransport {
	return &plainTransport{large: t, small: &direct.Transport{
		Dial:        func(ctx context.Context) (net.Conn, error) { return t.DialContext(ctx, "tcp", address) },
		HeaderLimit: headerLimit, MaxIdle: idlePerAddress, IdleTimeout: idleTimeout,
	}}
}

// RoundTrip implements http.RoundTripper.
func (t *plainTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.ContentLength < 0 || req.ContentLength > largeBody {
		return t.large.RoundTrip(req) //nolint:wrapcheck // a round tripper is transparent
	}
	return t.small.RoundTrip(req) //nolint:wrapcheck // a round tripper is transparent
}

// CloseIdleConnections closes the connections.
func (t *plainTransport) CloseIdleConnections() {
	t.small.CloseIdleConnections()
	t.large.CloseIdleConnections()
}

// dialAddress adds the port of http where host has none.
func dialAddress(host string) string {
	if _, _, err := net.SplitHostPort(host); err == nil {
		return host
	}
	return net.JoinHostPort(strings.Trim(host, "[]"), "80")
}

// proxyOf gives the forward proxy towards o, or nil. The environment is read now and not once per process.
func proxyOf(setting string, o origin) (*url.URL, error) {
	switch setting {
	case "":
		return nil, nil
	case proxyEnvironment:
		u, err := httpproxy.FromEnvironment().ProxyFunc()(&url.URL{Scheme: o.scheme, Host: o.host})
		if err != nil {
			return nil, fmt.Errorf("proxy: the environment's URL for %s is none", o.scheme)
		}
		return u, nil
	}
	return parseProxy(setting)
}

// load reads the files and makes what the transports are configured with.
func (t TLS) load() (*tls.Config, error) {
	c := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		ServerName:         t.ServerName,
		InsecureSkipVerify: t.InsecureSkipVerify, //nolint:gosec // the operator's explicit wish
	}
	if len(t.CA) > 0 {
		c.RootCAs = x509.NewCertPool()
		if err := t.appendTo(c.RootCAs); err != nil {
			return nil, err
		}
	}
	if t.ClientCertificateFile != "" {
		pair, err := tls.LoadX509KeyPair(t.ClientCertificateFile, t.ClientKeyFile)
		if err != nil {
			return nil, fmt.Errorf("tls: client certificate: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// appendTo adds the authorities to a pool.
func (t TLS) appendTo(pool *x509.CertPool) error {
	for _, file := range t.CA {
		pem, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("tls: ca: %w", err)
		}
		if !pool.AppendCertsFromPEM(pem) {
			return fmt.Errorf("tls: ca: %s holds no certificate in PEM", file)
		}
	}
	return nil
}
