package passwords

import (
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
)

// stored is a hash as it was read.
type stored struct {
	Scheme
	// salt and key are argon2id's.
	salt, key []byte
	// text is the whole hash.
	text string
}

// Sizes of parts of hashes, in bytes. Salts and keys of ours have saltSize and keySize; shorter ones are made anew when the
// password is right.
const (
	saltSize, leastSalt, mostSalt = 16, 8, 64
	keySize, leastKey, mostKey    = 32, 16, 64
	longestHash                   = 256
	bcryptSize, bcryptHead        = 60, 7
)

// errHash says that something is no hash. It holds nothing of it.
var errHash = errors.New("not a hash of argon2id (PHC string, version 19) or bcrypt that this gateway reads")

// ParseScheme reads the scheme of a hash, or of what stands before its salt.
func ParseScheme(text string) (Scheme, error) {
	s, _, err := head(text)
	return s, err
}

// parse reads a hash. What it reads is written one way only: no other form of the same hash is read.
func parse(text string) (stored, error) {
	s, rest, err := head(text)
	if err != nil {
		return stored{}, err
	}
	if s.Algorithm == Bcrypt {
		if len(text) != bcryptSize || strings.Trim(rest, bcryptLetters) != "" {
			return stored{}, errHash
		}
		return stored{Scheme: s, text: text}, nil
	}
	salt, key, ok := strings.Cut(rest, "$")
	if !ok {
		return stored{}, errHash
	}
	h := stored{Scheme: s, text: text}
	if h.salt, err = part(salt, leastSalt, mostSalt); err != nil {
		return stored{}, err
	}
	if h.key, err = part(key, leastKey, mostKey); err != nil {
		return stored{}, err
	}
	return h, nil
}

const bcryptLetters = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// head reads what is before the salt, and gives what is after it.
func head(text string) (s Scheme, rest string, err error) {
	if len(text) > longestHash {
		return Scheme{}, "", errHash
	}
	if params, ok := strings.CutPrefix(text, "$argon2id$v=19$"); ok {
		params, rest, _ = strings.Cut(params, "$")
		s, ok = argon2idParams(params)
		if !ok || s.Check() != nil {
			return Scheme{}, "", errHash
		}
		return s, rest, nil
	}
	// $2x$ marks hashes of an implementation with a defect, which others do not compute.
	if len(text) < bcryptHead-1 || text[0] != '$' || text[1] != '2' || !strings.Contains("aby", text[2:3]) || text[3] != '$' {
		return Scheme{}, "", errHash
	}
	cost, err := strconv.ParseUint(text[4:6], 10, 8)
	s = Scheme{Algorithm: Bcrypt, Cost: uint8(cost)}
	if err != nil || s.Check() != nil || len(text) >= bcryptHead && text[6] != '$' {
		return Scheme{}, "", errHash
	}
	return s, text[min(bcryptHead, len(text)):], nil
}

// argon2idParams reads m=19456,t=2,p=1, in this order, as the format demands.
func argon2idParams(text string) (s Scheme, ok bool) {
	m, text, _ := strings.Cut(text, ",")
	t, p, _ := strings.Cut(text, ",")
	memory, ok1 := param(m, "m=", 32)
	passes, ok2 := param(t, "t=", 32)
	lanes, ok3 := param(p, "p=", 8)
	return Scheme{Algorithm: Argon2id, MemoryKiB: uint32(memory), Passes: uint32(passes), Lanes: uint8(lanes)}, ok1 && ok2 && ok3 //nolint:gosec // param has looked at the sizes
}

func param(text, name string, bits int) (uint64, bool) {
	digits, ok := strings.CutPrefix(text, name)
	if !ok || digits == "" || digits[0] < '1' || digits[0] > '9' { // no sign, no zeros before
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, bits)
	return n, err == nil
}

// part reads base64 without padding.
func part(text string, least, most int) ([]byte, error) {
	if strings.ContainsAny(text, "\r\n") { // which the decoder would skip
		return nil, errHash
	}
	b, err := base64.RawStdEncoding.Strict().DecodeString(text)
	if err != nil || len(b) < least || len(b) > most {
		return nil, errHash
	}
	return b, nil
}

// format writes a hash of argon2id.
func format(s Scheme, salt, key []byte) string {
	e := base64.RawStdEncoding
	return s.String() + "$" + e.EncodeToString(salt) + "$" + e.EncodeToString(key)
}
