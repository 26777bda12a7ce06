package operate

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/command"
	"github.com/fairway-gateway/fairway/modules/control/apitokens"
	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/modules/control/scopes"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

// Types of tokens, as commands call them.
func tokenTypes() []string { return []string{"permanent", "user", "temporary"} }

func typeOf(word string) apitokens.Type {
	return map[string]apitokens.Type{"permanent": apitokens.Permanent, "user": apitokens.User, "temporary": apitokens.Temporary}[word]
}

func tokenGroup() caddycmd.Command {
	create := command.Sub("create", "Makes a token for a program, and prints it once", createToken)
	f := create.Flags()
	f.String("type", "", "permanent (nobody's), user (acts as --user), or temporary (default: user with --user, else permanent)")
	f.String("user", "", "User as whom the token acts")
	f.StringSlice("scope", nil, "What the token may do; several times, or separated by commas")
	f.String("description", "", "What it is for (needed, but not for a temporary one)")
	f.String("expires", "", "When it ends: how long from now, like 30d, or a time like 2027-01-31T00:00:00Z (default: never)")
	f.String("not-before", "", "When it begins, in the same way (default: now)")
	f.String("metadata", "", "A JSON object that is kept with it")
	among(create, "type", tokenTypes()...)
	among(create, "scope", scopeNames()...)
	list := command.Sub("list", "Lists the tokens of programs", listTokens)
	list.Flags().String("user", "", "Those of a user only")
	list.Flags().String("type", "", "Those of a type only: permanent, user or temporary")
	among(list, "type", tokenTypes()...)
	return command.Group("token", "create|list|revoke ... [--config file] [--json]", "Works on the tokens of programs", `
Works on the tokens of programs, which show them as they are: Authorization: Bearer ....
A token is printed when it is made, and never again: the store has its hash alone.

With revoke one is named by its number or id; with - it is read from standard input.
`+exitCodes,
		create, list, command.Sub("revoke <token>", "Ends a token for good", revokeToken),
	)
}

// token is a token as commands print it.
type token struct {
	Number      int64           `json:"number"`
	ID          uuid.UUID       `json:"id"`
	Token       string          `json:"token,omitempty"` // only when it is made
	Type        string          `json:"type"`
	User        *string         `json:"user"`
	Scopes      []string        `json:"scopes"`
	Description string          `json:"description"`
	Metadata    json.RawMessage `json:"metadata"`
	Disabled    bool            `json:"disabled"`
	NotBefore   *time.Time      `json:"not_before"`
	ExpiresAt   *time.Time      `json:"expires_at"`
	CreatedAt   time.Time       `json:"created_at"`
	LastUsedAt  *time.Time      `json:"last_used_at"`
}

func tokenOf(t db.ApiToken, email string) token {
	out := token{
		Number: t.Number, ID: t.ID, Type: t.Kind, Scopes: words(t.Scopes), Description: t.Description, Metadata: t.Metadata,
		Disabled: t.Disabled, NotBefore: t.NotBefore, ExpiresAt: t.ExpiresAt, CreatedAt: t.CreatedAt, LastUsedAt: t.LastUsedAt,
	}
	if t.UserID != nil {
		out.User = &email
	}
	return out
}

// madeToken is one that was made.
type madeToken struct{ token }

// Text implements command.Report.
func (m madeToken) Text(w io.Writer) error {
	whose := ""
	if m.User != nil {
		whose = " of " + *m.User
	}
	if err := command.Line(w, "token %d, %s%s, with %s, was made; it is shown this once:", m.Number, m.Type, whose, strings.Join(m.Scopes, " ")); err != nil {
		return err
	}
	return command.Line(w, "%s", m.Token)
}

func tokensOver(c *command.Call, s *queries.Store) *apitokens.Tokens {
	return apitokens.New(s, scopes.New(permit.New(), c.App.ScopesOfServices()...), apitokens.Options{})
}

func createToken(ctx context.Context, c *command.Call) (command.Report, error) {
	f := c.Flags()
	r := apitokens.Request{}
	var err error
	if r.Scopes, err = f.GetStringSlice("scope"); err != nil {
		return nil, err
	}
	if r.Description, err = f.GetString("description"); err != nil {
		return nil, err
	}
	if r.Expires, err = moment(c, "expires"); err != nil {
		return nil, err
	}
	if r.NotBefore, err = moment(c, "not-before"); err != nil {
		return nil, err
	}
	if err := requestedType(c, &r); err != nil {
		return nil, err
	}
	s, err := c.Store(ctx)
	if err != nil {
		return nil, err
	}
	u, err := owner(ctx, c, s, "user")
	if err != nil {
		return nil, err
	}
	email := ""
	if u != nil {
		r.User, email = &u.ID, u.Email
	}
	made, err := tokensOver(c, s).Create(ctx, c.By(), r)
	if err != nil {
		return nil, failed(err)
	}
	out := madeToken{tokenOf(made.Row, email)}
	out.Token = made.Token
	return out, nil
}

