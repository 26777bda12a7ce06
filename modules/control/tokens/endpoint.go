package tokens

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"
)

// Register adds the handlers to a mux under the paths that they have by contract.
func (a *Authority) Register(mux *http.ServeMux) {
	for pattern, handle := range map[string]http.HandlerFunc{
		"GET /.well-known/jwks.json":                a.JWKS,
		"GET /auth/oauth2/token":                    a.Token,
		"POST /auth/oauth2/token":                   a.Token,
		"POST /auth/oauth2/revoke":                  a.Revoke,
		"POST /auth/oauth2/introspect":              a.Introspect,
		"POST /api/v1/oauth/token":                  a.ServiceToken,
		"POST /auth":                                a.Auth,
		"POST /auth/refresh":                        a.AuthRefresh,
		"POST /auth/logout":                         a.Logout,
		"POST /auth/logout-all":                     a.LogoutAll,
		"GET /api/v1/user/me/sessions":              a.Sessions,
		"DELETE /api/v1/user/me/sessions":           a.RevokeSessions,
		"DELETE /api/v1/user/me/sessions/{session}": a.RevokeSession,
	} {
		mux.HandleFunc(pattern, handle)
	}
}

// JWKS answers with the public keys (RFC 7517).
func (a *Authority) JWKS(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/jwk-set+json")
	w.Header().Set("Cache-Control", "public, max-age=300")
	_, _ = w.Write(a.keys.now.Load().jwks) // the caller may have left
}

// grantAnswer is a token as RFC 6749 has it.
type grantAnswer struct {
	Access  string `json:"access_token"`
	Type    string `json:"token_type"`
	Lasts   int    `json:"expires_in"`
	Refresh string `json:"refresh_token,omitempty"`
	Scope   string `json:"scope,omitempty"`
}

// Token is the OAuth2 token endpoint: the grants password, refresh_token and client_credentials, with parameters in query,
// form, multipart and Basic, mixed as the caller likes.
func (a *Authority) Token(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodPost {
		w.Header().Set("Allow", "GET, POST")
		invalidMethod().write(w)
		return
	}
	p, failed := sources{query: true, querySecrets: !a.cfg.NoQuerySecrets}.read(w, r)
	if failed != nil {
		failed.write(w)
		return
	}
	got, failed := a.grant(r, p)
	if failed != nil {
		failed.write(w)
		return
	}
	answer(w, http.StatusOK, grantAnswer{
		Access: got.access, Type: "Bearer", Lasts: int(got.lasts / time.Second), Refresh: got.refresh, Scope: strings.Join(got.scopes, " "),
	})
}

func invalidMethod() *oauthError {
	return &oauthError{status: http.StatusMethodNotAllowed, code: "invalid_request", text: "The method is not allowed."}
}

func (a *Authority) grant(r *http.Request, p parameters) (issued, *oauthError) {
	ctx := r.Context()
	grant := p["grant_type"]
	var run func(*http.Request, parameters, *Client) (issued, *oauthError)
	switch grant {
	case "password":
		if a.cfg.NoPasswordGrant {
			return issued{}, unsupportedGrant()
		}
		for _, name := range []string{"username", "password"} {
			if p[name] == "" {
				return issued{}, missing(name)
			}
		}
		run = a.byPassword
	case "refresh_token":
		if p["refresh_token"] == "" {
			return issued{}, missing("refresh_token")
		}
		run = a.byRefresh
	case "client_credentials":
		run = a.byClient
	default:
		return issued{}, unsupportedGrant()
	}
	client, proven, failed := a.client(ctx, r.Header, p)
	switch {
	case failed != nil:
		return issued{}, failed
	case grant == "client_credentials" && !proven:
		return issued{}, invalidClient()
	case !client.may(grant):
		return issued{}, unauthorizedClient()
	}
	got, failed := run(r, p, &client)
	if failed != nil {
		return issued{}, failed
	}
	if err := a.store.ClientUsed(ctx, client.ID); err != nil {
		a.log.WarnContext(ctx, "that a client was used could not be written", slog.Any("error", err))
	}
	return got, nil
}

