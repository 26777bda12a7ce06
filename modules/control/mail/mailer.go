package mail

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/outbox"
	"github.com/fairway-gateway/fairway/proxies/observe"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

// Topic is that of letters in the outbox.
const Topic = "mail"

const (
	// MostRecipients is how many people one Message may be for.
	MostRecipients = 50
	// MostBody is how many bytes the text of a Message may have, and its HTML.
	MostBody = 256 << 10
	// mostWaiting is how many letters may wait before no Message is taken.
	mostWaiting = 10_000
	// mostLink is how many bytes the path of a link may have.
	mostLink = 2000
)

// ErrFull says that so many letters wait that no Message is taken. Letters with links are.
var ErrFull = errors.New("too many letters wait to be sent")

// InvalidError says what is wrong with a Message, in a sentence for who wrote it.
type InvalidError struct {
	// Field is recipients, subject or html.
	Field, Text string
}

// Error gives the sentence.
func (e *InvalidError) Error() string { return e.Text }

// Store is what letters need of the store. *queries.Store has it.
type Store interface {
	outbox.Store
	Queries() db.Querier
	InTx(ctx context.Context, f func(db.Querier) error) error
}

// Deps is what a Mailer works with.
type Deps struct {
	// Store has the outbox. No default.
	Store Store
	// Keys of 32 bytes: the first seals letters in the store, any opens them. No default.
	Keys [][]byte
	// Metrics counts. Default: nobody does.
	Metrics *observe.Metrics
	// Logger is told of what fails, and has the letters where there is no server. Default none.
	Logger *slog.Logger
	// Outbox has the times of the worker. Default: its own. Topic, Handle, Metrics and Logger are the Mailer's.
	Outbox outbox.Config
}

// Mailer writes letters and sends them. It is safe for concurrent use.
type Mailer struct {
	cfg       Config
	store     Store
	sealer    sealer
	templates templates
	transport transport
	worker    *outbox.Worker
	domain    string // of message ids
	log       *slog.Logger
}

// New makes a Mailer of a configuration that Resolve gave. Nothing is sent before Run.
func New(cfg Config, d Deps) (*Mailer, error) {
	if d.Store == nil {
		return nil, errors.New("mail needs a store")
	}
	m := &Mailer{cfg: cfg, store: d.Store, domain: "localhost", log: cmp.Or(d.Logger, slog.New(slog.DiscardHandler))}
	var err error
	if m.sealer, err = newSealer(d.Keys); err != nil {
		return nil, err
	}
	if m.templates, err = readTemplates(cfg.Templates); err != nil {
		return nil, err
	}
	if m.transport, err = cfg.transport(m.log); err != nil {
		return nil, err
	}
	if cfg.From != "" {
		from, err := cfg.sender()
		if err != nil {
			return nil, err
		}
		_, m.domain, _ = strings.Cut(from.Address, "@")
	}
	box := d.Outbox
	box.Topic, box.Handle, box.Metrics, box.Logger = Topic, m.handle, d.Metrics, m.log
	m.worker, err = outbox.New(d.Store, box)
	return m, err
}

// Run sends letters until ctx ends, see outbox.Worker.Run.
func (m *Mailer) Run(ctx context.Context) {
	if m.cfg.URL == "" {
		m.log.WarnContext(ctx, "there is no mail server: letters are written to this log, with the links in them that set passwords; write mail smtp://… into the option fairway")
	}
	m.worker.Run(ctx)
}

// Created writes to somebody whose account was made, with a link to set a password. path is below the public URL, with the token
// in it, "/reset-password?token=…", of at most 2000 bytes; expires is until when it works, and a letter that could not be sent
// until then is not sent. It is enqueued with q, the transaction of what it tells of, or where q is nil at once. An address that
// no server would take is no error: the account is there, and its letter is laid aside.
func (m *Mailer) Created(ctx context.Context, q db.Querier, to, path string, expires time.Time) error {
	return m.link(ctx, q, kindCreated, to, path, expires)
}

// Recover is as Created, for somebody who has forgotten a password.
func (m *Mailer) Recover(ctx context.Context, q db.Querier, to, path string, expires time.Time) error {
	return m.link(ctx, q, kindRecovery, to, path, expires)
}

func (m *Mailer) link(ctx context.Context, q db.Querier, kind, to, path string, expires time.Time) error {
	if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || len(path) > mostLink || hasControl(path) || strings.ContainsAny(path, " \"<>") {
		return errors.New("the link of a letter is a path below the public URL")
	}
	if expires.IsZero() || len(to) > mostAddress {
		return errors.New("the link of a letter has an end, and an address")
	}
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	if q == nil {
		q = m.store.Queries()
	}
	return m.enqueue(ctx, q, envelope{ID: id.String(), Kind: kind}, letter{To: to, Link: m.cfg.PublicURL + path, Expires: expires.Unix()})
}

func (m *Mailer) enqueue(ctx context.Context, q db.Querier, e envelope, l letter) error {
	payload, err := m.sealer.seal(e, l)
	if err != nil {
		return err
	}
	if _, err := queries.Enqueue(ctx, q, queries.Letter{Topic: Topic, Payload: payload}); err != nil {
		return fmt.Errorf("enqueueing a letter: %w", err)
	}
	return nil
}

