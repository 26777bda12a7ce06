package login

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/fairway-gateway/fairway/proxies/upstream"
)

// Settings of the transport to login origins.
const (
	dialTimeout = 5 * time.Second
	tlsTimeout  = 10 * time.Second
	idleTimeout = 30 * time.Second
	idlePerHost = 8
	headerLimit = 64 << 10 // bytes
)

// transport makes the transport to the origins that are not the backend's. A name that is resolved to an address inside is
// refused at the moment of connecting; one that says so itself was listed knowingly. Nil: the system's resolver.
func (d *Driver) transport(resolver *net.Resolver) *http.Transport {
	listed := &net.Dialer{Timeout: dialTimeout, Resolver: resolver}
	guarded := &net.Dialer{Timeout: dialTimeout, Resolver: resolver, Control: upstream.Guard}
	dial := guarded.DialContext
	if d.cfg.Forward != nil {
		dial = listed.DialContext // it is the forward proxy that resolves names
	}
	trust := &tls.Config{MinVersion: tls.VersionTLS12}
	if d.cfg.TLS != nil {
		trust = d.cfg.TLS.Clone()
		trust.ServerName, trust.Certificates, trust.GetClientCertificate = "", nil, nil
	}
	return &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			host, port, err := net.SplitHostPort(address)
			if err != nil {
				return nil, errors.New("no address")
			}
			if o := (origin{host: host, port: port}); o.loopback() || o.address() {
				return listed.DialContext(ctx, network, address)
			}
			return dial(ctx, network, address)
		},
		Proxy:                  d.cfg.Forward,
		TLSClientConfig:        trust,
		TLSHandshakeTimeout:    tlsTimeout,
		DisableCompression:     true, // a page is inflated under its limit
		MaxIdleConnsPerHost:    idlePerHost,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: headerLimit,
		ForceAttemptHTTP2:      true,
	}
}

// connectionError gives what of a transport's error may be told: errors of net/http quote what a server has sent.
func connectionError(err error) error {
	if errors.Is(err, upstream.ErrInside) {
		return upstream.ErrInside
	}
	if e, ok := errors.AsType[*net.OpError](err); ok {
		return e
	}
	if e, ok := errors.AsType[*net.DNSError](err); ok {
		return e
	}
	if e, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return e
	}
	if e, ok := errors.AsType[x509.HostnameError](err); ok {
		return e
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return context.DeadlineExceeded
	}
	if errors.Is(err, context.Canceled) {
		return context.Canceled
	}
	return errors.New("the connection broke, or what came was no HTTP")
}
