package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/mail"
	"os"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"github.com/fairway-gateway/fairway/modules/control/outbox"
)

const (
	// dialing is how long connecting may take, TLS included, and speaking how long the server may for one letter.
	dialing  = 15 * time.Second
	speaking = time.Minute
	// mostAnswers is how many bytes a server may say of one letter.
	mostAnswers = 1 << 20
	// mostCA is how large a file with certificates may be, in bytes.
	mostCA = 1 << 20
)

// message is a letter as it leaves.
type message struct {
	content
	id        string // that of the header, without <>
	to        string
	written   time.Time
	automatic bool // nobody wrote it
}

// transport is by what letters leave.
type transport interface {
	send(ctx context.Context, m message) error
}

// transport makes that of a configuration that is resolved.
func (c *Config) transport(log *slog.Logger) (transport, error) {
	if c.URL == "" {
		return &logged{log: log}, nil
	}
	s, err := c.server()
	if err != nil {
		return nil, err
	}
	from, err := c.sender()
	if err != nil {
		return nil, err
	}
	out := &relay{server: s, from: from, username: c.Username, password: c.Password, encryption: &tls.Config{ServerName: s.host, MinVersion: tls.VersionTLS12}}
	if c.CA != "" {
		if out.encryption.RootCAs, err = readCA(c.CA); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func readCA(path string) (*x509.CertPool, error) {
	text, err := readLimited(path, mostCA)
	if err != nil {
		return nil, fmt.Errorf("the ca of the mail server: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("the ca of the mail server, %s, has no certificate", path)
	}
	return pool, nil
}

// readLimited reads a file of at most so many bytes.
func readLimited(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(text)) > most {
		err = fmt.Errorf("%s has more than %d bytes", path, most)
	}
	return text, err
}

// logged writes letters to the log, with their text, and so with links that set a password. That is right where there is no
// server: somebody tries the gateway on his machine, and the log is where he finds the link; without it nobody could come in.
// Whoever reads the log of a gateway without a mail server may set passwords, which is said when it starts.
type logged struct{ log *slog.Logger }

// send implements transport.
func (l *logged) send(ctx context.Context, m message) error {
	l.log.InfoContext(ctx, "mail that is not sent: there is no server", slog.String("recipient", m.to), slog.String("subject", m.subject), slog.String("text", m.text))
	return nil
}

// relay sends letters by a server, each on a connection of its own.
type relay struct {
	server
	from               *mail.Address
	username, password string
	encryption         *tls.Config
}

// send implements transport. An error is an outbox.PermanentError where the server refuses the recipient or the letter; what it
// has against the gateway (no login, another sender, too much mail) may be over later.
func (r *relay) send(ctx context.Context, m message) error {
	conn, err := r.dial(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	client, err := gomail.NewClient(r.host, r.options(conn, m)...)
	if err != nil {
		return err
	}
	session, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return withContext(ctx, err)
	}
	if able, _ := session.Extension("SMTPUTF8"); !able && !ascii(m.to) {
		return outbox.Permanent(errors.New("the mail server takes no addresses that are not ASCII"))
	}
	out, err := r.compose(m)
	if err != nil {
		return outbox.Permanent(err)
	}
	err = client.SendWithSMTPClient(session, out)
	if out.IsDelivered() { // whatever came after
		_ = client.CloseWithSMTPClient(session)
		return nil
	}
	return withContext(ctx, failure(err, m.to))
}

// dial opens a connection, of which the caller closes the one below it, too.
func (r *relay) dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialing)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(r.host, strconv.Itoa(r.port)))
	if err != nil {
		return nil, err
	}
	conn = &bounded{Conn: conn, left: mostAnswers}
	if r.tls != Implicit {
		return conn, nil
	}
	encrypted := tls.Client(conn, r.encryption)
	if err := encrypted.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return encrypted, nil
}

