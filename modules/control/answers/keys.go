package answers

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
)

// keyring has the keys, which are asked for when they are first needed.
type keyring struct {
	mu   sync.Mutex
	keys keys
}

// keys are those of the gateway for long answers, the first is the one that seals.
type keys [][]byte

func (k *keyring) get(from func(string) ([][]byte, error)) (keys, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.keys != nil {
		return k.keys, nil
	}
	all, err := from(purpose)
	if err == nil && len(all) == 0 {
		err = errors.New("there is no key")
	}
	if err != nil {
		return nil, err
	}
	k.keys = all
	return k.keys, nil
}

// Labels tell apart what is made of one key.
const (
	labelCaller  = "fairway long answer caller 1\x00"
	labelRequest = "fairway long answer request 1"
	labelToken   = "fairway long answer token 1\x00"
)

func callerHash(key []byte, caller string) []byte {
	h := hmac.New(sha256.New, key)
	_, _ = h.Write([]byte(labelCaller + caller)) // to a hash
	return h.Sum(nil)
}

// caller is what the store has of a caller.
func (k keys) caller(caller string) []byte { return callerHash(k[0], caller) }

// isCaller says whether one of some is who the store has.
func (k keys) isCaller(hash []byte, callers []string) bool {
	return slices.ContainsFunc(callers, func(c string) bool {
		return slices.ContainsFunc(k, func(key []byte) bool { return hmac.Equal(hash, callerHash(key, c)) })
	})
}

func sealer(key []byte) (cipher.AEAD, error) {
	own, err := hkdf.Key(sha256.New, key, nil, labelRequest, 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(own)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// seal encrypts a request; bound must be the same to open it.
func (k keys) seal(plain, bound []byte) ([]byte, error) {
	c, err := sealer(k[0])
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, c.NonceSize(), c.NonceSize()+len(plain)+c.Overhead())
	_, _ = rand.Read(nonce) // never fails
	return c.Seal(nonce, nonce, plain, bound), nil
}

func (k keys) open(sealed, bound []byte) ([]byte, error) {
	for _, key := range k {
		c, err := sealer(key)
		if err != nil {
			return nil, err
		}
		if len(sealed) < c.NonceSize() {
			break
		}
		if plain, err := c.Open(nil, sealed[:c.NonceSize()], sealed[c.NonceSize():], bound); err == nil {
			return plain, nil
		}
	}
	return nil, errors.New("the request was sealed by another secret")
}

// newToken makes what only who was told the address has: 130 random bits.
func newToken() string { return rand.Text() }

// tokenHash is what the store has of a token: it is random, so it needs no salt.
func tokenHash(token string) []byte {
	sum := sha256.Sum256([]byte(labelToken + token))
	return sum[:]
}

// timeOf is when an id of version 7 was made.
func timeOf(id uuid.UUID) time.Time {
	sec, nsec := id.Time().UnixTime()
	return time.Unix(sec, nsec)
}
