package docs

import (
	"github.com/danielgtaylor/huma/v2"

	"github.com/fairway-gateway/fairway/modules/control/typed"
)

// Bodies and answers as documents show them. Nothing is made of these types but schemas.

// data is the envelope of Trends.Earth's, the same as that of typed operations.
type data[T any] = typed.Data[T]

type message struct {
	Message string `json:"message" required:"true"`
}

type msg struct {
	Msg string `json:"msg" example:"Successfully logged out"`
}

// problem is RFC 9457's document, with the members that clients of the older systems read.
type problem struct {
	Type      string              `json:"type" required:"true" doc:"A URI that names the kind of error; its last part is the code" example:"about:blank"`
	Title     string              `json:"title" required:"true" example:"Not Found"`
	Status    int                 `json:"status" required:"true" example:"404"`
	Detail    string              `json:"detail" example:"There is nothing of that name."`
	Instance  string              `json:"instance,omitempty" doc:"The path that was asked for"`
	RequestID string              `json:"request_id,omitempty" doc:"Under this the log has more"`
	Msg       string              `json:"msg,omitempty"`
	Message   string              `json:"message,omitempty"`
	Messages  map[string][]string `json:"messages,omitempty" doc:"What is wrong, by member"`
	ErrorCode string              `json:"error_code,omitempty"`
	Error     string              `json:"error,omitempty" doc:"A word"`
	Retry     int                 `json:"retry_after,omitempty" doc:"In seconds"`
	Reason    *string             `json:"reason,omitempty" nullable:"true" doc:"Services: the backend's phrase"`
	Code      int                 `json:"status_code,omitempty" doc:"Services: the status again"`
	Content   *string             `json:"error_content,omitempty" nullable:"true" doc:"Services: what the backend said, at most 1 KiB of text"`
	Backend   int                 `json:"backend_status,omitempty" doc:"Services: the backend's status"`
}

type oauthError struct {
	Error       string `json:"error" required:"true" example:"invalid_grant"`
	Description string `json:"error_description,omitempty"`
}

type login struct {
	Email    string `json:"email" required:"true" example:"ann@example.org"`
	Password string `json:"password" required:"true" format:"password"`
}

type refresh struct {
	Refresh string `json:"refresh_token"`
}

type loggedIn struct {
	Access  string `json:"access_token" required:"true"`
	Token   string `json:"token" doc:"The access token, for older clients"`
	Refresh string `json:"refresh_token"`
	User    string `json:"user_id" format:"uuid"`
	Expires int    `json:"expires_in" doc:"In seconds" example:"3600"`
}

type loginSession struct {
	ID       string  `json:"id" format:"uuid"`
	Expires  string  `json:"expires_at" example:"2026-12-21T10:00:00.000000"`
	Created  string  `json:"created_at" example:"2026-11-21T10:00:00.000000"`
	LastUsed *string `json:"last_used_at"`
	Device   string  `json:"device_info" example:"IP: 192.0.2.7 | UA: curl/8.14"`
	Revoked  bool    `json:"is_revoked"`
}

type tokenForm struct {
	Grant    string `json:"grant_type" required:"true" enum:"password,refresh_token,client_credentials"`
	Username string `json:"username,omitempty" doc:"Of the grant password: a name or an address"`
	Password string `json:"password,omitempty" format:"password"`
	Refresh  string `json:"refresh_token,omitempty"`
	Scope    string `json:"scope,omitempty" doc:"Scopes with blanks; all that the client has, if absent" example:"users:read"`
	Client   string `json:"client_id,omitempty" example:"documentation"`
	Secret   string `json:"client_secret,omitempty" format:"password"`
}

func tokenQuery() []*huma.Param {
	return list(
		required(choice("grant_type", "How the caller proves himself.", "password", "refresh_token", "client_credentials")),
		query("username", huma.TypeString, ""), query("password", huma.TypeString, ""), query("refresh_token", huma.TypeString, ""),
		query("scope", huma.TypeString, "Scopes with blanks."), query("client_id", huma.TypeString, ""), query("client_secret", huma.TypeString, ""),
	)
}

type serviceGrant struct {
	Grant  string `json:"grant_type" required:"true" enum:"client_credentials"`
	Client string `json:"client_id" required:"true" example:"te_cid_1f2e3d"`
	Secret string `json:"client_secret" required:"true" format:"password"`
}

type grantedToken struct {
	Access  string `json:"access_token" required:"true"`
	Type    string `json:"token_type" required:"true" example:"Bearer"`
	Expires int    `json:"expires_in" doc:"In seconds" example:"3600"`
	Refresh string `json:"refresh_token,omitempty"`
	Scope   string `json:"scope,omitempty" example:"users:read users:write"`
}

type tokenOf struct {
	Token  string `json:"token" required:"true"`
	Client string `json:"client_id,omitempty"`
	Secret string `json:"client_secret,omitempty" format:"password"`
}

type introspection struct {
	Active   bool   `json:"active" required:"true"`
	Scope    string `json:"scope,omitempty"`
	Client   string `json:"client_id,omitempty"`
	Username string `json:"username,omitempty"`
	Type     string `json:"token_type,omitempty"`
	Expires  int64  `json:"exp,omitempty"`
	Issued   int64  `json:"iat,omitempty"`
	Subject  string `json:"sub,omitempty"`
	Audience string `json:"aud,omitempty"`
	Issuer   string `json:"iss,omitempty"`
	ID       string `json:"jti,omitempty"`
}

type keySet struct {
	Keys []map[string]any `json:"keys" required:"true"`
}

type serviceClient struct {
	ID           string  `json:"id" format:"uuid"`
	Name         string  `json:"name"`
	ClientID     string  `json:"client_id"`
	SecretPrefix string  `json:"secret_prefix"`
	Scopes       string  `json:"scopes" doc:"With blanks"`
	User         *string `json:"user_id"`
	Created      *string `json:"created_at"`
	LastUsed     *string `json:"last_used_at"`
	Expires      *string `json:"expires_at"`
	Revoked      bool    `json:"revoked"`
	Secret       string  `json:"client_secret,omitempty" doc:"Only in the answer to its creation"`
}

type newServiceClient struct {
	Name    string   `json:"name" required:"true" example:"nightly"`
	Scopes  []string `json:"scopes,omitempty" doc:"One text with blanks is taken, too" example:"[\"user:read\"]"`
	Expires *int     `json:"expires_in_days,omitempty" minimum:"1" maximum:"36500"`
}

type houstonClient struct {
	User         int64    `json:"user_id"`
	ClientID     string   `json:"client_id"`
	Secret       string   `json:"client_secret,omitempty" doc:"Only in the answer to its creation"`
	Type         string   `json:"client_type" enum:"public,confidential"`
	Scopes       []string `json:"default_scopes"`
	RedirectURIs []string `json:"redirect_uris"`
}

type newHoustonClient struct {
	Scopes       []string `json:"default_scopes" required:"true"`
	RedirectURIs []string `json:"redirect_uris,omitempty"`
	Type         string   `json:"client_type,omitempty" enum:"public,confidential" default:"public"`
}
