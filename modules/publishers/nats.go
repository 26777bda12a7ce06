package publishers

import (
	"errors"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/fairway-gateway/fairway/modules/caddyfiles"
	"github.com/fairway-gateway/fairway/modules/control/events/jetstream"
	"github.com/fairway-gateway/fairway/modules/fairway"
)

// NATS publishes events into a stream of NATS JetStream, which has to be there. Its URL is nats://host:port or tls://host:port.
type NATS struct {
	Server
	// Token is shown to the server instead of a name and a password: {env.X} or {file./path}. Default: none.
	Token string `json:"token,omitempty"`
	// Credentials is the path of a file of credentials, as nsc makes them. Default: none.
	Credentials string `json:"credentials,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (*NATS) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: namespace + "nats", New: func() caddy.Module { return new(NATS) }}
}

// UnmarshalCaddyfile reads:
//
//	publish nats://<host>:<port> | tls://<host>:<port> {
//		name        <name>
//		topic       <topic>
//		types       <type>...
//		username    <name>
//		password    {env.X} | {file./path}
//		token       {env.X} | {file./path}
//		credentials <file>
//		ca          <file>
//		timeout     <duration>
//		parallel    <n>
//	}
func (m *NATS) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return m.read(d, m.check, map[string]caddyfiles.Word{
		"token":       word("token {env.NATS_TOKEN}", m.check, func(v string) error { m.Token = v; return nil }),
		"credentials": word("credentials /etc/fairway/nats.creds", m.check, func(v string) error { m.Credentials = v; return nil }),
	})
}

func (m *NATS) check() error {
	if err := errors.Join(secret("token", m.Token), file("credentials", m.Credentials)); err != nil {
		return err
	}
	if m.Token != "" && m.Password != "" {
		return errors.New("it is a token or a password, not both")
	}
	return m.Server.check(jetstream.CheckURL)
}

// Provision implements caddy.Provisioner.
func (m *NATS) Provision(caddy.Context) error { return errors.Join(m.Check(), m.check()) }

// Open implements fairway.Publisher.
func (m *NATS) Open(d fairway.PublisherDeps) (message.Publisher, error) {
	cfg := jetstream.Config{Timeout: time.Duration(m.Timeout), Logger: d.Logger}
	if err := resolved(map[*string]string{&cfg.URL: m.URL, &cfg.Username: m.Username, &cfg.Password: m.Password, &cfg.Token: m.Token, &cfg.Credentials: m.Credentials, &cfg.CA: m.CA}); err != nil {
		return nil, err
	}
	return jetstream.Open(cfg)
}

// Interface guards.
var (
	_ fairway.Publisher     = (*NATS)(nil)
	_ caddyfile.Unmarshaler = (*NATS)(nil)
)
