// Package operate has the commands of operators on users, tokens, clients and secrets: fairway user, token, client, secrets.
package operate

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/fairway-gateway/fairway/modules/command"
	"github.com/fairway-gateway/fairway/modules/control/accounts"
	"github.com/fairway-gateway/fairway/modules/control/apitokens"
	"github.com/fairway-gateway/fairway/modules/control/clients"
	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

func init() {
	caddycmd.RegisterCommand(userGroup())
	caddycmd.RegisterCommand(tokenGroup())
	caddycmd.RegisterCommand(clientGroup())
	caddycmd.RegisterCommand(secretsGroup())
	caddycmd.RegisterCommand(mailGroup())
}

// exitCodes is at the end of what each group says of itself.
const exitCodes = `
The store is that of the Caddyfile in the working directory, or of --config. Gateways
may run meanwhile: they know of what is changed within two seconds. The audit log has
each change, by command:<user of the system>.

The exit code is 0 when it was done, 1 when it failed, 2 when the command line, what was
typed in or the configuration is at fault, 3 when there is no such thing. With 2 and 3
nothing was done.`

// failed gives the exit code of an error.
func failed(err error) error {
	code := command.Failed
	switch {
	case is[*accounts.InvalidError](err), is[*accounts.WeakError](err), is[*apitokens.RuleError](err), is[*clients.RuleError](err):
		code = command.Usage
	case errors.Is(err, accounts.ErrNoUser):
		code = command.Missing
	}
	return &command.Error{Code: code, Err: err}
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// findUser gives a living user by what an operator calls him: a number, an id, an address or a user name. Digits alone are a
// number, never a name, so that nobody is taken for another by the name he gave himself.
func findUser(ctx context.Context, s *queries.Store, name string) (db.User, error) {
	u, err := lookUp(ctx, s, name)
	if errors.Is(err, sql.ErrNoRows) || err == nil && u.DeletedAt != nil {
		return db.User{}, command.Missingf("there is no user %s", name)
	}
	return u, err
}

func lookUp(ctx context.Context, s *queries.Store, name string) (db.User, error) {
	if number, ok := digits(name); ok {
		return s.Queries().GetUserByNumber(ctx, number)
	}
	if id, err := uuid.Parse(name); err == nil {
		return s.Queries().GetUser(ctx, id)
	}
	return s.FindUser(ctx, name)
}

// digits reads a number of nothing but digits.
func digits(text string) (int64, bool) {
	if text == "" || strings.Trim(text, "0123456789") != "" {
		return 0, false
	}
	var n int64
	_, err := fmt.Sscan(text, &n)
	return n, err == nil
}

// gone tells of what was not there any more from another error.
func gone(err error, name string) error {
	if errors.Is(err, sql.ErrNoRows) {
		return command.Missingf("there is no user %s", name)
	}
	return failed(err)
}

// owner gives the user of an option; nil: it is not there.
func owner(ctx context.Context, c *command.Call, s *queries.Store, option string) (*db.User, error) {
	name, err := c.Flags().GetString(option)
	if err != nil || name == "" {
		return nil, err
	}
	u, err := findUser(ctx, s, name)
	if err != nil {
		return nil, err
	}
	return &u, nil
}

// moment reads the time of an option: one of RFC 3339, or how long from now; nil: it is not there.
func moment(c *command.Call, option string) (*time.Time, error) {
	text, err := c.Flags().GetString(option)
	if err != nil || text == "" {
		return nil, err
	}
	if d, err := caddy.ParseDuration(text); err == nil {
		at := time.Now().Add(d).UTC().Truncate(time.Second)
		return &at, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return nil, command.Usagef("--%s takes how long from now, like 30d, or a time like 2027-01-31T00:00:00Z, not %s", option, text)
	}
	at = at.UTC()
	return &at, nil
}

// among completes an option by words of a list.
func among(cmd *cobra.Command, option string, words ...string) {
	if err := cmd.RegisterFlagCompletionFunc(option, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // there is no such option
	}
}

// scopeNames are the scopes that the gateway knows.
func scopeNames() []string {
	all := permit.Scopes()
	out := make([]string, len(all))
	for i, s := range all {
		out[i] = s.Name
	}
	return out
}

// emails gives the addresses of users, for lists.
func emails(ctx context.Context, s *queries.Store, ids []*uuid.UUID) (map[uuid.UUID]string, error) {
	out := map[uuid.UUID]string{}
	for _, id := range ids {
		if id == nil {
			continue
		}
		if _, known := out[*id]; known {
			continue
		}
		u, err := s.Queries().GetUser(ctx, *id)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return nil, err
		}
		out[*id] = u.Email
	}
	return out, nil
}

// words are those of a column that has them separated by blanks.
func words(column string) []string {
	if all := strings.Fields(column); all != nil {
		return all
	}
	return []string{}
}

// oneOf reads a word of a list, whatever its case.
func oneOf(what, text string, list []string) (string, error) {
	for _, w := range list {
		if strings.EqualFold(text, w) {
			return w, nil
		}
	}
	return "", command.Usagef("%s is %s, not %s", what, strings.Join(slices.Concat(list[:len(list)-1], []string{"or " + list[len(list)-1]}), ", "), text)
}
