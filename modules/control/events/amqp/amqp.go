// Package amqp publishes messages of Watermill's into an exchange of a server that speaks AMQP 0-9-1, as RabbitMQ does.
//
// A message is published when the server has confirmed it: then all queues that it goes to have it, those that last have it on the disk.
// One that goes to no queue is no success but an error (the server is told that it is mandatory), so it waits in the store until there is a
// queue. Exchange, queues and bindings are the server's administrator's to make.
package amqp

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	amqp "github.com/rabbitmq/amqp091-go"
)

// DefaultExchange is where messages are published where nobody says another one: every virtual host of RabbitMQ has it.
const DefaultExchange = "amq.topic"

// MostText is how many bytes a short text of AMQP has: the name of an exchange, the topic of a message.
const MostText = 255

// Config says which server it is.
type Config struct {
	// URL is amqp://host:port/vhost or amqps://host:port/vhost, several with commas: who answers first is taken. No credentials. No default.
	URL string
	// Username and Password are what the server wants to see. Default: guest, whom RabbitMQ lets in from its own machine.
	Username, Password string
	// Exchange is where messages are published, by their topic as the routing key. Default DefaultExchange.
	Exchange string
	// CA is a file of certificates that the server's has to be signed by. Default: those of the system.
	CA string
	// Timeout is how long one message may take until the server has confirmed it. Default 10s.
	Timeout time.Duration
}

// Conn is a connection, which is made when something is published and whenever it was lost. It is a message.Publisher.
type Conn struct {
	cfg       Config
	addresses []address
	tls       *tls.Config
	// one is held by who looks at link, or makes it.
	one    chan struct{}
	link   *link
	closed bool
}

// Open gives a Conn, which connects with the first message.
func Open(cfg Config) (*Conn, error) {
	cfg.Username, cfg.Password = cmp.Or(cfg.Username, "guest"), cmp.Or(cfg.Password, "guest")
	cfg.Exchange, cfg.Timeout = cmp.Or(cfg.Exchange, DefaultExchange), cmp.Or(cfg.Timeout, 10*time.Second)
	c := &Conn{cfg: cfg, tls: &tls.Config{MinVersion: tls.VersionTLS12}, one: make(chan struct{}, 1)}
	if len(cfg.Exchange) > MostText {
		return nil, errors.New("the name of an exchange has at most 255 bytes")
	}
	for one := range strings.SplitSeq(cfg.URL, ",") {
		a, err := parse(strings.TrimSpace(one))
		if err != nil {
			return nil, err
		}
		c.addresses = append(c.addresses, a)
	}
	if cfg.CA != "" {
		text, err := os.ReadFile(cfg.CA)
		if err != nil {
			return nil, fmt.Errorf("certificates for AMQP: %w", err)
		}
		c.tls.RootCAs = x509.NewCertPool()
		if !c.tls.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("certificates for AMQP: %s has none", cfg.CA)
		}
	}
	return c, nil
}

// Publish implements message.Publisher: queues have the messages when it gives no error. A message's context may end it.
func (c *Conn) Publish(topic string, all ...*message.Message) error {
	for _, m := range all {
		if err := c.publish(topic, m); err != nil {
			return fmt.Errorf("AMQP: %w", err)
		}
	}
	return nil
}

func (c *Conn) publish(topic string, m *message.Message) error {
	if len(topic) > MostText {
		return errors.New("a topic has at most 255 bytes")
	}
	ctx, cancel := context.WithTimeoutCause(m.Context(), c.cfg.Timeout, fmt.Errorf("the server has not confirmed it within %s", c.cfg.Timeout))
	defer cancel()
	l, err := c.connected(ctx)
	if err != nil {
		return err
	}
	// Nothing of the client can be told to stop waiting: it does when its connection has ended. All that is on its way is then told again.
	defer context.AfterFunc(ctx, l.cut)()
	if err := l.publish(c.cfg.Exchange, topic, m); err != nil {
		return errors.Join(context.Cause(ctx), err)
	}
	return nil
}

// take has the caller be the only one who looks at the connection.
func (c *Conn) take(ctx context.Context) error {
	select {
	case c.one <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (c *Conn) leave() { <-c.one }

// connected gives the connection, and makes it where there is none.
func (c *Conn) connected(ctx context.Context) (*link, error) {
	if err := c.take(ctx); err != nil {
		return nil, err
	}
	defer c.leave()
	if c.closed {
		return nil, errors.New("it is closed")
	}
	if c.link != nil && !c.link.conn.IsClosed() {
		return c.link, nil
	}
	var failed error
	for _, a := range c.addresses {
		l, err := c.dial(ctx, a)
		if err == nil {
			c.link = l
			return l, nil
		}
		failed = errors.Join(failed, fmt.Errorf("%s: %w", a, err))
	}
	return nil, fmt.Errorf("connecting: %w", failed)
}

// Close implements message.Publisher.
func (c *Conn) Close() error {
	c.one <- struct{}{} // who has it leaves within the timeout
	defer c.leave()
	if c.link != nil && !c.closed {
		c.link.end()
	}
	c.closed = true
	return nil
}

// properties are what the server shows of who is connected.
func properties() amqp.Table {
	return amqp.Table{"product": "fairway", "connection_name": "fairway"}
}

// Interface guard.
var _ message.Publisher = (*Conn)(nil)
