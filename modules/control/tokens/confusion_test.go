package tokens_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/fairway-gateway/fairway/modules/control/tokens"
)

// forge makes a token of a header and claims with a key.
func forge(t *testing.T, alg jose.SignatureAlgorithm, key any, header map[string]any, claims map[string]any) string {
	t.Helper()
	options := &jose.SignerOptions{ExtraHeaders: map[jose.HeaderKey]any{}}
	for name, v := range header {
		options.ExtraHeaders[jose.HeaderKey(name)] = v
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, options)
	must(t, err)
	payload, err := json.Marshal(claims)
	must(t, err)
	signed, err := s.Sign(payload)
	must(t, err)
	text, err := signed.CompactSerialize()
	must(t, err)
	return text
}

func part(v any) string {
	b, _ := json.Marshal(v)
	return base64.RawURLEncoding.EncodeToString(b)
}

func decoded(t *testing.T, token string, n int) map[string]any {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[n])
	must(t, err)
	var out map[string]any
	must(t, json.Unmarshal(raw, &out))
	return out
}

func published(t *testing.T, g *gateway) *jose.JSONWebKeySet {
	t.Helper()
	var set jose.JSONWebKeySet
	a := g.do(sent{path: "/.well-known/jwks.json"})
	must(t, json.Unmarshal([]byte(a.body), &set))
	if strings.Contains(a.body, `"d"`) || a.header.Get("Content-Type") != "application/jwk-set+json" || a.header.Get("Cache-Control") == "" {
		t.Errorf("the keys are %s, %v", a.body, a.header)
	}
	return &set
}

