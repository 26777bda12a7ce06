package upstream

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"

	"golang.org/x/net/http/httpproxy"
)

// Elsewhere makes what a login leads through to servers beside the backend: identity providers, token endpoints. The
// authorities of c are trusted beside the system's, and its forward proxy is used. Its server name and its client certificate are
// the backend's alone, and not to verify a backend does not mean to send credentials to anybody. A name that leads to an address
// inside is refused (ErrInside); an address, or localhost, is somebody's wish. Close its idle connections when it is gone.
func Elsewhere(c Config) (*http.Transport, error) {
	trust, err := TLS{CA: c.TLS.CA}.load()
	if err != nil {
		return nil, err
	}
	if trust.RootCAs != nil {
		if trust.RootCAs, err = c.TLS.withSystem(); err != nil {
			return nil, err
		}
	}
	t := newTransport(trust)
	switch c.Proxy {
	case "":
		t.DialContext = dialElsewhere
		return t, nil
	case proxyEnvironment:
		of := httpproxy.FromEnvironment().ProxyFunc()
		t.Proxy = func(req *http.Request) (*url.URL, error) { return of(req.URL) }
	default:
		proxy, err := parseProxy(c.Proxy)
		if err != nil {
			return nil, err
		}
		t.Proxy = http.ProxyURL(proxy)
	}
	// The operator names the proxy, and what a name leads to beyond it is the proxy's to know.
	t.DialContext = (&net.Dialer{Timeout: dialTimeout, KeepAlive: dialKeepAlive}).DialContext
	return t, nil
}

// dialElsewhere looks at what a name leads to.
func dialElsewhere(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: dialKeepAlive, Control: guard}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err //nolint:wrapcheck // net/http gives no such address
	}
	if _, err := netip.ParseAddr(host); err == nil || host == "localhost" {
		dialer.Control = nil
	}
	return dialer.DialContext(ctx, network, address) //nolint:wrapcheck // a dialer is transparent
}

// withSystem gives the authorities and those of the system.
func (t TLS) withSystem() (*x509.CertPool, error) {
	pool, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("tls: ca: %w", err)
	}
	return pool, t.appendTo(pool)
}

// newTransport makes what all connections have in common.
func newTransport(trust *tls.Config) *http.Transport {
	return &http.Transport{
		TLSClientConfig:        trust.Clone(),
		TLSHandshakeTimeout:    tlsTimeout,
		DisableCompression:     true, // who asks undoes it under its limit
		MaxIdleConnsPerHost:    idlePerAddress,
		IdleConnTimeout:        idleTimeout,
		ExpectContinueTimeout:  continueTimeout,
		MaxResponseHeaderBytes: headerLimit,
		ForceAttemptHTTP2:      true,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingTimeout},
	}
}
