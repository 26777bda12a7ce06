package tokens

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
)

// What is hashed or derived from is told apart by a label, so that no value is good for two things.
const (
	labelKeys      = "fairway signing keys 1"
	labelSuccessor = "fairway refresh successor 1"
	labelRefresh   = "fairway refresh token 1\x00"
	labelSecret    = "fairway client secret 1\x00"
)

// refreshPrefix begins a refresh token, refreshLength is that of a whole one: 32 random bytes in base64.
const (
	refreshPrefix = "fw_rt_"
	refreshLength = len(refreshPrefix) + 43
)

// newRefresh makes a refresh token.
func newRefresh() string {
	var raw [32]byte
	_, _ = rand.Read(raw[:]) // never fails
	return refreshPrefix + base64.RawURLEncoding.EncodeToString(raw[:])
}

// refreshHash is under which hash a refresh token is kept: with 256 random bits there is nothing to guess, so no salt and no
// slow hash. False: it is none.
func refreshHash(token string) ([]byte, bool) {
	if len(token) != refreshLength || token[:len(refreshPrefix)] != refreshPrefix {
		return nil, false
	}
	sum := sha256.Sum256([]byte(labelRefresh + token))
	return sum[:], true
}

// HashSecret is what the store keeps of a client's secret. Secrets are random: one that a person chose could be guessed.
func HashSecret(secret string) []byte {
	sum := sha256.Sum256([]byte(labelSecret + secret))
	return sum[:]
}

// seal encrypts with a key made of a secret; bound is not encrypted, but must be the same to open it.
func seal(secret []byte, label string, plain, bound []byte) ([]byte, error) {
	c, err := sealer(secret, label)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, c.NonceSize(), c.NonceSize()+len(plain)+c.Overhead())
	_, _ = rand.Read(nonce) // never fails
	return c.Seal(nonce, nonce, plain, bound), nil
}

func unseal(secret []byte, label string, sealed, bound []byte) ([]byte, error) {
	c, err := sealer(secret, label)
	if err != nil {
		return nil, err
	}
	if len(sealed) < c.NonceSize() {
		return nil, errors.New("what was sealed is cut")
	}
	plain, err := c.Open(nil, sealed[:c.NonceSize()], sealed[c.NonceSize():], bound)
	if err != nil {
		return nil, errors.New("it was sealed with another secret, or changed")
	}
	return plain, nil
}

func sealer(secret []byte, label string) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, secret, nil, label, 32)
	if err != nil {
		return nil, fmt.Errorf("deriving a key: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}
