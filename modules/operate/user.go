package operate

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/fairway-gateway/fairway/modules/command"
	"github.com/fairway-gateway/fairway/modules/control/accounts"
	"github.com/fairway-gateway/fairway/modules/control/passwords"
	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

func roles() []string {
	return []string{string(permit.User), string(permit.Admin), string(permit.Superadmin)}
}

func userGroup() caddycmd.Command {
	add := command.Sub("add <email>", "Makes a user", addUser)
	f := add.Flags()
	f.String("username", "", "Name to log in with, beside the address")
	f.String("name", "", "What people call the user (default: the username, or what of the address is before the @)")
	f.String("role", string(permit.User), "USER, ADMIN or SUPERADMIN")
	f.String("country", "", "Country")
	f.String("institution", "", "Institution")
	f.Bool("active", true, "Whether the user may log in")
	f.Bool("regular", true, "Whether the user may write, as Houston has it")
	f.Bool("internal", false, "Whether the user counts as staff, as Houston has it")
	command.PasswordFlag(f)
	among(add, "role", roles()...)
	passwd := command.Sub("passwd <user>", "Sets another password, and ends all logins of the user", setPassword)
	command.PasswordFlag(passwd.Flags())
	role := command.Sub("role <user> <role>", "Gives a user another role: USER, ADMIN or SUPERADMIN", setRole)
	role.ValidArgsFunction = func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) == 1 {
			return roles(), cobra.ShellCompDirectiveNoFileComp
		}
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return command.Group("user", "add|list|passwd|role|activate|deactivate|delete|restore ... [--config file] [--json]", "Works on the users of the store", `
Works on users. One is named by his number, e-mail address, username or id; digits alone
are a number.

A new password is asked for on a terminal, twice, and not shown; without a terminal it is
the first line of standard input, or of the file of --password-file. It has at least 12
characters, with an upper and a lower case letter, a digit, and one that is none of these.
`+exitCodes,
		add,
		command.Sub("list", "Lists the users", listUsers),
		passwd, role,
		command.Sub("activate <user>", "Lets a user log in again", activate(true)),
		command.Sub("deactivate <user>", "Lets a user not log in any more, and his tokens not be taken", activate(false)),
		command.Sub("delete <user>", "Deletes a user, who can be restored; the address is free then", deleteUser),
		command.Sub("restore <user>", "Restores a deleted user, by number or id", restoreUser),
	)
}

// user is a user as commands print him.
type user struct {
	Number      int64      `json:"number"`
	ID          uuid.UUID  `json:"id"`
	Email       string     `json:"email"`
	Username    *string    `json:"username"`
	Name        string     `json:"name"`
	Role        string     `json:"role"`
	Active      bool       `json:"active"`
	Regular     bool       `json:"regular"`
	Internal    bool       `json:"internal"`
	CreatedAt   time.Time  `json:"created_at"`
	LastLoginAt *time.Time `json:"last_login_at"`
}

func userOf(u db.User) user {
	return user{
		Number: u.Number, ID: u.ID, Email: u.Email, Username: u.Username, Name: u.Name, Role: u.Role, Active: u.IsActive,
		Regular: u.IsRegularUser, Internal: u.IsInternal, CreatedAt: u.CreatedAt, LastLoginAt: u.LastLoginAt,
	}
}

// changed is a user with what was done to him: a sentence with a place for number and address.
type changed struct {
	user

	sentence string
}

// Text implements command.Report.
func (c changed) Text(w io.Writer) error {
	return command.Line(w, c.sentence, fmt.Sprintf("user %d, %s", c.Number, c.Email))
}

func did(u db.User, sentence string) changed { return changed{userOf(u), sentence} }

// opened is the store with what is done to accounts.
type opened struct {
	*queries.Store
	accounts *accounts.Accounts
	who      accounts.Who
}

// errNoLetters says that a command mails nothing.
var errNoLetters = errors.New("a command mails nothing")

func open(ctx context.Context, c *command.Call) (*opened, error) {
	s, err := c.Store(ctx)
	if err != nil {
		return nil, err
	}
	directory := accounts.NewDirectory(s, accounts.DirectoryConfig{})
	checker, err := passwords.New(directory, passwords.Config{Realm: "users"})
	if err != nil {
		return nil, err
	}
	none := func(context.Context, db.Querier, string, string, time.Time) error { return errNoLetters }
	key := make([]byte, 32) // of counters, which operators have none of
	_, _ = rand.Read(key)   // never fails
	a, err := accounts.New(accounts.Config{
		Store: s, Directory: directory, Passwords: checker, Table: permit.New(), Key: key,
		Letters: accounts.Letters{Created: none, Recover: none},
	})
	if err != nil {
		return nil, err
	}
	return &opened{Store: s, accounts: a, who: accounts.Operator(c.By().Actor)}, nil
}

