package operate

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"strings"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/command"
	"github.com/fairway-gateway/fairway/modules/control/clients"
	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/modules/control/scopes"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

func grants() []string { return []string{"client_credentials", "password", "refresh_token"} }

func clientGroup() caddycmd.Command {
	add := command.Sub("add <name>", "Makes an OAuth2 client, and prints its secret once", addClient)
	f := add.Flags()
	f.String("id", "", "Its client_id (default: a random one)")
	f.String("owner", "", "User as whom it acts with client_credentials")
	f.StringSlice("scope", nil, "What its tokens may do; several times, or separated by commas")
	f.StringSlice("grant", nil, "The grants that it may use; several times, or separated by commas (default: all)")
	f.StringArray("redirect-uri", nil, "A redirect URI that is kept with it; several times")
	f.String("expires", "", "When it ends: how long from now, like 30d, or a time like 2027-01-31T00:00:00Z (default: never)")
	f.Bool("public", false, "It is a program that keeps no secret, and needs one for client_credentials alone")
	f.Bool("no-secret", false, "With --public: it has no secret, so client_credentials are refused")
	among(add, "scope", scopeNames()...)
	among(add, "grant", grants()...)
	list := command.Sub("list", "Lists the OAuth2 clients", listClients)
	list.Flags().String("owner", "", "Those of a user only")
	return command.Group("client", "add|list|revoke ... [--config file] [--json]", "Works on OAuth2 clients", `
Works on the OAuth2 clients of the token endpoints /auth/oauth2/token and
/api/v1/oauth/token. A secret is printed when it is made, and never again: the store has
its hash alone.
`+exitCodes,
		add, list, command.Sub("revoke <client>", "Ends a client, by its client_id or id, and the tokens that it was given", revokeClient),
	)
}

// client is a client as commands print it.
type client struct {
	ID           uuid.UUID  `json:"id"`
	ClientID     string     `json:"client_id"`
	Secret       string     `json:"client_secret,omitempty"` // only when it is made
	Name         string     `json:"name"`
	Public       bool       `json:"public"`
	Owner        *string    `json:"owner"`
	Scopes       []string   `json:"scopes"`
	Grants       []string   `json:"grants"`
	RedirectURIs []string   `json:"redirect_uris"`
	CreatedAt    time.Time  `json:"created_at"`
	ExpiresAt    *time.Time `json:"expires_at"`
	LastUsedAt   *time.Time `json:"last_used_at"`
}

func clientOf(c db.OauthClient, email string) client {
	out := client{
		ID: c.ID, ClientID: c.ClientID, Name: c.Name, Public: !c.Confidential, Scopes: words(c.Scopes), Grants: words(c.Grants),
		RedirectURIs: words(c.RedirectUris), CreatedAt: c.CreatedAt, ExpiresAt: c.ExpiresAt, LastUsedAt: c.LastUsedAt,
	}
	if len(out.Grants) == 0 {
		out.Grants = grants()
	}
	if c.OwnerID != nil {
		out.Owner = &email
	}
	return out
}

// madeClient is one that was made.
type madeClient struct{ client }

// Text implements command.Report.
func (m madeClient) Text(w io.Writer) error {
	if m.Secret == "" {
		return command.Line(w, "client %s was made; it has no secret", m.ClientID)
	}
	if err := command.Line(w, "client %s was made; its secret is shown this once:", m.ClientID); err != nil {
		return err
	}
	return command.Line(w, "%s", m.Secret)
}

func clientsOver(c *command.Call, s *queries.Store) *clients.Clients {
	return clients.New(s, scopes.New(permit.New(), c.App.ScopesOfServices()...), clients.Options{})
}

