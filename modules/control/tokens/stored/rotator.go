package stored

import (
	"context"
	"time"

	"github.com/fairway-gateway/fairway/modules/control/tokens"
	"github.com/fairway-gateway/fairway/queries"
)

// Rotator is a Store in which somebody replaces keys, whom the audit log names.
type Rotator struct {
	*Store
	by queries.By
}

// NewRotator makes a Rotator of an open store.
func NewRotator(s *queries.Store, by queries.By) *Rotator { return &Rotator{Store: New(s), by: by} }

// ReplaceSigningKeys implements tokens.KeyRotator.
func (r *Rotator) ReplaceSigningKeys(ctx context.Context, k tokens.NewKey, newest string, others time.Duration) (bool, error) {
	return r.store.ReplaceSigningKeys(ctx, r.by, signingKey(k), newest, others)
}

// ResealSigningKey implements tokens.KeyRotator.
func (r *Rotator) ResealSigningKey(ctx context.Context, id string, old, next []byte) (bool, error) {
	return r.store.ResealSigningKey(ctx, r.by, id, old, next)
}

var _ tokens.KeyRotator = (*Rotator)(nil)
