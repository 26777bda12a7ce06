package accounts

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/passwords"
	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/proxies/rate"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

// Config is what accounts need. Store, Directory, Passwords, Table, Letters and Key are required.
type Config struct {
	Store *queries.Store
	// Directory is over the same store.
	Directory *Directory
	// Passwords checks and hashes; its accounts are Directory's.
	Passwords *passwords.Checker[Account]
	// Table says who may give which role, and change whose password.
	Table *permit.Table
	// Letters are what is mailed.
	Letters Letters
	// Key makes names of rates, so that the store holds neither addresses nor what people typed. Gateways that share a store
	// share it. At least 16 bytes.
	Key []byte
	// Changed is called when this process has changed what a user's tokens depend on, and ended his logins: it need not wait for
	// the feed of revocations. Default nobody.
	Changed func(user string)
	// LinkLasts is how long a mailed link is good. Default 1 hour.
	LinkLasts time.Duration
	// SignUps is how many users may be made from an address (of IPv6: a network of 64 bits) in an hour; administrators are not
	// counted. Default 100.
	SignUps int
	// Recoveries is how many recoveries may be asked for from an address, and for a user, in an hour: one in a minute. Default 3.
	Recoveries int
	// Address says where a request comes from. Default the host of its RemoteAddr.
	Address func(*http.Request) string
	// Refused is told of who signs up or asks for recovery too often: which limit it was. Default nobody.
	Refused func(context.Context, rate.Refusal)
	// Logger is told what happens to accounts. Default none.
	Logger *slog.Logger
}

// Letters enqueue what is mailed, with q, so in its transaction. to is the user's address as the store has it; path is where the
// link in the letter leads, beginning with / after the public address of the gateway. It is secret.
type Letters struct {
	// Created goes to a new user without a password, who sets one by the link.
	Created func(ctx context.Context, q db.Querier, to, path string, expires time.Time) error
	// Recover goes to who has forgotten his.
	Recover func(ctx context.Context, q db.Querier, to, path string, expires time.Time) error
}

// leastKey is the least length of Config.Key, in bytes.
const leastKey = 16

// Accounts is the life of accounts. It is used concurrently.
type Accounts struct {
	cfg  Config
	log  *slog.Logger
	page *template.Template
}

// New makes Accounts. An error says what is missing.
func New(cfg Config) (*Accounts, error) {
	switch {
	case cfg.Store == nil || cfg.Directory == nil || cfg.Passwords == nil || cfg.Table == nil:
		return nil, errors.New("accounts need a store, a directory, passwords and a table of permissions")
	case cfg.Letters.Created == nil || cfg.Letters.Recover == nil:
		return nil, errors.New("accounts need letters")
	case len(cfg.Key) < leastKey:
		return nil, fmt.Errorf("the key of accounts has at least %d bytes", leastKey)
	}
	cfg.LinkLasts = cmp.Or(cfg.LinkLasts, time.Hour)
	cfg.SignUps = cmp.Or(cfg.SignUps, 100)
	cfg.Recoveries = cmp.Or(cfg.Recoveries, 3)
	if cfg.LinkLasts <= 0 || cfg.SignUps < 0 || cfg.Recoveries < 0 {
		return nil, errors.New("lifetimes and limits of accounts are positive")
	}
	if cfg.Address == nil {
		cfg.Address = remoteHost
	}
	if cfg.Changed == nil {
		cfg.Changed = func(string) {}
	}
	page, err := pageTemplate()
	return &Accounts{cfg: cfg, log: cmp.Or(cfg.Logger, slog.New(slog.DiscardHandler)), page: page}, err
}

// remoteHost is the address of a connection without its port.
func remoteHost(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// Who does something to an account.
type Who struct {
	// By is for the audit log.
	queries.By
	// Caller is as whom permissions are asked; the zero Caller is anonymous.
	Caller permit.Caller
	// From is where the caller is.
	From netip.Addr
}

// Operator is who works with the gateway's commands: he may do everything. Name is for the audit log: "command".
func Operator(name string) Who {
	return Who{
		By:     queries.By{Actor: name},
		Caller: permit.Caller{User: name, Role: permit.Superadmin, Active: true, Regular: true, Scopes: []string{permit.All}},
	}
}

// InvalidError says that a value cannot be what it is for. It is a 400.
type InvalidError struct {
	// Field is the JSON member, Message a sentence for the caller.
	Field, Message string
}

func (e *InvalidError) Error() string { return e.Message }

// WeakError says that a new password is not good enough. It is a 422.
type WeakError struct {
	// Weaknesses are sentences for who chose it.
	Weaknesses []string
}

func (e *WeakError) Error() string { return strings.Join(e.Weaknesses, ". ") }

// LimitedError says that something was done too often. It is a 429.
type LimitedError struct {
	// RetryAfter is when it may be done again.
	RetryAfter time.Duration
}

func (e *LimitedError) Error() string { return "Rate limit exceeded. Please try again later." }

// Errors of links and of users that are named.
var (
	// ErrNoUser says that there is no such living user. It is a 404.
	ErrNoUser = errors.New("there is no such user")
	// ErrLink says that a link is not good: it never was, has expired, was used, or another password or address has ended it. It
	// is a 404.
	ErrLink = errors.New("the link is not good")
)

// strong refuses a password that is not good enough.
func strong(password string) error {
	if weak := passwords.Weaknesses(password); len(weak) > 0 {
		return &WeakError{Weaknesses: weak}
	}
	return nil
}

// changed has this process forget what it kept of a user.
func (a *Accounts) changed(user uuid.UUID) {
	a.cfg.Directory.Forget(user.String())
	a.cfg.Changed(user.String())
}
