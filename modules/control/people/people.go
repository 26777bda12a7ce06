// Package people has the users of a store over HTTP, in the two representations of the older systems, and the audit log.
//
// Trends.Earth's users are under /api/v1/user, with an envelope, a UUID and naive dates; Houston's are under /api/v1/users, bare,
// with an integer for an id. They are one table: what is done is done by package accounts, which asks once more who may and has
// it written into the audit log.
package people

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/fairway-gateway/fairway/modules/control/accounts"
	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/modules/control/inflate"
	"github.com/fairway-gateway/fairway/modules/control/listing"
	"github.com/fairway-gateway/fairway/modules/control/patch"
	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/modules/control/typed"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

// People has the handlers of users. It is used concurrently.
type People struct {
	store    *queries.Store
	accounts *accounts.Accounts
	table    *permit.Table
	options  Options

	trends, houston, audit *listing.Resource
}

// Options are what People may have beside a store.
type Options struct {
	// SignUpKey is what Houston's clients send as recaptcha_key when they make a user, and are told by the form: nobody asks a
	// service whether they are people. Default secret_key, which is Houston's.
	SignUpKey string
}

// New makes People over an open store, whose accounts are changed by a. The error is a mistake in what can be listed.
func New(store *queries.Store, a *accounts.Accounts, table *permit.Table, o Options) (*People, error) {
	if o.SignUpKey == "" {
		o.SignUpKey = "secret_key"
	}
	p := &People{store: store, accounts: a, table: table, options: o}
	var errs [3]error
	p.trends, errs[0] = listing.New(trendsResource())
	p.houston, errs[1] = listing.New(houstonResource())
	p.audit, errs[2] = listing.New(auditResource())
	return p, errors.Join(errs[:]...)
}

// Register has the operations of users handled, beside those of accounts, which looks {user} up.
func (p *People) Register(t *typed.API) {
	p.registerTrends(t)
	p.registerHouston(t)
	typed.Register(t, typed.Operation{
		ID: "audit.list", Summary: "The audit log",
		Description: "What was changed, by whom, and how: the newest first. Filters compare subjects, actors and actions as they are written. With cursor=* begins a walk, whose pages name the next one in the header Link.",
	}, p.listAudit)
}

// inflated stands around what has a body: it may be compressed.
func inflated() []func(http.Handler) http.Handler {
	return []func(http.Handler) http.Handler{
		func(h http.Handler) http.Handler { return inflate.Handler(h, inflate.Options{Fail: api.Refuse}) },
	}
}

// me is who calls.
func (p *People) me(ctx context.Context) (db.User, error) {
	caller, err := api.CallerIn(ctx)
	if err != nil {
		return db.User{}, err
	}
	if caller == nil {
		return db.User{}, api.ErrNotFound
	}
	target, err := p.accounts.Resolve(ctx, caller.ID, caller)
	if err != nil {
		return db.User{}, err
	}
	return target.Value.(db.User), nil //nolint:forcetypeassert // it is what Resolve gives
}

// errStale says that somebody else has changed a user since he was read.
var errStale = errors.New("the user was changed meanwhile")

// tagOf is the entity tag of a user. When he logged in and called last is shown, too, and changes without a version.
func tagOf(u db.User) string {
	var shown []byte
	for _, at := range []*time.Time{u.LastLoginAt, u.LastActivityAt} {
		if shown = append(shown, ' '); at != nil {
			shown = strconv.AppendInt(shown, at.UnixMicro(), 10)
		}
	}
	return patch.TagOf(u.Version, shown)
}

// attempts is how often a change begins anew, where others change the same user.
const attempts = 5

// plan says what is to be written into a user, nil: nothing. It may use the store; what it gives may not.
type plan func(ctx context.Context, who accounts.Who, u db.User) (write func(*db.User) error, err error)

// revise changes a user by a plan, which is made anew as long as he is not as he was when it was made.
func (p *People) revise(ctx context.Context, u db.User, how plan) (db.User, error) {
	who, caller, err := p.accounts.Who(ctx)
	if err != nil {
		return db.User{}, err
	}
	for range attempts {
		if err := patch.IfMatch(tagOf(u), api.RequestIn(ctx).Header.Values("If-Match")...); err != nil {
			return db.User{}, err
		}
		write, err := how(ctx, who, u)
		if err != nil || write == nil {
			return u, err
		}
		next, err := p.accounts.Update(ctx, who, api.OperationIn(ctx), u.ID, func(row *db.User) error {
			if row.Version != u.Version {
				return errStale
			}
			return write(row)
		})
		if !errors.Is(err, errStale) {
			return next, err
		}
		target, err := p.accounts.Resolve(ctx, u.ID.String(), caller)
		if err != nil {
			return db.User{}, err
		}
		u = target.Value.(db.User) //nolint:forcetypeassert // it is what Resolve gives
	}
	return db.User{}, api.Failure{Status: http.StatusConflict, Detail: "Others change this user all the time."}
}
