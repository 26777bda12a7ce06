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
	headerID        = "Webhook-Id"
	headerTimestamp = "Webhook-Timestamp"
	headerSignature = "Webhook-Signature"
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

// sealer keeps secrets of webhooks in the store, by keys of which the first seals and all open.
type sealer []cipher.AEAD

func newSealer(keys [][]byte) (sealer, error) {
	if len(keys) == 0 {
		return nil, errors.New("secrets of webhooks need a key")
	}
	var out sealer
	for _, k := range keys {
		block, err := aes.NewCipher(k)
		if err != nil {
			return nil, err
		}
		aead, err := cipher.NewGCM(block)
		if err != nil {
			return nil, err
		}
		out = append(out, aead)
	}
	return out, nil
}

// fresh makes a secret, sealed for the webhook of an id, and its text for people.
func (s sealer) fresh(id string) (sealed []byte, text string) {
	key, nonce := make([]byte, secretSize), make([]byte, s[0].NonceSize())
	_, _ = rand.Read(key) // it never fails
	_, _ = rand.Read(nonce)
	return s[0].Seal(nonce, nonce, key, []byte("webhook\x00"+id)), secretPrefix + base64.StdEncoding.EncodeToString(key)
}

// open gives the key of a webhook.
func (s sealer) open(id string, sealed []byte) ([]byte, error) {
	for _, one := range s {
		n := one.NonceSize()
		if len(sealed) < n {
			break
		}
		if key, err := one.Open(nil, sealed[:n], sealed[n:], []byte("webhook\x00"+id)); err == nil {
			return key, nil
		}
	}
	return nil, errors.New("the secret of the webhook was sealed with another secret, or is damaged")
}
