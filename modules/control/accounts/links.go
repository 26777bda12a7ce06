package accounts

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"time"

	"github.com/fairway-gateway/fairway/modules/control/throttle"
	"github.com/fairway-gateway/fairway/proxies/rate"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

const (
	// linkBytes is how much chance is in a link.
	linkBytes = 32
	// linkPath is where a link leads; Trends.Earth's pages are there.
	linkPath = "/reset-password?token="
)

// link makes a link and the letter with it, in the transaction of q. A nil user is nobody: the link is written, and will never be
// good.
func (a *Accounts) link(ctx context.Context, q db.Querier, by queries.By, u *db.User, to, purpose string) error {
	secret := make([]byte, linkBytes)
	_, _ = rand.Read(secret) // never fails
	token := base64.RawURLEncoding.EncodeToString(secret)
	hash, _ := linkHash(token)
	l := queries.Link{Hash: hash, Email: to, Purpose: purpose, Lasts: a.cfg.LinkLasts}
	if u != nil {
		l.User = &u.ID
	}
	if err := queries.AddLink(ctx, q, by, l); err != nil || u == nil {
		return err
	}
	send := a.cfg.Letters.Recover
	if purpose == queries.LinkInvite {
		send = a.cfg.Letters.Created
	}
	return send(ctx, q, to, linkPath+url.QueryEscape(token), time.Now().Add(a.cfg.LinkLasts))
}

// linkHash is what the store has of a token; false: it cannot be one.
func linkHash(token string) ([]byte, bool) {
	secret, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(secret) != linkBytes {
		return nil, false
	}
	sum := sha256.Sum256(append([]byte("fairway link\x00"), secret...))
	return sum[:], true
}

// limited takes one of most per time of a rate.
func (a *Accounts) limited(ctx context.Context, name, of string, most int, per time.Duration) error {
	mac := hmac.New(sha256.New, a.cfg.Key)
	fmt.Fprintf(mac, "%s\x00%s\x00%s", name, per, of)
	r, err := a.cfg.Store.TakeRate(ctx, mac.Sum(nil), most, per)
	if err != nil {
		return fmt.Errorf("counting: %w", err)
	}
	if !r.OK {
		return &LimitedError{RetryAfter: r.Retry}
	}
	return nil
}

// refusing is limited where the caller is told, which is written down.
func (a *Accounts) refusing(ctx context.Context, name, of string, most int, per time.Duration) error {
	err := a.limited(ctx, name, of, most, per)
	if e, ok := errors.AsType[*LimitedError](err); ok && a.cfg.Refused != nil {
		a.cfg.Refused(ctx, rate.Refusal{Scope: name, Limit: rate.Limit{N: most, Per: per, By: rate.ByAddress}, Retry: e.RetryAfter})
	}
	return err
}

// isLimited tells a limit from a failure.
func isLimited(err error) bool {
	_, ok := errors.AsType[*LimitedError](err)
	return ok
}

// network is who counts as one caller.
func network(from netip.Addr) string { return throttle.Network(from).String() }
