package tokens

import (
	"net/http"
	"strconv"
	"time"
)

// sessionAnswer is a login as its user sees it.
type sessionAnswer struct {
	ID       string  `json:"id"`
	Expires  string  `json:"expires_at"`
	Created  string  `json:"created_at"`
	LastUsed *string `json:"last_used_at"`
	Device   string  `json:"device_info"`
	Revoked  bool    `json:"is_revoked"`
}

// instant is a time as Trends.Earth writes it: UTC without saying so.
func instant(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000") }

// Sessions lists the caller's living logins.
func (a *Authority) Sessions(w http.ResponseWriter, r *http.Request) {
	access, err := a.caller(r)
	if err != nil {
		a.authFailed(w, r, err)
		return
	}
	all, err := a.store.Sessions(r.Context(), access.User.ID)
	if err != nil {
		a.authFailed(w, r, err)
		return
	}
	data := make([]sessionAnswer, 0, len(all))
	for _, s := range all {
		one := sessionAnswer{ID: s.ID, Expires: instant(s.Expires), Created: instant(s.Created), Device: s.Device}
		if !s.LastUsed.IsZero() {
			used := instant(s.LastUsed)
			one.LastUsed = &used
		}
		data = append(data, one)
	}
	answer(w, http.StatusOK, map[string]any{"data": data})
}

// RevokeSession ends one of the caller's logins: the path's {session}.
func (a *Authority) RevokeSession(w http.ResponseWriter, r *http.Request) {
	access, err := a.caller(r)
	if err != nil {
		a.authFailed(w, r, err)
		return
	}
	ended, err := a.store.RevokeFamily(r.Context(), access.User.ID, r.PathValue("session"))
	switch {
	case err != nil:
		a.authFailed(w, r, err)
	case !ended:
		a.fail(w, r, failure{status: http.StatusNotFound, msg: "Session not found"})
	default:
		a.forget(RevokedFamily, r.PathValue("session"))
		answer(w, http.StatusOK, message{Message: "Session revoked successfully"})
	}
}

// RevokeSessions ends all of the caller's logins.
func (a *Authority) RevokeSessions(w http.ResponseWriter, r *http.Request) {
	n, err := a.endAll(r)
	if err != nil {
		a.authFailed(w, r, err)
		return
	}
	answer(w, http.StatusOK, message{Message: "Successfully revoked " + strconv.Itoa(n) + " sessions"})
}
