package publishers

import (
	"errors"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/fairway-gateway/fairway/modules/caddyfiles"
	"github.com/fairway-gateway/fairway/modules/control/events"
	"github.com/fairway-gateway/fairway/modules/control/events/amqp"
	"github.com/fairway-gateway/fairway/modules/fairway"
)

// AMQP publishes events into an exchange of a server that speaks AMQP 0-9-1, as RabbitMQ does; the exchange has to be there, and a queue for
// each event. Its URL is amqp://host:port/vhost or amqps://host:port/vhost.
type AMQP struct {
	Server
	// Exchange is where events are published, by their topic as the routing key. Default amq.topic.
	Exchange string `json:"exchange,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (*AMQP) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: namespace + "amqp", New: func() caddy.Module { return new(AMQP) }}
}

// UnmarshalCaddyfile reads:
//
//	publish amqp://<host>:<port>[/<vhost>] | amqps://<host>:<port>[/<vhost>] {
//		name     <name>
//		topic    <topic>
//		types    <type>...
//		exchange <name>
//		username <name>
//		password {env.X} | {file./path}
//		ca       <file>
//		timeout  <duration>
//		parallel <n>
//	}
func (m *AMQP) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return m.read(d, m.check, map[string]caddyfiles.Word{
		"exchange": word("exchange amq.topic", m.check, func(v string) error { m.Exchange = v; return nil }),
	})
}

func (m *AMQP) check() error {
	if len(m.Exchange) > amqp.MostText {
		return errors.New("the name of an exchange has at most 255 bytes")
	}
	for _, t := range events.Types() {
		if len(events.TopicOf(m.Topic, t)) > amqp.MostText {
			return errors.New("a topic of AMQP has at most 255 bytes, with the type in it")
		}
	}
	return m.Server.check(amqp.CheckURL)
}

// Provision implements caddy.Provisioner.
func (m *AMQP) Provision(caddy.Context) error { return errors.Join(m.Check(), m.check()) }

// Open implements fairway.Publisher.
func (m *AMQP) Open(fairway.PublisherDeps) (message.Publisher, error) {
	cfg := amqp.Config{Timeout: time.Duration(m.Timeout)}
	if err := resolved(map[*string]string{&cfg.URL: m.URL, &cfg.Username: m.Username, &cfg.Password: m.Password, &cfg.Exchange: m.Exchange, &cfg.CA: m.CA}); err != nil {
		return nil, err
	}
	return amqp.Open(cfg)
}

// Interface guards.
var (
	_ fairway.Publisher     = (*AMQP)(nil)
	_ caddyfile.Unmarshaler = (*AMQP)(nil)
)
