// Package accounts has the life of users: who they are, how they sign up, how they change or recover their password, who the
// first one is, and the handlers of the paths on which all that is done.
//
//	Directory      accounts as the check of a password wants them, kept for a minute at most
//	Accounts       what is done to accounts, with what may be done
package accounts

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/memo"
	"github.com/fairway-gateway/fairway/modules/control/passwords"
	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/modules/control/tokens"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

// Account is a living user as far as those need him who know the password. One that is not Active is found and its password
// checked, so that a refusal takes as long as any; whoever asked then refuses it, as tokens do.
type Account struct {
	tokens.User
	// Protected cannot be deleted: DirectoryConfig.Protected names it.
	Protected bool
	// kept says that the row was read a while ago.
	kept bool
}

// DirectoryConfig says what a directory keeps.
type DirectoryConfig struct {
	// KeepFor is how long an account is kept. Default and most 60 seconds; negative: not at all.
	KeepFor time.Duration
	// Kept is how many accounts are kept. Default 10,000, some 5 MB.
	Kept int
	// Protected are addresses of users who cannot be deleted. Default none.
	Protected []string
}

const (
	mostKeepFor = time.Minute
	defaultKept = 10_000
)

// Directory gives accounts by their addresses and names. Those that were found are kept for a while, so that a check of a
// password that is remembered costs no query; that there is no such account is not, so that a new user can log in at once.
// What is kept is dropped as soon as the store's feed of revocations tells that the user has changed. Before the feed has been
// heard, and after it has fallen silent, nothing is kept: Heard and Silent are to be called by who reads it. It is used
// concurrently.
type Directory struct {
	store     *queries.Store
	keepFor   time.Duration
	protected []string
	kept      *memo.Memo[string, kept]
	listening atomic.Bool
}

// kept is an account with its hash.
type kept struct {
	Account
	hash string
}

// NewDirectory makes a directory over an open store.
func NewDirectory(store *queries.Store, cfg DirectoryConfig) *Directory {
	if cfg.KeepFor == 0 || cfg.KeepFor > mostKeepFor {
		cfg.KeepFor = mostKeepFor
	}
	if cfg.Kept <= 0 {
		cfg.Kept = defaultKept
	}
	d := &Directory{store: store, keepFor: cfg.KeepFor, kept: memo.New[string, kept](cfg.Kept)}
	for _, p := range cfg.Protected {
		d.protected = append(d.protected, queries.Key(p))
	}
	return d
}

// Find implements passwords.Accounts: user is an e-mail address, or else a user name.
func (d *Directory) Find(ctx context.Context, user string) (Account, string, bool, error) {
	if k, ok := d.kept.Get(queries.Key(user), time.Now()); ok {
		k.kept = true
		return k.Account, k.hash, true, nil
	}
	return d.FindNow(ctx, user)
}

// Kept implements passwords.Keeper.
func (d *Directory) Kept(a Account) bool { return a.kept }

// FindNow implements passwords.Keeper.
func (d *Directory) FindNow(ctx context.Context, user string) (Account, string, bool, error) {
	key := queries.Key(user)
	now := time.Now()
	// A row that is read while the feed tells that it has changed may be the old one.
	epoch := d.kept.Epoch()
	row, err := d.store.FindUser(ctx, user)
	if errors.Is(err, sql.ErrNoRows) {
		return Account{}, "", false, nil
	}
	if err != nil {
		return Account{}, "", false, err
	}
	k := kept{Account: d.account(row), hash: row.PasswordHash}
	if d.keepFor > 0 && d.listening.Load() {
		d.kept.Put(key, k, now.Add(d.keepFor), epoch)
	}
	return k.Account, k.hash, true, nil
}

// account makes an Account of a row.
func (d *Directory) account(u db.User) Account {
	a := Account{Protected: slices.Contains(d.protected, u.EmailKey), User: tokens.User{
		ID: u.ID.String(), Number: u.Number, Email: u.Email, Name: u.Name, Role: u.Role,
		Active: u.IsActive, Regular: u.IsRegularUser, Internal: u.IsInternal,
	}}
	if u.Username != nil {
		a.Username = *u.Username
	}
	return a
}

// object is what permissions are asked about a user.
func (d *Directory) object(u db.User) permit.Object {
	return permit.Object{Owners: []string{u.ID.String()}, Role: permit.Role(u.Role), Protected: slices.Contains(d.protected, u.EmailKey)}
}

// ReplaceHash implements passwords.Accounts.
func (d *Directory) ReplaceHash(ctx context.Context, a Account, old, next string) (bool, error) {
	id, err := uuid.Parse(a.ID)
	if err != nil {
		return false, err
	}
	// Another hash of the same password is no news for other gateways, but this one would look it up in vain for a minute.
	defer d.Forget(a.ID)
	return d.store.ReplaceHash(ctx, id, old, next)
}

// Schemes implements passwords.Accounts.
func (d *Directory) Schemes(ctx context.Context) ([]string, error) {
	return d.store.Queries().ListPasswordParameters(ctx)
}

// Forget drops what is kept of a user who was changed by this process, which then need not wait for the feed.
func (d *Directory) Forget(id string) {
	d.kept.Drop(func(k kept) bool { return k.ID == id })
}

// Heard takes what the feed of revocations tells, also where that is nothing. It is tokens.Config.Heard.
func (d *Directory) Heard(all []tokens.Revocation) {
	users := make(map[string]bool, len(all))
	for _, r := range all {
		if r.Kind == tokens.RevokedUser {
			users[r.ID] = true
		}
	}
	if len(users) > 0 {
		d.kept.Drop(func(k kept) bool { return users[k.ID] })
	}
	if !d.listening.Load() {
		// What was read before is not kept now: nobody would have told that it has changed.
		d.kept.Clear()
		d.listening.Store(true)
	}
}

// Silent forgets everything until the feed is heard again. It is tokens.Config.Silent.
func (d *Directory) Silent() {
	d.listening.Store(false)
	d.kept.Clear()
}

var _ passwords.Keeper[Account] = (*Directory)(nil)
