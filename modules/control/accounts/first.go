package accounts

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/netip"
	"os"
	"strings"

	"github.com/fairway-gateway/fairway/modules/control/passwords"
	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

// FirstAdmin says who the first user of a store is.
type FirstAdmin struct {
	// Email is his address. Default admin@localhost.
	Email string
	// Password is his password, which has to be a good one. Default: a random one, which is printed once.
	Password string
	// PasswordFile is a file with the password; a line break at its end is none of it. Not with Password.
	PasswordFile string
	// Print is where a random password is printed, once in the life of the store: the log would keep it. Required.
	Print io.Writer
}

// FirstAdminOf reads FAIRWAY_ADMIN_EMAIL, FAIRWAY_ADMIN_PASSWORD and FAIRWAY_ADMIN_PASSWORD_FILE.
func FirstAdminOf(env func(string) string, printer io.Writer) FirstAdmin {
	return FirstAdmin{
		Email: env("FAIRWAY_ADMIN_EMAIL"), Password: env("FAIRWAY_ADMIN_PASSWORD"), PasswordFile: env("FAIRWAY_ADMIN_PASSWORD_FILE"), Print: printer,
	}
}

const (
	firstEmail = "admin@localhost"
	// markFirstAdmin is the mark of a store that has, or had, users.
	markFirstAdmin = "first-admin"
	// mostPasswordFile is how many bytes of a file with a password are read.
	mostPasswordFile = 4096
)

// Starter makes what a store has from the start.
type Starter struct {
	Store *queries.Store
	// Passwords hashes.
	Passwords *passwords.Checker[Account]
}

// EnsureFirstAdmin makes the first user, a SUPERADMIN, where a store never had one, however many gateways of the store do so at
// once. Made says that this one did. A password that was made up is printed after it is stored, and never again: whoever has
// missed it sets another by the command. It is not refused later; as elsewhere, its user is told to change it.
func (s Starter) EnsureFirstAdmin(ctx context.Context, first FirstAdmin) (made bool, err error) {
	// Nearly always there are users, and neither a password is read nor a hash made.
	if has, err := s.Store.Queries().HasUsers(ctx); err != nil || has {
		return false, err
	}
	password, generated, err := first.password()
	if err != nil {
		return false, err
	}
	if generated && first.Print == nil {
		return false, errors.New("there is nowhere to print the password of the first administrator")
	}
	email := strings.TrimSpace(first.Email)
	if email == "" {
		email = firstEmail
	}
	n := NewUser{Email: email, Name: "Administrator", Role: string(permit.Superadmin), Internal: true}
	if err := n.check(); err != nil {
		return false, fmt.Errorf("FAIRWAY_ADMIN_EMAIL: %w", err)
	}
	u, err := n.row()
	if err != nil {
		return false, err
	}
	if u.PasswordHash, err = s.Passwords.Hash(ctx, netip.Addr{}, password); err != nil {
		return false, err
	}
	u.PasswordChangedAt = now()
	err = s.Store.InTx(ctx, func(q db.Querier) error {
		if made, err = s.fresh(ctx, q); err != nil || !made {
			return err
		}
		_, err := queries.AddUser(ctx, q, queries.By{Actor: "start"}, u)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("making the first administrator: %w", err)
	}
	if made && generated {
		_, err = fmt.Fprintf(first.Print, "\nThe store was empty. This is its first administrator; the password is shown this once:\n\n    e-mail:   %s\n    password: %s\n\nLog in and change it, or set another with: fairway user passwd %s\n\n", email, password, email)
	}
	return made, err
}

// fresh says that a store never had a user. Who asks at the same time waits for the end of the transaction, and gets false if it
// is committed.
func (s Starter) fresh(ctx context.Context, q db.Querier) (bool, error) {
	first, err := queries.Mark(ctx, q, markFirstAdmin)
	if err != nil || !first {
		return false, err
	}
	has, err := q.HasUsers(ctx)
	return !has, err
}

// password gives that of the first administrator.
func (f FirstAdmin) password() (password string, generated bool, err error) {
	source := "FAIRWAY_ADMIN_PASSWORD"
	password = f.Password
	switch {
	case f.Password != "" && f.PasswordFile != "":
		return "", false, errors.New("there is FAIRWAY_ADMIN_PASSWORD, and FAIRWAY_ADMIN_PASSWORD_FILE: which of both?")
	case f.PasswordFile != "":
		source = "FAIRWAY_ADMIN_PASSWORD_FILE"
		if password, err = readPassword(f.PasswordFile); err != nil {
			return "", false, fmt.Errorf("%s: %w", source, err)
		}
	case f.Password == "":
		return RandomPassword(), true, nil
	}
	if err := strong(password); err != nil {
		return "", false, fmt.Errorf("%s: %w", source, err)
	}
	return password, false, nil
}

func readPassword(name string) (string, error) {
	file, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer file.Close()
	raw, err := io.ReadAll(io.LimitReader(file, mostPasswordFile))
	if err != nil {
		return "", err
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(raw), "\n"), "\r"), nil
}

// RandomPassword makes a password that the rule takes: five groups of five letters and digits, over 120 bits. Those that look
// like others (0 O 1 l I) are not in it.
func RandomPassword() string {
	const letters = "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
	for {
		var out strings.Builder
		for i := range 25 {
			if i > 0 && i%5 == 0 {
				out.WriteByte('-')
			}
			n, _ := rand.Int(rand.Reader, big.NewInt(int64(len(letters)))) // never fails
			out.WriteByte(letters[n.Int64()])
		}
		if len(passwords.Weaknesses(out.String())) == 0 {
			return out.String()
		}
	}
}
