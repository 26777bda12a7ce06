package jetstream

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"

	"github.com/fairway-gateway/fairway/internal/required"
	"github.com/fairway-gateway/fairway/modules/control/controltest"
	"github.com/fairway-gateway/fairway/modules/control/events"
	"github.com/fairway-gateway/fairway/queries"
)

var engines = controltest.NewEngines()

func TestMain(m *testing.M) { os.Exit(engines.Main(m)) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("never: " + what)
		}
	}
}

// server is a nats-server that is started, killed and started again on its port.
type server struct {
	program, dir, port string
	more               []string
	cmd                *exec.Cmd
}

func serve(t testing.TB, more ...string) *server {
	t.Helper()
	s := &server{program: required.Program(t, "nats-server"), dir: t.TempDir(), port: "-1", more: more}
	s.start(t)
	t.Cleanup(func() { s.kill(t) })
	return s
}

func (s *server) start(t testing.TB) {
	t.Helper()
	ports, err := os.MkdirTemp(s.dir, "ports")
	must(t, err)
	s.cmd = exec.CommandContext(context.WithoutCancel(t.Context()), s.program, append([]string{"-js", "-sd", s.dir, "-a", "127.0.0.1", "-p", s.port, "--ports_file_dir", ports}, s.more...)...)
	must(t, s.cmd.Start())
	eventually(t, "the server says its port", func() bool {
		found, err := filepath.Glob(filepath.Join(ports, "*.ports"))
		if err != nil || len(found) == 0 {
			return false
		}
		text, err := os.ReadFile(found[0])
		var of struct{ Nats []string }
		if err != nil || json.Unmarshal(text, &of) != nil || len(of.Nats) == 0 {
			return false
		}
		var port int
		_, err = fmt.Sscanf(of.Nats[0], "nats://127.0.0.1:%d", &port)
		s.port = fmt.Sprint(port)
		return err == nil
	})
}

func (s *server) kill(t testing.TB) {
	t.Helper()
	_ = s.cmd.Process.Kill() // it may have ended
	_ = s.cmd.Wait()
}

// end ends it as an administrator does. One that is killed may forget what it has just confirmed, as this version of it does.
func (s *server) end(t testing.TB) {
	t.Helper()
	must(t, s.cmd.Process.Signal(syscall.SIGTERM))
	_ = s.cmd.Wait()
}

func (s *server) url() string { return "nats://127.0.0.1:" + s.port }

func open(t testing.TB, cfg Config) *Conn {
	t.Helper()
	c, err := Open(cfg)
	must(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func stream(t testing.TB, c *Conn, subject string) {
	t.Helper()
	eventually(t, "there is a stream", func() bool {
		_, err := c.js.AddStream(&nats.StreamConfig{Name: "S", Subjects: []string{subject}, Storage: nats.FileStorage})
		return err == nil
	})
}

// TestServerThatIsDown has events be written while the server is there, ended, and there again: none is lost, those of a subject are in order.
func TestServerThatIsDown(t *testing.T) {
	t.Parallel()
	engines.Both(t, func(t *testing.T, dsn string) {
		t.Helper()
		srv := serve(t)
		store, err := queries.Open(t.Context(), queries.Config{DSN: dsn})
		must(t, err)
		t.Cleanup(store.Close)
		c := open(t, Config{URL: srv.url(), Timeout: 2 * time.Second})
		stream(t, c, "fairway.>")
		must(t, store.BeginEvents(t.Context(), "nats"))
		relay, err := events.NewRelay(store, events.RelayConfig{
			Name: "nats", Tell: events.Publish(c, "/x", "fairway.{type}", 8), Batch: 50, Every: 20 * time.Millisecond, First: 10 * time.Millisecond, Longest: 200 * time.Millisecond,
		})
		must(t, err)
		ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
		done := make(chan struct{})
		go func() {
			defer close(done)
			relay.Run(ctx)
		}()
		defer func() { cancel(); <-done }()
		const subjects = 10
		write := func(first, last int) {
			t.Helper()
			for n := first; n <= last; n++ {
				for i := range subjects {
					must(t, queries.Tell(t.Context(), store.Queries(), queries.Event{At: time.Now(), Type: "execution.running", Subject: fmt.Sprintf("execution/%d", i), Data: json.RawMessage(fmt.Sprint(n))}))
				}
			}
		}
		told := func() bool {
			n, err := store.EventsBehind(t.Context(), "nats")
			return err == nil && n == 0
		}
		write(0, 9)
		eventually(t, "the first are told", told)
		write(10, 14) // some are on their way
		srv.end(t)
		write(15, 24)
		if told() {
			t.Error("they are told to nobody")
		}
		srv.start(t)
		write(25, 29)
		eventually(t, "all are told", told)
		sub, err := c.js.SubscribeSync("fairway.>", nats.OrderedConsumer())
		must(t, err)
		next, seen := map[string]int{}, map[string]bool{}
		for total := 0; total < subjects*30; {
			m, err := sub.NextMsg(time.Minute)
			must(t, err)
			var e events.CloudEvent
			must(t, json.Unmarshal(m.Data, &e))
			if m.Subject != "fairway.fairway.execution.running" || m.Header.Get("content-type") != events.ContentType || m.Header.Get(nats.MsgIdHdr) != e.ID {
				t.Error(m.Subject, m.Header)
			}
			if seen[e.ID] {
				continue
			}
			seen[e.ID], total = true, total+1
			if string(e.Data) != fmt.Sprint(next[e.Subject]) {
				t.Fatalf("of %s %s is told where %d is next", e.Subject, e.Data, next[e.Subject])
			}
			next[e.Subject]++
		}
	})
}

// TestPublishWithoutStream holds that what nobody keeps is not published.
func TestPublishWithoutStream(t *testing.T) {
	t.Parallel()
	srv := serve(t, "--user", "u", "--pass", "p")
	if err := open(t, Config{URL: srv.url(), Timeout: 2 * time.Second}).Publish("a.b", message.NewMessage("1", []byte("x"))); err == nil {
		t.Error("who has no password publishes")
	}
	c := open(t, Config{URL: srv.url(), Username: "u", Password: "p", Timeout: 5 * time.Second})
	if err := c.Publish("a.b", message.NewMessage("1", []byte("x"))); err == nil {
		t.Error("it is published to nobody")
	}
	stream(t, c, "a.>")
	for range 2 {
		must(t, c.Publish("a.b", message.NewMessage("1", []byte("x"))))
	}
	info, err := c.js.StreamInfo("S")
	must(t, err)
	if info.State.Msgs != 1 {
		t.Errorf("it is there %d times", info.State.Msgs)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	m := message.NewMessage("2", nil)
	m.SetContext(gone)
	if err := c.Publish("a.b", m); err == nil {
		t.Error("who has gone publishes")
	}
}

// TestCheckURL holds what an address may be.
func TestCheckURL(t *testing.T) {
	t.Parallel()
	for address, ok := range map[string]bool{
		"nats://h:4222": true, "tls://h": true, "nats://h/": true, "": false, "h:4222": false, "http://h": false, "nats://u:p@h": false, "nats://": false, "nats://h/x": false, "nats://h?x=1": false, "nats://h#x": false,
	} {
		if (CheckURL(address) == nil) != ok {
			t.Error(address)
		}
	}
	if _, err := Open(Config{URL: "nats://u:secret@h"}); err == nil {
		t.Error("credentials are in the address")
	}
}
