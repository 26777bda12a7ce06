package queries

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"

	"github.com/fairway-gateway/fairway/queries/db"
	"github.com/fairway-gateway/fairway/queries/rows"
)

// TakenError says that something else has a value already that only one may have.
type TakenError struct {
	// Field is the column: "email" or "username" of a user, "user_id" of a team's member, "client_id" of a client, "slug" of a script.
	Field string
}

func (e *TakenError) Error() string { return "the " + e.Field + " is taken" }

// Key is the form of an e-mail address or a user name in which it is unique: composed and in lower case, the same on both
// engines. Mail is sent to the address as it is written, never to its key.
func Key(text string) string { return rows.Fold(text) }

// CreateUser makes a user: a zero ID becomes a new one, the keys are made of Email and Username, and Number, Version and the
// times are the database's. The error is a *TakenError where a living user has an address or name.
func (s *Store) CreateUser(ctx context.Context, by By, u db.User) (db.User, error) {
	var made db.User
	err := s.inTx(ctx, func(q db.Querier) (err error) {
		made, err = AddUser(ctx, q, by, u)
		return err
	})
	if err != nil {
		return db.User{}, err
	}
	return made, nil
}

// AddUser is CreateUser with q, so in its transaction.
func AddUser(ctx context.Context, q db.Querier, by By, u db.User) (db.User, error) {
	if err := completeUser(&u); err != nil {
		return db.User{}, err
	}
	if u.ID == uuid.Nil {
		id, err := uuid.NewV7()
		if err != nil {
			return db.User{}, err
		}
		u.ID = id
	}
	made, err := q.InsertUser(ctx, db.InsertUserParams{
		ID: u.ID, Email: u.Email, EmailKey: u.EmailKey, Username: u.Username, UsernameKey: u.UsernameKey,
		Name: u.Name, FirstName: u.FirstName, MiddleName: u.MiddleName, LastName: u.LastName,
		Country: u.Country, Institution: u.Institution, Profile: u.Profile, Role: u.Role,
		IsActive: u.IsActive, IsRegularUser: u.IsRegularUser, IsInternal: u.IsInternal,
		IsPluginUser: u.IsPluginUser, IsInMailingList: u.IsInMailingList,
		PasswordHash: u.PasswordHash, PasswordParameters: u.PasswordParameters,
		PasswordChangedAt: u.PasswordChangedAt, EmailVerifiedAt: u.EmailVerifiedAt,
	})
	if err != nil {
		return db.User{}, taken(err)
	}
	return made, auditUser(ctx, q, by, "user.create", db.User{}, made)
}

// ChangeUser has change write into a living user, whom nobody else changes meanwhile, and writes what came of it. An error of
// change is given back, and nothing is written. ID, Number, Version and the times of making and deleting stay. Where there is
// no such user the error is sql.ErrNoRows; an address or name of another is a *TakenError. Another password
// ends all logins and links, and what tokens depend on is told as a revocation. change must not use the store.
func (s *Store) ChangeUser(ctx context.Context, by By, id uuid.UUID, change func(*db.User) error) (db.User, error) {
	var next db.User
	err := s.inTx(ctx, func(q db.Querier) (err error) {
		next, err = AlterUser(ctx, q, by, id, change)
		return err
	})
	if err != nil {
		return db.User{}, err
	}
	return next, nil
}

// AlterUser is ChangeUser with q, so in its transaction, in which it comes last.
func AlterUser(ctx context.Context, q db.Querier, by By, id uuid.UUID, change func(*db.User) error) (db.User, error) {
	old, err := q.LockUser(ctx, id)
	if err != nil {
		return db.User{}, err
	}
	u := old
	if err := change(&u); err != nil {
		return db.User{}, err
	}
	if err := completeUser(&u); err != nil {
		return db.User{}, err
	}
	next, err := q.UpdateUser(ctx, db.UpdateUserParams{
		ID: id, Version: old.Version, Email: u.Email, EmailKey: u.EmailKey, Username: u.Username, UsernameKey: u.UsernameKey,
		Name: u.Name, FirstName: u.FirstName, MiddleName: u.MiddleName, LastName: u.LastName,
		Country: u.Country, Institution: u.Institution, Profile: u.Profile, Role: u.Role,
		IsActive: u.IsActive, IsRegularUser: u.IsRegularUser, IsInternal: u.IsInternal,
		IsPluginUser: u.IsPluginUser, IsInMailingList: u.IsInMailingList,
		PasswordHash: u.PasswordHash, PasswordParameters: u.PasswordParameters,
		PasswordChangedAt: u.PasswordChangedAt, EmailVerifiedAt: u.EmailVerifiedAt,
	})
	if err != nil {
		return db.User{}, taken(err)
	}
	if err := auditUser(ctx, q, by, "user.change", old, next); err != nil {
		return db.User{}, err
	}
	return next, tellOfUser(ctx, q, old, next)
}

// DeleteUser marks a living user as deleted, which frees address and name, ends all logins, and cancels what the user has executed;
// sql.ErrNoRows: there is none.
func (s *Store) DeleteUser(ctx context.Context, by By, id uuid.UUID) (db.User, error) {
	return s.mark(ctx, by, "user.delete", func(q db.Querier) (db.User, error) { return q.DeleteUser(ctx, id) })
}

// RestoreUser brings a deleted user back; sql.ErrNoRows: there is none. The error is a *TakenError where somebody has the
// address or name now.
func (s *Store) RestoreUser(ctx context.Context, by By, id uuid.UUID) (db.User, error) {
	return s.mark(ctx, by, "user.restore", func(q db.Querier) (db.User, error) { return q.RestoreUser(ctx, id) })
}

