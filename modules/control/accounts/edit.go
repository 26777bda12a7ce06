package accounts

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/passwords"
	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
	"github.com/fairway-gateway/fairway/queries/rows"
)

// Update has change write into a living user, by the operation of the table that lets who is there do so: it is asked again, about
// the user as he is now. What was written is trimmed and checked; a name that was written has its parts made of it, and the other
// way round; an address that was written is not verified. The error is ErrNoUser, a *permit.DeniedError, an *InvalidError, a
// *queries.TakenError, or what change gave, and then nothing is written. change must not use the store.
func (a *Accounts) Update(ctx context.Context, who Who, operation string, id uuid.UUID, change func(*db.User) error) (db.User, error) {
	u, err := a.cfg.Store.ChangeUser(ctx, who.By, id, func(row *db.User) error {
		if err := a.mayNow(who, operation, *row); err != nil {
			return err
		}
		old := *row
		if err := change(row); err != nil {
			return err
		}
		return tidy(old, row)
	})
	if err != nil {
		return db.User{}, noUser(err)
	}
	a.changed(id)
	a.log.InfoContext(ctx, "a user was changed", slog.String("user", id.String()), slog.String("by", who.Actor))
	return u, nil
}

// mayNow says whether somebody may still do an operation to a user.
func (a *Accounts) mayNow(who Who, operation string, row db.User) error {
	if row.DeletedAt != nil {
		return ErrNoUser
	}
	if d := a.cfg.Table.Decide(operation, who.Caller, a.cfg.Directory.object(row)); d != nil {
		return d
	}
	return nil
}

func noUser(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNoUser
	}
	return err
}

// Delete marks a living user as deleted, which frees his address and ends all that he is logged in with. The error is ErrNoUser or
// a *permit.DeniedError.
func (a *Accounts) Delete(ctx context.Context, who Who, operation string, id uuid.UUID) (db.User, error) {
	u, err := a.living(ctx, id)
	if err != nil {
		return db.User{}, err
	}
	if err := a.mayNow(who, operation, u); err != nil {
		return db.User{}, err
	}
	if u, err = a.cfg.Store.DeleteUser(ctx, who.By, id); err != nil {
		return db.User{}, noUser(err)
	}
	a.changed(id)
	a.log.InfoContext(ctx, "a user was deleted", slog.String("user", id.String()), slog.String("by", who.Actor))
	return u, nil
}

// Restore brings a deleted user back. The error is ErrNoUser, or a *queries.TakenError where somebody has his address or name now.
func (a *Accounts) Restore(ctx context.Context, who Who, id uuid.UUID) (db.User, error) {
	u, err := a.cfg.Store.RestoreUser(ctx, who.By, id)
	if err != nil {
		return db.User{}, noUser(err)
	}
	a.changed(id)
	a.log.InfoContext(ctx, "a user was restored", slog.String("user", id.String()), slog.String("by", who.Actor))
	return u, nil
}

// deleted gives the deleted user of an id or a number, or who was the last to be deleted with an address.
func (a *Accounts) deleted(ctx context.Context, value string) (db.User, error) {
	where, err := namedBy(value)
	if err != nil {
		return db.User{}, ErrNoUser // it is no text of a store
	}
	all, err := queries.List(ctx, a.cfg.Store, queries.DeletedUsers(), rows.Request{
		Where: where, Order: []rows.Order{{Column: rows.NewColumn("deleted_at", rows.Time), Descending: true}}, Limit: 1,
	})
	if err != nil {
		return db.User{}, err
	}
	if len(all) == 0 {
		return db.User{}, ErrNoUser
	}
	return all[0], nil
}

func namedBy(value string) (rows.Condition, error) {
	if n, err := strconv.ParseInt(value, 10, 64); err == nil {
		return rows.Compare(rows.NewColumn("number", rows.Integer), rows.Equal, n)
	}
	if id, err := uuid.Parse(value); err == nil {
		return rows.Compare(rows.NewColumn("id", rows.ID), rows.Equal, id)
	}
	return rows.Compare(rows.NewColumn("email_key", rows.Key), rows.Equal, queries.Key(value))
}

// SetHash is how Update writes a password that NewHash gave: all that the user is logged in with ends.
func SetHash(row *db.User, hash string) { row.PasswordHash, row.PasswordChangedAt = hash, now() }

// NewHash hashes a password that a user is to have. The error is a *WeakError, or one of passwords.Checker.Hash.
func (a *Accounts) NewHash(ctx context.Context, who Who, password string) (string, error) {
	if err := strong(password); err != nil {
		return "", err
	}
	return a.cfg.Passwords.Hash(ctx, who.From, password)
}

// Knows says whether somebody has shown the password of a user. The error is passwords.ErrWrong, or another of passwords.Checker.
func (a *Accounts) Knows(ctx context.Context, who Who, u db.User, password string) error {
	account, err := a.cfg.Passwords.Check(ctx, passwords.Attempt{User: u.Email, Password: password, From: who.From, Now: true})
	if err != nil {
		return err
	}
	if account.ID != u.ID.String() {
		return passwords.ErrWrong // the address is another's since a moment ago
	}
	return nil
}

// ValidRole says whether there is a role.
func ValidRole(role string) error {
	switch permit.Role(role) {
	case permit.User, permit.Admin, permit.Superadmin:
		return nil
	case permit.Nobody:
	}
	return &InvalidError{Field: "role", Message: "role not valid"}
}

// tidy trims and checks what was written into a row, and makes what follows from it.
func tidy(old db.User, row *db.User) error {
	for _, f := range []struct {
		name string
		was  string
		at   *string
	}{
		{"name", old.Name, &row.Name},
		{"first_name", old.FirstName, &row.FirstName},
		{"middle_name", old.MiddleName, &row.MiddleName},
		{"last_name", old.LastName, &row.LastName},
		{"country", old.Country, &row.Country},
		{"institution", old.Institution, &row.Institution},
		{"email", old.Email, &row.Email},
	} {
		if *f.at == f.was {
			continue // whatever it is
		}
		*f.at = strings.TrimSpace(*f.at)
		if err := checkText(f.name, *f.at, mostText); err != nil {
			return err
		}
	}
	if row.Email != old.Email {
		if err := checkAddress(row.Email); err != nil {
			return err
		}
		if queries.Key(row.Email) != queries.Key(old.Email) {
			row.EmailVerifiedAt = nil
		}
	}
	parts := row.FirstName != old.FirstName || row.MiddleName != old.MiddleName || row.LastName != old.LastName
	switch {
	case row.Name != old.Name && !parts:
		row.FirstName, row.LastName = splitName(row.Name)
		row.MiddleName = ""
	case row.Name == old.Name && parts:
		row.Name = cmp.Or(strings.Join(strings.Fields(row.FirstName+" "+row.MiddleName+" "+row.LastName), " "), row.Name)
	}
	if row.Name == "" {
		return &InvalidError{Field: "name", Message: "Name is required"}
	}
	return ValidRole(row.Role)
}

// CheckProfile refuses a text of the profile that is none, or too long.
func CheckProfile(name, text string) error {
	return checkText(name, strings.NewReplacer("\n", " ", "\r", " ", "\t", " ").Replace(text), mostProfile)
}
