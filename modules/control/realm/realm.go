// Package realm is everything that belongs to one store of users: their accounts and passwords, the tokens, who calls.
//
// A realm is there as long as any configuration uses it, and is opened when it is first needed, and again as long as the store
// does not answer: a gateway starts without its store.
package realm

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fairway-gateway/fairway/modules/control/accounts"
	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/modules/control/callers"
	"github.com/fairway-gateway/fairway/modules/control/endings"
	"github.com/fairway-gateway/fairway/modules/control/executions"
	"github.com/fairway-gateway/fairway/modules/control/hooks"
	"github.com/fairway-gateway/fairway/modules/control/idempotency"
	"github.com/fairway-gateway/fairway/modules/control/live"
	"github.com/fairway-gateway/fairway/modules/control/mail"
	"github.com/fairway-gateway/fairway/modules/control/passwords"
	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/modules/control/refusals"
	"github.com/fairway-gateway/fairway/modules/control/scopes"
	"github.com/fairway-gateway/fairway/modules/control/throttle"
	"github.com/fairway-gateway/fairway/modules/control/tokens"
	"github.com/fairway-gateway/fairway/modules/control/tokens/stored"
	"github.com/fairway-gateway/fairway/modules/control/webhooks"
	"github.com/fairway-gateway/fairway/proxies/observe"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/runner/blobs"
)

// Config is what a realm is made of.
type Config struct {
	// Store gives the store, or the error of why it is not open.
	Store func(context.Context) (*queries.Store, error)
	// Tokens is how tokens are. Its functions Address and RequestID are for everything here, its Secrets are Keys.
	Tokens tokens.Config
	// Accounts says what is kept of accounts.
	Accounts accounts.DirectoryConfig
	// Keys gives the keys of 32 bytes for a purpose, of which the first seals and all open. All gateways of the store have the
	// same. It is called when the realm is opened.
	Keys func(purpose string) ([][]byte, error)
	// Mail is how mail is sent; the zero value writes it to the log.
	Mail mail.Config
	// FirstAdmin is who is made where there never was a user.
	FirstAdmin accounts.FirstAdmin
	// Table says who may do what.
	Table *permit.Table
	// Scopes are those of services, beside the control API's.
	Scopes []permit.Scope
	// Blobs gives the place for scripts and large results, which it opens when it is first asked.
	Blobs func(context.Context) (*blobs.Blobs, error)
	// Packing has room for as many as may look at an upload at once.
	Packing chan struct{}
	// Executions is what holds for executions.
	Executions Executions
	// Webhooks is what webhooks are.
	Webhooks webhooks.Config
	// Refusals has it written down whom limits refuse. Nil: nobody does.
	Refusals *refusals.Recorder
	// Metrics count. Nil: nobody does.
	Metrics *observe.Metrics
	// Logger is told of what happens in the background.
	Logger *slog.Logger
}

// Executions is what holds for executions that are made, in all gateways of the store alike.
type Executions struct {
	// Limits are how many are admitted, for queries.CreateExecution and its like. Default: any number.
	Limits queries.Limits
	// Timeout is how long an attempt may run whose execution does not say it; who calls may ask for less, and not for more.
	Timeout time.Duration
	// APIURL is where scripts reach the control API, as https://api.example.org; empty: they are not told, and reach none.
	APIURL string
}

// Parts are what there is when the store is open. They stay the same until the realm is closed.
type Parts struct {
	Store     *queries.Store
	Accounts  *accounts.Directory
	Passwords *passwords.Checker[accounts.Account]
	Tokens    *tokens.Authority
	Callers   *callers.Callers
	Scopes    *scopes.Book
	Mail      *mail.Mailer
	People    *accounts.Accounts
	Blobs     func(context.Context) (*blobs.Blobs, error)
	Packing   chan struct{}
	// Live has those who follow executions.
	Live *live.Hub
	// Webhooks has events go where users want them.
	Webhooks *webhooks.Webhooks
	// Hooks has others start scripts.
	Hooks *hooks.Hooks
	// Starter runs scripts for users who do not call.
	Starter *executions.Executions
	// Endings has owners be told of executions that have ended. Nil: there is no mail server, and no log is to be full of that.
	Endings *endings.Endings
	// Executions is what holds for executions that are made.
	Executions Executions

	once idempotency.Options
}

// Once has h do an operation of the control API once for each Idempotency-Key of a caller; h is behind the enforcement. most is how
// long a body may be, in bytes; 0: as long as is usual.
func (p *Parts) Once(operation string, h http.Handler, most int64) http.Handler {
	o := p.once
	o.Body = most
	return idempotency.Handler(operation, h, o)
}

const (
	// openTimeout is for opening, the store included; retryAfter how long after a failure it is not tried again.
	openTimeout = 10 * time.Second
	retryAfter  = time.Second
)

