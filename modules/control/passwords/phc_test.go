package passwords

import (
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"
)

func bcryptOf(t testing.TB, password string, cost int) string {
	t.Helper()
	b, err := bcrypt.GenerateFromPassword([]byte(password), cost)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestVectors compares hashes that other implementations made: argon2id's are of the reference implementation's test.c, bcrypt's
// of crypt_blowfish's wrapper.c and of Apache's htpasswd ($2y$).
func TestVectors(t *testing.T) {
	t.Parallel()
	h := hasher{scheme: cheap()}
	for hash, password := range map[string]string{
		"$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc": "password",
		"$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4":   "password",
		"$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc":   "password",
		"$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW":                           "U*U",
		"$2y$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK":                           "U*U*",
	} {
		one, err := parse(hash)
		if err != nil {
			t.Errorf("%s: %v", hash, err)
			continue
		}
		if !h.compare(one, password) {
			t.Errorf("%s is not of %s", hash, password)
		}
		if h.compare(one, password+"x") || h.compare(one, password[:len(password)-1]) {
			t.Errorf("%s is of another password", hash)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	const salt, key = "c29tZXNhbHQ", "CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	argon := func(params string) string { return "$argon2id$v=19$" + params + "$" + salt + "$" + key }
	if _, err := parse(argon("m=19456,t=2,p=1")); err != nil {
		t.Fatal(err)
	}
	for name, hash := range map[string]string{
		"nothing":               "",
		"a password":            "secret",
		"argon2i":               strings.Replace(argon("m=19456,t=2,p=1"), "2id", "2i", 1),
		"argon2d":               strings.Replace(argon("m=19456,t=2,p=1"), "2id", "2d", 1),
		"older version":         strings.Replace(argon("m=19456,t=2,p=1"), "19", "16", 1),
		"no version":            strings.Replace(argon("m=19456,t=2,p=1"), "v=19$", "", 1),
		"other order":           argon("t=2,m=19456,p=1"),
		"key id":                argon("m=19456,t=2,p=1,keyid=x"),
		"blank":                 argon("m=19456, t=2,p=1"),
		"sign":                  argon("m=+19456,t=2,p=1"),
		"zero before":           argon("m=019456,t=2,p=1"),
		"no passes":             argon("m=19456,t=0,p=1"),
		"no lanes":              argon("m=19456,t=2,p=0"),
		"256 lanes":             argon("m=19456,t=2,p=256"),
		"too many lanes":        argon("m=19456,t=2,p=17"),
		"too many passes":       argon("m=64,t=33,p=1"),
		"4 GiB":                 argon("m=4194304,t=1,p=1"),
		"beyond 32 bits":        argon("m=4294967360,t=1,p=1"),
		"too much work":         argon("m=65536,t=17,p=1"),
		"too little memory":     argon("m=7,t=1,p=1"),
		"of lanes":              argon("m=15,t=1,p=2"),
		"no key":                "$argon2id$v=19$m=19456,t=2,p=1$" + salt,
		"empty key":             "$argon2id$v=19$m=19456,t=2,p=1$" + salt + "$",
		"short key":             "$argon2id$v=19$m=19456,t=2,p=1$" + salt + "$CTFhFdXP",
		"short salt":            "$argon2id$v=19$m=19456,t=2,p=1$c29tZQ$" + key,
		"padding":               "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ=$" + key,
		"bits left":             "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHR$" + key,
		"line break in base64":  "$argon2id$v=19$m=19456,t=2,p=1$c29t\nZXNhbHQ$" + key,
		"URL's base64":          "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbH-_$" + key,
		"more parts":            argon("m=19456,t=2,p=1") + "$x",
		"blank after":           argon("m=19456,t=2,p=1") + " ",
		"longer than any":       argon("m=19456,t=2,p=1") + strings.Repeat("A", 300),
		"bcrypt of cost 3":      "$2b$03$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
		"bcrypt of cost 16":     "$2b$16$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
		"bcrypt of cost 31":     "$2b$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
		"bcrypt with a defect":  "$2x$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
		"bcrypt's first":        "$2$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
		"bcrypt, short":         "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOe",
		"bcrypt, long":          "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeWW",
		"bcrypt, other letters": "$2b$05$CCCCCCCCCCCCCCCCCCCCC+E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
		"bcrypt, cost of signs": "$2b$+5$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
		"bcrypt, head only":     "$2b$05",
		"scrypt of werkzeug":    "scrypt:32768:8:1$salt$00",
		"MD5 of Apache":         "$apr1$r31.....$HqJZimcKQFAMYayBlzkrA/",
	} {
		if _, err := parse(hash); err == nil {
			t.Errorf("%s was read: %s", name, hash)
		}
	}
}

func TestParseScheme(t *testing.T) {
	t.Parallel()
	for _, s := range []Scheme{Default(), cheap(), cheapOther(), bcrypt4()} {
		for _, text := range []string{s.String(), s.String() + "$", nobodys(s).whole()} {
			if got, err := ParseScheme(text); err != nil || got != s {
				t.Errorf("%s: %v, %v", text, got, err)
			}
		}
	}
	for _, text := range []string{"", "$", "$2", "$2b", "$2b$", "$2b$1", "$2b$12x", "$argon2id", "$argon2id$v=19$", "$argon2id$v=19$m=19456,t=2", "$argon2id$v=19$m=19456,t=2,p=1x"} {
		if got, err := ParseScheme(text); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
}

// whole is the hash as it would be stored.
func (h stored) whole() string {
	if h.text != "" {
		return h.text
	}
	return format(h.Scheme, h.salt, h.key)
}

// TestNobodys has hashes of nobody be hashes, so that comparing with them is the whole work.
func TestNobodys(t *testing.T) {
	t.Parallel()
	for _, s := range []Scheme{Default(), bcrypt4(), {Algorithm: Bcrypt, Cost: 12}} {
		for range 20 {
			one, err := parse(nobodys(s).whole())
			if err != nil || one.Scheme != s {
				t.Fatalf("%s: %v, %v", s, one, err)
			}
		}
	}
	// bcrypt gives this error only after all of its rounds.
	if err := bcrypt.CompareHashAndPassword([]byte(nobodys(bcrypt4()).text), []byte("x")); err != bcrypt.ErrMismatchedHashAndPassword { //nolint:errorlint // that one
		t.Error(err)
	}
}

// FuzzParse reads hashes: what is read has a scheme within the limits, is written as it was read, and can be compared with.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"$argon2id$v=19$m=64,t=1,p=8$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
		"$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "$2y$04$", "$2b$12", "$argon2id$v=19$m=8,t=1,p=1", "$2", "",
		"$argon2id$v=19$m=4294967295,t=4294967295,p=255$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseScheme(text)
		one, whole := parse(text)
		if err != nil {
			if whole == nil {
				t.Fatalf("%q is a hash without a scheme", text)
			}
			return
		}
		if err := s.Check(); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if again, err := ParseScheme(s.String()); err != nil || again != s {
			t.Fatalf("%q: %s is %v, %v", text, s, again, err)
		}
		if whole != nil {
			return
		}
		if one.Scheme != s || one.whole() != text {
			t.Fatalf("%q is written %q", text, one.whole())
		}
		if s.work() <= cheap().work() || s.Algorithm == Bcrypt && s.Cost <= 4 {
			h := hasher{scheme: cheap()}
			h.compare(one, "password")
		}
	})
}
