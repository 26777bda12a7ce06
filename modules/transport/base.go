package transport

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/headers"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/fairway-gateway/fairway/modules/caddyfiles"
	"github.com/fairway-gateway/fairway/proxies/session"
	"github.com/fairway-gateway/fairway/proxies/upstream"
)

// What reverse_proxy asks a transport, while a Caddyfile is adapted and when it is provisioned, is for the base to answer.

// TLSEnabled says whether the base speaks TLS.
func (s *Session) TLSEnabled() bool {
	t, ok := s.base.(reverseproxy.TLSTransport)
	return ok && t.TLSEnabled()
}

// EnableTLS has the base speak TLS, where upstreams are https.
func (s *Session) EnableTLS(cfg *reverseproxy.TLSConfig) error {
	t, ok := s.base.(reverseproxy.TLSTransport)
	if !ok {
		return caddyfiles.Errorf(s.line, "upstreams are https, and the transport %T does not speak TLS", s.base)
	}
	if err := t.EnableTLS(cfg); err != nil {
		return err
	}
	return s.encodeBase()
}

// EnableH2C has the base speak HTTP/2 without TLS, where upstreams are h2c.
func (s *Session) EnableH2C() error {
	t, ok := s.base.(reverseproxy.H2CTransport)
	if !ok {
		return caddyfiles.Errorf(s.line, "upstreams are h2c, and the transport %T does not speak it", s.base)
	}
	if err := t.EnableH2C(); err != nil {
		return err
	}
	return s.encodeBase()
}

// encodeBase writes what a Caddyfile made of the base.
func (s *Session) encodeBase() error {
	m, ok := s.base.(caddy.Module)
	if !ok {
		return fmt.Errorf("the transport %T is no module", s.base)
	}
	s.BaseRaw = caddyconfig.JSONModuleObject(s.base, "protocol", m.CaddyModule().ID.Name(), nil)
	return nil
}

// ProxyProtocolEnabled says whether the base begins connections with the PROXY protocol.
func (s *Session) ProxyProtocolEnabled() bool {
	t, ok := s.base.(reverseproxy.ProxyProtocolTransport)
	return ok && t.ProxyProtocolEnabled()
}

// OverrideHealthCheckScheme makes health checks speak TLS where the base does.
func (s *Session) OverrideHealthCheckScheme(u *url.URL, port string) {
	if t, ok := s.base.(reverseproxy.HealthCheckSchemeOverriderTransport); ok {
		t.OverrideHealthCheckScheme(u, port)
	}
}

// DefaultBufferSizes is what the base wants to be buffered.
func (s *Session) DefaultBufferSizes() (request, response int64) {
	if t, ok := s.base.(reverseproxy.BufferedTransport); ok {
		return t.DefaultBufferSizes()
	}
	return 0, 0
}

// RequiresContentLength says whether the base must know the length of a body.
func (s *Session) RequiresContentLength() bool {
	t, ok := s.base.(reverseproxy.ContentLengthRequiredTransport)
	return ok && t.RequiresContentLength()
}

// RequestHeaderOps is what the base does to headers: to https upstreams, Host is their own.
func (s *Session) RequestHeaderOps() *headers.HeaderOps {
	if t, ok := s.base.(reverseproxy.RequestHeaderOpsTransport); ok {
		return t.RequestHeaderOps()
	}
	return nil
}

// httpConfig is what has to be known of a base that is Caddy's http.
type httpConfig struct {
	Protocol string                     `json:"protocol"`
	TLS      map[string]json.RawMessage `json:"tls"`
	Proxy    struct {
		From string `json:"from"`
		URL  string `json:"url"`
	} `json:"network_proxy"`
}

func (s *Session) httpConfig() (httpConfig, error) {
	c := httpConfig{Protocol: "http"}
	if len(s.BaseRaw) == 0 {
		return c, nil
	}
	if err := json.Unmarshal(s.BaseRaw, &c); err != nil {
		return c, fmt.Errorf("transport: %w", err)
	}
	return c, nil
}

// certified gives the configuration of the base, with the certificate that the strategy shows.
func (s *Session) certified() (json.RawMessage, error) {
	strategy, ok := s.auth.(session.Certified)
	if !ok {
		return s.BaseRaw, nil
	}
	c, err := s.httpConfig()
	switch {
	case err != nil:
		return nil, err
	case c.Protocol != "http" || c.TLS == nil:
		return nil, errors.New("auth: a certificate is shown on https, which the upstreams are not")
	case c.TLS["client_certificate_file"] != nil || c.TLS["client_certificate_automate"] != nil:
		return nil, errors.New("auth shows a certificate, and so does tls_client_auth; one of them is enough")
	}
	var whole map[string]any
	if err := json.Unmarshal(s.BaseRaw, &whole); err != nil {
		return nil, fmt.Errorf("transport: %w", err)
	}
	tls, _ := whole["tls"].(map[string]any)
	tls["client_certificate_file"], tls["client_certificate_key_file"] = strategy.ClientCertificate()
	return json.Marshal(whole)
}

// bind tells a strategy of its backend: not its addresses, which are chosen by request, but what leads elsewhere.
func (s *Session) bind() error {
	bound, ok := s.auth.(session.Bound)
	if !ok {
		return nil
	}
	elsewhere, err := s.elsewhere()
	if err != nil {
		return err
	}
	s.released = append(s.released, elsewhere.CloseIdleConnections)
	if err := bound.Bind(session.Backend{Service: s.Name, Elsewhere: elsewhere}); err != nil {
		return fmt.Errorf("auth: %w", err)
	}
	return nil
}

// elsewhere leads to identity providers, with the authorities from files and the forward proxy of the base.
func (s *Session) elsewhere() (*http.Transport, error) {
	c, err := s.httpConfig()
	if err != nil {
		return nil, err
	}
	cfg := upstream.Config{Proxy: c.Proxy.URL}
	if c.Proxy.From == "" {
		cfg.Proxy = "environment" // as Caddy has it
	}
	var pool struct {
		Provider string   `json:"provider"`
		Files    []string `json:"pem_files"`
	}
	if raw := c.TLS["ca"]; raw != nil {
		if err := json.Unmarshal(raw, &pool); err != nil {
			return nil, fmt.Errorf("transport: tls: ca: %w", err)
		}
	}
	if pool.Provider == "file" {
		cfg.TLS.CA = pool.Files
	}
	return upstream.Elsewhere(cfg)
}
