package amqp

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/fairway-gateway/fairway/internal/required"
	"github.com/fairway-gateway/fairway/modules/control/events/eventstest"
)

// Debian's programs of RabbitMQ; those on the path would become the user rabbitmq.
const programs = "/usr/lib/rabbitmq/bin/"

// node is a RabbitMQ of its own, with its own directories, names and ports, that is killed and started again.
type node struct {
	dir              string
	port, tls, epmd  int
	distribution     int
	certificate, key string
	cmd              *exec.Cmd
	exited           chan struct{}
}

func serve(t testing.TB) *node {
	t.Helper()
	if _, err := os.Stat(programs + "rabbitmq-server"); err != nil {
		required.Absent(t, "rabbitmq", err)
	}
	n := &node{dir: t.TempDir()}
	ports := freePorts(t, 4)
	n.port, n.tls, n.epmd, n.distribution = ports[0], ports[1], ports[2], ports[3]
	n.certificate, n.key = certificate(t, n.dir)
	must(t, os.WriteFile(filepath.Join(n.dir, "rabbitmq.conf"), fmt.Appendf(nil, `listeners.tcp.1 = 127.0.0.1:%d
listeners.ssl.1 = 127.0.0.1:%d
ssl_options.certfile = %s
ssl_options.keyfile = %s
loopback_users = none
log.file.level = warning
`, n.port, n.tls, n.certificate, n.key), 0o600))
	must(t, os.WriteFile(filepath.Join(n.dir, "enabled_plugins"), []byte("[].\n"), 0o600))
	// The one who knows nodes by their names is ours, too, so that nothing is left of it.
	epmd := n.command("epmd", "-address", "127.0.0.1", "-port", fmt.Sprint(n.epmd))
	must(t, epmd.Start())
	t.Cleanup(func() {
		_ = epmd.Process.Kill()
		_ = epmd.Wait()
	})
	t.Cleanup(func() { n.kill() })
	n.Start(t)
	return n
}

func (n *node) command(name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(context.Background(), name, args...)
	cmd.Dir = n.dir
	cmd.Env = []string{
		"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=" + n.dir, "LC_ALL=C.UTF-8",
		"ERL_EPMD_ADDRESS=127.0.0.1", "ERL_EPMD_PORT=" + fmt.Sprint(n.epmd), "RABBITMQ_NODENAME=" + n.name(), "RABBITMQ_DIST_PORT=" + fmt.Sprint(n.distribution),
		"RABBITMQ_MNESIA_BASE=" + filepath.Join(n.dir, "mnesia"), "RABBITMQ_LOG_BASE=" + filepath.Join(n.dir, "log"), "RABBITMQ_CONFIG_FILE=" + filepath.Join(n.dir, "rabbitmq.conf"),
		"RABBITMQ_CONF_ENV_FILE=" + filepath.Join(n.dir, "none"), "RABBITMQ_ENABLED_PLUGINS_FILE=" + filepath.Join(n.dir, "enabled_plugins"), "RABBITMQ_PID_FILE=" + filepath.Join(n.dir, "pid"),
		// It takes no more of the machine than it needs.
		"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=+S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}",
	}
	// A group of its own, since shells stand between; it ends with the test at the latest.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	return cmd
}

func (n *node) name() string { return fmt.Sprintf("fairway%d@localhost", n.port) }

// Start implements eventstest.Peer.
func (n *node) Start(t testing.TB) {
	t.Helper()
	said, err := os.OpenFile(filepath.Join(n.dir, "said"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	must(t, err)
	defer said.Close()
	cmd, exited := n.command(programs+"rabbitmq-server"), make(chan struct{})
	cmd.Stdout, cmd.Stderr = said, said
	must(t, cmd.Start())
	go func() {
		defer close(exited)
		_ = cmd.Wait()
	}()
	n.cmd, n.exited = cmd, exited
	eventstest.Eventually(t, "RabbitMQ answers", func() bool {
		select {
		case <-exited:
			text, _ := os.ReadFile(said.Name())
			t.Fatalf("RabbitMQ has ended:\n%s", text)
		default:
		}
		c, err := n.dial()
		if err != nil {
			return false
		}
		_ = c.Close()
		return true
	})
}

func (n *node) kill() {
	if n.cmd == nil {
		return
	}
	_ = syscall.Kill(-n.cmd.Process.Pid, syscall.SIGKILL) // it may have ended
	<-n.exited
	n.cmd = nil
}

// Stop implements eventstest.Peer: what is confirmed is on the disk, so it is killed.
func (n *node) Stop(testing.TB) { n.kill() }

func (n *node) url() string { return fmt.Sprintf("amqp://127.0.0.1:%d", n.port) }

// dial connects as a consumer does, without any of ours.
func (n *node) dial() (*amqp.Connection, error) {
	return amqp.DialConfig(fmt.Sprintf("amqp://guest:guest@127.0.0.1:%d/", n.port), amqp.Config{Heartbeat: 30 * time.Second})
}

// on gives a channel to a consumer or an administrator, until the test ends.
func (n *node) on(t testing.TB) *amqp.Channel {
	t.Helper()
	conn, err := n.dial()
	must(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	ch, err := conn.Channel()
	must(t, err)
	return ch
}

// queue has there be a queue that lasts, of topics.
func (n *node) queue(t testing.TB, name, topics string, args amqp.Table) {
	t.Helper()
	ch := n.on(t)
	_, err := ch.QueueDeclare(name, true, false, false, false, args)
	must(t, err)
	must(t, ch.QueueBind(name, topics, DefaultExchange, false, nil))
}

// Publisher implements eventstest.Peer.
func (n *node) Publisher(t testing.TB) message.Publisher {
	t.Helper()
	n.queue(t, "q", "fairway.#", nil)
	return open(t, Config{URL: n.url(), Timeout: 5 * time.Second})
}

// Each implements eventstest.Peer.
func (n *node) Each(t testing.TB, enough func(eventstest.Message) bool) {
	t.Helper()
	all, err := n.on(t).ConsumeWithContext(t.Context(), "q", "", true, false, false, false, nil)
	must(t, err)
	for {
		select {
		case m := <-all:
			if m.DeliveryMode != amqp.Persistent {
				t.Error("it does not last")
			}
			if enough(eventstest.Message{Topic: m.RoutingKey, ID: m.MessageId, ContentType: m.ContentType, Body: m.Body}) {
				return
			}
		case <-time.After(time.Minute):
			return
		}
	}
}

func open(t testing.TB, cfg Config) *Conn {
	t.Helper()
	c, err := Open(cfg)
	must(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func freePorts(t testing.TB, n int) (out []int) {
	t.Helper()
	for range n {
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
		must(t, err)
		defer l.Close()
		out = append(out, l.Addr().(*net.TCPAddr).Port)
	}
	return out
}

// certificate makes one for this machine, that signs itself.
func certificate(t testing.TB, dir string) (cert, key string) {
	t.Helper()
	secret, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	of := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		DNSNames: []string{"localhost"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	text, err := x509.CreateCertificate(rand.Reader, of, of, &secret.PublicKey, secret)
	must(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(secret)
	must(t, err)
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	must(t, errors.Join(
		os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: text}), 0o600),
		os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600),
	))
	return cert, key
}

// has says whether an error says something.
func has(err error, text string) bool { return err != nil && strings.Contains(err.Error(), text) }
