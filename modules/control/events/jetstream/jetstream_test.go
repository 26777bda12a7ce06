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
	"github.com/fairway-gateway/fairway/modules/control/events/eventstest"
)

var engines = controltest.NewEngines()

func TestMain(m *testing.M) { os.Exit(engines.Main(m)) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
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
	s.Start(t)
	t.Cleanup(func() { s.kill(t) })
	return s
}

// Start implements eventstest.Peer.
func (s *server) Start(t testing.TB) {
	t.Helper()
	ports, err := os.MkdirTemp(s.dir, "ports")
	must(t, err)
	s.cmd = exec.CommandContext(context.WithoutCancel(t.Context()), s.program, append([]string{"-js", "-sd", s.dir, "-a", "127.0.0.1", "-p", s.port, "--ports_file_dir", ports}, s.more...)...)
	must(t, s.cmd.Start())
	eventstest.Eventually(t, "the server says its port", func() bool {
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

// Stop ends it as an administrator does. One that is killed may forget what it has just confirmed, as this version of it does.
func (s *server) Stop(t testing.TB) {
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
	eventstest.Eventually(t, "there is a stream", func() bool {
		_, err := c.js.AddStream(&nats.StreamConfig{Name: "S", Subjects: []string{subject}, Storage: nats.FileStorage})
		return err == nil
	})
}

// Publisher implements eventstest.Peer.
func (s *server) Publisher(t testing.TB) message.Publisher {
	t.Helper()
	c := open(t, Config{URL: s.url(), Timeout: 2 * time.Second})
	stream(t, c, "fairway.>")
	return c
}

// Each implements eventstest.Peer.
func (s *server) Each(t testing.TB, enough func(eventstest.Message) bool) {
	t.Helper()
	sub, err := open(t, Config{URL: s.url()}).js.SubscribeSync("fairway.>", nats.OrderedConsumer())
	must(t, err)
	for {
		m, err := sub.NextMsg(time.Minute)
		must(t, err)
		if enough(eventstest.Message{Topic: m.Subject, ID: m.Header.Get(nats.MsgIdHdr), ContentType: m.Header.Get("content-type"), Body: m.Data}) {
			return
		}
	}
}

// TestServerThatIsDown holds it to what every publisher is held to.
func TestServerThatIsDown(t *testing.T) {
	t.Parallel()
	engines.Both(t, func(t *testing.T, dsn string) {
		t.Helper()
		eventstest.Down(t, dsn, serve(t))
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
