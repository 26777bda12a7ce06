package clients

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/modules/control/callers"
	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

// Register adds the handlers to an API, with what looks up {client}.
func (c *Clients) Register(a *api.API) {
	a.Resolve("client", c.Object)
	a.HandleFunc("client.list", c.ServeList)
	a.HandleFunc("client.create", c.ServeCreate)
	a.HandleFunc("client.revoke", c.ServeRevoke)
	a.HandleFunc("oauth2.clients.list", c.ServeHoustonList)
	a.HandleFunc("oauth2.clients.create", c.ServeHoustonCreate)
}

// Object looks up what {client} names: the id of a row, or a client_id.
func (c *Clients) Object(ctx context.Context, value string, _ *callers.Caller) (api.Target, error) {
	row, err := c.Find(ctx, value)
	if err != nil {
		return api.Target{}, absent(err)
	}
	target := api.Target{Value: row}
	if row.OwnerID != nil {
		target.Object = permit.Object{Owners: []string{row.OwnerID.String()}}
	}
	return target, nil
}

// absent makes the error of an API of one of the store's.
func absent(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return api.ErrNotFound
	}
	return err
}

// ownerOf gives the caller, who is a user, and his id.
func ownerOf(r *http.Request) (*callers.Caller, uuid.UUID, error) {
	caller, err := api.CallerOf(r)
	if err != nil {
		return nil, uuid.Nil, err
	}
	if caller == nil {
		return nil, uuid.Nil, errors.New("a client would be nobody's")
	}
	id, err := uuid.Parse(caller.ID)
	return caller, id, err
}

// create makes a client for a caller, who must have the scopes that he gives. One that a token makes which ends, ends with it.
func (c *Clients) create(r *http.Request, request Request) (Made, error) {
	caller, owner, err := ownerOf(r)
	if err != nil {
		return Made{}, err
	}
	if err := c.book.Check(request.Scopes); err == nil {
		if no := c.book.Lacking(caller, request.Scopes); len(no) > 0 {
			return Made{}, api.Failure{Status: http.StatusForbidden, Detail: "Insufficient scope. Required: " + no[0], Name: string(callers.NoScope)}
		}
	}
	if t := caller.Token; t != nil && t.ByAPIToken && !t.Expires.IsZero() && (request.Expires == nil || request.Expires.After(t.Expires)) {
		request.Expires = &t.Expires
	}
	request.Owner, request.Most = &owner, c.options.Most
	made, err := c.Create(r.Context(), api.By(r), request)
	return made, absent(err)
}

// instant is a time as Trends.Earth writes it: UTC without saying so.
func instant(t *time.Time) *string {
	if t == nil {
		return nil
	}
	s := t.UTC().Format("2006-01-02T15:04:05.000000")
	return &s
}

// serviceClient is a client as Trends.Earth shows it.
type serviceClient struct {
	ID           string  `json:"id"`
	Name         string  `json:"name"`
	ClientID     string  `json:"client_id"`
	SecretPrefix string  `json:"secret_prefix"`
	Scopes       string  `json:"scopes"`
	User         *string `json:"user_id"`
	Created      *string `json:"created_at"`
	LastUsed     *string `json:"last_used_at"`
	Expires      *string `json:"expires_at"`
	Revoked      bool    `json:"revoked"`
	Secret       string  `json:"client_secret,omitempty"`
}

func show(row *db.OauthClient) serviceClient {
	s := serviceClient{
		ID: row.ID.String(), Name: row.Name, ClientID: row.ClientID, SecretPrefix: row.SecretPrefix, Scopes: row.Scopes,
		Created: instant(&row.CreatedAt), LastUsed: instant(row.LastUsedAt), Expires: instant(row.ExpiresAt), Revoked: row.RevokedAt != nil,
	}
	if row.OwnerID != nil {
		id := row.OwnerID.String()
		s.User = &id
	}
	return s
}

