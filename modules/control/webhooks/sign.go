package webhooks

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Headers of Standard Webhooks.
const (
	HeaderID        = "Webhook-Id"
	HeaderTimestamp = "Webhook-Timestamp"
	HeaderSignature = "Webhook-Signature"
)

const (
	// secretPrefix is before a secret, as Standard Webhooks has them.
	secretPrefix = "whsec_"
	// secretSize is how many bytes a secret has.
	secretSize = 32
	// Tolerance is how far the time of a signature may be from now.
	Tolerance = 5 * time.Minute
)

// Sign gives the signature of a message by a key, as the header Webhook-Signature has it.
func Sign(key []byte, id string, at time.Time, body []byte) string {
	mac := hmac.New(sha256.New, key)
	_, _ = fmt.Fprintf(mac, "%s.%d.", id, at.Unix()) // it never fails
	_, _ = mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// errSignature says that a message is not of who has the key, or not of now.
var errSignature = errors.New("the signature is not right, or too old")

// Verify says whether one of the signatures in a header is that of a message, and its time is about now.
func Verify(key []byte, id, timestamp, signatures string, body []byte, now time.Time) error {
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || id == "" || strings.Contains(id, ".") {
		return errSignature
	}
	at := time.Unix(seconds, 0)
	if d := now.Sub(at); d > Tolerance || d < -Tolerance {
		return errSignature
	}
	want := []byte(Sign(key, id, at, body))
	for one := range strings.SplitSeq(signatures, " ") {
		if hmac.Equal(want, []byte(one)) {
			return nil
		}
	}
	return errSignature
}

// Sealer keeps secrets in the store, by keys of which the first seals and all open.
type Sealer struct {
	about string
	keys  []cipher.AEAD
}

// NewSealer makes a sealer of secrets of a kind of things, by keys of 32 bytes: what it seals for one kind opens for no other.
func NewSealer(about string, keys [][]byte) (*Sealer, error) {
	if len(keys) == 0 {
		return nil, errors.New("secrets of webhooks need a key")
	}
	out := &Sealer{about: about}
	for _, k := range keys {
		block, err := aes.NewCipher(k)
		if err != nil {
			return nil, err
		}
		aead, err := cipher.NewGCM(block)
		if err != nil {
			return nil, err
		}
		out.keys = append(out.keys, aead)
	}
	return out, nil
}

// with is what a secret is sealed with, in clear.
func (s *Sealer) with(id string) []byte { return []byte(s.about + "\x00" + id) }

// Fresh makes a secret, sealed for the thing of an id, and its text for people.
func (s *Sealer) Fresh(id string) (sealed []byte, text string) {
	key, nonce := make([]byte, secretSize), make([]byte, s.keys[0].NonceSize())
	_, _ = rand.Read(key) // it never fails
	_, _ = rand.Read(nonce)
	return s.keys[0].Seal(nonce, nonce, key, s.with(id)), secretPrefix + base64.StdEncoding.EncodeToString(key)
}

// Open gives the key of a thing.
func (s *Sealer) Open(id string, sealed []byte) ([]byte, error) {
	for _, one := range s.keys {
		n := one.NonceSize()
		if len(sealed) < n {
			break
		}
		if key, err := one.Open(nil, sealed[:n], sealed[n:], s.with(id)); err == nil {
			return key, nil
		}
	}
	return nil, errors.New("the secret of the " + s.about + " was sealed with another secret, or is damaged")
}
