package queries

import (
	"context"
	"encoding/json"
	"time"

	"github.com/fairway-gateway/fairway/queries/db"
)

// SigningKey is a key that is to sign.
type SigningKey struct {
	// KID names it. Public is the public key, Sealed the private one, sealed by who wrote it.
	KID            string
	Public, Sealed []byte
	// SignsIn is after how long it may sign, RetiresIn after how long nothing that it signed is valid.
	SignsIn, RetiresIn time.Duration
}

// AddSigningKey adds a key if the newest that has not retired is still this one, none if it is empty, and tells that. False:
// another was faster.
func (s *Store) AddSigningKey(ctx context.Context, k SigningKey, newest string) (added bool, err error) {
	err = s.inTx(ctx, func(q db.Querier) error {
		if added, err = insertSigningKey(ctx, q, k, newest); err != nil || !added {
			return err
		}
		return tell(ctx, q, "keys", "", keepTold)
	})
	return added && err == nil, err
}

// ReplaceSigningKeys is AddSigningKey that has all others retire after a time, those that would later; and it is audited.
func (s *Store) ReplaceSigningKeys(ctx context.Context, by By, k SigningKey, newest string, others time.Duration) (added bool, err error) {
	err = s.inTx(ctx, func(q db.Querier) error {
		if added, err = insertSigningKey(ctx, q, k, newest); err != nil || !added {
			return err
		}
		if _, err := q.RetireSigningKeys(ctx, db.RetireSigningKeysParams{Kid: k.KID, RetiresMs: milliseconds(others)}); err != nil {
			return err
		}
		diff, err := json.Marshal(map[string]any{"others_retire_in": others.Seconds()})
		if err != nil {
			return err
		}
		if err := audit(ctx, q, by, "keys.rotate", "key:"+k.KID, diff); err != nil {
			return err
		}
		return tell(ctx, q, "keys", "", keepTold)
	})
	return added && err == nil, err
}

func insertSigningKey(ctx context.Context, q db.Querier, k SigningKey, newest string) (bool, error) {
	n, err := q.InsertSigningKey(ctx, db.InsertSigningKeyParams{
		Kid: k.KID, PublicKey: k.Public, Sealed: k.Sealed, SignsMs: milliseconds(k.SignsIn), RetiresMs: milliseconds(k.RetiresIn), Newest: newest,
	})
	return n == 1, err
}

// ResealSigningKey writes a key that was sealed anew, and audits that. False: it is not sealed as it was, or not there.
func (s *Store) ResealSigningKey(ctx context.Context, by By, kid string, old, next []byte) (written bool, err error) {
	err = s.inTx(ctx, func(q db.Querier) error {
		n, err := q.ResealSigningKey(ctx, db.ResealSigningKeyParams{Kid: kid, OldSealed: old, Sealed: next})
		if written = n == 1; err != nil || !written {
			return err
		}
		return audit(ctx, q, by, "keys.seal", "key:"+kid, json.RawMessage("{}"))
	})
	return written && err == nil, err
}
