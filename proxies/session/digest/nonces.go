package digest

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"net/url"
	"sync"
)

// key names what a nonce is kept for: an address with a user and a password. It is a hash under a key of this process, so that
// nothing is kept of the password.
type key [sha256.Size]byte

// mostNonces are kept in each of two halves: when the newer is full, the older goes.
const mostNonces = 4096

// nonces are the challenges that were answered well. The zero value is empty.
type nonces struct {
	mu         sync.Mutex
	secret     []byte
	young, old map[key]*nonce
	taken      chan struct{} // holds the turn of one who has competition
}

// turn waits until nobody else has it, and gives what ends it.
func (n *nonces) turn(ctx context.Context) (done func(), err error) {
	n.mu.Lock()
	if n.taken == nil {
		n.taken = make(chan struct{}, 1)
	}
	n.mu.Unlock()
	select {
	case n.taken <- struct{}{}:
		return func() { <-n.taken }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// key makes the key of credentials at the address of a URL.
func (n *nonces) key(u *url.URL, user, password string) (k key) {
	n.mu.Lock()
	if n.secret == nil {
		n.secret = make([]byte, 32)
		_, _ = rand.Read(n.secret) // never fails
	}
	h := hmac.New(sha256.New, n.secret)
	n.mu.Unlock()
	for _, part := range []string{u.Scheme, u.Host, user, password} {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		h.Write([]byte(part))
	}
	h.Sum(k[:0])
	return k
}

// find gives the challenge that is kept; nil: none.
func (n *nonces) find(k key) *nonce {
	n.mu.Lock()
	defer n.mu.Unlock()
	if found, ok := n.young[k]; ok {
		return found
	}
	found, ok := n.old[k]
	if ok {
		n.put(k, found)
	}
	return found
}

func (n *nonces) keep(k key, found *nonce) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.put(k, found)
}

func (n *nonces) put(k key, found *nonce) {
	if n.young == nil || len(n.young) >= mostNonces {
		n.young, n.old = make(map[key]*nonce), n.young
	}
	n.young[k] = found
}

// forget drops what led to a refusal, if it is still what is kept.
func (n *nonces) forget(k key, known *nonce) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.young[k] == known {
		delete(n.young, k)
	}
	if n.old[k] == known {
		delete(n.old, k)
	}
}

// nonce is a challenge with the count of its uses.
type nonce struct {
	challenge *challenge
	cnonce    string

	mu    sync.Mutex
	now   string // the nonce, after those that answers named for the next request
	count uint32
}

func newNonce(c *challenge) *nonce {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails
	return &nonce{challenge: c, now: c.nonce, cnonce: hex.EncodeToString(b)}
}

// use counts one use. No two requests get the same count.
func (n *nonce) use() *use {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.count++
	return &use{challenge: n.challenge, first: n.challenge.nonce, nonce: n.now, cnonce: n.cnonce, count: n.count}
}

// replace takes the nonce that an answer named for the next request. The count begins anew.
func (n *nonce) replace(next string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.now != next {
		n.now, n.count = next, 0
	}
}