func addUser(ctx context.Context, c *command.Call) (command.Report, error) {
	n := accounts.NewUser{Email: c.Args[0]}
	f := c.Flags()
	texts := map[string]*string{"username": &n.Username, "name": &n.Name, "role": &n.Role, "country": &n.Country, "institution": &n.Institution}
	for option, to := range texts {
		var err error
		if *to, err = f.GetString(option); err != nil {
			return nil, err
		}
	}
	var active, regular bool
	for option, to := range map[string]*bool{"active": &active, "regular": &regular, "internal": &n.Internal} {
		var err error
		if *to, err = f.GetBool(option); err != nil {
			return nil, err
		}
	}
	n.Inactive, n.NotRegular = !active, !regular
	if n.Name == "" {
		n.Name = n.Username
	}
	if n.Name == "" {
		n.Name, _, _ = strings.Cut(n.Email, "@")
	}
	var err error
	if n.Role, err = oneOf("a role", n.Role, roles()); err != nil {
		return nil, err
	}
	if n.Password, err = c.NewPassword(ctx, n.Email); err != nil {
		return nil, err
	}
	o, err := open(ctx, c)
	if err != nil {
		return nil, err
	}
	u, err := o.accounts.Create(ctx, o.who, n)
	if err != nil {
		return nil, failed(err)
	}
	return did(u, "%s, was added as "+u.Role), nil
}

// users are what list prints.
type users struct {
	Users []user `json:"users"`
}

// Text implements command.Report.
func (l users) Text(w io.Writer) error {
	rows := make([][]string, len(l.Users))
	for i, u := range l.Users {
		name := ""
		if u.Username != nil {
			name = *u.Username
		}
		active := "yes"
		if !u.Active {
			active = "no"
		}
		rows[i] = []string{strconv.FormatInt(u.Number, 10), u.Email, name, u.Role, active, command.Time(&u.CreatedAt), command.Time(u.LastLoginAt)}
	}
	return command.Table(w, []string{"NUMBER", "EMAIL", "USERNAME", "ROLE", "ACTIVE", "CREATED", "LAST LOGIN"}, rows)
}

// page is how many rows are asked for at once.
const page = 500

func listUsers(ctx context.Context, c *command.Call) (command.Report, error) {
	s, err := c.Store(ctx)
	if err != nil {
		return nil, err
	}
	out := users{Users: []user{}}
	for after := int64(0); ; {
		rows, err := s.Queries().ListUsers(ctx, db.ListUsersParams{After: after, AtMost: page})
		if err != nil {
			return nil, err
		}
		for _, u := range rows {
			out.Users = append(out.Users, userOf(u))
			after = u.Number
		}
		if len(rows) < page {
			return out, nil
		}
	}
}

func setPassword(ctx context.Context, c *command.Call) (command.Report, error) {
	o, err := open(ctx, c)
	if err != nil {
		return nil, err
	}
	u, err := findUser(ctx, o.Store, c.Args[0])
	if err != nil {
		return nil, err
	}
	password, err := c.NewPassword(ctx, u.Email)
	if err != nil {
		return nil, err
	}
	if u, err = o.accounts.SetPassword(ctx, o.who, u.ID, password); err != nil {
		return nil, failed(err)
	}
	return did(u, "%s, has another password; all logins have ended"), nil
}

// change writes something into a user who is named by the first argument.
func change(ctx context.Context, c *command.Call, write func(*db.User)) (db.User, error) {
	s, err := c.Store(ctx)
	if err != nil {
		return db.User{}, err
	}
	u, err := findUser(ctx, s, c.Args[0])
	if err != nil {
		return db.User{}, err
	}
	u, err = s.ChangeUser(ctx, c.By(), u.ID, func(row *db.User) error {
		if row.DeletedAt != nil {
			return accounts.ErrNoUser
		}
		write(row)
		return nil
	})
	if err != nil {
		return db.User{}, failed(err)
	}
	return u, nil
}

func setRole(ctx context.Context, c *command.Call) (command.Report, error) {
	role, err := oneOf("a role", c.Args[1], roles())
	if err != nil {
		return nil, err
	}
	u, err := change(ctx, c, func(row *db.User) { row.Role = role })
	if err != nil {
		return nil, err
	}
	return did(u, "%s, is "+role+" now"), nil
}

func activate(active bool) command.Do {
	return func(ctx context.Context, c *command.Call) (command.Report, error) {
		u, err := change(ctx, c, func(row *db.User) { row.IsActive = active })
		if err != nil {
			return nil, err
		}
		if active {
			return did(u, "%s, may log in"), nil
		}
		return did(u, "%s, may not log in any more"), nil
	}
}

func deleteUser(ctx context.Context, c *command.Call) (command.Report, error) {
	s, err := c.Store(ctx)
	if err != nil {
		return nil, err
	}
	u, err := findUser(ctx, s, c.Args[0])
	if err != nil {
		return nil, err
	}
	if u, err = s.DeleteUser(ctx, c.By(), u.ID); err != nil {
		return nil, gone(err, c.Args[0])
	}
	return did(u, fmt.Sprintf("%%s, was deleted; fairway user restore %d brings the user back", u.Number)), nil
}

func restoreUser(ctx context.Context, c *command.Call) (command.Report, error) {
	s, err := c.Store(ctx)
	if err != nil {
		return nil, err
	}
	name := c.Args[0]
	_, number := digits(name)
	if _, err := uuid.Parse(name); err != nil && !number {
		return nil, command.Usagef("a deleted user is named by number or id: others may have the address now")
	}
	u, err := lookUp(ctx, s, name)
	if err != nil {
		return nil, gone(err, name)
	}
	if u.DeletedAt == nil {
		return nil, command.Missingf("the user %s is not deleted", name)
	}
	if u, err = s.RestoreUser(ctx, c.By(), u.ID); err != nil {
		return nil, gone(err, name)
	}
	return did(u, "%s, is back"), nil
}