func (a *Authority) byPassword(r *http.Request, p parameters, client *Client) (issued, *oauthError) {
	ctx := r.Context()
	wanted, failed := scopes(p["scope"], client.Scopes)
	if failed != nil {
		return issued{}, failed
	}
	user, ok, err := a.passwords.Verify(ctx, Attempt{Login: p["username"], Password: p["password"], Address: a.cfg.Address(r)})
	if err != nil {
		return issued{}, a.failed(ctx, err)
	}
	if !ok {
		return issued{}, invalidGrant()
	}
	got, err := a.begin(ctx, user, client.ID, wanted, a.device(r))
	if err != nil {
		return issued{}, a.failed(ctx, err)
	}
	return got, nil
}

func (a *Authority) byRefresh(r *http.Request, p parameters, client *Client) (issued, *oauthError) {
	got, err := a.again(r.Context(), p["refresh_token"], client.ID, p["scope"], true)
	if err != nil {
		return issued{}, a.failed(r.Context(), err)
	}
	return got, nil
}

// byClient gives a token with which the client acts as its owner. It has no refresh token.
func (a *Authority) byClient(r *http.Request, p parameters, client *Client) (issued, *oauthError) {
	wanted, failed := scopes(p["scope"], client.Scopes)
	if failed != nil {
		return issued{}, failed
	}
	return a.clientToken(r.Context(), client, wanted, a.cfg.Access)
}

func (a *Authority) clientToken(ctx context.Context, client *Client, scopes []string, lasts time.Duration) (issued, *oauthError) {
	if client.Owner == "" {
		// As nobody it can do nothing.
		return issued{}, unauthorizedClient()
	}
	standing, err := a.store.Standing(ctx, Subject{Client: client.ID, User: client.Owner})
	if err != nil {
		return issued{}, a.failed(ctx, err)
	}
	if standing.Revoked { // its owner was deleted
		return issued{}, unauthorizedClient()
	}
	access, err := a.sign(ctx, claims{Subject: client.Owner, Client: client.ID, Scope: strings.Join(scopes, " "), ByClient: true}, lasts)
	if err != nil {
		return issued{}, a.failed(ctx, err)
	}
	return issued{access: access, user: client.Owner, scopes: scopes, lasts: lasts}, nil
}

// failed makes the answer of an error.
func (a *Authority) failed(ctx context.Context, err error) *oauthError {
	err = a.later(ctx, err)
	if busy, ok := errors.AsType[*BusyError](err); ok {
		return notNow(busy)
	}
	if _, ok := errors.AsType[noRefreshError](err); ok || errors.Is(err, ErrNoUser) {
		return invalidGrant()
	}
	if _, ok := errors.AsType[scopeError](err); ok {
		return invalidScope()
	}
	if ctx.Err() == nil {
		a.log.ErrorContext(ctx, "no token could be given", slog.Any("error", err))
	}
	return serverError()
}

// ServiceToken is Trends.Earth's endpoint for service clients: client_credentials alone, as JSON or a form.
func (a *Authority) ServiceToken(w http.ResponseWriter, r *http.Request) {
	p, failed := sources{json: true}.read(w, r)
	if failed == nil {
		var got issued
		if got, failed = a.serviceToken(r, p); failed == nil {
			answer(w, http.StatusOK, grantAnswer{Access: got.access, Type: "bearer", Lasts: int(got.lasts / time.Second)})
			return
		}
	}
	failed.write(w)
}

func (a *Authority) serviceToken(r *http.Request, p parameters) (issued, *oauthError) {
	ctx := r.Context()
	if p["grant_type"] != "client_credentials" {
		return issued{}, unsupportedGrant()
	}
	for _, c := range append(clientCredentials(r.Header, p), credentials{p["client_id"], p["client_secret"]})[:1] {
		if c.id == "" {
			return issued{}, missing("client_id")
		}
		if c.secret == "" {
			return issued{}, missing("client_secret")
		}
	}
	client, proven, failed := a.client(ctx, r.Header, p)
	switch {
	case failed != nil:
		return issued{}, failed
	case !proven:
		return issued{}, invalidClient()
	case !client.may("client_credentials"):
		return issued{}, unauthorizedClient()
	}
	got, failed := a.clientToken(ctx, &client, client.Scopes, a.cfg.ServiceAccess)
	if failed != nil {
		return issued{}, failed
	}
	if err := a.store.ClientUsed(ctx, client.ID); err != nil {
		a.log.WarnContext(ctx, "that a client was used could not be written", slog.Any("error", err))
	}
	return got, nil
}