func addClient(ctx context.Context, c *command.Call) (command.Report, error) {
	f := c.Flags()
	r := clients.Request{Name: c.Args[0]}
	for option, to := range map[string]*[]string{"scope": &r.Scopes, "grant": &r.Grants} {
		var err error
		if *to, err = f.GetStringSlice(option); err != nil {
			return nil, err
		}
	}
	for option, to := range map[string]*bool{"public": &r.Public, "no-secret": &r.NoSecret} {
		var err error
		if *to, err = f.GetBool(option); err != nil {
			return nil, err
		}
	}
	var err error
	if r.ID, err = f.GetString("id"); err != nil {
		return nil, err
	}
	if r.RedirectURIs, err = f.GetStringArray("redirect-uri"); err != nil {
		return nil, err
	}
	if r.Expires, err = moment(c, "expires"); err != nil {
		return nil, err
	}
	s, err := c.Store(ctx)
	if err != nil {
		return nil, err
	}
	u, err := owner(ctx, c, s, "owner")
	if err != nil {
		return nil, err
	}
	email := ""
	if u != nil {
		r.Owner, email = &u.ID, u.Email
	}
	made, err := clientsOver(c, s).Create(ctx, c.By(), r)
	if err != nil {
		return nil, failed(err)
	}
	out := madeClient{clientOf(made.Row, email)}
	out.Secret = made.Secret
	return out, nil
}

// clientList is what list prints.
type clientList struct {
	Clients []client `json:"clients"`
}

// Text implements command.Report.
func (l clientList) Text(w io.Writer) error {
	rows := make([][]string, len(l.Clients))
	for i, c := range l.Clients {
		whose, public := "", "no"
		if c.Owner != nil {
			whose = *c.Owner
		}
		if c.Public {
			public = "yes"
		}
		rows[i] = []string{
			c.ClientID, c.Name, whose, public, strings.Join(c.Scopes, " "), strings.Join(c.Grants, " "),
			command.Time(c.ExpiresAt), command.Time(&c.CreatedAt), command.Time(c.LastUsedAt),
		}
	}
	return command.Table(w, []string{"CLIENT ID", "NAME", "OWNER", "PUBLIC", "SCOPES", "GRANTS", "EXPIRES", "CREATED", "LAST USED"}, rows)
}

func listClients(ctx context.Context, c *command.Call) (command.Report, error) {
	s, err := c.Store(ctx)
	if err != nil {
		return nil, err
	}
	u, err := owner(ctx, c, s, "owner")
	if err != nil {
		return nil, err
	}
	var id *uuid.UUID
	if u != nil {
		id = &u.ID
	}
	rows, err := clientsOver(c, s).List(ctx, id)
	if err != nil {
		return nil, err
	}
	ids := make([]*uuid.UUID, len(rows))
	for i := range rows {
		ids[i] = rows[i].OwnerID
	}
	whose, err := emails(ctx, s, ids)
	if err != nil {
		return nil, err
	}
	out := clientList{Clients: make([]client, len(rows))}
	for i, row := range rows {
		out.Clients[i] = clientOf(row, of(whose, row.OwnerID))
	}
	return out, nil
}

// revokedClient is one that was ended.
type revokedClient struct{ client }

// Text implements command.Report.
func (r revokedClient) Text(w io.Writer) error {
	return command.Line(w, "client %s was revoked", r.ClientID)
}

func revokeClient(ctx context.Context, c *command.Call) (command.Report, error) {
	s, err := c.Store(ctx)
	if err != nil {
		return nil, err
	}
	all := clientsOver(c, s)
	row, err := all.Find(ctx, c.Args[0])
	if err == nil {
		row, err = all.Revoke(ctx, c.By(), row.ID)
	}
	if errors.Is(err, sql.ErrNoRows) {
		return nil, command.Missingf("there is no client %s", c.Args[0])
	}
	if err != nil {
		return nil, err
	}
	whose, err := emails(ctx, s, []*uuid.UUID{row.OwnerID})
	if err != nil {
		return nil, err
	}
	return revokedClient{clientOf(row, of(whose, row.OwnerID))}, nil
}
