package tokens

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
)

// issued is what a login, or a refresh of it, gives.
type issued struct {
	access, refresh string
	user            string
	scopes          []string
	lasts           time.Duration
}

// begin starts a login of a user, by a client or, where that is empty, by /auth.
func (a *Authority) begin(ctx context.Context, user, client string, scopes []string, device string) (issued, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return issued{}, err
	}
	family := id.String()
	refresh := newRefresh()
	hash, _ := refreshHash(refresh)
	access, err := a.sign(ctx, claims{Subject: user, Client: client, Scope: strings.Join(scopes, " "), Family: family}, a.cfg.Access)
	if err != nil {
		return issued{}, err
	}
	if err := a.store.StartFamily(ctx, NewFamily{
		ID: family, User: user, Client: client, Scopes: scopes, Device: device,
		Hash: hash, Lasts: min(a.cfg.Refresh, a.cfg.Family), FamilyLasts: a.cfg.Family,
	}); err != nil {
		return issued{}, fmt.Errorf("starting a login: %w", err)
	}
	return issued{access: access, refresh: refresh, user: user, scopes: scopes, lasts: a.cfg.Access}, nil
}

// noRefreshError says that a refresh token is not taken, scopeError that more was asked for than it has.
type (
	noRefreshError struct{}
	scopeError     struct{}
)

func (noRefreshError) Error() string { return "the refresh token is not taken" }
func (scopeError) Error() string     { return "the refresh token has not that scope" }

// again uses a refresh token. Scopes that are asked for narrow the access token alone.
func (a *Authority) again(ctx context.Context, token, client, scope string, rotate bool) (issued, error) {
	hash, ok := refreshHash(token)
	if !ok {
		return issued{}, noRefreshError{}
	}
	known, ok, err := a.store.Refresh(ctx, hash)
	if err != nil {
		return issued{}, fmt.Errorf("looking up a refresh token: %w", err)
	}
	if !ok || known.Client != client {
		return issued{}, noRefreshError{}
	}
	// What was asked for is looked at before the token is used up.
	wanted, refusedScope := scopes(scope, known.Scopes)
	if refusedScope != nil {
		return issued{}, scopeError{}
	}
	next, err := a.replace(ctx, token, hash, client, rotate)
	if err != nil {
		if _, no := errors.AsType[noRefreshError](err); no {
			a.log.InfoContext(ctx, "a refresh token was refused", slog.String("family", known.Family), slog.String("user", known.User))
		}
		return issued{}, err
	}
	access, err := a.sign(ctx, claims{Subject: known.User, Client: client, Scope: strings.Join(wanted, " "), Family: known.Family}, a.cfg.Access)
	if err != nil {
		return issued{}, err
	}
	return issued{access: access, refresh: next, user: known.User, scopes: wanted, lasts: a.cfg.Access}, nil
}

// replace gives the refresh token that is to be used from now on.
func (a *Authority) replace(ctx context.Context, token string, hash []byte, client string, rotate bool) (string, error) {
	use := Use{Hash: hash, Client: client, Lasts: a.cfg.Refresh, Grace: a.cfg.Grace}
	var out Outcome
	var err error
	next := token
	if rotate {
		next = newRefresh()
		nextHash, _ := refreshHash(next)
		// Only who has the old token can read the new one: neither the store's rows nor the gateway's secret open it.
		var sealed []byte
		if sealed, err = seal([]byte(token), labelSuccessor, []byte(next), hash); err != nil {
			return "", err
		}
		if out, err = a.store.RotateRefresh(ctx, Rotation{Use: use, NextHash: nextHash, Next: sealed}); err != nil {
			return "", fmt.Errorf("rotating a refresh token: %w", err)
		}
	} else if out, err = a.store.UseRefresh(ctx, use); err != nil {
		return "", fmt.Errorf("using a refresh token: %w", err)
	}
	switch out.State {
	case Fresh:
		return next, nil
	case Again:
		plain, err := unseal([]byte(token), labelSuccessor, out.Next, hash)
		return string(plain), err
	case Reused:
		a.log.WarnContext(ctx, "a refresh token was used twice: its login has ended")
		return "", noRefreshError{}
	default:
		return "", noRefreshError{}
	}
}

// longestDevice is how much is kept of what a caller calls itself.
const longestDevice = 500

// device says where a login came from, as Trends.Earth does.
func (a *Authority) device(r *http.Request) string {
	agent := r.UserAgent()
	if agent == "" {
		agent = "Unknown"
	}
	text := strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f || c == utf8.RuneError {
			return -1
		}
		return c
	}, "IP: "+a.cfg.Address(r)+" | UA: "+agent)
	if len(text) <= longestDevice {
		return text
	}
	text = text[:longestDevice]
	for !utf8.ValidString(text) {
		text = text[:len(text)-1]
	}
	return text
}