// requestedType reads the type, and what the metadata of a token of that type are.
func requestedType(c *command.Call, r *apitokens.Request) error {
	f := c.Flags()
	word, err := f.GetString("type")
	if err != nil {
		return err
	}
	if word == "" {
		word = "permanent"
		if f.Changed("user") {
			word = "user"
		}
	}
	if word, err = oneOf("a type", word, tokenTypes()); err != nil {
		return err
	}
	r.Type = typeOf(word)
	metadata, err := f.GetString("metadata")
	if err != nil {
		return err
	}
	if metadata == "" && r.Type == apitokens.Temporary {
		metadata = "{}"
	}
	if metadata != "" {
		r.Metadata = json.RawMessage(metadata)
	}
	return nil
}

// tokenList is what list prints.
type tokenList struct {
	Tokens []token `json:"tokens"`
}

// Text implements command.Report.
func (l tokenList) Text(w io.Writer) error {
	rows := make([][]string, len(l.Tokens))
	for i, t := range l.Tokens {
		whose, disabled := "", "no"
		if t.User != nil {
			whose = *t.User
		}
		if t.Disabled {
			disabled = "yes"
		}
		rows[i] = []string{
			strconv.FormatInt(t.Number, 10), t.Type, whose, strings.Join(t.Scopes, " "), t.Description, disabled,
			command.Time(t.ExpiresAt), command.Time(&t.CreatedAt), command.Time(t.LastUsedAt),
		}
	}
	return command.Table(w, []string{"NUMBER", "TYPE", "USER", "SCOPES", "DESCRIPTION", "DISABLED", "EXPIRES", "CREATED", "LAST USED"}, rows)
}

func listTokens(ctx context.Context, c *command.Call) (command.Report, error) {
	word, err := c.Flags().GetString("type")
	if err != nil {
		return nil, err
	}
	if word != "" {
		if word, err = oneOf("a type", word, tokenTypes()); err != nil {
			return nil, err
		}
	}
	s, err := c.Store(ctx)
	if err != nil {
		return nil, err
	}
	u, err := owner(ctx, c, s, "user")
	if err != nil {
		return nil, err
	}
	filter := apitokens.Filter{Type: typeOf(word)}
	if u != nil {
		filter.User = &u.ID
	}
	rows, err := tokensOver(c, s).List(ctx, filter)
	if err != nil {
		return nil, err
	}
	ids := make([]*uuid.UUID, len(rows))
	for i := range rows {
		ids[i] = rows[i].UserID
	}
	whose, err := emails(ctx, s, ids)
	if err != nil {
		return nil, err
	}
	out := tokenList{Tokens: make([]token, len(rows))}
	for i, t := range rows {
		out.Tokens[i] = tokenOf(t, of(whose, t.UserID))
	}
	return out, nil
}

// of gives the address of an id.
func of(whose map[uuid.UUID]string, id *uuid.UUID) string {
	if id == nil {
		return ""
	}
	return whose[*id]
}

// revokedToken is one that was ended.
type revokedToken struct{ token }

// Text implements command.Report.
func (r revokedToken) Text(w io.Writer) error {
	return command.Line(w, "token %d was revoked", r.Number)
}

func revokeToken(ctx context.Context, c *command.Call) (command.Report, error) {
	name := c.Args[0]
	shown := ""
	if name == "-" {
		var err error
		if shown, err = c.Line("a token"); err != nil {
			return nil, err
		}
		name = "like that"
	}
	s, err := c.Store(ctx)
	if err != nil {
		return nil, err
	}
	all := tokensOver(c, s)
	var row db.ApiToken
	if shown != "" {
		row, err = all.FindByToken(ctx, shown)
	} else {
		row, err = all.Find(ctx, name)
	}
	if err == nil {
		err = all.Revoke(ctx, c.By(), row.ID)
	}
	if errors.Is(err, sql.ErrNoRows) {
		return nil, command.Missingf("there is no token %s", name)
	}
	if err != nil {
		return nil, err
	}
	whose, err := emails(ctx, s, []*uuid.UUID{row.UserID})
	if err != nil {
		return nil, err
	}
	return revokedToken{tokenOf(row, of(whose, row.UserID))}, nil
}