// TestTOK09Confusion: alg, kid, none, typ, other issuer and audience, keys that a token brings along.
func TestTOK09Confusion(t *testing.T) {
	t.Parallel()
	g := open(t, tokens.Config{CacheFor: -1})
	good := g.login(t).text("access_token")
	header, claims := decoded(t, good, 0), decoded(t, good, 1)
	if header["alg"] != "EdDSA" || header["typ"] != "at+jwt" || header["kid"] == "" || claims["iss"] != issuer || claims["aud"] != issuer ||
		claims["sub"] != root || claims["client_id"] != "documentation" || claims["scope"] != allScopes || claims["jti"] == "" {
		t.Errorf("a token is %v %v", header, claims)
	}
	kid, _ := header["kid"].(string)
	public := published(t, g).Key(kid)[0].Key.(ed25519.PublicKey) //nolint:forcetypeassert // the test fails otherwise
	_, mine, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	parts := strings.Split(good, ".")
	typ := map[string]any{"typ": "at+jwt", "kid": kid}
	for name, token := range map[string]string{
		"alg none":                  part(map[string]any{"alg": "none", "typ": "at+jwt", "kid": kid}) + "." + parts[1] + ".",
		"alg None with signature":   part(map[string]any{"alg": "None", "typ": "at+jwt", "kid": kid}) + "." + parts[1] + "." + parts[2],
		"alg missing":               part(map[string]any{"typ": "at+jwt", "kid": kid}) + "." + parts[1] + "." + parts[2],
		"alg twice":                 base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"EdDSA","alg":"none","typ":"at+jwt","kid":"`+kid+`"}`)) + "." + parts[1] + ".",
		"HS256 with the public key": forge(t, jose.HS256, []byte(public), typ, claims),
		"HS512 with its text":       forge(t, jose.HS512, []byte(base64.RawURLEncoding.EncodeToString(public)+strings.Repeat(" ", 32)), typ, claims),
		"another key, our kid":      forge(t, jose.EdDSA, mine, typ, claims),
		"another key, no kid":       forge(t, jose.EdDSA, mine, map[string]any{"typ": "at+jwt"}, claims),
		"another key, unknown kid":  forge(t, jose.EdDSA, mine, map[string]any{"typ": "at+jwt", "kid": "unknown"}, claims),
		"kid of a path":             forge(t, jose.EdDSA, mine, map[string]any{"typ": "at+jwt", "kid": "../../dev/null"}, claims),
		"kid of SQL":                forge(t, jose.EdDSA, mine, map[string]any{"typ": "at+jwt", "kid": "' or 1=1 --"}, claims),
		"a key in the token":        forge(t, jose.EdDSA, mine, map[string]any{"typ": "at+jwt", "kid": kid, "jwk": jose.JSONWebKey{Key: mine.Public()}}, claims),
		"a key elsewhere":           forge(t, jose.EdDSA, mine, map[string]any{"typ": "at+jwt", "kid": kid, "jku": "https://evil.example/keys"}, claims),
		"a critical header":         forge(t, jose.EdDSA, mine, map[string]any{"typ": "at+jwt", "kid": kid, "crit": []string{"x"}, "x": 1}, claims),
		"claims changed":            parts[0] + "." + part(map[string]any{"iss": issuer, "aud": issuer, "sub": root, "exp": time.Now().Add(time.Hour).Unix(), "jti": "x"}) + "." + parts[2],
		"header changed":            part(map[string]any{"alg": "EdDSA", "typ": "at+jwt", "kid": kid, "x": 1}) + "." + parts[1] + "." + parts[2],
		"signature cut":             good[:len(good)-4],
		"no signature":              parts[0] + "." + parts[1] + ".",
		"a JWE's five parts":        good + ".x.y",
		"JSON serialization":        `{"protected":"` + parts[0] + `","payload":"` + parts[1] + `","signature":"` + parts[2] + `"}`,
		"a blank in front":          " " + good,
		"a line's end":              good + "\n",
		"bits behind the end":       good[:len(good)-1] + string(good[len(good)-1]+1),
		"padding":                   good + "==",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g.refused(t, token, tokens.Invalid)
		})
	}
	g.taken(t, good)
}

// TestOurKeyOtherClaims: what our own key has signed is no access token of ours if it says otherwise.
func TestOurKeyOtherClaims(t *testing.T) {
	t.Parallel()
	store := filled(t)
	g := openOver(t, store, tokens.Config{})
	good := g.login(t).text("access_token")
	for _, cfg := range []tokens.Config{
		{Issuer: "https://other.example.org", Audience: issuer},
		{Audience: "https://other.example.org"},
	} {
		other := openOver(t, store, cfg)
		other.refused(t, good, tokens.Invalid)
		g.refused(t, other.login(t).text("access_token"), tokens.Invalid)
	}
	openOver(t, store, tokens.Config{}).taken(t, good)
	claims := decoded(t, good, 1)
	change := func(name string, v any) map[string]any {
		out := map[string]any{}
		maps.Copy(out, claims)
		out[name] = v
		return out
	}
	sign := tokens.SignerOf(g.Authority)
	for name, c := range map[string]struct {
		typ    string
		claims map[string]any
		why    tokens.Reason
	}{
		"an ID token":             {"JWT", claims, tokens.Invalid},
		"no type":                 {"", claims, tokens.Invalid},
		"issuer as a list":        {"at+jwt", change("iss", []string{issuer}), tokens.Invalid},
		"issuer with a slash":     {"at+jwt", change("iss", issuer+"/"), tokens.Invalid},
		"several audiences":       {"at+jwt", change("aud", []string{"x", issuer}), ""},
		"audience of others":      {"at+jwt", change("aud", []string{"x", "y"}), tokens.Invalid},
		"no audience":             {"at+jwt", change("aud", nil), tokens.Invalid},
		"no subject":              {"at+jwt", change("sub", ""), tokens.Invalid},
		"another subject":         {"at+jwt", change("sub", walter), tokens.Revoked}, // the login is another's
		"unknown subject":         {"at+jwt", change("sub", "nobody"), tokens.Revoked},
		"no id":                   {"at+jwt", change("jti", ""), tokens.Invalid},
		"no end":                  {"at+jwt", change("exp", 0), tokens.Invalid},
		"end as text":             {"at+jwt", change("exp", "tomorrow"), tokens.Invalid},
		"past":                    {"at+jwt", change("exp", time.Now().Add(-time.Second).Unix()), tokens.Expired},
		"issued in an hour":       {"at+jwt", change("iat", time.Now().Add(time.Hour).Unix()), tokens.Invalid},
		"issued in half a minute": {"at+jwt", change("iat", time.Now().Add(30*time.Second).Unix()), ""},
		"full type":               {"application/at+JWT", claims, ""},
	} {
		token, err := sign(c.typ, c.claims)
		must(t, err)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.why == "" {
				g.taken(t, token)
				return
			}
			g.refused(t, token, c.why)
		})
	}
}

// TestTOK09UnknownKeys: whoever invents kids has the store be asked once in a second.
func TestTOK09UnknownKeys(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := open(t, tokens.Config{})
		defer g.Close()
		_, mine, err := ed25519.GenerateKey(rand.Reader)
		must(t, err)
		before := g.store.Asked("SigningKeys")
		for i := range 500 {
			g.refused(t, forge(t, jose.EdDSA, mine, map[string]any{"typ": "at+jwt", "kid": fmt.Sprint(i)}, map[string]any{}), tokens.Invalid)
			time.Sleep(10 * time.Millisecond)
		}
		if n := g.store.Asked("SigningKeys") - before; n < 4 || n > 7 {
			t.Errorf("the store was asked %d times in 5 seconds", n)
		}
		// A store that does not answer is no reason to call a token wrong.
		time.Sleep(tick)
		down := errors.New("down")
		g.store.Fail(down)
		for range 3 {
			if _, err := g.Check(t.Context(), forge(t, jose.EdDSA, mine, map[string]any{"typ": "at+jwt", "kid": "x"}, map[string]any{})); !errors.Is(err, down) {
				t.Errorf("%v", err)
			}
		}
	})
}
