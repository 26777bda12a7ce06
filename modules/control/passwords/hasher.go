package passwords

import (
	"crypto/rand"
	"crypto/subtle"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"
)

// Limits of what is checked, in bytes.
const (
	longestUser     = 256
	longestPassword = 1024
	// longestBcrypt is what bcrypt looks at: what is behind it would be right whatever it is.
	longestBcrypt = 72
)

// wellFormed says whether a text may be a user or a password.
func wellFormed(text string, longest int) bool {
	return text != "" && len(text) <= longest && strings.IndexByte(text, 0) < 0 && utf8.ValidString(text)
}

// hasher makes hashes. Whoever calls it has a slot.
type hasher struct {
	// scheme is that of new hashes.
	scheme  Scheme
	hashing func(Scheme) func()
}

// observe tells of a hash that begins. The result is to be called when it ends.
func (h *hasher) observe(s Scheme) func() {
	if h.hashing != nil {
		if done := h.hashing(s); done != nil {
			return done
		}
	}
	return func() {}
}

// hash makes a new hash.
func (h *hasher) hash(password string) string {
	defer h.observe(h.scheme)()
	salt := random(saltSize)
	return format(h.scheme, salt, argon2id(h.scheme, password, salt, keySize))
}

func argon2id(s Scheme, password string, salt []byte, size int) []byte {
	return argon2.IDKey([]byte(password), salt, s.Passes, s.MemoryKiB, s.Lanes, uint32(size)) //nolint:gosec // at most mostKey
}

// compare says whether a password is that of a hash. A password that is too long for bcrypt is wrong after the same work.
func (h *hasher) compare(one stored, password string) bool {
	defer h.observe(one.Scheme)()
	if one.Algorithm == Bcrypt {
		same := bcrypt.CompareHashAndPassword([]byte(one.text), []byte(password[:min(len(password), longestBcrypt)])) == nil
		return same && len(password) <= longestBcrypt
	}
	return subtle.ConstantTimeCompare(argon2id(one.Scheme, password, one.salt, len(one.key)), one.key) == 1
}

// old says that a right password should be hashed anew: any difference counts, so that in time there is one scheme, and a
// failure is the work of one hash.
func (h *hasher) old(one stored) bool {
	return one.Scheme != h.scheme || len(one.salt) < saltSize || len(one.key) < keySize
}

// nobodys is a hash of a scheme that no password has.
func nobodys(s Scheme) stored {
	if s.Algorithm == Argon2id {
		return stored{Scheme: s, salt: random(saltSize), key: random(keySize)}
	}
	// Salt and key in the letters of bcrypt, of which the last ones of both stand for fewer bits.
	b := random(bcryptSize - bcryptHead)
	for i := range b {
		b[i] = bcryptLetters[b[i]%64]
	}
	return stored{Scheme: s, text: s.String() + "$" + string(b)}
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return b
}
