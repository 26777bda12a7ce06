package mail

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/internal/required"
	"github.com/fairway-gateway/fairway/modules/control/controltest"
	"github.com/fairway-gateway/fairway/modules/control/outbox"
	"github.com/fairway-gateway/fairway/queries"
)

var engines = controltest.NewEngines()

func TestMain(m *testing.M) { os.Exit(engines.Main(m)) }

var must = controltest.Must

// sqlite is a store of its own.
func sqlite(t testing.TB) string {
	t.Helper()
	return "sqlite:" + filepath.Join(t.TempDir(), "store.db")
}

func key(n byte) []byte { return bytes.Repeat([]byte{n}, keySize) }

// kept is a log that can be read while it is written.
type kept struct {
	mu   sync.Mutex
	text strings.Builder
}

func (k *kept) Write(b []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.text.Write(b)
}

func (k *kept) String() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.text.String()
}

// quick are times of the worker that a test waits for.
func quick() outbox.Config {
	return outbox.Config{First: 50 * time.Millisecond, Longest: 200 * time.Millisecond, Attempts: 1000}
}

// post is a Mailer with what is around it.
type post struct {
	*Mailer
	store *queries.Store
	log   *kept
}

func newPost(t testing.TB, cfg Config, times outbox.Config) *post {
	t.Helper()
	return newPostOver(t, sqlite(t), cfg, times)
}

func newPostOver(t testing.TB, dsn string, cfg Config, times outbox.Config) *post {
	t.Helper()
	p := &post{store: controltest.Store(t, dsn), log: new(kept)}
	p.Mailer = p.over(t, cfg, times, key(1))
	return p
}

// over makes another Mailer over the store.
func (p *post) over(t testing.TB, cfg Config, times outbox.Config, keys ...[]byte) *Mailer {
	t.Helper()
	resolved, err := cfg.Resolve(func(s string) (string, error) { return strings.ReplaceAll(s, "{env.PASSWORD}", "s3cret"), nil })
	must(t, err)
	m, err := New(resolved, Deps{Store: p.store, Keys: keys, Logger: slog.New(slog.NewTextHandler(p.log, nil)), Outbox: times})
	must(t, err)
	return m
}

// run sends letters until the test ends, or the function that it gives is called.
func run(t testing.TB, m *Mailer) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		m.Run(ctx)
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		receive(t, ended)
	})
	t.Cleanup(stop)
	return stop
}

// left counts the letters of the store.
func (p *post) left(t testing.TB) (waiting, dead int64) {
	t.Helper()
	waiting, dead, err := p.store.CountLetters(t.Context(), Topic)
	must(t, err)
	return waiting, dead
}

func (p *post) gone(t testing.TB) {
	t.Helper()
	controltest.Eventually(t, "no letter waits", func() bool {
		waiting, _ := p.left(t)
		return waiting == 0
	})
}

// deadReasons says why letters were laid aside.
func (p *post) deadReasons(t testing.TB) []string {
	t.Helper()
	all, err := p.store.Queries().ListDeadOutbox(t.Context(), 100)
	must(t, err)
	var out []string
	for _, one := range all {
		out = append(out, one.LastError)
	}
	return out
}

func soon() time.Time { return time.Now().Add(time.Hour) }

// delivery is what the server took.
type delivery struct {
	From      string   `json:"from"`
	To        []string `json:"to"`
	Data      []byte   `json:"data"`
	Encrypted bool     `json:"encrypted"`
	Login     string   `json:"login"`
	Taken     bool     `json:"taken"`
}

// read gives the letter of a delivery: its header, and what can be read of it.
func (d *delivery) read(t testing.TB) (h mail.Header, text, html string) {
	t.Helper()
	m, err := mail.ReadMessage(bytes.NewReader(d.Data))
	must(t, err)
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	must(t, err)
	if kind != "multipart/alternative" {
		t.Fatalf("it is %s:\n%s", kind, d.Data)
	}
	r := multipart.NewReader(m.Body, params["boundary"])
	for {
		part, err := r.NextRawPart()
		if err == io.EOF { //nolint:errorlint // as it is documented
			return m.Header, text, html
		}
		must(t, err)
		if part.Header.Get("Content-Transfer-Encoding") != "quoted-printable" {
			t.Errorf("%v", part.Header)
		}
		body, err := io.ReadAll(quotedprintable.NewReader(part))
		must(t, err)
		body = bytes.ReplaceAll(body, []byte("\r\n"), []byte("\n"))
		switch kind, _, _ := mime.ParseMediaType(part.Header.Get("Content-Type")); kind {
		case "text/plain":
			text = string(body)
		case "text/html":
			html = string(body)
		}
	}
}

// freePort is a port of nobody, for now.
func freePort(t testing.TB) int {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// python gives the interpreter that has aiosmtpd: Debian's, which need not be the path's.
func python(t testing.TB) string {
	t.Helper()
	for _, name := range []string{"/usr/bin/python3", "python3"} {
		if exec.CommandContext(t.Context(), name, "-c", "import aiosmtpd").Run() == nil {
			return name
		}
	}
	required.Absent(t, "smtp", errors.New("there is no python3-aiosmtpd"))
	return ""
}

// serve runs a mail server, and gives what it takes.
func serve(t testing.TB, port int, options ...string) <-chan delivery {
	t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), python(t), append([]string{"-W", "ignore", "testdata/smtpd.py", strconv.Itoa(port)}, options...)...)
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	said := new(kept)
	cmd.Stderr = said
	must(t, cmd.Start())
	lines := bufio.NewReader(out)
	taken := make(chan delivery, 1000)
	// Whoever waits for the server may be faster than its word that it is there.
	for {
		line, err := lines.ReadString('\n')
		if line == "ready\n" {
			break
		}
		var d delivery
		if err != nil || json.Unmarshal([]byte(line), &d) != nil {
			t.Fatalf("%q, %v", line, err)
		}
		taken <- d
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		dec := json.NewDecoder(lines)
		for {
			var d delivery
			if dec.Decode(&d) != nil {
				return
			}
			taken <- d
		}
	}()
	t.Cleanup(func() {
		_ = in.Close()
		<-ended
		_ = cmd.Wait()
		if t.Failed() {
			t.Log("the mail server said: ", said)
		}
	})
	return taken
}

func receive[T any](t testing.TB, from <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-from:
	case <-time.After(5 * time.Minute):
		t.Fatal("nothing comes")
	}
	return v
}

// certificate makes one for 127.0.0.1, signed by itself.
func certificate(t testing.TB) (cert, privateKey string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mail"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &k.PublicKey, k)
	must(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(k)
	must(t, err)
	dir := t.TempDir()
	cert, privateKey = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	must(t, os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	must(t, os.WriteFile(privateKey, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
	return cert, privateKey
}

// to is a configuration for a server on a port.
func to(scheme string, port int) Config {
	return Config{URL: scheme + "://127.0.0.1:" + strconv.Itoa(port), From: "Fairway <no-reply@gateway.example.org>", PublicURL: "https://gateway.example.org/"}
}
