// Package publishers holds the guest modules of the namespace fairway.publishers: where events are published, as the word publish in
// `events { ... }` names it; and of the namespace fairway.event_sources: from where they arrive, as the word from of `on` names it.
package publishers

import (
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/fairway-gateway/fairway/modules/caddyfiles"
	"github.com/fairway-gateway/fairway/modules/fairway"
)

const namespace = "fairway.publishers."

func init() {
	caddy.RegisterModule(new(InProcess))
	caddy.RegisterModule(new(NATS))
	caddy.RegisterModule(new(NATSSource))
	caddy.RegisterModule(new(AMQP))
}

// InProcess publishes events within the process, by Watermill's channels of Go: for Caddy modules that subscribe (fairway.App.Subscribe).
// What nobody subscribes to is gone.
type InProcess struct {
	fairway.Publication
}

// CaddyModule returns the Caddy module information.
func (*InProcess) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: namespace + "in_process", New: func() caddy.Module { return new(InProcess) }}
}

// UnmarshalCaddyfile reads:
//
//	publish in_process {
//		name  <name>
//		topic <topic>
//		types <type>...
//	}
func (m *InProcess) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	n, err := caddyfiles.Read(d)
	if err != nil {
		return err
	}
	if n.Word.Text != "in_process" {
		return n.Errorf("the publisher within the process has no address; write: publish in_process")
	}
	return caddyfiles.Words{Owner: "publish", Known: m.Words(nil)}.Parse(n)
}

// Provision implements caddy.Provisioner.
func (m *InProcess) Provision(caddy.Context) error { return m.Check() }

// Published implements fairway.Publisher.
func (m *InProcess) Published() *fairway.Publication { return &m.Publication }

// AtOnce implements fairway.Publisher.
func (*InProcess) AtOnce() int { return 1 }

// Open implements fairway.Publisher.
func (*InProcess) Open(d fairway.PublisherDeps) (message.Publisher, error) {
	return shared{d.Process}, nil
}

// shared is a publisher that others use, too.
type shared struct{ message.Publisher }

// Close does nothing.
func (shared) Close() error { return nil }

// Interface guards.
var (
	_ fairway.Publisher     = (*InProcess)(nil)
	_ caddyfile.Unmarshaler = (*InProcess)(nil)
)
