package events

import (
	"context"
	"fmt"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/gochannel"
)

// Bus publishes within a process, by Watermill's channels: a message is published when all who subscribe have acknowledged it. What
// nobody subscribes to is gone.
type Bus struct{ channel *gochannel.GoChannel }

// NewBus makes a Bus. Close it.
func NewBus() *Bus {
	return &Bus{gochannel.NewGoChannel(gochannel.Config{BlockPublishUntilSubscriberAck: true}, watermill.NopLogger{})}
}

// Publish implements message.Publisher. It goes when the context of a message ends, whoever has not acknowledged it.
func (b *Bus) Publish(topic string, all ...*message.Message) error {
	for _, m := range all {
		done := make(chan error, 1)
		go func() { done <- b.channel.Publish(topic, m) }() // it ends with the subscribers, or the bus
		select {
		case err := <-done:
			if err != nil {
				return fmt.Errorf("within the process: %w", err)
			}
		case <-m.Context().Done():
			return fmt.Errorf("within the process: not acknowledged: %w", m.Context().Err())
		}
	}
	return nil
}

// Subscribe implements message.Subscriber: what is published from now on, until ctx ends. Each message is to be acknowledged.
func (b *Bus) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	return b.channel.Subscribe(ctx, topic) //nolint:wrapcheck // it is said what it is
}

// Close ends all that wait.
func (b *Bus) Close() error { return b.channel.Close() } //nolint:wrapcheck // it is said what it is

// Interface guards.
var (
	_ message.Publisher  = (*Bus)(nil)
	_ message.Subscriber = (*Bus)(nil)
)