// bounded is a connection on which the server may say so much.
type bounded struct {
	net.Conn
	left int
}

// Read implements net.Conn.
func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errors.New("the mail server says more than anybody reads")
	}
	n, err := b.Conn.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

func (r *relay) options(conn net.Conn, m message) []gomail.Option {
	out := []gomail.Option{
		gomail.WithPort(r.port), gomail.WithTimeout(speaking), gomail.WithTLSConfig(r.encryption), gomail.WithTLSPolicy(gomail.NoTLS),
		gomail.WithDialContextFunc(func(context.Context, string, string) (net.Conn, error) { return conn, nil }),
	}
	if r.tls == STARTTLS {
		out = append(out, gomail.WithTLSPolicy(gomail.TLSMandatory))
	}
	if ascii(m.to) {
		out = append(out, gomail.WithoutSMTPUTF8()) // who is asked for it must be sure that the next server can, too
	}
	if r.username == "" {
		return out
	}
	ways := []gomail.SMTPAuthType{gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthSCRAMSHA1}
	if r.tls == Off { // a server of this machine
		ways = append(ways, gomail.SMTPAuthPlainNoEnc, gomail.SMTPAuthLoginNoEnc)
	} else {
		ways = append(ways, gomail.SMTPAuthPlain, gomail.SMTPAuthLogin)
	}
	return append(out, gomail.WithUsername(r.username), gomail.WithPassword(r.password), gomail.WithOpportunisticSMTPAuth(ways...))
}

// compose makes the letter's text. It is the same each time, so that one that is sent twice can be recognised.
func (r *relay) compose(m message) (*gomail.Msg, error) {
	out := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	out.FromMailAddress(r.from)
	if err := out.To(m.to); err != nil {
		return nil, errors.New("the address is none")
	}
	out.Subject(m.subject)
	out.SetMessageIDWithValue(m.id)
	out.SetDateWithValue(m.written)
	if m.automatic {
		out.SetGenHeader("Auto-Submitted", "auto-generated") // nobody's holiday notice answers it
	}
	out.SetBodyString(gomail.TypeTextPlain, m.text)
	if m.html != "" {
		out.AddAlternativeString(gomail.TypeTextHTML, m.html)
	}
	return out, nil
}

// withContext says that an attempt was ended from outside, which closed its connection.
func withContext(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && err != nil {
		return fmt.Errorf("%w: %s", cause, err.Error())
	}
	return err
}

// failure makes an error of what the server said, without the recipient.
func failure(err error, to string) error {
	sent, ok := errors.AsType[*gomail.SendError](err)
	if !ok {
		return err
	}
	text, _, _ := strings.Cut(sent.Error(), ", affected ")
	told := errors.New(strings.ReplaceAll(text, to, "the recipient"))
	refused := sent.ErrorCode() >= 500 && sent.ErrorCode() < 600
	if refused && (sent.Reason == gomail.ErrSMTPRcptTo || sent.Reason == gomail.ErrSMTPData || sent.Reason == gomail.ErrSMTPDataClose) {
		return outbox.Permanent(told)
	}
	return told
}

// Greet connects to the server of a resolved configuration as who sends a letter does, encrypted as he would be, and says good-bye: it neither
// logs in nor sends. It gives the server's address; empty: there is none.
func (c *Config) Greet(ctx context.Context) (string, error) {
	by, err := c.transport(nil)
	r, ok := by.(*relay)
	if err != nil || !ok {
		return "", err
	}
	at := net.JoinHostPort(r.host, strconv.Itoa(r.port))
	r.username, r.password = "", ""
	conn, err := r.dial(ctx)
	if err != nil {
		return at, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	client, err := gomail.NewClient(r.host, r.options(conn, message{})...)
	if err != nil {
		return at, err
	}
	session, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return at, withContext(ctx, err)
	}
	_ = client.CloseWithSMTPClient(session) // it answered
	return at, nil
}
