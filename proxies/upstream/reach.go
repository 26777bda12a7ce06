package upstream

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
)

// Reached is what is at an address.
type Reached struct {
	// At is who was connected to: host and port, or the file of a socket. Proxy says that it is the forward proxy, beyond which
	// nothing is known.
	At    string
	Proxy bool
	// Certificates are what a server of https showed, its own first; empty: there is no TLS. Untrusted says why they are not
	// trusted; nil: they are.
	Certificates []*x509.Certificate
	Untrusted    error
}

// Reach connects to an address of a backend as its requests do, and says nothing: there is no request, and no certificate of ours is
// shown. ctx says for how long it is tried. The error is a *net.DNSError where there is no such name.
func Reach(ctx context.Context, c Config, address string) (Reached, error) {
	o, err := parseAddress(address)
	if err != nil {
		return Reached{}, err
	}
	proxy, err := proxyOf(c.Proxy, o)
	if err != nil {
		return Reached{}, err
	}
	network, at := "tcp", withPort(o.scheme, o.host)
	switch {
	case o.socket != "":
		network, at = "unix", o.socket
	case proxy != nil:
		at = withPort(proxy.Scheme, proxy.Host)
		if _, _, err := net.SplitHostPort(proxy.Host); err != nil && proxy.Scheme != "http" && proxy.Scheme != "https" {
			at = net.JoinHostPort(proxy.Hostname(), "1080")
		}
	}
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, network, at)
	if err != nil {
		return Reached{At: at, Proxy: proxy != nil}, err //nolint:wrapcheck // a dialer is transparent
	}
	defer conn.Close()
	out := Reached{At: at, Proxy: proxy != nil}
	if o.scheme != "https" || out.Proxy {
		return out, nil
	}
	return out, out.handshake(ctx, conn, c.TLS)
}

// handshake looks at the certificates of a server. What is wrong with them is no error: there is more to be said of them.
func (r *Reached) handshake(ctx context.Context, conn net.Conn, trust TLS) error {
	trust.ClientCertificateFile, trust.ClientKeyFile = "", "" // not shown to who is only looked at
	cfg, err := trust.load()
	if err != nil {
		return err
	}
	name := cfg.ServerName
	if name == "" {
		if name, _, err = net.SplitHostPort(r.At); err != nil {
			return fmt.Errorf("tls: %w", err)
		}
	}
	cfg.ServerName, cfg.NextProtos = name, []string{"h2", "http/1.1"}
	cfg.InsecureSkipVerify = true // it is verified below
	secure := tls.Client(conn, cfg)
	if err := secure.HandshakeContext(ctx); err != nil {
		return fmt.Errorf("tls: %w", err)
	}
	r.Certificates = secure.ConnectionState().PeerCertificates
	r.Untrusted = Verify(r.Certificates, name, cfg.RootCAs)
	return nil
}

// Verify says why a chain of certificates, a server's own first, is not trusted for a name by authorities; nil: by the system's.
func Verify(chain []*x509.Certificate, name string, roots *x509.CertPool) error {
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{DNSName: name, Roots: roots, Intermediates: between})
	return err //nolint:wrapcheck // it says all
}
