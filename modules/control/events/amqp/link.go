package amqp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	amqp "github.com/rabbitmq/amqp091-go"
)

const (
	// heartbeat is how often each side says that it is there; after three times of silence the connection is lost.
	heartbeat = 10 * time.Second
	// farewell is how long the server is given to answer that a connection ends.
	farewell = 2 * time.Second
)

// link is one connection to a server, and the lanes on it that nobody uses.
type link struct {
	conn *amqp.Connection
	wire net.Conn

	mu   sync.Mutex
	idle []*lane
}

// lane is a channel of AMQP, on which one message is on its way at a time: so what comes back on it is that message, and it has come back
// before it is confirmed.
type lane struct {
	*amqp.Channel
	returned chan amqp.Return
	ended    chan *amqp.Error
}

// dial connects to a server.
func (c *Conn) dial(ctx context.Context, a address) (*link, error) {
	wire, err := (&net.Dialer{}).DialContext(ctx, "tcp", a.String())
	if err != nil {
		return nil, err
	}
	l := &link{wire: wire}
	stop := context.AfterFunc(ctx, l.cut)
	speaks := wire
	if a.secure {
		cfg := c.tls.Clone()
		cfg.ServerName = a.host
		client := tls.Client(wire, cfg)
		if err = client.HandshakeContext(ctx); err != nil {
			l.cut()
			return nil, err
		}
		speaks = client
	}
	l.conn, err = amqp.Open(speaks, amqp.Config{
		SASL: []amqp.Authentication{&amqp.PlainAuth{Username: c.cfg.Username, Password: c.cfg.Password}}, Vhost: a.vhost, Heartbeat: heartbeat, Locale: "en_US", Properties: properties(),
	})
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		l.cut()
		return nil, err
	}
	return l, nil
}

// cut ends the connection at once, whatever is on its way.
func (l *link) cut() { _ = l.wire.Close() }

// end takes leave of the server.
func (l *link) end() {
	_ = l.conn.CloseDeadline(time.Now().Add(farewell)) // it may be lost already
	l.cut()
}

// take gives a lane that nobody else uses.
func (l *link) take() (*lane, error) {
	l.mu.Lock()
	if n := len(l.idle); n > 0 {
		defer l.mu.Unlock()
		one := l.idle[n-1]
		l.idle = l.idle[:n-1]
		return one, nil
	}
	l.mu.Unlock()
	channel, err := l.conn.Channel()
	if err != nil {
		return nil, err
	}
	if err := channel.Confirm(false); err != nil {
		return nil, err
	}
	return &lane{Channel: channel, returned: channel.NotifyReturn(make(chan amqp.Return, 1)), ended: channel.NotifyClose(make(chan *amqp.Error, 1))}, nil
}

func (l *link) give(one *lane) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.idle = append(l.idle, one)
}

// publish gives no error when all queues have a message that a topic leads to, and there is one.
func (l *link) publish(exchange, topic string, m *message.Message) error {
	on, err := l.take()
	if err != nil {
		return err
	}
	out := amqp.Publishing{DeliveryMode: amqp.Persistent, MessageId: m.UUID, ContentType: m.Metadata.Get("content-type"), AppId: "fairway", Timestamp: time.Now(), Body: m.Payload}
	wait, err := on.PublishWithDeferredConfirm(exchange, topic, true, false, out)
	if err != nil {
		return err
	}
	confirmed := wait.Wait()
	select {
	case why := <-on.ended: // the server has ended the channel, or the connection is lost
		if why == nil {
			return errors.New("the connection is lost")
		}
		return why
	default:
	}
	defer l.give(on)
	select {
	case <-on.returned:
		return fmt.Errorf("no queue takes %s of the exchange %s: it waits until one does", topic, exchange)
	default:
	}
	if !confirmed {
		return errors.New("a queue did not take it")
	}
	return nil
}
