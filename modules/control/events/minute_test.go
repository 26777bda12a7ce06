package events

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/fairway-gateway/fairway/queries"
)

// ofMemory is a Store without a server, whose time is that of a bubble.
type ofMemory struct {
	mu   sync.Mutex
	all  []queries.Event
	told int
}

func (*ofMemory) BeginEvents(context.Context, string) error { return nil }

func (m *ofMemory) Events(_ context.Context, _ string, most int) (queries.Events, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	some := m.all[m.told:min(len(m.all), m.told+most)]
	return queries.Events{All: some, Moved: len(some) > 0}, nil
}

func (m *ofMemory) PassEvents(_ context.Context, e queries.Events, _ int64, _ Also) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.told += len(e.All)
	return true, nil
}

func (m *ofMemory) EventsBehind(context.Context, string) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return int64(len(m.all) - m.told), nil
}

func (*ofMemory) WatchExecutions(ctx context.Context, every time.Duration) <-chan struct{} {
	out := make(chan struct{}, 1)
	go func() {
		defer close(out)
		for ctx.Err() == nil {
			select {
			case out <- struct{}{}:
			default:
			}
			select {
			case <-ctx.Done():
			case <-time.After(every):
			}
		}
	}()
	return out
}

func (*ofMemory) Lease(context.Context, string, string, time.Duration) (int64, bool, error) {
	return 1, true, nil
}

func (*ofMemory) Release(context.Context, string, string) error { return nil }

// down is a publisher whose server is not there for a time.
type down struct {
	from, until time.Time
	tried       []time.Duration // after from
	got         []string
}

func (d *down) Publish(_ string, all ...*message.Message) error {
	for _, m := range all {
		if now := time.Now(); !now.Before(d.from) && now.Before(d.until) {
			d.tried = append(d.tried, now.Sub(d.from))
			return errors.New("nobody is there")
		}
		d.got = append(d.got, string(m.Payload))
	}
	return nil
}

func (*down) Close() error { return nil }

// TestMinuteDown has a server be down for a minute, by a clock that is turned: events are written all the time, and none is lost, they are
// in order, and the server is asked ever less, but within half a minute of when it is back.
func TestMinuteDown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		from := time.Now().Add(10 * time.Second)
		p := &down{from: from, until: from.Add(time.Minute)}
		s := &ofMemory{}
		r, err := NewRelay(s, RelayConfig{Name: "p", Tell: Publish(p, "/x", "t", 1), Batch: 7})
		must(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			r.Run(ctx)
		}()
		const events = 1000 // in a hundred seconds
		for n := range events {
			s.mu.Lock()
			s.all = append(s.all, queries.Event{ID: int64(n), Type: "execution.running", Subject: "execution/1", Data: json.RawMessage(fmt.Sprint(n))})
			s.mu.Unlock()
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		cancel()
		<-done
		next := 0
		for _, text := range p.got {
			var e CloudEvent
			must(t, json.Unmarshal([]byte(text), &e))
			var n int
			must(t, json.Unmarshal(e.Data, &n))
			if n > next {
				t.Fatalf("%d is told where %d is next", n, next)
			}
			if n == next {
				next++
			}
		}
		if next != events {
			t.Errorf("%d of %d are told", next, events)
		}
		// The first attempt, and those that follow after 1, 2, 4, 8, 16 s, and 30: the last of them finds the server.
		if n := len(p.tried); n != 6 || p.tried[5]-p.tried[0] > time.Minute/2+2*time.Second {
			t.Error(p.tried)
		}
	})
}
