package auth

import (
	"errors"
	"fmt"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/fairway-gateway/fairway/proxies/session"
)

func init() { caddy.RegisterModule(new(MTLS)) }

// MTLS shows the backend a client certificate.
type MTLS struct {
	// Certificate is a PEM file, with the chain. Required.
	Certificate string `json:"certificate,omitempty"`
	// Key is the PEM file of its key. Required.
	Key string `json:"key,omitempty"`

	pair `json:"-"`
}

// pair is a session.Certificate under a name that leaves Certificate to the configuration.
type pair struct{ session.Certificate }

// CaddyModule returns the Caddy module information.
func (*MTLS) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "fairway.auth.mtls", New: func() caddy.Module { return new(MTLS) }}
}

// Check refuses what cannot be files. They are read when the backend's connections are made.
func (m *MTLS) Check() error {
	if m.Certificate == "" || m.Key == "" {
		return errors.New("the files of a certificate and its key are needed: auth mtls cert.pem key.pem")
	}
	for _, file := range []string{m.Certificate, m.Key} {
		if strings.ContainsAny(file, "{}\n") {
			return fmt.Errorf("%q is no file: a certificate and its key are read from files", strings.SplitN(file, "\n", 2)[0])
		}
	}
	m.pair.Certificate = session.Certificate{Chain: m.Certificate, Key: m.Key}
	return nil
}

// Provision checks the configuration.
func (m *MTLS) Provision(caddy.Context) error {
	if err := m.Check(); err != nil {
		return fmt.Errorf("auth mtls: %w", err)
	}
	return nil
}

// UnmarshalCaddyfile reads:
//
//	auth mtls <certificate> <key>
func (m *MTLS) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the mode
	args := d.RemainingArgs()
	if len(args) != 2 {
		return d.Err("auth mtls takes two files: auth mtls cert.pem key.pem")
	}
	m.Certificate, m.Key = args[0], args[1]
	return noBlock(d, "auth mtls")
}

// Interface guards.
var (
	_ session.Certified     = (*MTLS)(nil)
	_ caddy.Provisioner     = (*MTLS)(nil)
	_ caddyfile.Unmarshaler = (*MTLS)(nil)
)