// Notice writes to somebody of what concerns him, in plain text of one subject, which is one line of at most 255 characters. It is enqueued
// with q, the transaction of what it tells of. An address that no server would take is no error: its letter is laid aside.
func (m *Mailer) Notice(ctx context.Context, q db.Querier, to, subject, text string) error {
	if err := checkSubject(subject); err != nil {
		return err
	}
	if len(text) > MostBody {
		return fmt.Errorf("the text of mail has at most %d bytes", MostBody)
	}
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	return m.enqueue(ctx, q, envelope{ID: id.String(), Kind: kindNotice}, letter{To: to, Subject: subject, Text: text})
}

// Sends says whether there is a server: without one, letters are written to the log.
func (m *Mailer) Sends() bool { return m.cfg.URL != "" }

// PublicURL is where links lead; empty: nobody has said it.
func (m *Mailer) PublicURL() string { return m.cfg.PublicURL }

// Message is what an admin writes.
type Message struct {
	// Recipients are 1 to MostRecipients addresses. Each gets a letter of his own, and sees nobody else's address.
	Recipients []string
	// Subject is one line of at most 255 characters.
	Subject string
	// HTML and Text are at most MostBody bytes each, one of them at least. Where there is no Text it is made of the HTML.
	HTML, Text string
}

// Send enqueues a message, in one transaction with a row of the audit log, and gives its id, which is in the Message-ID of each
// letter. An error is an *InvalidError, ErrFull, or the store's.
func (m *Mailer) Send(ctx context.Context, by queries.By, msg Message) (id string, recipients int, err error) {
	to, err := msg.check()
	if err != nil {
		return "", 0, err
	}
	waiting, _, err := m.store.CountLetters(ctx, Topic)
	if err != nil {
		return "", 0, err
	}
	if waiting+int64(len(to)) > mostWaiting {
		return "", 0, ErrFull
	}
	all, err := uuid.NewV7()
	if err != nil {
		return "", 0, err
	}
	text := msg.Text
	if text == "" {
		text = textOf(msg.HTML)
	}
	detail, err := json.Marshal(map[string]any{"recipients": len(to), "subject": msg.Subject})
	if err != nil {
		return "", 0, err
	}
	err = m.store.InTx(ctx, func(q db.Querier) error {
		for i, one := range to {
			e := envelope{ID: fmt.Sprintf("%s.%d", all, i+1), Kind: kindPlain}
			if err := m.enqueue(ctx, q, e, letter{To: one, Subject: msg.Subject, Text: text, HTML: msg.HTML}); err != nil {
				return err
			}
		}
		return queries.Record(ctx, q, by, "mail.send", "mail:"+all.String(), detail)
	})
	return all.String(), len(to), err
}

// check gives the addresses, each once.
func (msg *Message) check() ([]string, error) {
	if len(msg.Recipients) == 0 || len(msg.Recipients) > MostRecipients {
		return nil, &InvalidError{"recipients", fmt.Sprintf("mail is for 1 to %d recipients", MostRecipients)}
	}
	var to []string
	seen := map[string]bool{}
	for _, r := range msg.Recipients {
		address, err := CheckAddress(r)
		if err != nil {
			return nil, &InvalidError{"recipients", err.Error()}
		}
		if key := queries.Key(address); !seen[key] {
			seen[key] = true
			to = append(to, address)
		}
	}
	if err := checkSubject(msg.Subject); err != nil {
		return nil, &InvalidError{"subject", err.Error()}
	}
	if msg.HTML == "" && msg.Text == "" {
		return nil, &InvalidError{"html", "mail needs a text"}
	}
	for _, body := range []string{msg.HTML, msg.Text} {
		if len(body) > MostBody {
			return nil, &InvalidError{"html", fmt.Sprintf("the text of mail has at most %d bytes", MostBody)}
		}
		if !utf8.ValidString(body) || strings.ContainsRune(body, 0) {
			return nil, &InvalidError{"html", "the text of mail is UTF-8 without NUL"}
		}
	}
	return to, nil
}

// handle sends one letter of the outbox.
func (m *Mailer) handle(ctx context.Context, l outbox.Letter) error {
	e, in, err := m.sealer.open(l.Payload)
	if err != nil {
		return outbox.Permanent(err)
	}
	if in.Expires != 0 && time.Now().Unix() >= in.Expires {
		return outbox.Permanent(errors.New("its link had ended before it could be sent"))
	}
	to, err := CheckAddress(in.To)
	if err != nil {
		return outbox.Permanent(errors.New("its recipient has no address that mail can be sent to"))
	}
	out := message{id: e.ID + "@" + m.domain, to: to, written: l.Created, automatic: e.Kind != kindPlain, content: content{subject: in.Subject, text: in.Text, html: in.HTML}}
	if e.Kind != kindPlain && e.Kind != kindNotice {
		expires := time.Unix(in.Expires, 0).UTC()
		view := View{Address: to, Gateway: cmp.Or(m.cfg.PublicURL, "this gateway"), Link: in.Link, Expires: expires, Until: until(expires), Ended: m.linked(in.Ended), Count: len(in.Ended)}
		if out.content, err = m.templates.render(e.Kind, view); err != nil {
			return err // a later version knows the kind, or another configuration has a template that works
		}
	}
	return m.transport.send(ctx, out)
}

// Interface guard.
var _ Store = (*queries.Store)(nil)
