package jetstream

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/fairway-gateway/fairway/modules/control/events/eventstest"
)

// taken counts what was taken, by what it says.
type taken struct {
	mu    sync.Mutex
	times map[string]int
	given map[string]int
}

func (k *taken) add(to *map[string]int, text string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if *to == nil {
		*to = map[string]int{}
	}
	(*to)[text]++
}

func (k *taken) of(text string) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.times[text]
}

func (k *taken) all() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.times)
}

func (k *taken) givenUp(text string) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.given[text]
}

// consume consumes until the function is called.
func (s *server) consume(t testing.TB, of Consumer) (stop func()) {
	t.Helper()
	c := open(t, Config{URL: s.url(), Timeout: 5 * time.Second})
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.Consume(ctx, of)
	}()
	stop = sync.OnceFunc(func() { cancel(); <-done })
	t.Cleanup(stop)
	return stop
}

func (s *server) send(t testing.TB, c *Conn, texts ...string) {
	t.Helper()
	for _, text := range texts {
		eventstest.Eventually(t, "it is published", func() bool {
			m := nats.NewMsg("scenes.x")
			m.Data = []byte(text)
			m.Header.Set("CE-Id", text)
			_, err := c.js.PublishMsg(m, nats.MsgId(text))
			return err == nil
		})
	}
}

// TestConsume has two gateways share what comes, of which some fails, some always, while the server is started anew.
func TestConsume(t *testing.T) {
	t.Parallel()
	s := serve(t)
	var k taken
	of := Consumer{
		Topic: "scenes.>", Name: "fairway-x", Most: 4, Wait: 30 * time.Second, First: 10 * time.Millisecond, Longest: 20 * time.Millisecond,
		Take: func(_ context.Context, m Message) error {
			text := string(m.Body)
			if m.Topic != "scenes.x" || m.Header("ce-id") != text || m.Sequence == 0 {
				return fmt.Errorf("%+v", m)
			}
			k.add(&k.times, text)
			if text == "bad" || text == "twice" && k.of(text) < 2 {
				return errors.New("not now")
			}
			return nil
		},
		GiveUp: func(_ context.Context, m Message) error { k.add(&k.given, string(m.Body)); return nil },
	}
	stop := s.consume(t, of) // the stream is not there yet
	publisher := open(t, Config{URL: s.url(), Timeout: 5 * time.Second})
	stream(t, publisher, "scenes.>")
	s.consume(t, of)
	eventstest.Eventually(t, "there is a consumer", func() bool {
		_, err := publisher.js.ConsumerInfo("S", "fairway-x")
		return err == nil
	})
	many := func(from string) (out []string) {
		for i := range 30 {
			out = append(out, fmt.Sprint(from, i))
		}
		return out
	}
	s.send(t, publisher, many("a")...)
	s.send(t, publisher, "twice", "bad")
	eventstest.Eventually(t, "all is taken", func() bool { return k.all() == 32 && k.of("twice") == 2 && k.givenUp("bad") == 1 })
	if k.of("bad") != 4 {
		t.Errorf("bad was taken %d times", k.of("bad"))
	}
	stop() // the other goes on
	s.Stop(t)
	s.Start(t)
	s.send(t, publisher, many("b")...)
	eventstest.Eventually(t, "the rest is taken", func() bool { return k.all() == 62 })
	eventstest.Eventually(t, "all is acknowledged", func() bool {
		info, err := publisher.js.ConsumerInfo("S", "fairway-x")
		return err == nil && info.NumAckPending == 0 && info.NumPending == 0
	})
}

// TestConsumeIsNotLost has one who takes a message go before it is done: another has it.
func TestConsumeIsNotLost(t *testing.T) {
	t.Parallel()
	s := serve(t)
	publisher := open(t, Config{URL: s.url(), Timeout: 5 * time.Second})
	stream(t, publisher, "scenes.>")
	begun := make(chan struct{}, 10)
	of := Consumer{Topic: "scenes.>", Name: "fairway-x", Wait: 2 * time.Second, GiveUp: func(context.Context, Message) error { return nil }}
	of.Take = func(ctx context.Context, _ Message) error {
		begun <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	}
	stop := s.consume(t, of)
	eventstest.Eventually(t, "there is a consumer", func() bool {
		_, err := publisher.js.ConsumerInfo("S", "fairway-x")
		return err == nil
	})
	s.send(t, publisher, "a", "b", "c")
	<-begun
	stop()
	var k taken
	of.Take = func(_ context.Context, m Message) error { k.add(&k.times, string(m.Body)); return nil }
	s.consume(t, of)
	eventstest.Eventually(t, "another has them", func() bool { return k.all() == 3 })
}
