package tokens

import (
	"net/url"
	"strings"
)

// Redact gives a request's URI for logs: the values of parameters that are secrets (password, client_secret, refresh_token,
// token, access_token, however they are spelt) are REDACTED in its query, the rest is as it was.
func Redact(uri string) string {
	path, query, asked := strings.Cut(uri, "?")
	if !asked {
		return uri
	}
	if !mayBeSecret(query) {
		return uri
	}
	secrets := names()
	secrets["access_token"] = true
	changed := false
	// Some take a semicolon for an ampersand.
	pairs := strings.FieldsFunc(query, func(c rune) bool { return c == '&' || c == ';' })
	for i, pair := range pairs {
		raw, _, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(raw)
		if err != nil || secrets[strings.ToLower(strings.TrimSpace(name))] {
			pairs[i] = raw + "=REDACTED"
			if err != nil {
				pairs[i] = "REDACTED"
			}
			changed = true
		}
	}
	if !changed {
		return uri
	}
	return path + "?" + strings.Join(pairs, "&")
}

// mayBeSecret is quick, since it is asked of every query.
func mayBeSecret(query string) bool {
	query = strings.ToLower(query)
	for _, part := range [...]string{"password", "secret", "token", "%"} {
		if strings.Contains(query, part) {
			return true
		}
	}
	return false
}
