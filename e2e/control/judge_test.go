package control_test

import (
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/fairway-gateway/fairway/e2e/gateway"
)

// judge holds an answer to what was to come, and to what holds for all answers.
func (s *scene) judge(a *ask, got gateway.Answer) {
	s.t.Helper()
	complain := func(format string, args ...any) {
		s.t.Helper()
		s.t.Errorf("%s %s: "+format+"\n  answer: %d %v\n  %.900s", slices.Concat([]any{a.method, a.target}, args, []any{got.Status, got.Header, got.Body})...)
	}
	if !slices.Contains(a.status, got.Status) {
		complain("not %v", a.status)
		return
	}
	if a.pattern != "" {
		pattern := s.fill(a.pattern, func(v string) string { return strings.TrimSuffix(strings.TrimPrefix(shown(v), `"`), `"`) })
		if err := match(pattern, got.Body, func(name, value string) { s.vars[name] = value }); err != nil {
			complain("%v", err)
		}
		if kind := got.Header.Get("Content-Type"); !jsonType().MatchString(kind) {
			complain("the body is said to be %q", kind)
		}
	}
	if a.empty && strings.TrimSpace(got.Body) != "" {
		complain("there is a body")
	}
	for i := 0; i < len(a.expected); i += 2 {
		expression := s.fill(a.expected[i+1], regexp.QuoteMeta)
		values := strings.Join(got.Header.Values(a.expected[i]), ", ")
		if !regexp.MustCompile("^(?:" + expression + ")$").MatchString(values) {
			complain("the header %s is %q, not like %s", a.expected[i], values, expression)
		}
	}
	for _, text := range a.without {
		if text = s.fill(text, func(v string) string { return v }); strings.Contains(got.Body, text) {
			complain("the answer has %q", text)
		}
	}
	s.always(a, got, complain)
	if a.later != nil {
		a.later(s, got)
	}
}

func jsonType() *regexp.Regexp {
	return regexp.MustCompile(`^application/(json|problem\+json|jwk-set\+json)$`)
}

// always holds an answer to the rules that hold everywhere: errors are one document, a 401 says how to log in, what has tokens
// is not kept, and nothing of the inside is told.
func (s *scene) always(a *ask, got gateway.Answer, complain func(string, ...any)) {
	s.t.Helper()
	if got.Status >= http.StatusBadRequest && got.Status != http.StatusRequestHeaderFieldsTooLarge { // which net/http answers itself
		s.documented(a, got, complain)
	}
	if got.Status == http.StatusUnauthorized && got.Header.Get("WWW-Authenticate") == "" {
		complain("a 401 without WWW-Authenticate (RFC 9110, 15.5.2)")
	}
	if strings.Contains(got.Body, `"access_token":"`) && got.Header.Get("Cache-Control") != "no-store" {
		complain("tokens without Cache-Control: no-store (RFC 6749, 5.1)")
	}
	for _, inside := range []string{"goroutine ", ".go:", "SQLSTATE", "sqlite", "pgx"} {
		if got.Status >= http.StatusBadRequest && strings.Contains(got.Body, inside) {
			complain("the answer tells of the inside: %s", inside)
		}
	}
}

// documented holds an error to the one document, or to that of RFC 6749 at its endpoints.
func (s *scene) documented(a *ask, got gateway.Answer, complain func(string, ...any)) {
	s.t.Helper()
	path, _, _ := strings.Cut(a.target, "?")
	pattern := `{"type":"<text>","title":"<text>","status":` + shown(got.Status) + `,"detail":"<text>","instance":"<text>","request_id":"<text>","...":0}`
	if bare := strings.HasPrefix(path, "/auth/oauth2/") && path != "/auth/oauth2/authorize" || strings.HasPrefix(path, "/api/v1/oauth/token"); bare && got.Status != http.StatusMethodNotAllowed && got.Status != http.StatusNotFound {
		pattern = `{"error":"<re:[a-z_]+>","...":0}`
	} else if kind := got.Header.Get("Content-Type"); kind != "application/problem+json" {
		complain("an error is of the type %q", kind)
	}
	if err := match(pattern, got.Body, func(string, string) {}); err != nil {
		complain("an error is another document: %v", err)
	}
	if id := got.Header.Get("X-Request-Id"); id == "" {
		complain("no X-Request-Id")
	}
}
