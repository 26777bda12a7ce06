package jetstream

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// Consumer says what is consumed, and by whom.
type Consumer struct {
	// Topic is the subject, which may have wildcards; the stream is the one that has it. Required.
	Topic string
	// Name is that of the durable consumer: all who have the name share what comes. It is made where it is not there, and has what comes from
	// then on. Required.
	Name string
	// Take takes a message, which is acknowledged when it gives no error, and else delivered again, later each time. Required.
	Take func(ctx context.Context, m Message) error
	// GiveUp is told of a message that was delivered Most times for nothing; it is not delivered again if it gives no error. Required.
	GiveUp func(ctx context.Context, m Message) error
	// Most is how often a message is delivered. Default 20: that is about an hour.
	Most int
	// Wait is after what time another is given a message of which nothing was heard. Default 1m.
	Wait time.Duration
	// First and Longest are how long after a failure a message is delivered again; the time doubles with each. Defaults 1s and 5m.
	First, Longest time.Duration
}

// Message is what was delivered.
type Message struct {
	Topic  string
	Header func(name string) string
	Body   []byte
	// Sequence is its number in the stream.
	Sequence uint64
}

const (
	// atOnce is how many messages are fetched together, and fetching how long they are waited for.
	atOnce   = 8
	fetching = 5 * time.Second
	// again is when it is tried again after the server gave an error.
	again = time.Second
)

// Consume takes what comes to a topic, until ctx ends. That the server does not answer, or that there is no such stream yet, is no end.
func (c *Conn) Consume(ctx context.Context, of Consumer) {
	of.Most, of.Wait = cmp.Or(of.Most, 20), cmp.Or(of.Wait, time.Minute)
	of.First, of.Longest = cmp.Or(of.First, time.Second), cmp.Or(of.Longest, 5*time.Minute)
	said := ""
	for ctx.Err() == nil {
		err := c.consume(ctx, of)
		if ctx.Err() != nil {
			return
		}
		if text := fmt.Sprint(err); text != said { // once, and not each second
			said = text
			c.log.WarnContext(ctx, "nothing is consumed from NATS, and it is tried again", slog.String("topic", of.Topic), slog.Any("error", err))
		}
		select {
		case <-ctx.Done():
		case <-time.After(again):
		}
	}
}

func (c *Conn) consume(ctx context.Context, of Consumer) error {
	asking, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	stream, err := c.js.StreamNameBySubject(of.Topic, nats.Context(asking))
	if err != nil {
		return fmt.Errorf("the stream: %w", err)
	}
	_, err = c.js.ConsumerInfo(stream, of.Name, nats.Context(asking))
	if errors.Is(err, nats.ErrConsumerNotFound) {
		_, err = c.js.AddConsumer(stream, &nats.ConsumerConfig{
			Durable: of.Name, FilterSubject: of.Topic, AckPolicy: nats.AckExplicitPolicy, AckWait: of.Wait, DeliverPolicy: nats.DeliverNewPolicy, MaxDeliver: -1,
		}, nats.Context(asking))
	}
	if err != nil {
		return fmt.Errorf("the consumer: %w", err)
	}
	// Bound, it does not end with this subscription.
	sub, err := c.js.PullSubscribe(of.Topic, of.Name, nats.Bind(stream, of.Name))
	if err != nil {
		return err
	}
	defer func() { _ = sub.Unsubscribe() }()
	for ctx.Err() == nil {
		waiting, cancel := context.WithTimeout(ctx, fetching)
		all, err := sub.Fetch(atOnce, nats.Context(waiting))
		cancel()
		if err != nil && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, nats.ErrTimeout) && ctx.Err() == nil {
			return err
		}
		for _, m := range all {
			c.take(ctx, of, m)
		}
	}
	return nil
}

// take takes one message, and says so.
func (c *Conn) take(ctx context.Context, of Consumer, m *nats.Msg) {
	if ctx.Err() != nil { // somebody else has it at once
		_ = m.Nak()
		return
	}
	meta, err := m.Metadata()
	if err != nil {
		return // it is none of JetStream
	}
	msg := Message{Topic: m.Subject, Body: m.Data, Sequence: meta.Sequence.Stream, Header: func(name string) string {
		for k, v := range m.Header {
			if strings.EqualFold(k, name) && len(v) > 0 {
				return v[0]
			}
		}
		return ""
	}}
	end := m.AckSync
	if err = of.Take(ctx, msg); err != nil && ctx.Err() == nil && meta.NumDelivered >= of.most() {
		end, err = m.Term, of.GiveUp(ctx, msg)
	}
	switch {
	case ctx.Err() != nil && err != nil:
		_ = m.Nak()
	case err != nil:
		c.log.WarnContext(ctx, "an event is taken again later", slog.String("topic", m.Subject), slog.Uint64("sequence", msg.Sequence), slog.Uint64("delivered", meta.NumDelivered), slog.Any("error", err))
		_ = m.NakWithDelay(of.pause(meta.NumDelivered))
	default:
		if err := end(nats.AckWait(c.timeout)); err != nil { // it is delivered again, and known then
			c.log.DebugContext(ctx, "an event that was taken may be delivered again", slog.Any("error", err))
		}
	}
}

// most is how often a message is delivered.
func (of *Consumer) most() uint64 { return uint64(max(of.Most, 1)) }

// pause is how long after a delivery that failed the next one is.
func (of *Consumer) pause(delivered uint64) time.Duration {
	d := of.First
	for i := uint64(1); i < delivered && d < of.Longest; i++ {
		d *= 2
	}
	return min(d, of.Longest)
}
