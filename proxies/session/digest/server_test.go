package digest

import (
	"crypto/md5" //nolint:gosec // as the scheme has it
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// server is one that asks for digests. It reckons for itself: nothing here is of the package. A second opinion on it is curl.
type server struct {
	algorithm, qop  string // as they stand in the challenge; empty: not there
	realm           string // default: "a realm"
	user, password  string // default: ann, pw
	userhash, utf8  bool
	opaque          string
	ordered         bool // counts come in order, or the nonce is stale
	uses            int  // of one nonce, after which it is stale; 0: any number
	next            bool // each answer names the nonce for the next request
	forgetful       bool // a nonce that is over is not called stale
	everybodysStale bool // no nonce is ever good

	mu       sync.Mutex
	issued   int
	counts   map[string]int // uses of each nonce
	first    map[string]string
	requests []string // method, path and what became of it
	problem  string   // of the last digest that was wrong
}

func (s *server) start(t *testing.T) string {
	t.Helper()
	if s.realm == "" {
		s.realm = "a realm"
	}
	if s.user == "" {
		s.user, s.password = "ann", "pw"
	}
	s.counts, s.first = map[string]int{}, map[string]string{}
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	return h.URL
}

// nonce issues one; the lock is held.
func (s *server) nonce() string {
	s.issued++
	n := "n" + strconv.Itoa(s.issued)
	s.counts[n] = 0
	return n
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	given := r.Header.Get("Authorization")
	verdict := "ok"
	stale := false
	if given == "" {
		verdict = "challenged"
	} else {
		stale, s.problem = s.wrong(r, parametersOf(given), string(body))
		if stale {
			verdict = "stale"
		} else if s.problem != "" {
			verdict = "refused"
		}
	}
	s.requests = append(s.requests, r.Method+" "+r.URL.Path+" "+verdict)
	if verdict == "ok" {
		if s.next {
			w.Header().Set("Authentication-Info", `qop=auth, rspauth="x", nextnonce="`+s.nonce()+`"`)
		}
		_, _ = fmt.Fprintf(w, "%s %s", r.Method, body)
		return
	}
	challenge := `Digest realm=` + quoteTest(s.realm) + `, nonce="` + s.nonce() + `"`
	for name, value := range map[string]string{"algorithm": s.algorithm, "opaque": s.opaque} {
		if value != "" {
			challenge += ", " + name + "=" + quoteTest(value)
		}
	}
	if s.qop != "" {
		challenge += `, qop="` + s.qop + `"`
	}
	if stale && !s.forgetful {
		challenge += ", stale=TRUE"
	}
	if s.userhash {
		challenge += ", userhash=true"
	}
	if s.utf8 {
		challenge += ", charset=UTF-8"
	}
	w.Header().Add("WWW-Authenticate", `Basic realm="not this"`)
	w.Header().Add("WWW-Authenticate", challenge)
	w.WriteHeader(http.StatusUnauthorized)
	_, _ = io.WriteString(w, "go away")
}

// parametersOf reads a header Authorization.
func parametersOf(header string) map[string]string {
	out := map[string]string{}
	for _, m := range regexp.MustCompile(`([a-z*]+)=(?:"((?:[^"\\]|\\.)*)"|([^ ,]*))`).FindAllStringSubmatch(header, -1) {
		value := m[3]
		if m[2] != "" {
			value = regexp.MustCompile(`\\(.)`).ReplaceAllString(m[2], "$1")
		}
		out[m[1]] = value
	}
	return out
}

func quoteTest(s string) string {
	return `"` + regexp.MustCompile(`["\\]`).ReplaceAllString(s, `\$0`) + `"`
}

// wrong says what is wrong with a digest; the lock is held.
func (s *server) wrong(r *http.Request, p map[string]string, body string) (stale bool, problem string) {
	sum := func(text string) string {
		switch name, _ := strings.CutSuffix(strings.ToUpper(s.algorithm), "-SESS"); name {
		case "SHA-256":
			b := sha256.Sum256([]byte(text))
			return hex.EncodeToString(b[:])
		case "SHA-512-256":
			b := sha512.Sum512_256([]byte(text))
			return hex.EncodeToString(b[:])
		}
		b := md5.Sum([]byte(text)) //nolint:gosec // as the scheme has it
		return hex.EncodeToString(b[:])
	}
	name := p["username"]
	if encoded, ok := strings.CutPrefix(p["username*"], "UTF-8''"); ok {
		name, _ = url.PathUnescape(encoded)
	}
	want := s.user
	if s.userhash && p["userhash"] == "true" { // a client need not
		want = sum(s.user + ":" + s.realm)
	}
	key := sum(s.user + ":" + s.realm + ":" + s.password)
	if strings.HasSuffix(strings.ToUpper(s.algorithm), "-SESS") {
		if s.first[p["cnonce"]] == "" {
			s.first[p["cnonce"]] = p["nonce"]
		}
		key = sum(key + ":" + s.first[p["cnonce"]] + ":" + p["cnonce"])
	}
	a2 := r.Method + ":" + p["uri"]
	if p["qop"] == "auth-int" {
		a2 += ":" + sum(body)
	}
	response := sum(key + ":" + p["nonce"] + ":" + sum(a2))
	if s.qop != "" {
		response = sum(key + ":" + p["nonce"] + ":" + p["nc"] + ":" + p["cnonce"] + ":" + p["qop"] + ":" + sum(a2))
	}
	switch {
	case name != want:
		return false, "user " + name
	case p["realm"] != s.realm || p["uri"] != r.RequestURI || p["opaque"] != s.opaque || p["algorithm"] != s.algorithm:
		return false, "realm, uri, opaque or algorithm"
	case s.qop == "" && p["qop"] != "", s.qop != "" && !strings.Contains(s.qop, p["qop"]):
		return false, "qop"
	case p["response"] != response:
		return false, "response"
	}
	used, issued := s.counts[p["nonce"]]
	count, err := strconv.ParseInt(p["nc"], 16, 32)
	if s.qop != "" && (err != nil || len(p["nc"]) != 8) {
		return false, "nc"
	}
	if !issued || s.everybodysStale || s.uses > 0 && used >= s.uses || s.ordered && int(count) != used+1 {
		return true, ""
	}
	s.counts[p["nonce"]]++
	return false, ""
}
