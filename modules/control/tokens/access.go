package tokens

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	// accessType is typ of an access token (RFC 9068).
	accessType = "at+jwt"
	// longestToken is the longest text that is looked at as a token, in bytes.
	longestToken = 8 << 10
	// skew is how far the clocks of gateways may be apart.
	skew = time.Minute
)

// Access is a token that was checked. It is shared: change nothing of it.
type Access struct {
	// ID is the token's own name, its jti, or the id of a program's token.
	ID string
	// Family is the login that it comes from; empty: a client's own.
	Family string
	// Client is who it was given to; empty: it came from /auth.
	Client string
	Scopes []string
	// ByClient: it came from client_credentials, so that it is a program that acts as the user.
	ByClient bool
	// ByAPIToken: it is a program's own token, which lasts until it is revoked or, where Expires is not zero, until then.
	ByAPIToken      bool
	Issued, Expires time.Time
	// User is whose it is, as the store had it a minute ago at most. Its ID is empty where a program's token is nobody's.
	User User
	// Run is whose script shows its token, nil: it is another kind of token. It has no user and no scopes.
	Run *Run
}

// Has says whether the token has one of the scopes.
func (a *Access) Has(scopes ...string) bool {
	return slices.ContainsFunc(scopes, func(s string) bool { return slices.Contains(a.Scopes, s) })
}

// claims are what an access token says.
type claims struct {
	Issuer   string   `json:"iss"`
	Audience audience `json:"aud"`
	Subject  string   `json:"sub"`
	Client   string   `json:"client_id,omitempty"`
	Scope    string   `json:"scope,omitempty"`
	Issued   int64    `json:"iat"`
	Expires  int64    `json:"exp"`
	ID       string   `json:"jti"`
	Family   string   `json:"sid,omitempty"`
	ByClient bool     `json:"by_client,omitempty"`
}

// audience is one name or several.
type audience []string

// UnmarshalJSON reads one text or a list of texts.
func (a *audience) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		*a = make(audience, 1)
		return json.Unmarshal(b, &(*a)[0])
	}
	return json.Unmarshal(b, (*[]string)(a))
}

// MarshalJSON writes one name as a text.
func (a audience) MarshalJSON() ([]byte, error) {
	if len(a) == 1 {
		return json.Marshal(a[0])
	}
	return json.Marshal([]string(a))
}

// sign makes a token that lasts for a time.
func (a *Authority) sign(ctx context.Context, c claims, lasts time.Duration) (string, error) {
	now := time.Now()
	key := a.keys.signer(now)
	if key == nil {
		// Nobody has looked after the keys for long.
		if err := a.keys.ensure(ctx); err != nil {
			return "", err
		}
		if key = a.keys.signer(now); key == nil {
			return "", errors.New("there is no key to sign tokens with")
		}
	}
	c.Issuer, c.Audience, c.ID = a.cfg.Issuer, audience{a.cfg.Audience}, newID()
	c.Issued, c.Expires = now.Unix(), now.Add(lasts).Unix()
	payload, err := json.Marshal(c)
	if err != nil {
		return "", err
	}
	signed, err := key.signer.Sign(payload)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}

// verify reads a token that one of our keys has signed for us, expired or not. What the store knows of it is not asked.
func (a *Authority) verify(ctx context.Context, token string) (*claims, error) {
	if !compact(token) {
		return nil, refused(Invalid)
	}
	// The list is what stands against alg: whatever else a header says there, it is no token.
	parsed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.EdDSA})
	if err != nil || len(parsed.Signatures) != 1 {
		return nil, refused(Invalid)
	}
	header := parsed.Signatures[0].Protected
	// A key that a token brings along proves nothing, and what is of another type is none of ours even where we signed it.
	if header.JSONWebKey != nil || header.KeyID == "" || !isAccessType(header.ExtraHeaders[jose.HeaderType]) {
		return nil, refused(Invalid)
	}
	key, err := a.keys.public(ctx, header.KeyID)
	if err != nil {
		return nil, err
	}
	if len(key) != ed25519.PublicKeySize {
		return nil, refused(Invalid)
	}
	payload, err := parsed.Verify(key)
	if err != nil {
		return nil, refused(Invalid)
	}
	var c claims
	if err := json.Unmarshal(payload, &c); err != nil {
		return nil, refused(Invalid)
	}
	if c.Issuer != a.cfg.Issuer || !slices.Contains(c.Audience, a.cfg.Audience) || c.Subject == "" || c.ID == "" || c.Expires == 0 {
		return nil, refused(Invalid)
	}
	if time.Unix(c.Issued, 0).After(time.Now().Add(skew)) {
		return nil, refused(Invalid)
	}
	return &c, nil
}

// compact says whether a text may be a token, in the one spelling that it has: base64 as Go reads it has line ends, and bits
// at the end that nobody looks at, so that one token could fill the cache.
func compact(token string) bool {
	if len(token) > longestToken || strings.Count(token, ".") != 2 {
		return false
	}
	for i := range len(token) {
		switch c := token[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '.':
		default:
			return false
		}
	}
	_, err := base64.RawURLEncoding.Strict().DecodeString(token[strings.LastIndexByte(token, '.')+1:])
	return err == nil
}

func isAccessType(v any) bool {
	s, _ := v.(string)
	return strings.EqualFold(strings.TrimPrefix(strings.ToLower(s), "application/"), accessType)
}

func (c *claims) access() *Access {
	return &Access{
		ID: c.ID, Family: c.Family, Client: c.Client, Scopes: strings.Fields(c.Scope), ByClient: c.ByClient,
		Issued: time.Unix(c.Issued, 0), Expires: time.Unix(c.Expires, 0),
	}
}
