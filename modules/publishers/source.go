package publishers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/fairway-gateway/fairway/modules/caddyfiles"
	"github.com/fairway-gateway/fairway/modules/control/events"
	"github.com/fairway-gateway/fairway/modules/control/events/jetstream"
	"github.com/fairway-gateway/fairway/modules/fairway"
)

// NATSSource is NATS JetStream as that from where events arrive, as CloudEvents in either mode. {env.X} and {file./path} in it are replaced.
type NATSSource struct {
	// URL is nats://host:port or tls://host:port, several with commas.
	URL string `json:"url,omitempty"`
	// Username and Password, or Token, are what the server wants to see; Password and Token are {env.X} or {file./path}. Default: nothing.
	Username string `json:"username,omitempty"`
	Password string `json:"password,omitempty"`
	Token    string `json:"token,omitempty"`
	// Credentials is the path of a file of credentials, as nsc makes them. Default: none.
	Credentials string `json:"credentials,omitempty"`
	// CA is a file of certificates that the server's has to be signed by. Default: those of the system.
	CA string `json:"ca,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (*NATSSource) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "fairway.event_sources.nats", New: func() caddy.Module { return new(NATSSource) }}
}

// UnmarshalCaddyfile reads:
//
//	from nats://<host>:<port> | tls://<host>:<port> {
//		username    <name>
//		password    {env.X} | {file./path}
//		token       {env.X} | {file./path}
//		credentials <file>
//		ca          <file>
//	}
func (m *NATSSource) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	n, err := caddyfiles.Read(d)
	if err != nil {
		return err
	}
	m.URL = n.Word.Text
	if err := m.check(); err != nil {
		return n.Errorf("%w", err)
	}
	known := map[string]caddyfiles.Word{}
	for name, to := range map[string]*string{"username": &m.Username, "password": &m.Password, "token": &m.Token, "credentials": &m.Credentials, "ca": &m.CA} {
		usage := map[string]string{ //nolint:gosec // no credentials
			"username": "username fairway", "password": "password {env.EVENTS_PASSWORD}", "token": "token {env.NATS_TOKEN}", "credentials": "credentials /etc/fairway/nats.creds", "ca": "ca /etc/fairway/events.pem",
		}[name]
		known[name] = word(usage, m.check, func(v string) error { *to = v; return nil })
	}
	return caddyfiles.Words{Owner: "from", Known: known}.Parse(n)
}

func (m *NATSSource) check() error {
	if err := errors.Join(secret("password", m.Password), secret("token", m.Token), file("credentials", m.Credentials), file("ca", m.CA)); err != nil {
		return err
	}
	if m.Token != "" && m.Password != "" {
		return errors.New("it is a token or a password, not both")
	}
	if strings.Contains(m.URL, "{env.") || strings.Contains(m.URL, "{file.") {
		return nil
	}
	for one := range strings.SplitSeq(m.URL, ",") {
		if err := jetstream.CheckURL(strings.TrimSpace(one)); err != nil {
			return err
		}
	}
	return nil
}

// Provision implements caddy.Provisioner.
func (m *NATSSource) Provision(caddy.Context) error { return m.check() }

// CheckTopic implements fairway.EventSource: a subject of NATS, with wildcards.
func (*NATSSource) CheckTopic(topic string) error {
	parts := strings.Split(topic, ".")
	for i, part := range parts {
		whole := part == "*" || part == ">" && i == len(parts)-1
		if part == "" || len(topic) > 200 || !whole && strings.ContainsFunc(part, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("*>{}", r) }) {
			return fmt.Errorf("%.60q is no subject of NATS, like scenes.landsat, scenes.* or scenes.>", topic)
		}
	}
	return nil
}

// Receive implements fairway.EventSource.
func (m *NATSSource) Receive(ctx context.Context, topic, name string, by fairway.Receiver, log *slog.Logger) error {
	cfg := jetstream.Config{Logger: log}
	if err := resolved(map[*string]string{&cfg.URL: m.URL, &cfg.Username: m.Username, &cfg.Password: m.Password, &cfg.Token: m.Token, &cfg.Credentials: m.Credentials, &cfg.CA: m.CA}); err != nil {
		return err
	}
	conn, err := jetstream.Open(cfg)
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.Consume(ctx, jetstream.Consumer{
		Topic: topic, Name: "fairway-" + name,
		Take: func(ctx context.Context, m jetstream.Message) error {
			e, err := events.Read(m.Header, m.Body)
			if err != nil {
				return by.Refuse(ctx, place(m), err.Error())
			}
			return by.Take(ctx, e)
		},
		GiveUp: func(ctx context.Context, m jetstream.Message) error {
			return by.Refuse(ctx, place(m), "it was delivered as often as may be, and nothing came of it; the log says why")
		},
	})
	return nil
}

// place names a message of which it is not known what event it is.
func place(m jetstream.Message) string { return fmt.Sprintf("%.200s #%d", m.Topic, m.Sequence) }

// Interface guards.
var (
	_ fairway.EventSource   = (*NATSSource)(nil)
	_ caddyfile.Unmarshaler = (*NATSSource)(nil)
)
