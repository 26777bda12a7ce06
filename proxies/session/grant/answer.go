package grant

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math"
	"mime"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// answer is what a token endpoint said (RFC 6749, sections 5.1 and 5.2).
type answer struct {
	access, kind, idToken, refresh string
	// life is of the access token; 0: unknown.
	life time.Duration
	// failed says that there is an error; code is which.
	failed bool
	code   string
}

// parse reads an answer; false: it is none. Most are JSON, GitHub's are a form, and not all are labelled as what they are.
func parse(contentType string, body []byte) (*answer, bool) {
	mediaType, _, _ := mime.ParseMediaType(contentType)
	body = bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")))
	if len(body) > 0 && body[0] == '{' {
		return parseJSON(body)
	}
	if mediaType == "application/x-www-form-urlencoded" || mediaType == "text/plain" {
		return parseForm(string(body))
	}
	return new(answer), false
}

func parseJSON(body []byte) (*answer, bool) {
	a := new(answer)
	var fields map[string]json.RawMessage
	if json.Unmarshal(body, &fields) != nil {
		return a, false
	}
	whole := true
	text := func(name string) string {
		var s string
		if raw, ok := fields[name]; ok && json.Unmarshal(raw, &s) != nil {
			whole = false
		}
		return s
	}
	a.access, a.kind, a.idToken, a.refresh = text("access_token"), text("token_type"), text("id_token"), text("refresh_token")
	if raw, ok := fields["error"]; ok && string(raw) != "null" {
		a.failed = true
		if json.Unmarshal(raw, &a.code) != nil { // Google's other APIs have an object here
			a.code = ""
		}
	}
	var seconds json.Number // which a text is, too
	if json.Unmarshal(fields["expires_in"], &seconds) == nil {
		a.life = life(string(seconds))
	}
	return a, whole || a.failed
}

func parseForm(body string) (*answer, bool) {
	v, err := url.ParseQuery(body)
	if err != nil {
		return new(answer), false
	}
	for _, values := range v {
		if len(values) > 1 { // "MUST NOT be included more than once"
			return new(answer), false
		}
	}
	a := &answer{
		access: v.Get("access_token"), kind: v.Get("token_type"), idToken: v.Get("id_token"), refresh: v.Get("refresh_token"),
		life: life(v.Get("expires_in")), failed: v.Has("error"), code: v.Get("error"),
	}
	return a, a.access != "" || a.failed
}

// longestLife is the longest that a token is believed to live.
const longestLife = 365 * 24 * time.Hour

// life reads a number of seconds. What is none, or not above 0, says nothing: the session ends when the backend says so.
func life(seconds string) time.Duration {
	s, err := strconv.ParseFloat(seconds, 64)
	if math.IsNaN(s) || s <= 0 || err != nil && !math.IsInf(s, 1) {
		return 0
	}
	if s >= longestLife.Seconds() {
		return longestLife
	}
	return time.Duration(s) * time.Second
}

// expiry is when a token that was asked for is not used any more: a little before its end, so that it does not end on its way.
func expiry(asked time.Time, life time.Duration) time.Time {
	if life <= 0 {
		return time.Time{}
	}
	return asked.Add(life - min(life/10, 30*time.Second))
}

// lifeOf is how long a JWT lives by its own word, which is not verified: that is up to who takes it. By the difference of its two
// times, the clocks of server and gateway may differ. 0: it does not say.
func lifeOf(token string, asked time.Time) time.Duration {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return 0
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil {
		return 0
	}
	var claims struct {
		Exp json.Number `json:"exp"`
		Iat json.Number `json:"iat"`
	}
	if json.Unmarshal(payload, &claims) != nil {
		return 0
	}
	exp, err := claims.Exp.Float64()
	if err != nil {
		return 0
	}
	iat, err := claims.Iat.Float64()
	if err != nil || iat <= 0 {
		iat = float64(asked.Unix())
	}
	return life(strconv.FormatFloat(exp-iat, 'f', -1, 64))
}
