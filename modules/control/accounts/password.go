package accounts

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/passwords"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

// ChangeOwnPassword has a user who shows his password set another; all his logins end. The error is passwords.ErrWrong where the
// old one is wrong, a *WeakError, or one of passwords.Checker.
func (a *Accounts) ChangeOwnPassword(ctx context.Context, who Who, id uuid.UUID, old, next string) (db.User, error) {
	u, err := a.living(ctx, id)
	if err != nil {
		return db.User{}, err
	}
	account, err := a.cfg.Passwords.Check(ctx, passwords.Attempt{User: u.Email, Password: old, From: who.From, Now: true})
	if err != nil {
		return db.User{}, err
	}
	if account.ID != id.String() {
		return db.User{}, passwords.ErrWrong // the address is another's since a moment ago
	}
	return a.setPassword(ctx, who, id, next, func(row *db.User) error {
		// Somebody may have taken the password from whoever is here meanwhile.
		if !same(row.PasswordChangedAt, u.PasswordChangedAt) {
			return passwords.ErrWrong
		}
		return nil
	})
}

func same(a, b *time.Time) bool { return a == b || a != nil && b != nil && a.Equal(*b) }

// SetPassword has an administrator set another's password; all logins of that one end. The error is ErrNoUser, a
// *permit.DeniedError where the user is above who is there, a *WeakError, or one of passwords.Checker.Hash.
func (a *Accounts) SetPassword(ctx context.Context, who Who, id uuid.UUID, next string) (db.User, error) {
	return a.setPassword(ctx, who, id, next, func(row *db.User) error {
		// By the row as it is now: the user may have risen since who is there was let in.
		if d := a.cfg.Table.Decide("user.password", who.Caller, a.cfg.Directory.object(*row)); d != nil {
			return d
		}
		return nil
	})
}

func (a *Accounts) setPassword(ctx context.Context, who Who, id uuid.UUID, next string, may func(*db.User) error) (db.User, error) {
	if err := strong(next); err != nil {
		return db.User{}, err
	}
	hash, err := a.cfg.Passwords.Hash(ctx, who.From, next)
	if err != nil {
		return db.User{}, err
	}
	u, err := a.cfg.Store.ChangeUser(ctx, who.By, id, func(row *db.User) error {
		if row.DeletedAt != nil {
			return ErrNoUser
		}
		if err := may(row); err != nil {
			return err
		}
		row.PasswordHash, row.PasswordChangedAt = hash, now()
		return nil
	})
	if errors.Is(err, sql.ErrNoRows) {
		return db.User{}, ErrNoUser
	}
	if err != nil {
		return db.User{}, err
	}
	a.changed(id)
	a.log.InfoContext(ctx, "a password was changed", slog.String("user", id.String()), slog.String("by", who.Actor))
	return u, nil
}

// living gives a user who was not deleted.
func (a *Accounts) living(ctx context.Context, id uuid.UUID) (db.User, error) {
	return alive(a.cfg.Store.Queries().GetUser(ctx, id))
}

// alive has users who were deleted not be there.
func alive(u db.User, err error) (db.User, error) {
	if errors.Is(err, sql.ErrNoRows) || err == nil && u.DeletedAt != nil {
		return db.User{}, ErrNoUser
	}
	return u, err
}

// RecoverPassword mails a link by which a user sets another password, who is named by his id or address. Whoever asks learns
// nothing of whether there is such a user: the error is nil, or a *LimitedError of what was asked for, or the store's; and what
// is written is the same but for the letter.
func (a *Accounts) RecoverPassword(ctx context.Context, who Who, login string) error {
	named := queries.Key(login)
	for _, of := range []string{"address " + network(who.From), "name " + named} {
		if err := a.refusing(ctx, "recover", of, 1, time.Minute); err != nil {
			return err
		}
		if err := a.refusing(ctx, "recover", of, a.cfg.Recoveries, time.Hour); err != nil {
			return err
		}
	}
	u, err := a.named(ctx, login)
	if err != nil && !errors.Is(err, ErrNoUser) {
		return err
	}
	// Who has an address that no mail can be sent to is nobody, too.
	to, known := u.Email, err == nil && checkAddress(u.Email) == nil
	// By whichever of his names a user is asked for, he gets no more letters than this.
	of := "user " + u.ID.String()
	if !known {
		to, of = "", "nobody "+named
	}
	err = a.limited(ctx, "recover", of, a.cfg.Recoveries, time.Hour)
	if err != nil && !isLimited(err) {
		return err
	}
	var whose *db.User
	if known && err == nil {
		whose = &u
	}
	return a.cfg.Store.InTx(ctx, func(q db.Querier) error {
		return a.link(ctx, q, who.By, whose, to, queries.LinkRecover)
	})
}

// named gives the living user of an id or an address.
func (a *Accounts) named(ctx context.Context, login string) (db.User, error) {
	if id, err := uuid.Parse(login); err == nil {
		return a.living(ctx, id)
	}
	if strings.ContainsRune(login, 0) || !utf8.ValidString(login) {
		return db.User{}, ErrNoUser // no database looks for it
	}
	return alive(a.cfg.Store.Queries().GetUserByEmail(ctx, queries.Key(login)))
}

// ResetPassword has whoever shows the token of a link set the password of its user; all logins of that one end, and the address
// counts as verified. The error is ErrLink, a *WeakError, which leaves the link good, or one of passwords.Checker.Hash. Of those
// who use a link at once one does.
func (a *Accounts) ResetPassword(ctx context.Context, who Who, token, next string) (db.User, error) {
	hash, ok := linkHash(token)
	if !ok {
		return db.User{}, ErrLink
	}
	// Whoever guesses has no password hashed.
	if _, purpose, err := a.cfg.Store.FindLink(ctx, hash); err != nil || purpose == queries.LinkVerify {
		return db.User{}, noLink(err)
	}
	if err := strong(next); err != nil {
		return db.User{}, err
	}
	password, err := a.cfg.Passwords.Hash(ctx, who.From, next)
	if err != nil {
		return db.User{}, err
	}
	var u db.User
	err = a.cfg.Store.InTx(ctx, func(q db.Querier) error {
		id, _, err := queries.UseLink(ctx, q, hash)
		if err != nil {
			return noLink(err)
		}
		// Who has the link is its user, whoever he says he is.
		by := queries.By{Actor: "user:" + id.String(), User: &id, RequestID: who.RequestID}
		u, err = queries.AlterUser(ctx, q, by, id, func(row *db.User) error {
			row.PasswordHash, row.PasswordChangedAt = password, now()
			if row.EmailVerifiedAt == nil {
				row.EmailVerifiedAt = row.PasswordChangedAt
			}
			return nil
		})
		return err
	})
	if err != nil {
		return db.User{}, err
	}
	a.changed(u.ID)
	a.log.InfoContext(ctx, "a password was reset", slog.String("user", u.ID.String()))
	return u, nil
}

// noLink tells a link that is not good from a store that fails.
func noLink(err error) error {
	if err == nil || errors.Is(err, sql.ErrNoRows) {
		return ErrLink
	}
	return err
}
