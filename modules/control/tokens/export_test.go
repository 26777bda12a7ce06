package tokens

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// SignerOf signs anything with an authority's key.
func SignerOf(a *Authority) func(typ string, claims map[string]any) (string, error) {
	return func(typ string, claims map[string]any) (string, error) {
		stored, err := a.store.SigningKeys(context.Background())
		if err != nil {
			return "", err
		}
		key := a.keys.signer(time.Now())
		for _, s := range stored {
			if s.ID != key.id {
				continue
			}
			seed, err := unseal(a.cfg.Secrets[0], labelKeys, s.Sealed, []byte(s.ID))
			if err != nil {
				return "", err
			}
			options := &jose.SignerOptions{}
			if typ != "" {
				options = options.WithType(jose.ContentType(typ))
			}
			signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: jose.JSONWebKey{Key: ed25519.NewKeyFromSeed(seed), KeyID: s.ID}}, options)
			if err != nil {
				return "", err
			}
			payload, err := json.Marshal(claims)
			if err != nil {
				return "", err
			}
			signed, err := signer.Sign(payload)
			if err != nil {
				return "", err
			}
			return signed.CompactSerialize()
		}
		return "", errors.New("it is not in the store")
	}
}

// Cached says how many tokens an authority keeps.
func Cached(a *Authority) int { return a.cache.Len() }