// ServeList answers with the caller's clients, the newest first.
func (c *Clients) ServeList(w http.ResponseWriter, r *http.Request) {
	_, owner, err := ownerOf(r)
	var rows []db.OauthClient
	if err == nil {
		rows, err = c.List(r.Context(), &owner)
	}
	if err != nil {
		api.Refuse(w, r, err)
		return
	}
	out := make([]serviceClient, 0, len(rows))
	for i := range slices.Backward(rows) {
		out = append(out, show(&rows[i]))
	}
	api.Answer(w, http.StatusOK, api.Data{Data: out})
}

// asked is a service client that is to be made.
type asked struct {
	Name    *string         `json:"name"`
	Scopes  scopeList       `json:"scopes"`
	Expires json.RawMessage `json:"expires_in_days"`
}

// scopeList is one text with blanks, or a list of texts.
type scopeList []string

// UnmarshalJSON implements json.Unmarshaler.
func (s *scopeList) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '[' {
		return json.Unmarshal(b, (*[]string)(s))
	}
	var text *string
	if err := json.Unmarshal(b, &text); err != nil {
		return err
	}
	if text != nil {
		*s = strings.Fields(*text)
	}
	return nil
}

// longestDays is how many days a client lasts at most that does not last for ever.
const longestDays = 36_500

func (a *asked) expires() (*time.Time, error) {
	text := string(bytes.TrimSpace(a.Expires))
	if text == "" || text == "null" {
		return nil, nil
	}
	var quoted string
	if json.Unmarshal(a.Expires, &quoted) == nil {
		text = strings.TrimSpace(quoted)
	}
	days, err := strconv.Atoi(text)
	if err != nil || days < 1 || days > longestDays {
		return nil, api.BadBody("expires_in_days must be a positive integer")
	}
	at := time.Now().Add(time.Duration(days) * 24 * time.Hour)
	return &at, nil
}

// ServeCreate makes a service client, and shows its secret this once. Without scopes it has those of its maker, all if he has.
func (c *Clients) ServeCreate(w http.ResponseWriter, r *http.Request) {
	made, err := c.createService(w, r)
	if limit, ok := errors.AsType[*queries.LimitError](err); ok {
		err = api.Failure{Status: http.StatusBadRequest, Detail: fmt.Sprintf("Maximum of %d active service clients reached. Revoke an existing client first.", limit.Most)}
	}
	if rule, ok := errors.AsType[*RuleError](err); ok {
		err = api.BadBody("%s", rule.Text)
	}
	if err != nil {
		api.Refuse(w, r, err)
		return
	}
	answer := show(&made.Row)
	answer.Secret = made.Secret
	w.Header().Set("Location", "/api/v1/oauth/clients/"+answer.ID)
	api.Answer(w, http.StatusCreated, api.Data{Data: answer})
}

func (c *Clients) createService(w http.ResponseWriter, r *http.Request) (Made, error) {
	var body asked
	if err := api.ReadJSON(w, r, &body, false); err != nil {
		return Made{}, err
	}
	if body.Name == nil || *body.Name == "" {
		return Made{}, api.BadBody("Missing required field: name")
	}
	expires, err := body.expires()
	if err != nil {
		return Made{}, err
	}
	if len(body.Scopes) == 0 {
		caller, err := api.CallerOf(r)
		if err != nil {
			return Made{}, err
		}
		body.Scopes = slices.Clone(caller.Scopes)
	}
	return c.create(r, Request{Name: *body.Name, Scopes: body.Scopes, Expires: expires, Grants: []string{"client_credentials"}})
}

// ServeRevoke ends a client, and shows it as it is then.
func (c *Clients) ServeRevoke(w http.ResponseWriter, r *http.Request) {
	row, _ := api.TargetOf(r).Value.(db.OauthClient)
	ended, err := c.Revoke(r.Context(), api.By(r), row.ID)
	if err != nil {
		api.Refuse(w, r, absent(err))
		return
	}
	api.Answer(w, http.StatusOK, api.Data{Data: show(&ended)})
}
