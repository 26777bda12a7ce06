package mail

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
)

// envelope is what the store has of a letter: its links are as good as passwords, and a store is copied and read by more
// people than may set everybody's password.
type envelope struct {
	ID     string `json:"id"`
	Kind   string `json:"kind"`
	Sealed []byte `json:"sealed"`
}

// letter is what is in an envelope.
type letter struct {
	To      string `json:"to"`
	Link    string `json:"link,omitempty"`
	Expires int64  `json:"expires,omitempty"` // seconds since 1970
	Subject string `json:"subject,omitempty"`
	Text    string `json:"text,omitempty"`
	HTML    string `json:"html,omitempty"`
	// Ended are what a letter tells of whose kind is that.
	Ended []Ended `json:"ended,omitempty"`
}

// keySize is how many bytes a key has.
const keySize = 32

// sealer opens envelopes by one of its keys, and makes them by the first.
type sealer []cipher.AEAD

func newSealer(keys [][]byte) (sealer, error) {
	if len(keys) == 0 {
		return nil, errors.New("letters need a key")
	}
	var out sealer
	for _, k := range keys {
		if len(k) != keySize {
			return nil, fmt.Errorf("a key of letters has %d bytes, not %d", keySize, len(k))
		}
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

// about is what an envelope says outside.
func (e *envelope) about() []byte { return []byte("mail\x00" + e.ID + "\x00" + e.Kind) }

// seal puts a letter into its envelope.
func (s sealer) seal(e envelope, l letter) (json.RawMessage, error) {
	plain, err := json.Marshal(l)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, s[0].NonceSize())
	_, _ = rand.Read(nonce) // it never fails
	e.Sealed = s[0].Seal(nonce, nonce, plain, e.about())
	return json.Marshal(e)
}

// errSealed says that an envelope is not ours to open.
var errSealed = errors.New("the letter was sealed with another secret, or is damaged")

// open takes a letter out of its envelope.
func (s sealer) open(payload json.RawMessage) (envelope, letter, error) {
	var e envelope
	var l letter
	if err := json.Unmarshal(payload, &e); err != nil {
		return e, l, errSealed
	}
	for _, aead := range s {
		if len(e.Sealed) < aead.NonceSize() {
			break
		}
		plain, err := aead.Open(nil, e.Sealed[:aead.NonceSize()], e.Sealed[aead.NonceSize():], e.about())
		if err != nil {
			continue
		}
		if err := json.Unmarshal(plain, &l); err != nil {
			return e, l, errSealed
		}
		return e, l, nil
	}
	return e, l, errSealed
}
