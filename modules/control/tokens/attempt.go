package tokens

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/runner/ticket"
)

// Run is an attempt at an execution that runs.
type Run struct {
	// ID is the attempt's, Execution that at which it is one, Fence that of who holds it.
	ID, Execution uuid.UUID
	Fence         int64
	// Expires is when it has run for as long as it may; zero: nobody knows.
	Expires time.Time
}

// checkAttempt checks the token of an attempt. It is asked each time: what has ended says nothing more.
func (a *Authority) checkAttempt(ctx context.Context, hash []byte) (*Access, error) {
	attempt, ok, err := a.cfg.Run(ctx, hash)
	if err != nil {
		return nil, fmt.Errorf("checking a token: %w", err)
	}
	if !ok {
		return nil, refused(Revoked)
	}
	return &Access{ID: attempt.ID.String(), Expires: attempt.Expires, Run: &attempt}, nil
}

// authAttempt answers a script that logs in as its attempt, with the token as its password: it gets the token. False: it is none.
func (a *Authority) authAttempt(w http.ResponseWriter, r *http.Request, login, password string) bool {
	hash, ok := ticket.Hash(password)
	if !ok {
		return false
	}
	access, err := a.checkAttempt(r.Context(), hash)
	if _, refused := reason(err); refused || err == nil && !strings.EqualFold(login, access.ID) {
		a.fail(w, r, failure{status: http.StatusUnauthorized, msg: "Bad username or password"})
		return true
	}
	if err != nil {
		a.authFailed(w, r, err)
		return true
	}
	lasts := a.cfg.Access
	if !access.Expires.IsZero() {
		lasts = max(time.Until(access.Expires), time.Minute)
	}
	answer(w, http.StatusOK, issued{access: password, user: access.ID, lasts: lasts}.auth())
	return true
}

// errNotForAttempts is told to scripts.
const errNotForAttempts = "The token of an attempt is good for its own log, progress and results alone"

// showsAttempt says whether a request, or the token that it sends, is a script's.
func showsAttempt(r *http.Request, sent string) bool {
	if strings.HasPrefix(sent, ticket.Prefix) {
		return true
	}
	shown, err := Bearer(r.Header)
	return err == nil && strings.HasPrefix(shown, ticket.Prefix)
}
