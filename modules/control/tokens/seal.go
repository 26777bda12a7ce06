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
	"strings"
)

// What is hashed or derived from is told apart by a label, so that no value is good for two things.
const (
	labelKeys      = "fairway signing keys 1"
	labelSuccessor = "fairway refresh successor 1"
	labelRefresh   = "fairway refresh token 1\x00"
	labelSecret    = "fairway client secret 1\x00"
	labelAPI       = "fairway api token 1\x00"
)

// Prefixes say what a random token is, so that it is found where it should not be.
const (
	refreshPrefix = "fw_rt_"
	apiPrefix     = "fw_api_"
)

// randomToken makes a token of 32 random bytes in base64.
func randomToken(prefix string) string {
	var raw [32]byte
	_, _ = rand.Read(raw[:]) // never fails
	return prefix + base64.RawURLEncoding.EncodeToString(raw[:])
}

// tokenHash is under which hash a random token is kept: with 256 random bits there is nothing to guess, so no salt and no
// slow hash. False: it is none of this prefix.
func tokenHash(prefix, label, token string) ([]byte, bool) {
	if len(token) != len(prefix)+base64.RawURLEncoding.EncodedLen(32) || !strings.HasPrefix(token, prefix) {
		return nil, false
	}
	sum := sha256.Sum256([]byte(label + token))
	return sum[:], true
}

func newRefresh() string { return randomToken(refreshPrefix) }

func refreshHash(token string) ([]byte, bool) { return tokenHash(refreshPrefix, labelRefresh, token) }

// NewAPIToken makes a token for a program, and the hash under which it is to be stored. It is shown once.
func NewAPIToken() (token string, hash []byte) {
	token = randomToken(apiPrefix)
	hash, _ = tokenHash(apiPrefix, labelAPI, token)
	return token, hash
}

// APITokenHash is under which hash a program's token is stored. False: it is no such token.
func APITokenHash(token string) ([]byte, bool) { return tokenHash(apiPrefix, labelAPI, token) }

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
