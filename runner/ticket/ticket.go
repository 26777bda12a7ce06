// Package ticket makes the tokens that scripts show for their own attempt, and knows them when it sees them.
package ticket

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

const (
	// Prefix is how every token begins, by which it is found where it should not be.
	Prefix = "fw_run_"
	// Alphabet is what follows, Length how long a token is, in bytes.
	Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	Length   = len(Prefix) + 43
)

// New makes a token, and the hash by which the store knows it.
func New() (token string, hash []byte) {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	return encode(b[:])
}

// Of makes the token of something, the same whenever it is asked with a key, which is secret and 256 random bits.
func Of(key, of []byte) (token string, hash []byte) {
	mac := hmac.New(sha256.New, key)
	mac.Write(of)
	return encode(mac.Sum(nil))
}

func encode(b []byte) (token string, hash []byte) {
	token = Prefix + base64.RawURLEncoding.EncodeToString(b)
	return token, sum(token)
}

// Hash is that of a token. With 256 random bits there is nothing to guess, so it has no salt and is quick. False: it is no such token.
func Hash(token string) ([]byte, bool) {
	rest, ok := strings.CutPrefix(token, Prefix)
	if !ok || len(token) != Length || strings.Trim(rest, Alphabet) != "" {
		return nil, false
	}
	return sum(token), true
}

func sum(token string) []byte {
	digest := sha256.Sum256([]byte(token))
	return digest[:]
}
