package pool

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"sync"
)

// KeySize is how many bytes a master key has.
const KeySize = 32

// Index names what a store keeps: a keyed hash of backend, user and password, which tells nothing of them.
type Index [sha256.Size]byte

// The purposes of hashes. No hash for one is a hash for another.
const (
	forSession     = "index"
	forSessionSeal = "seal"
	forUser        = "user index"
	forUserSeal    = "user seal"
)

// sealInfo is in the derivation of every key that seals, and changes with the format.
const sealInfo = "fairway session 1"

// sealed1 is the first byte of what is sealed as it is now.
const sealed1 = 1

var errSealed = errors.New("the record cannot be opened")

// master is a master key.
type master struct {
	macs sync.Pool // of *mac
}

// mac is the hash of a master key with its input, which is kept to be used again.
type mac struct {
	hash  hash.Hash
	input []byte
	sum   []byte
}

func newMaster(key []byte) (*master, error) {
	if len(key) != KeySize {
		return nil, fmt.Errorf("a key of sessions has %d bytes, not %d", KeySize, len(key))
	}
	key = append([]byte(nil), key...)
	m := new(master)
	m.macs.New = func() any { return &mac{hash: hmac.New(sha256.New, key)} }
	return m, nil
}

// prefix is the beginning of a hash's input.
func prefix(parts ...string) []byte {
	var b []byte
	for _, p := range parts {
		b = part(b, p)
	}
	return b
}

// part appends a part with its length, so that no two lists of parts are the same bytes.
func part(b []byte, p string) []byte {
	return append(binary.BigEndian.AppendUint64(b, uint64(len(p))), p...)
}

// hash is the keyed hash of what a prefix and parts are. Nothing of it stays in memory.
func (m *master) hash(prefix []byte, parts ...string) (out Index) {
	h := m.macs.Get().(*mac)
	h.input = append(h.input[:0], prefix...)
	for _, p := range parts {
		h.input = part(h.input, p)
	}
	h.hash.Reset()
	h.hash.Write(h.input)
	h.sum = h.hash.Sum(h.sum[:0])
	copy(out[:], h.sum)
	clear(h.input)
	clear(h.sum)
	m.macs.Put(h)
	return out
}

// sealer seals what is kept under one index.
type sealer struct {
	index Index
	aead  cipher.AEAD
}

// newSealer makes the key of an index of a secret, which is a hash of the same parts for another purpose.
func newSealer(index, secret Index) (*sealer, error) {
	key, err := hkdf.Key(sha256.New, secret[:], nil, sealInfo, 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	return &sealer{index: index, aead: aead}, nil
}

// bound is what is authenticated beside what is sealed: nothing opens under another index.
func (s *sealer) bound(format byte) []byte { return append([]byte{format}, s.index[:]...) }

func (s *sealer) seal(plain []byte) []byte {
	return s.aead.Seal([]byte{sealed1}, nil, plain, s.bound(sealed1)) //nolint:gosec // the nonce is random and the mode's own
}

func (s *sealer) open(sealed []byte) ([]byte, error) {
	if len(sealed) == 0 || sealed[0] != sealed1 {
		return nil, errSealed
	}
	plain, err := s.aead.Open(nil, nil, sealed[1:], s.bound(sealed[0]))
	if err != nil {
		return nil, errSealed
	}
	return plain, nil
}
