package apitokens

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/queries/db"
)

// instant is a time in UTC, and as RelengAPI writes it: 2015-02-28T01:02:03+00:00.
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

// shown is a token on our paths.
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

// asked is a token that is to be made, on our paths.
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

// relengToken is a token as RelengAPI has it, asked for and shown. Times are texts; what is not set is absent.
type relengToken struct {
	Type        *Type           `json:"typ,omitempty"`
	ID          *int64          `json:"id,omitempty"`
	NotBefore   *string         `json:"not_before,omitempty"`
	Expires     *string         `json:"expires,omitempty"`
	Metadata    json.RawMessage `json:"metadata,omitempty"`
	Disabled    bool            `json:"disabled"`
	Permissions []string        `json:"permissions,omitempty"`
	Description *string         `json:"description,omitempty"`
	User        *string         `json:"user,omitempty"`
	Token       *string         `json:"token,omitempty"`
}

// request reads what is asked for. Its words for what is missing are RelengAPI's; a user, an id, and a token are not looked at.
func (t *relengToken) request() (Request, error) {
	r := Request{Type: Permanent, Scopes: t.Permissions, Metadata: given(t.Metadata)}
	if t.Type != nil {
		r.Type = *t.Type
	}
	if t.Disabled {
		return Request{}, api.BadBody("can't issue disabled tokens")
	}
	if t.Description != nil {
		r.Description = *t.Description
	}
	for _, one := range []struct {
		name string
		text *string
		to   **time.Time
	}{{"not_before", t.NotBefore, &r.NotBefore}, {"expires", t.Expires, &r.Expires}} {
		if one.text == nil {
			continue
		}
		var err error
		if *one.to, err = readInstant(one.name, *one.text); err != nil {
			return Request{}, err
		}
	}
	return r, nil
}

// missing names a member that RelengAPI wants; "": there is none.
func (t *relengToken) missing(typ Type) string {
	switch {
	case t.Permissions == nil:
		return "permissions"
	case typ != Temporary && t.Description == nil:
		return "description"
	case typ == Temporary && t.Expires == nil:
		return "expires"
	case typ == Temporary && given(t.Metadata) == nil:
		return "metadata"
	}
	return ""
}

func showReleng(row *db.ApiToken, email string) relengToken {
	typ := TypeOf(row)
	t := relengToken{
		Type: &typ, ID: &row.Number, NotBefore: instant(row.NotBefore), Expires: instant(row.ExpiresAt), Disabled: row.Disabled,
		Permissions: strings.Fields(row.Scopes),
	}
	switch typ {
	case Temporary:
		t.NotBefore, t.Metadata = instant(&row.CreatedAt), row.Metadata
	case User:
		if email != "" {
			t.User = &email
		}
	case Permanent:
	}
	if row.Description != "" {
		t.Description = &row.Description
	}
	return t
}

// objectOf is a token as permissions are asked about it. Who may do something to a token of nobody may do it to all.
func objectOf(row *db.ApiToken) permit.Object {
	if row.UserID == nil {
		return permit.Object{}
	}
	return permit.Object{Owners: []string{row.UserID.String()}}
}
