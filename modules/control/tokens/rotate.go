package tokens

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"time"
)

const (
	// signsSoon is after how long a key signs that replaces the others: each gateway has heard of it by then.
	signsSoon = 10 * time.Second
	// replacedLeeway is for how long a replaced key is kept after its last token has expired, since clocks differ.
	replacedLeeway = 5 * time.Minute
)

// KeyRotator is a store in which keys are replaced.
type KeyRotator interface {
	KeyStore
	// ReplaceSigningKeys is AddSigningKey that has all others retire after a time, those that would later.
	ReplaceSigningKeys(ctx context.Context, key NewKey, newest string, others time.Duration) (bool, error)
	// ResealSigningKey writes a key sealed anew. False: it is not sealed as it was.
	ResealSigningKey(ctx context.Context, id string, old, next []byte) (bool, error)
}

// Rotated is what Rotate did.
type Rotated struct {
	// ID is the kid of the new key, Signs when it begins to sign.
	ID    string
	Signs time.Time
	// OthersEnd is when nothing is valid any more that older keys signed.
	OthersEnd time.Time
	// Sealed is how many older keys were sealed with the first secret, which they were not before.
	Sealed int
	// Shut are the older keys that no secret opens: they verify, and sign nothing.
	Shut []string
}

// ErrRotated says that somebody else added a key at the same time.
var ErrRotated = errors.New("another process added a signing key at the same time")

// Rotate has another key sign, as soon as every gateway knows it, and seals the older ones with the first secret, so that the
// others are not needed for them. What older keys signed is valid until it has expired; with revoke it is invalid at once.
// No gateway has to be told: each hears of it from the store. Of cfg it needs the secrets and the lifetimes.
func Rotate(ctx context.Context, store KeyRotator, cfg Config, revoke bool) (*Rotated, error) {
	cfg = cfg.withDefaults()
	if cfg.Issuer == "" {
		cfg.Issuer = "-" // no token is made here
	}
	if err := cfg.check(); err != nil {
		return nil, err
	}
	stored, err := store.SigningKeys(ctx)
	if err != nil {
		return nil, fmt.Errorf("loading the signing keys: %w", err)
	}
	out := new(Rotated)
	newest := ""
	for _, s := range stored {
		newest = s.ID
		if err := out.reseal(ctx, store, cfg.Secrets, s); err != nil {
			return nil, err
		}
	}
	in, others := signsSoon, signsSoon+max(cfg.Access, cfg.ServiceAccess)+replacedLeeway
	if revoke {
		others = 0
	}
	if revoke || len(stored) == len(out.Shut) { // nobody else signs meanwhile
		in = 0
	}
	key, err := newKey(cfg, in)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	ok, err := store.ReplaceSigningKeys(ctx, key, newest, others)
	if err != nil {
		return nil, fmt.Errorf("replacing the signing keys: %w", err)
	}
	if !ok {
		return nil, ErrRotated
	}
	out.ID, out.Signs, out.OthersEnd = key.ID, now.Add(in), now.Add(others)
	return out, nil
}

// reseal seals one key with the first secret, if another opens it.
func (r *Rotated) reseal(ctx context.Context, store KeyRotator, secrets [][]byte, s StoredKey) error {
	for i, secret := range secrets {
		seed, err := unseal(secret, labelKeys, s.Sealed, []byte(s.ID))
		if err != nil {
			continue
		}
		if i == 0 {
			return nil
		}
		sealed, err := seal(secrets[0], labelKeys, seed, []byte(s.ID))
		if err != nil {
			return err
		}
		ok, err := store.ResealSigningKey(ctx, s.ID, s.Sealed, sealed)
		if err != nil {
			return fmt.Errorf("sealing the signing key %s anew: %w", s.ID, err)
		}
		if !ok {
			return ErrRotated
		}
		r.Sealed++
		return nil
	}
	r.Shut = append(r.Shut, s.ID)
	return nil
}

// newKey draws a key that is to sign after a while.
func newKey(cfg Config, in time.Duration) (NewKey, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return NewKey{}, err
	}
	id := newID()
	sealed, err := seal(cfg.Secrets[0], labelKeys, private.Seed(), []byte(id))
	if err != nil {
		return NewKey{}, err
	}
	longest := max(cfg.Access, cfg.ServiceAccess)
	return NewKey{ID: id, Public: public, Sealed: sealed, SignsIn: in, RetiresIn: in + cfg.Rotate + publishLead + longest + keepKey}, nil
}