func (s *Store) mark(ctx context.Context, by By, action string, run func(db.Querier) (db.User, error)) (db.User, error) {
	var u db.User
	err := s.move(ctx, func(q db.Querier, now time.Time) (err error) {
		if u, err = run(q); err != nil {
			return err
		}
		if err := audit(ctx, q, by, action, "user:"+u.ID.String(), []byte("{}")); err != nil {
			return err
		}
		if err := endLinks(ctx, q, u.ID); err != nil {
			return err
		}
		if u.DeletedAt != nil {
			if _, err := endFamilies(ctx, q, u.ID); err != nil {
				return err
			}
			if err := s.cancelAllOf(ctx, q, now, u.ID); err != nil {
				return err
			}
		}
		return tell(ctx, q, "user", u.ID.String(), keepTold)
	})
	if err != nil {
		return db.User{}, taken(err)
	}
	return u, nil
}

// FindUser gives the living user whose address, or else whose name, a login is; sql.ErrNoRows: there is none.
func (s *Store) FindUser(ctx context.Context, login string) (db.User, error) {
	if err := plain(login); err != nil {
		return db.User{}, sql.ErrNoRows
	}
	key := Key(login)
	u, err := s.queries().GetUserByEmail(ctx, key)
	if errors.Is(err, sql.ErrNoRows) {
		return s.queries().GetUserByUsername(ctx, &key)
	}
	return u, err
}

// ReplaceHash writes another hash of the same password. It is no change of the user: nothing ends, and the audit log is told
// nothing. False: the password was changed meanwhile.
func (s *Store) ReplaceHash(ctx context.Context, id uuid.UUID, old, next string) (bool, error) {
	if err := plain(next); err != nil {
		return false, err
	}
	n, err := s.queries().RehashPassword(ctx, db.RehashPasswordParams{ID: id, OldHash: old, PasswordHash: next, PasswordParameters: parameters(next)})
	return n == 1, err
}

// tellOfUser tells what tokens depend on, and who keeps accounts by their addresses and names. Another password ends all logins, the first one none.
func tellOfUser(ctx context.Context, q db.Querier, old, next db.User) error {
	password := old.PasswordHash != next.PasswordHash
	if password {
		if err := endLinks(ctx, q, next.ID); err != nil {
			return err
		}
	}
	if password && old.PasswordHash != "" {
		if _, err := endFamilies(ctx, q, next.ID); err != nil {
			return err
		}
	}
	if !password && standing(old) == standing(next) {
		return nil
	}
	return tell(ctx, q, "user", next.ID.String(), keepTold)
}

// standing is what of a user others keep for a while.
func standing(u db.User) [4]any {
	username := ""
	if u.Username != nil {
		username = *u.Username
	}
	return [4]any{[3]string{u.Email, username, u.Name}, u.Role, u.IsActive, [2]bool{u.IsRegularUser, u.IsInternal}}
}

func auditUser(ctx context.Context, q db.Querier, by By, action string, old, next db.User) error {
	diff, err := diffOf(old, next)
	if err != nil {
		return err
	}
	return audit(ctx, q, by, action, "user:"+next.ID.String(), diff)
}

// completeUser makes what follows from other columns, and refuses text that PostgreSQL does.
func completeUser(u *db.User) error {
	if err := plain(u.Email, u.Name, u.FirstName, u.MiddleName, u.LastName, u.Country, u.Institution, u.PasswordHash, string(u.Profile)); err != nil {
		return err
	}
	u.EmailKey, u.UsernameKey = Key(u.Email), nil
	if u.Username != nil {
		if err := plain(*u.Username); err != nil {
			return err
		}
		key := Key(*u.Username)
		u.UsernameKey = &key
	}
	if len(u.Profile) == 0 {
		u.Profile = []byte("{}")
	}
	u.PasswordParameters = parameters(u.PasswordHash)
	return nil
}

// plain refuses what one of the engines would.
func plain(texts ...string) error {
	for _, t := range texts {
		if !utf8.ValidString(t) || strings.ContainsRune(t, 0) {
			return errors.New("text in the store is UTF-8 without NUL")
		}
	}
	return nil
}

// parameters are what of a hash says how it is made: $argon2id$v=19$m=19456,t=2,p=1 of a PHC string, $2b$12 of bcrypt.
func parameters(hash string) string {
	if hash == "" {
		return ""
	}
	parts := strings.Split(hash, "$")
	keep := len(parts) - 2
	if strings.HasPrefix(hash, "$2") {
		keep = 3
	}
	if keep < 2 || keep > len(parts) {
		return "unknown"
	}
	return strings.Join(parts[:keep], "$")
}

// taken makes a *TakenError of an error that says so.
func taken(err error) error {
	var said string
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == "23505" {
		said = pg.ConstraintName
	} else if lite, ok := errors.AsType[*sqlite.Error](err); ok && (lite.Code() == constraintUnique || lite.Code() == constraintPrimary) {
		said = lite.Error()
	}
	if said == "" {
		return err
	}
	for _, one := range []struct{ of, field string }{
		{"users_email_key", "email"},
		{"users.email_key", "email"},
		{"users_username_key", "username"},
		{"users.username_key", "username"},
		{"team_members", "user_id"},
		{"oauth_clients_client_id", "client_id"},
		{"scripts_slug", "slug"},
		{"scripts.slug", "slug"},
		{"oauth_clients.client_id", "client_id"},
		{"scripts_slug", "slug"},
		{"scripts.slug", "slug"},
	} {
		if strings.Contains(said, one.of) {
			return &TakenError{Field: one.field}
		}
	}
	return fmt.Errorf("what must be unique is not: %w", err)
}

const (
	constraintUnique  = 2067 // SQLITE_CONSTRAINT_UNIQUE
	constraintPrimary = 1555 // SQLITE_CONSTRAINT_PRIMARYKEY
)
