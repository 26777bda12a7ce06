package tokens

import (
	"bytes"
	"context"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// credentials are a client's id and secret, as they may have been meant.
type credentials struct{ id, secret string }

// clientCredentials finds them in a request: parameters first, then Basic, so that a Basic that is none does no harm beside
// parameters. Basic is encoded as a form by who follows RFC 6749, and not by curl: both are tried.
func clientCredentials(h http.Header, p parameters) []credentials {
	sent := credentials{p["client_id"], p["client_secret"]}
	basic := basicCredentials(h)
	if sent.id == "" {
		if sent.secret == "" {
			return basic
		}
		for i := range basic {
			basic[i].secret = sent.secret
		}
		return basic
	}
	if sent.secret == "" {
		// An id in parameters and the secret of the same client in Basic.
		for _, b := range basic {
			if b.id == sent.id {
				return []credentials{b}
			}
		}
	}
	return []credentials{sent}
}

func basicCredentials(h http.Header) []credentials {
	values := h.Values("Authorization")
	if len(values) != 1 || len(values[0]) > longestToken {
		return nil
	}
	scheme, encoded, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Basic") {
		return nil
	}
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
	if err != nil || !utf8.Valid(raw) || slices.Contains(raw, 0) {
		return nil
	}
	id, secret, ok := strings.Cut(string(raw), ":")
	if !ok || id == "" {
		return nil
	}
	found := append(make([]credentials, 0, 2), credentials{id, secret})
	if !bytes.ContainsAny(raw, "%+") {
		return found
	}
	decodedID, err1 := url.QueryUnescape(id)
	decodedSecret, err2 := url.QueryUnescape(secret)
	if err1 != nil || err2 != nil || !utf8.ValidString(decodedID+decodedSecret) || strings.ContainsRune(decodedID+decodedSecret, 0) {
		return found
	}
	return append(found, credentials{decodedID, decodedSecret})
}

// longestClient is the longest id of a client, in bytes.
const longestClient = 256

// client finds who asks. proven says that it has shown its secret, which public clients need not.
func (a *Authority) client(ctx context.Context, h http.Header, p parameters) (c Client, proven bool, failed *oauthError) {
	for _, sent := range clientCredentials(h, p) {
		if len(sent.id) > longestClient {
			continue
		}
		c, ok, err := a.store.Client(ctx, sent.id)
		if err != nil {
			return Client{}, false, a.failed(ctx, fmt.Errorf("looking a client up: %w", err))
		}
		if !ok {
			continue
		}
		proven := len(c.SecretHash) > 0 && sent.secret != "" && subtle.ConstantTimeCompare(c.SecretHash, HashSecret(sent.secret)) == 1
		if proven || !c.Confidential {
			return c, proven, nil
		}
	}
	return Client{}, false, invalidClient()
}

// may says whether a client may use a grant.
func (c *Client) may(grant string) bool { return c.Grants == nil || slices.Contains(c.Grants, grant) }

// scopes are those that were asked for, out of those that there are; all of them where none was asked for.
func scopes(asked string, there []string) ([]string, *oauthError) {
	var wanted []string
	for s := range strings.FieldsSeq(asked) {
		if !slices.Contains(there, s) {
			return nil, invalidScope()
		}
		if !slices.Contains(wanted, s) {
			wanted = append(wanted, s)
		}
	}
	if len(wanted) == 0 {
		return there, nil
	}
	return wanted, nil
}