// Realm opens its parts when they are needed. It is used concurrently.
type Realm struct {
	cfg   Config
	parts atomic.Pointer[Parts]

	opening chan struct{} // held by who opens
	err     error         // of the last opening, of who holds it
	failed  time.Time

	starting   sync.Mutex
	started    bool
	fires      bool
	background context.Context //nolint:containedctx // what is opened is nobody's request
	stop       context.CancelFunc
	done       sync.WaitGroup
}

// New makes a realm, of which nothing is open. Close it.
func New(cfg Config) *Realm {
	r := &Realm{cfg: cfg, opening: make(chan struct{}, 1)}
	r.background, r.stop = context.WithCancel(context.Background())
	return r
}

// Open gives the parts, and opens them when nobody has.
func (r *Realm) Open(ctx context.Context) (*Parts, error) {
	if p := r.parts.Load(); p != nil {
		return p, nil
	}
	select {
	case r.opening <- struct{}{}:
		defer func() { <-r.opening }()
	case <-ctx.Done():
		return nil, &queries.UnavailableError{Err: ctx.Err()}
	}
	if p := r.parts.Load(); p != nil {
		return p, nil
	}
	if r.err != nil && time.Since(r.failed) < retryAfter {
		return nil, r.err
	}
	p, err := r.open() //nolint:contextcheck // it is nobody's request
	if err != nil {
		r.err, r.failed = err, time.Now()
		return nil, err
	}
	r.err = nil
	r.parts.Store(p)
	return p, nil
}

func (r *Realm) open() (*Parts, error) {
	if err := r.background.Err(); err != nil {
		return nil, fmt.Errorf("the realm is closed: %w", err)
	}
	ctx, cancel := context.WithTimeout(r.background, openTimeout)
	defer cancel()
	store, err := r.cfg.Store(ctx)
	if err != nil {
		return nil, err
	}
	throttled, err := r.cfg.Keys("throttle")
	if err != nil {
		return nil, err
	}
	cfg := r.cfg.Tokens
	if cfg.Secrets, err = r.cfg.Keys("tokens"); err != nil {
		return nil, err
	}
	p := &Parts{Store: store, Blobs: r.cfg.Blobs, Packing: r.cfg.Packing, Executions: r.cfg.Executions, Accounts: accounts.NewDirectory(store, r.cfg.Accounts), Scopes: scopes.New(r.cfg.Table, r.cfg.Scopes...)}
	if p.Passwords, err = passwords.New(p.Accounts, passwords.Config{
		Realm: "users", Logger: r.cfg.Logger,
		Throttle: recorded{throttle.New(throttle.Config{Name: "users", Key: throttled[0], Shared: counters{store}, Logger: r.cfg.Logger}), r.cfg.Refusals},
	}); err != nil {
		return nil, err
	}
	cfg.Caller, cfg.Away, cfg.Run = identified, queries.Away, stored.Runs(store)
	cfg.Logger, cfg.Heard, cfg.Silent = r.cfg.Logger, p.Accounts.Heard, p.Accounts.Silent
	// The authority lives longer than the opening.
	if p.Tokens, err = tokens.New(context.WithoutCancel(ctx), clients{stored.New(store), p.Scopes}, tokens.ByChecker(p.Passwords, func(a accounts.Account) string { return a.ID }), cfg); err != nil {
		return nil, fmt.Errorf("tokens: %w", err)
	}
	p.Callers = callers.New(callers.ByChecker(p.Passwords, func(a accounts.Account) tokens.User { return a.User }), p.Tokens, cfg.Address, r.cfg.Logger)
	if err := r.people(p); err != nil {
		p.Tokens.Close()
		return nil, err
	}
	// Here, and not in Start alone: a request may come before that.
	if err := r.begin(ctx, p); err != nil {
		p.Tokens.Close()
		return nil, err
	}
	following := live.Options{Logger: r.cfg.Logger}
	if r.cfg.Metrics != nil {
		following.Followed = r.cfg.Metrics.Follow
	}
	p.Live = live.New(store, following)
	if err := r.starters(p); err != nil {
		p.Live.Close()
		p.Tokens.Close()
		return nil, err
	}
	return p, nil
}

// starters makes what runs scripts for users who do not call.
func (r *Realm) starters(p *Parts) error {
	keys, err := r.cfg.Keys("hooks")
	if err != nil {
		return err
	}
	p.Starter, err = executions.New(p.Store, executions.Options{
		Timeout: p.Executions.Timeout, Limits: p.Executions.Limits, Live: p.Live, Blobs: p.Blobs, Refused: r.cfg.Refusals.Refused, Address: r.cfg.Tokens.Address, Logger: r.cfg.Logger,
	})
	if err != nil {
		return err
	}
	p.Hooks, err = hooks.New(p.Store, hooks.Options{Keys: keys, Starter: p.Starter, PublicURL: p.Mail.PublicURL(), Logger: r.cfg.Logger})
	return err
}

