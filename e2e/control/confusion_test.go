package control_test

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash"
	"maps"
	"strings"
	"time"
)

// forgery makes a token that is none, of one that is.
type forgery struct {
	says string
	make func(f *forger) string
}

// forger has what everybody can have: a token of his own, the public keys, and a key that is not ours.
type forger struct {
	good           string
	header, claims map[string]any
	public         []byte
	private        ed25519.PrivateKey
}

func text(v any) string {
	b, _ := json.Marshal(v)
	return base64.RawURLEncoding.EncodeToString(b)
}

// with are the members of m, changed.
func with(m map[string]any, pairs ...any) map[string]any {
	out := maps.Clone(m)
	for i := 0; i+1 < len(pairs); i += 2 {
		name := fmt.Sprint(pairs[i])
		if pairs[i+1] == nil {
			delete(out, name)
			continue
		}
		out[name] = pairs[i+1]
	}
	return out
}

// signed is a token of another key than ours.
func (f *forger) signed(header, claims map[string]any) string {
	body := text(header) + "." + text(claims)
	return body + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(f.private, []byte(body)))
}

// maced is a token that a MAC "signs".
func (f *forger) maced(alg string, h func() hash.Hash, key []byte) string {
	body := text(with(f.header, "alg", alg)) + "." + text(f.claims)
	mac := hmac.New(h, key)
	_, _ = mac.Write([]byte(body))
	return body + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func (f *forger) parts() []string { return strings.Split(f.good, ".") }

func forgeries() []forgery {
	reheaded := func(pairs ...any) func(*forger) string {
		return func(f *forger) string {
			return text(with(f.header, pairs...)) + "." + f.parts()[1] + "." + f.parts()[2]
		}
	}
	foreign := func(pairs ...any) func(*forger) string {
		return func(f *forger) string { return f.signed(with(f.header, pairs...), f.claims) }
	}
	claiming := func(pairs ...any) func(*forger) string {
		return func(f *forger) string {
			return f.parts()[0] + "." + text(with(f.claims, pairs...)) + "." + f.parts()[2]
		}
	}
	return []forgery{
		{"alg: none, without a signature", func(f *forger) string { return text(with(f.header, "alg", "none")) + "." + f.parts()[1] + "." }},
		{"alg: none, with the signature", reheaded("alg", "none")},
		{"alg: nOnE", func(f *forger) string { return text(with(f.header, "alg", "nOnE")) + "." + f.parts()[1] + "." }},
		{"alg: missing", reheaded("alg", nil)},
		{"alg: HS256 with the public key", func(f *forger) string { return f.maced("HS256", sha256.New, f.public) }},
		{"alg: HS256 with the public key as the JWKS has it", func(f *forger) string {
			return f.maced("HS256", sha256.New, []byte(base64.RawURLEncoding.EncodeToString(f.public)))
		}},
		{"alg: HS512 with the public key", func(f *forger) string { return f.maced("HS512", sha512.New, f.public) }},
		{"alg: HS256 with an empty key", func(f *forger) string { return f.maced("HS256", sha256.New, nil) }},
		{"alg: RS256, of an EdDSA key", reheaded("alg", "RS256")},
		{"alg: ES256, of an EdDSA key", reheaded("alg", "ES256")},
		{"kid: ours, another key", foreign()},
		{"kid: none", foreign("kid", nil)},
		{"kid: unknown", foreign("kid", "unknown")},
		{"kid: empty", foreign("kid", "")},
		{"kid: a path", foreign("kid", "../../../../dev/null")},
		{"kid: SQL", foreign("kid", "' or 1=1 --")},
		{"kid: a number", foreign("kid", 1)},
		{"kid: NUL", foreign("kid", "\x00")},
		{"jwk: a key that the token brings along", func(f *forger) string {
			public, _ := f.private.Public().(ed25519.PublicKey)
			return f.signed(with(f.header, "jwk", map[string]any{"kty": "OKP", "crv": "Ed25519", "x": base64.RawURLEncoding.EncodeToString(public)}), f.claims)
		}},
		{"jku: a key elsewhere", foreign("jku", "http://127.0.0.1:1/keys")},
		{"x5u: a certificate elsewhere", foreign("x5u", "http://127.0.0.1:1/keys")},
		{"crit: what nobody knows", foreign("crit", []string{"x"}, "x", 1)},
		{"typ: another one", foreign("typ", "JWT")},
		{"typ: another one, signature kept", reheaded("typ", "JWT")},
		{"typ: missing", reheaded("typ", nil)},
		{"other issuer", claiming("iss", "https://evil.example")},
		{"other issuer, signed by another", func(f *forger) string { return f.signed(f.header, with(f.claims, "iss", "https://evil.example")) }},
		{"other audience", claiming("aud", "somebody")},
		{"other subject", claiming("sub", "01a1fe83-277b-75fc-835f-3f1fcbb5f38a")},
		{"later expiry", claiming("exp", time.Now().Add(240*time.Hour).Unix())},
		{"more scope", claiming("scope", "all mail:write")},
		{"signature: cut", func(f *forger) string { return f.good[:len(f.good)-4] }},
		{"signature: missing", func(f *forger) string { return f.parts()[0] + "." + f.parts()[1] + "." }},
		{"signature: of another token's length", func(f *forger) string { return f.good + "AAAA" }},
		{"signature: bits behind its end", func(f *forger) string { return f.good[:len(f.good)-1] + string(f.good[len(f.good)-1]+1) }},
		{"parts: five, as a JWE has", func(f *forger) string { return f.good + ".x.y" }},
		{"parts: two", func(f *forger) string { return f.parts()[0] + "." + f.parts()[1] }},
	}
}

// jwtConfusion has every forgery refused on each kind of path, and what it was made of taken.
func jwtConfusion() []row {
	all := forgeries()
	out := make([]row, 0, len(all))
	for _, one := range all {
		out = append(out, row{one.says, does(
			lives("{user.access}"), get("/.well-known/jwks.json").gives(200, `{"keys":[{"x":"<text:x>","...":0}]}`),
			act(func(s *scene) {
				s.t.Helper()
				_, private, err := ed25519.GenerateKey(nil)
				if err != nil {
					s.t.Fatal(err)
				}
				f := &forger{good: s.value("user.access"), private: private}
				for i, into := range []*map[string]any{&f.header, &f.claims} {
					raw, err := base64.RawURLEncoding.DecodeString(f.parts()[i])
					if err == nil {
						err = json.Unmarshal(raw, into)
					}
					if err != nil {
						s.t.Fatal(err)
					}
				}
				if f.public, err = base64.RawURLEncoding.DecodeString(s.vars["x"]); err != nil {
					s.t.Fatal(err)
				}
				s.vars["forged"] = one.make(f)
				if s.vars["forged"] == f.good {
					s.t.Fatal("it is the good one")
				}
			}),
			whole("{forged}").gives(401, refused("Invalid token", "invalid_token")),
			post("/auth/logout").bearer("{forged}").gives(401),
			get("/api/v1/auth/oauth2_clients/?user_id={user.number}").bearer("{forged}").gives(401),
			get(programTokens).bearer("{forged}").gives(401),
			post("/auth/oauth2/introspect").basic("{client.id}", "{client.secret}").form("token", "{forged}").gives(200, `{"active":false}`),
			lives("{user.access}"),
		)})
	}
	return out
}
