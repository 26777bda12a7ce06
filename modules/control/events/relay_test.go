package events

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/fairway-gateway/fairway/modules/control/controltest"
	"github.com/fairway-gateway/fairway/proxies/observe"
	"github.com/fairway-gateway/fairway/queries"
)

// failing is a publisher that fails now and then, before or after it has published.
type failing struct {
	mu    sync.Mutex
	calls int
	order
	down  bool
	times map[string]int
}

func (f *failing) Publish(_ string, all ...*message.Message) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, m := range all {
		f.calls++
		if f.down || f.calls%41 == 0 {
			return errors.New("down")
		}
		var e CloudEvent
		if err := json.Unmarshal(m.Payload, &e); err != nil || m.UUID != e.ID {
			return err
		}
		f.add(e.Subject, string(e.Data))
		if f.times == nil {
			f.times = map[string]int{}
		}
		f.times[e.ID]++
		if f.calls%37 == 0 {
			return errors.New("it is not known whether it was published")
		}
	}
	return nil
}

func (f *failing) Close() error { return nil }

func (f *failing) has(subjects, last int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.all(subjects, last)
}

// TestRelay has two gateways tell events to a publisher that fails: nothing is lost, all is in order, and one tells at a time.
func TestRelay(t *testing.T) {
	t.Parallel()
	engines.Both(t, func(t *testing.T, dsn string) {
		t.Helper()
		for _, atOnce := range []int{1, 4} {
			var p failing
			s := controltest.Store(t, dsn)
			m := observe.New()
			reg := prometheus.NewRegistry()
			must(t, m.Register(reg))
			cfg := RelayConfig{Name: "p", Tell: Publish(&p, "/x", "t", atOnce), Batch: 8, Every: 10 * time.Millisecond, First: time.Millisecond, Longest: 20 * time.Millisecond, Metrics: m}
			must(t, s.BeginEvents(t.Context(), "p"))
			stop := run(t, s, cfg)
			other := run(t, controltest.Store(t, dsn), cfg)
			write(t, s, 10, 0, 9)
			controltest.Eventually(t, "the first are told", func() bool { return p.has(10, 9) })
			p.mu.Lock()
			p.down = true
			p.mu.Unlock()
			write(t, s, 10, 10, 14)
			stop()
			p.mu.Lock()
			p.down = false
			p.mu.Unlock()
			write(t, s, 10, 15, 19)
			controltest.Eventually(t, "all are told", func() bool { return p.has(10, 19) })
			if p.bad != "" {
				t.Error(p.bad)
			}
			controltest.Eventually(t, "the reader has passed them", func() bool {
				n, err := s.EventsBehind(t.Context(), "p")
				return err == nil && n == 0
			})
			other()
			must(t, s.EndEvents(t.Context(), "p"))
		}
	})
}

// TestRelayThatIsKilled kills the process that tells, again and again.
func TestRelayThatIsKilled(t *testing.T) {
	t.Parallel()
	engines.Both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := controltest.Store(t, dsn)
		path := filepath.Join(t.TempDir(), "told")
		must(t, s.BeginEvents(t.Context(), "file"))
		told := func() string {
			text, err := os.ReadFile(path)
			if err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Fatal(err)
			}
			return string(text)
		}
		const kills, each = 4, 40
		for i := range kills + 1 {
			write(t, s, 5, i*each, (i+1)*each-1)
			before := len(told())
			cmd := exec.CommandContext(t.Context(), os.Args[0])
			cmd.Env = append(os.Environ(), relayEnv+"="+dsn+"\n"+path)
			must(t, cmd.Start())
			if i < kills {
				controltest.Eventually(t, "it tells", func() bool { return len(told()) > before+10*i })
			} else {
				controltest.Eventually(t, "the last tells all", func() bool {
					n, err := s.EventsBehind(t.Context(), "file")
					return err == nil && n == 0
				})
			}
			must(t, cmd.Process.Kill())
			_ = cmd.Wait()
		}
		var o order
		for line := range strings.SplitSeq(strings.TrimSpace(told()), "\n") {
			subject, number, _ := strings.Cut(line, " ")
			o.add(subject, number)
		}
		if o.bad != "" || !o.all(5, (kills+1)*each-1) {
			t.Error(o.bad, o.next)
		}
	})
}

