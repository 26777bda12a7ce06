package tokens

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/fairway-gateway/fairway/runner/ticket"
)

// Reason is why a token is refused, as Trends.Earth's clients know it.
type Reason string

// Reasons.
const (
	Missing  Reason = "authorization_required"
	Invalid  Reason = "invalid_token"
	Expired  Reason = "token_expired"
	Revoked  Reason = "token_revoked"
	Inactive Reason = "user_inactive"
)

// RefusedError says that a token is not taken. Any other error says that it could not be checked.
type RefusedError struct{ Reason Reason }

func refused(why Reason) error { return &RefusedError{Reason: why} }

// Error is the sentence that Trends.Earth's clients know.
func (e *RefusedError) Error() string {
	switch e.Reason {
	case Missing:
		return "Authorization token required"
	case Expired:
		return "Token has expired"
	case Revoked:
		return "Token has been revoked"
	case Inactive:
		return "User is inactive"
	default:
		return "Invalid token"
	}
}

// Check says whose a token is: an access token, or a program's own. One that was checked is not checked again for a minute, unless it expires before or
// the store's feed tells that something of it has changed: every gateway knows that after Config.Poll. An error that is a
// *RefusedError is the caller's fault.
func (a *Authority) Check(ctx context.Context, token string) (*Access, error) {
	if len(token) > longestToken {
		return nil, refused(Invalid)
	}
	if hash, ok := ticket.Hash(token); ok {
		return a.checkAttempt(ctx, hash)
	}
	var room [1024]byte // for tokens as they usually are without an allocation
	sum := sha256.Sum256(append(room[:0], token...))
	now := time.Now()
	if found, ok := a.cache.Get(sum, now); ok {
		return found, nil
	}
	// What is revoked while the store is asked must not be cached as it was before.
	epoch := a.cache.Epoch()
	var access *Access
	var err error
	if hash, ok := tokenHash(apiPrefix, labelAPI, token); ok {
		access, err = a.checkAPI(ctx, hash)
	} else {
		access, err = a.checkSigned(ctx, token, now)
	}
	if err != nil {
		return nil, err
	}
	if a.cfg.CacheFor > 0 {
		until := now.Add(a.cfg.CacheFor)
		if !access.Expires.IsZero() && access.Expires.Before(until) {
			until = access.Expires
		}
		a.cache.Put(sum, access, until, epoch)
	}
	return access, nil
}

// checkSigned checks an access token.
func (a *Authority) checkSigned(ctx context.Context, token string, now time.Time) (*Access, error) {
	c, err := a.verify(ctx, token)
	if err != nil {
		return nil, err
	}
	access := c.access()
	if !now.Before(access.Expires) {
		return nil, refused(Expired)
	}
	if err := a.standing(ctx, access, Subject{Access: c.ID, Family: c.Family, Client: c.Client, User: c.Subject}); err != nil {
		return nil, err
	}
	return access, nil
}

// checkAPI checks a program's token.
func (a *Authority) checkAPI(ctx context.Context, hash []byte) (*Access, error) {
	t, ok, err := a.store.APIToken(ctx, hash)
	if err != nil {
		return nil, fmt.Errorf("checking a token: %w", err)
	}
	if !ok {
		return nil, refused(Invalid)
	}
	access := &Access{ID: t.ID, Scopes: t.Scopes, ByAPIToken: true, Issued: t.Created, Expires: t.Expires}
	if t.User != "" {
		if err := a.standing(ctx, access, Subject{User: t.User}); err != nil {
			return nil, err
		}
	}
	if err := a.store.APITokenUsed(ctx, t.ID); err != nil {
		a.log.WarnContext(ctx, "that a token was used could not be written", slog.Any("error", err))
	}
	return access, nil
}

// standing completes a token that stands: with its user as it is now, and what of the scopes that user has a use for. Who was
// demoted has tokens that lose what the role has lost, and of which none is left nobody takes.
func (a *Authority) standing(ctx context.Context, access *Access, of Subject) error {
	standing, err := a.store.Standing(ctx, of)
	if err != nil {
		return fmt.Errorf("checking a token: %w", err)
	}
	if standing.Revoked {
		return refused(Revoked)
	}
	if !standing.User.Active {
		return refused(Inactive)
	}
	scopes := a.cfg.Rights(&standing.User, access.Scopes)
	if len(scopes) == 0 && len(access.Scopes) > 0 {
		return refused(Revoked)
	}
	access.User, access.Scopes = standing.User, scopes
	return nil
}

// forget has this gateway know of a revocation at once.
func (a *Authority) forget(kind, id string) { a.Forget(Revocation{Kind: kind, ID: id}) }

// reason says why a token was refused, if that is what the error says.
func reason(err error) (Reason, bool) {
	if no, ok := errors.AsType[*RefusedError](err); ok {
		return no.Reason, true
	}
	return "", false
}