// identified is who the API has found to call: one who shows his password has sessions, too.
func identified(r *http.Request) (*tokens.Access, error) {
	c, err := api.CallerOf(r)
	if err != nil || c == nil {
		return nil, err
	}
	if c.Token != nil {
		return c.Token, nil
	}
	return &tokens.Access{User: c.User, Scopes: c.Scopes}, nil
}

// people makes what is about the life of accounts, and the mail that it needs.
func (r *Realm) people(p *Parts) error {
	sealing, err := r.cfg.Keys("mail")
	if err != nil {
		return err
	}
	naming, err := r.cfg.Keys("accounts")
	if err != nil {
		return err
	}
	once, err := r.cfg.Keys("idempotency")
	if err != nil {
		return err
	}
	p.once = idempotency.Options{Store: p.Store, Secret: once[0], Caller: r.sender, Fail: api.Refuse, Logger: r.cfg.Logger}
	if p.Mail, err = mail.New(r.cfg.Mail, mail.Deps{Store: p.Store, Keys: sealing, Metrics: r.cfg.Metrics, Logger: r.cfg.Logger}); err != nil {
		return fmt.Errorf("mail: %w", err)
	}
	if p.Mail.Sends() {
		if p.Endings, err = endings.New(endings.Deps{Store: p.Store, Mail: p.Mail, Metrics: r.cfg.Metrics, Logger: r.cfg.Logger}); err != nil {
			return err
		}
	}
	hooking, err := r.cfg.Keys("webhooks")
	if err != nil {
		return err
	}
	if p.Webhooks, err = webhooks.New(r.cfg.Webhooks, webhooks.Deps{Store: p.Store, Keys: hooking, Mail: p.Mail, Metrics: r.cfg.Metrics, Logger: r.cfg.Logger}); err != nil {
		return fmt.Errorf("webhooks: %w", err)
	}
	p.People, err = accounts.New(accounts.Config{
		Store: p.Store, Directory: p.Accounts, Passwords: p.Passwords, Table: r.cfg.Table, Key: naming[0],
		Letters: accounts.Letters{Created: p.Mail.Created, Recover: p.Mail.Recover},
		Changed: func(user string) { p.Tokens.Forget(tokens.Revocation{Kind: tokens.RevokedUser, ID: user}) },
		Address: r.cfg.Tokens.Address, Refused: r.refused, Logger: r.cfg.Logger,
	})
	return err
}

// sender names who sends a request with an Idempotency-Key: who is nobody is told from others by where he is.
func (r *Realm) sender(req *http.Request) string {
	name := api.By(req).Actor
	if caller, err := api.CallerOf(req); err == nil && caller == nil && r.cfg.Tokens.Address != nil {
		name += " " + r.cfg.Tokens.Address(req)
	}
	return name
}

// Start opens the realm, which makes what a store has from the start, and does the realm's work until Close. Where the store does
// not answer that is done later, as soon as it does; any other error is one of the configuration. It may be called again.
func (r *Realm) Start(ctx context.Context) error {
	r.starting.Lock()
	defer r.starting.Unlock()
	if r.started {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	_, err := r.Open(ctx)
	if _, later := errors.AsType[*queries.UnavailableError](err); err != nil && !later && ctx.Err() == nil {
		return err
	}
	r.started = true
	r.done.Go(func() { r.run(r.background, err) })
	if r.fires {
		r.done.Go(func() { r.fire(r.background) })
	}
	return nil
}

// begin makes what a store has from the start.
func (r *Realm) begin(ctx context.Context, p *Parts) error {
	starter := accounts.Starter{Store: p.Store, Passwords: p.Passwords}
	if _, err := starter.EnsureFirstAdmin(ctx, r.cfg.FirstAdmin); err != nil {
		return err
	}
	return starter.EnsureDocumentation(ctx)
}

// run tries what failed until it has not, and then does the work.
func (r *Realm) run(ctx context.Context, err error) {
	for wait := retryAfter; err != nil; wait = min(2*wait, time.Minute) {
		r.cfg.Logger.WarnContext(ctx, "users and tokens are not there yet", slog.Any("error", err))
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		_, err = r.Open(ctx)
	}
	p := r.parts.Load()
	var under sync.WaitGroup
	defer under.Wait()
	under.Go(func() { p.Webhooks.Run(ctx) })
	if p.Endings != nil {
		under.Go(func() { p.Endings.Run(ctx) })
	}
	p.Mail.Run(ctx)
}

// Close ends what the realm does.
func (r *Realm) Close() {
	r.stop()
	r.done.Wait()
	r.opening <- struct{}{} // nobody opens it any more
	if p := r.parts.Load(); p != nil {
		p.Live.Close()
		p.Tokens.Close()
	}
	<-r.opening
}

// Identify says who calls, see callers.Callers.
func (r *Realm) Identify(req *http.Request) (*callers.Caller, error) {
	p, err := r.Open(req.Context())
	if err != nil {
		return nil, err
	}
	return p.Callers.Identify(req)
}
