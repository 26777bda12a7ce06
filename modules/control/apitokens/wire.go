package apitokens

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/queries/db"
)

// instant is a time in UTC, as in 2015-02-28T01:02:03+00:00.
func instant(t *time.Time) *string {
	if t == nil {
		return nil
	}
	s := t.UTC().Format("2006-01-02T15:04:05+00:00")
	return &s
}

// readInstant reads a time of ISO 8601. One without a zone is UTC.
func readInstant(name, text string) (*time.Time, error) {
	if text == "" {
		return nil, nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05"} {
		if t, err := time.Parse(layout, text); err == nil {
			return &t, nil
		}
	}
	return nil, api.BadBody("The member %q is no time as in 2015-02-28T01:02:03+00:00.", name)
}

// shown is a token in an answer.
type shown struct {
	ID          string          `json:"id"`
	Number      int64           `json:"number"`
	Type        Type            `json:"typ"`
	Scopes      []string        `json:"scopes"`
	Description string          `json:"description"`
	Metadata    json.RawMessage `json:"metadata"`
	Disabled    bool            `json:"disabled"`
	User        *string         `json:"user_id"`
	NotBefore   *string         `json:"not_before"`
	Expires     *string         `json:"expires_at"`
	Created     *string         `json:"created_at"`
	LastUsed    *string         `json:"last_used_at"`
	Token       string          `json:"token,omitempty"`
}

func show(row *db.ApiToken) shown {
	s := shown{
		ID: row.ID.String(), Number: row.Number, Type: TypeOf(row), Scopes: strings.Fields(row.Scopes), Description: row.Description,
		Metadata: row.Metadata, Disabled: row.Disabled, NotBefore: instant(row.NotBefore), Expires: instant(row.ExpiresAt),
		Created: instant(&row.CreatedAt), LastUsed: instant(row.LastUsedAt),
	}
	if row.UserID != nil {
		id := row.UserID.String()
		s.User = &id
	}
	return s
}

// asked is a token that is to be made.
type asked struct {
	Type        *Type           `json:"typ"`
	Scopes      []string        `json:"scopes"`
	Description string          `json:"description"`
	Metadata    json.RawMessage `json:"metadata"`
	Disabled    bool            `json:"disabled"`
	NotBefore   string          `json:"not_before"`
	Expires     string          `json:"expires_at"`
}

func (a *asked) request() (Request, error) {
	r := Request{Type: User, Scopes: a.Scopes, Description: a.Description, Metadata: given(a.Metadata)}
	if a.Type != nil {
		r.Type = *a.Type
	}
	if a.Disabled {
		return Request{}, api.BadBody("A token that is disabled is not made.")
	}
	var err error
	if r.NotBefore, err = readInstant("not_before", a.NotBefore); err != nil {
		return Request{}, err
	}
	r.Expires, err = readInstant("expires_at", a.Expires)
	return r, err
}

// given is a member; null is none.
func given(raw json.RawMessage) json.RawMessage {
	if string(raw) == "null" {
		return nil
	}
	return raw
}

// objectOf is a token as permissions are asked about it. Who may do something to a token of nobody may do it to all.
func objectOf(row *db.ApiToken) permit.Object {
	if row.UserID == nil {
		return permit.Object{}
	}
	return permit.Object{Owners: []string{row.UserID.String()}}
}