// TestRelayBehindHungPublisher holds that a publisher that hangs has its lease end, and that another gateway goes on.
func TestRelayBehindHungPublisher(t *testing.T) {
	t.Parallel()
	engines.Both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := controltest.Store(t, dsn)
		must(t, s.BeginEvents(t.Context(), "p"))
		write(t, s, 1, 0, 0)
		hangs := make(chan struct{}, 100)
		stop := run(t, s, RelayConfig{Name: "p", Lease: time.Second, Every: 10 * time.Millisecond, Tell: func(ctx context.Context, _ []queries.Event) (Also, error) {
			hangs <- struct{}{}
			<-ctx.Done()
			return nil, ctx.Err()
		}})
		<-hangs
		var p failing
		run(t, controltest.Store(t, dsn), RelayConfig{Name: "p", Every: 10 * time.Millisecond, Tell: Publish(&p, "/x", "t", 1)})
		controltest.Eventually(t, "another goes on", func() bool { return p.has(1, 0) })
		stop()
	})
}

// TestBus holds that what is published in the process waits for who subscribes, and for nobody who has gone.
func TestBus(t *testing.T) {
	t.Parallel()
	b := NewBus()
	must(t, b.Publish("t", message.NewMessage("1", nil))) // nobody is there
	ctx, cancel := context.WithCancel(t.Context())
	got, err := b.Subscribe(ctx, "t")
	must(t, err)
	done := make(chan error, 1)
	go func() { done <- b.Publish("t", message.NewMessage("2", nil)) }()
	m := <-got
	select {
	case err := <-done:
		t.Fatal("nobody has acknowledged it", err)
	default:
	}
	m.Ack()
	must(t, <-done)
	leaving := message.NewMessage("3", nil)
	gone, leave := context.WithCancel(t.Context())
	leaving.SetContext(gone)
	go func() { done <- b.Publish("t", leaving) }()
	<-got
	leave()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	cancel()
	must(t, b.Close())
}

// TestOf holds what an event looks like.
func TestOf(t *testing.T) {
	t.Parallel()
	e := Of(queries.Event{ID: 7, At: time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC), Type: "execution.finished", Subject: "execution/019c", Data: json.RawMessage(`{"a":1}`)}, "/fairway")
	m, err := e.Message()
	must(t, err)
	const want = `{"specversion":"1.0","id":"019c-7","source":"/fairway","type":"fairway.execution.finished","subject":"execution/019c","time":"2026-01-02T03:04:05.000006Z","datacontenttype":"application/json","data":{"a":1}}`
	if string(m.Payload) != want || m.UUID != "019c-7" || m.Metadata.Get("content-type") != ContentType {
		t.Error(string(m.Payload))
	}
}

// TestFilter holds what a filter takes.
func TestFilter(t *testing.T) {
	t.Parallel()
	e := queries.Event{Type: "execution.finished"}
	for _, f := range []Filter{nil, {"fairway.execution.finished"}, {"fairway.user.created", "fairway.execution.*"}, {"*"}} {
		if err := f.Check(); err != nil || !f.Has(e) {
			t.Error(f, err)
		}
	}
	if (Filter{"fairway.user.*"}).Has(e) {
		t.Error("it has another's")
	}
	for _, f := range []Filter{{""}, {"fairway.nothing"}, {"*.finished"}, {"fairway.*.*"}, {"execution.finished"}, make(Filter, 51)} {
		if f.Check() == nil {
			t.Error(f)
		}
	}
	for topic, ok := range map[string]bool{"fairway.{type}": true, "{type}": true, "a": true, "": false, "a b": false, "a.*": false, "a..b": false, ".a": false, "{typ}": false, "a.>": false} {
		if (CheckTopic(topic) == nil) != ok {
			t.Error(topic)
		}
	}
	if TopicOf("x.{type}", "a.b") != "x.a.b" {
		t.Error(TopicOf("x.{type}", "a.b"))
	}
}
