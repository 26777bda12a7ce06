// Package jetstream publishes and receives messages of Watermill's by the JetStream of a NATS server.
//
// Core NATS forgets what nobody listens to at that moment, and tells nobody so. JetStream says that a stream has a message before the
// next one is published, so it keeps "at least once"; an event that is published again within the stream's window for duplicates is
// there once, by its id. The stream is the server's administrator's to make: one that takes the topics that are published.
package jetstream

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
)

// Config says which server it is.
type Config struct {
	// URL is nats://host:port or tls://host:port, several with commas. No credentials. No default.
	URL string
	// Username and Password, or Token, or the path of a file of credentials are what the server wants to see. Default: nothing.
	Username, Password, Token, Credentials string
	// CA is a file of certificates that the server's has to be signed by. Default: those of the system.
	CA string
	// Timeout is how long one message may take until the server has it. Default 10s.
	Timeout time.Duration
	// Logger is told of connections that are lost. Default none.
	Logger *slog.Logger
}

// CheckURL says what is wrong with the address of servers.
func CheckURL(address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Scheme != "nats" && u.Scheme != "tls" || u.Host == "" || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "":
		return errors.New("a NATS server is nats://host:port or tls://host:port")
	case u.User != nil:
		return errors.New("the address has no credentials: they are words of their own")
	}
	return nil
}

// Conn is a connection, which is made again whenever it is lost, also the first time. It is a message.Publisher.
type Conn struct {
	conn    *nats.Conn
	js      nats.JetStreamContext
	timeout time.Duration
	log     *slog.Logger
}

// Open makes a connection. That the server does not answer is no error.
func Open(cfg Config) (*Conn, error) {
	for one := range strings.SplitSeq(cfg.URL, ",") {
		if err := CheckURL(strings.TrimSpace(one)); err != nil {
			return nil, err
		}
	}
	c := &Conn{timeout: cmp.Or(cfg.Timeout, 10*time.Second), log: cmp.Or(cfg.Logger, slog.New(slog.DiscardHandler))}
	options := []nats.Option{
		nats.Name("fairway"), nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1), nats.ReconnectWait(500 * time.Millisecond), nats.Timeout(c.timeout),
		nats.ReconnectBufSize(-1), // what is not sent is told, and tried again in order
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				c.log.Warn("the connection to NATS is lost", slog.Any("error", err))
			}
		}),
	}
	if cfg.Username != "" {
		options = append(options, nats.UserInfo(cfg.Username, cfg.Password))
	}
	if cfg.Token != "" {
		options = append(options, nats.Token(cfg.Token))
	}
	if cfg.Credentials != "" {
		options = append(options, nats.UserCredentials(cfg.Credentials))
	}
	if cfg.CA != "" {
		options = append(options, nats.RootCAs(cfg.CA))
	}
	var err error
	if c.conn, err = nats.Connect(cfg.URL, options...); err != nil {
		return nil, fmt.Errorf("connecting to NATS: %w", err)
	}
	if c.js, err = c.conn.JetStream(nats.MaxWait(c.timeout)); err != nil {
		c.conn.Close()
		return nil, fmt.Errorf("connecting to NATS: %w", err)
	}
	return c, nil
}

// Publish implements message.Publisher: a stream has the messages when it gives no error. A message's context may end it.
func (c *Conn) Publish(topic string, all ...*message.Message) error {
	for _, m := range all {
		if err := c.publish(topic, m); err != nil {
			return fmt.Errorf("NATS: %w", err)
		}
	}
	return nil
}

func (c *Conn) publish(topic string, m *message.Message) error {
	ctx, cancel := context.WithTimeout(m.Context(), c.timeout)
	defer cancel()
	out := nats.NewMsg(topic)
	out.Data = m.Payload
	for k, v := range m.Metadata {
		out.Header.Set(k, v)
	}
	_, err := c.js.PublishMsg(out, nats.Context(ctx), nats.MsgId(m.UUID))
	return err
}

// Close implements message.Publisher.
func (c *Conn) Close() error {
	c.conn.Close()
	return nil
}

// Interface guard.
var _ message.Publisher = (*Conn)(nil)
