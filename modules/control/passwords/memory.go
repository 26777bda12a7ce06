package passwords

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	mathrand "math/rand/v2"
	"sync"
	"time"

	"github.com/maypok86/otter/v2"
)

// memory remembers which passwords were right. It holds neither users nor passwords, only hashes of them under a key of this
// process, and it remembers nothing that was wrong: that would tell who exists, and fill it.
type memory struct {
	realm string
	keep  time.Duration // negative: nothing is remembered
	keyed sync.Pool
	right *otter.Cache[digest, time.Time] // until when no hash is made
}

// digest stands for realm, user, password and stored hash.
type digest [sha256.Size]byte

// keyedHash is an HMAC with the buffers of its use.
type keyedHash struct {
	hash.Hash
	buf []byte
}

func newMemory(realm string, keep time.Duration, most int) (*memory, error) {
	if keep == 0 || keep > longestMemory {
		keep = longestMemory
	}
	if most <= 0 {
		most = 10_000
	}
	right, err := otter.New(&otter.Options[digest, time.Time]{
		MaximumSize: most,
		Executor:    func(f func()) { f() }, // no goroutines of its own
	})
	if err != nil {
		return nil, err
	}
	key := make([]byte, sha256.BlockSize)
	_, _ = rand.Read(key) // never fails
	m := &memory{realm: realm, keep: keep, right: right}
	m.keyed.New = func() any { return &keyedHash{Hash: hmac.New(sha256.New, key)} }
	return m, nil
}

// digest makes the key of a password. Each part has its length before it, so that none runs into the next.
func (m *memory) digest(user, password, stored string) (d digest) {
	h, _ := m.keyed.Get().(*keyedHash)
	h.buf = h.buf[:0]
	for _, part := range [...]string{m.realm, user, stored, password} {
		h.buf = binary.BigEndian.AppendUint32(h.buf, uint32(len(part))) //nolint:gosec // at most some KiB
		h.buf = append(h.buf, part...)
	}
	h.Reset()
	_, _ = h.Write(h.buf) // never fails
	clear(h.buf)          // no password is left
	h.buf = h.Sum(h.buf[:0])
	copy(d[:], h.buf)
	m.keyed.Put(h)
	return d
}

// has says that a password was right lately.
func (m *memory) has(d digest) bool {
	until, ok := m.right.GetIfPresent(d)
	return ok && time.Now().Before(until)
}

// knownFor is how long it is known that a password was right, after no hash is made for it no longer.
const knownFor = time.Hour

// knows says that a password was right in the last hour. Since the stored hash is part of its digest it still is; its check is
// made again, but neither throttled nor kept waiting behind those that may be wrong. Else who guesses from the address of
// somebody, or a program there that has an old password, would keep him out.
func (m *memory) knows(d digest) bool {
	until, ok := m.right.GetIfPresent(d)
	return ok && time.Now().Before(until.Add(knownFor))
}

// add remembers a password, for a little less than the longest time by chance, so that those who came at once do not come
// back at once.
func (m *memory) add(d digest) {
	if m.keep < 0 {
		return
	}
	keep := m.keep - time.Duration(mathrand.Int64N(int64(m.keep/8)+1)) //nolint:gosec // guards nothing
	m.right.Set(d, time.Now().Add(keep))
}
