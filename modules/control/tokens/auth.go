package tokens

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"time"
)

// authAnswer is a login as clients of Trends.Earth, older and newer, read it.
type authAnswer struct {
	Access  string `json:"access_token"`
	Token   string `json:"token"`
	Refresh string `json:"refresh_token,omitempty"`
	User    string `json:"user_id"`
	Lasts   int    `json:"expires_in"`
}

func (i issued) auth() authAnswer {
	return authAnswer{Access: i.access, Token: i.access, Refresh: i.refresh, User: i.user, Lasts: int(i.lasts / time.Second)}
}

// Auth is Trends.Earth's login: e-mail and password in JSON or a form, never in the query.
func (a *Authority) Auth(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	p, failed := sources{json: true}.read(w, r)
	if failed != nil || p["email"] == "" || p["password"] == "" {
		a.fail(w, r, failure{status: http.StatusBadRequest, msg: "Email and password are required"})
		return
	}
	if a.authAttempt(w, r, p["email"], p["password"]) {
		return
	}
	user, ok, err := a.passwords.Verify(ctx, Attempt{Login: p["email"], Password: p["password"], Address: a.cfg.Address(r)})
	if err != nil {
		a.authFailed(w, r, err)
		return
	}
	if !ok {
		a.fail(w, r, failure{status: http.StatusUnauthorized, msg: "Bad username or password"})
		return
	}
	got, err := a.begin(ctx, user, "", a.cfg.AuthScopes, a.device(r))
	if errors.Is(err, ErrNoUser) { // deleted since the password was looked at
		a.fail(w, r, failure{status: http.StatusUnauthorized, msg: "Bad username or password"})
		return
	}
	if err != nil {
		a.authFailed(w, r, err)
		return
	}
	answer(w, http.StatusOK, got.auth())
}

// AuthRefresh gives a new access token for a refresh token, which is replaced only where ?rotate=true asks for it.
func (a *Authority) AuthRefresh(w http.ResponseWriter, r *http.Request) {
	p, failed := sources{json: true}.read(w, r)
	if showsAttempt(r, p["refresh_token"]) {
		a.fail(w, r, failure{status: http.StatusForbidden, msg: errNotForAttempts})
		return
	}
	if failed != nil || p["refresh_token"] == "" {
		a.fail(w, r, failure{status: http.StatusBadRequest, msg: "Refresh token is required"})
		return
	}
	// What is no truth value is none: old clients send parameters of their own.
	rotate, _ := strconv.ParseBool(r.URL.Query().Get("rotate"))
	got, err := a.again(r.Context(), p["refresh_token"], "", "", rotate)
	if err != nil {
		a.authFailed(w, r, err)
		return
	}
	answer(w, http.StatusOK, got.auth())
}

// Logout ends the caller's token and its login, and that of a refresh token in the body, if it is the caller's.
func (a *Authority) Logout(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	access, err := a.caller(r)
	if err != nil {
		a.authFailed(w, r, err)
		return
	}
	p, failed := sources{json: true}.read(w, r)
	if failed != nil {
		a.fail(w, r, failure{status: http.StatusBadRequest, msg: failed.text})
		return
	}
	if err := a.logout(ctx, access, p["refresh_token"]); err != nil {
		a.authFailed(w, r, err)
		return
	}
	answer(w, http.StatusOK, message{Msg: "Successfully logged out"})
}

func (a *Authority) logout(ctx context.Context, access *Access, refresh string) error {
	if err := a.revokeAccess(ctx, access); err != nil {
		return err
	}
	if access.Family != "" {
		if err := a.endFamily(ctx, access.User.ID, access.Family); err != nil {
			return err
		}
	}
	hash, ok := refreshHash(refresh)
	if !ok {
		return nil
	}
	known, ok, err := a.store.Refresh(ctx, hash)
	if err != nil || !ok || known.User != access.User.ID {
		return err
	}
	return a.endFamily(ctx, known.User, known.Family)
}

// LogoutAll ends all logins of the caller.
func (a *Authority) LogoutAll(w http.ResponseWriter, r *http.Request) {
	n, err := a.endAll(r)
	if err != nil {
		a.authFailed(w, r, err)
		return
	}
	answer(w, http.StatusOK, message{Msg: "Successfully logged out from " + strconv.Itoa(n) + " devices"})
}

func (a *Authority) endAll(r *http.Request) (int, error) {
	access, err := a.caller(r)
	if err != nil {
		return 0, err
	}
	defer a.forget(RevokedUser, access.User.ID)
	if err := a.revokeAccess(r.Context(), access); err != nil {
		return 0, err
	}
	return a.store.RevokeFamilies(r.Context(), access.User.ID)
}

// caller says whose request it is. A program's token is none of a login, and cannot end one.
func (a *Authority) caller(r *http.Request) (*Access, error) {
	access, err := a.cfg.Caller(r)
	if err != nil {
		return nil, err
	}
	if access == nil {
		token, err := Bearer(r.Header)
		if err != nil {
			return nil, err
		}
		if access, err = a.Check(r.Context(), token); err != nil {
			return nil, err
		}
	}
	if access.ByAPIToken || access.Run != nil {
		return nil, refused(Invalid)
	}
	return access, nil
}

// message is an answer in a sentence; older clients read msg, sessions message.
type message struct {
	Msg     string `json:"msg,omitempty"`
	Message string `json:"message,omitempty"`
}

// authFailed answers with what Trends.Earth's clients know for an error.
func (a *Authority) authFailed(w http.ResponseWriter, r *http.Request, err error) {
	err = a.later(r.Context(), err)
	if why, ok := reason(err); ok {
		a.fail(w, r, failure{status: http.StatusUnauthorized, msg: err.Error(), err: string(why)})
		return
	}
	if _, ok := errors.AsType[noRefreshError](err); ok {
		a.fail(w, r, failure{status: http.StatusUnauthorized, msg: "Invalid or expired refresh token"})
		return
	}
	if busy, ok := errors.AsType[*BusyError](err); ok {
		f := failure{status: http.StatusServiceUnavailable, msg: "Authentication failed", retryAfter: busy.RetryAfter}
		if busy.Throttled {
			f.status, f.msg, f.code = http.StatusTooManyRequests, "Rate limit exceeded. Please try again later.", "RATE_LIMIT_EXCEEDED"
		}
		a.fail(w, r, f)
		return
	}
	if r.Context().Err() == nil {
		a.log.ErrorContext(r.Context(), "a login failed", slog.Any("error", err))
	}
	a.fail(w, r, failure{status: http.StatusInternalServerError, msg: "Authentication failed"})
}
