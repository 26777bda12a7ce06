package tokens

import (
	"context"
	"net/http"
	"strings"
	"time"
)

// Revoke ends a token (RFC 7009): a refresh token with its whole login, an access token alone. The answer is 200 whether there
// was such a token or not, and also where it is another client's: then nothing happens.
func (a *Authority) Revoke(w http.ResponseWriter, r *http.Request) {
	p, client, failed := a.ofClient(w, r, false)
	if failed == nil {
		if err := a.revoke(r.Context(), p["token"], client.ID); err != nil {
			failed = a.failed(r.Context(), err)
		}
	}
	if failed != nil {
		failed.write(w)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
}

// ofClient reads a request about a token.
func (a *Authority) ofClient(w http.ResponseWriter, r *http.Request, mustProve bool) (parameters, *Client, *oauthError) {
	p, failed := sources{query: true, querySecrets: !a.cfg.NoQuerySecrets}.read(w, r)
	if failed != nil {
		return nil, nil, failed
	}
	client, proven, failed := a.client(r.Context(), r.Header, p)
	switch {
	case failed != nil:
		return nil, nil, failed
	case mustProve && !proven:
		return nil, nil, invalidClient()
	case p["token"] == "":
		return nil, nil, missing("token")
	}
	return p, &client, nil
}

func (a *Authority) revoke(ctx context.Context, token, client string) error {
	if hash, ok := refreshHash(token); ok {
		known, ok, err := a.store.Refresh(ctx, hash)
		if err != nil || !ok || known.Client != client {
			return err
		}
		return a.endFamily(ctx, known.User, known.Family)
	}
	c, err := a.verify(ctx, token)
	if err != nil {
		return unlessRefused(err)
	}
	if c.Client != client {
		return nil
	}
	return a.revokeAccess(ctx, c.access())
}

func (a *Authority) revokeAccess(ctx context.Context, access *Access) error {
	left := time.Until(access.Expires)
	if left <= 0 {
		return nil
	}
	defer a.forget(RevokedAccess, access.ID)
	return a.store.RevokeAccess(ctx, access.ID, left)
}

// endFamily ends a login, if it lives.
func (a *Authority) endFamily(ctx context.Context, user, family string) error {
	defer a.forget(RevokedFamily, family)
	_, err := a.store.RevokeFamily(ctx, user, family)
	return err
}

// unlessRefused keeps errors that are not the token's.
func unlessRefused(err error) error {
	if _, no := reason(err); no {
		return nil
	}
	return err
}

// introspection is the answer of RFC 7662.
type introspection struct {
	Active   bool   `json:"active"`
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

// Introspect tells a client about an access token of its own (RFC 7662). Of anything else it says that it is not active, and
// so of refresh tokens. The client has to prove itself, since who may ask may try.
func (a *Authority) Introspect(w http.ResponseWriter, r *http.Request) {
	p, client, failed := a.ofClient(w, r, true)
	if failed != nil {
		failed.write(w)
		return
	}
	access, err := a.Check(r.Context(), p["token"])
	if err := unlessRefused(err); err != nil {
		a.failed(r.Context(), err).write(w)
		return
	}
	if access == nil || access.Client != client.ID {
		answer(w, http.StatusOK, introspection{})
		return
	}
	name := access.User.Username
	if name == "" {
		name = access.User.Email
	}
	answer(w, http.StatusOK, introspection{
		Active: true, Scope: strings.Join(access.Scopes, " "), Client: access.Client, Username: name, Type: "Bearer",
		Expires: access.Expires.Unix(), Issued: access.Issued.Unix(), Subject: access.User.ID,
		Audience: a.cfg.Audience, Issuer: a.cfg.Issuer, ID: access.ID,
	})
}
