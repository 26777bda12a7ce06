package tokens_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"maps"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/fairway-gateway/fairway/modules/control/controltest"
	"github.com/fairway-gateway/fairway/modules/control/tokens"
	"github.com/fairway-gateway/fairway/modules/control/tokens/tokenstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	issuer = "https://gateway.example.org"
	root   = "0198a000-0000-7000-8000-000000000001"
	walter = "0198a000-0000-7000-8000-000000000002"
	// seedSecret is that of the client documentation, as the founding document shows it.
	seedSecret = "KQ()SWK)SQK)QWSKQW(SKQ)S(QWSQW(SJ*HQ&HQW*SQ*^SSQWSGQSG"
	allScopes  = "auth:read auth:write users:read users:write teams:read teams:write"
)

func secret() []byte { return []byte("0123456789abcdef0123456789abcdef") }

// people is who may log in.
type people struct {
	mu     sync.Mutex
	by     map[string]string // login and password -> user
	err    error
	looked int
}

func (p *people) Verify(_ context.Context, a tokens.Attempt) (string, bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.looked++
	user, ok := p.by[a.Login+"\x00"+a.Password]
	return user, ok, p.err
}

// gateway is an authority with its store.
type gateway struct {
	*tokens.Authority
	store  *tokenstest.Memory
	people *people
	mux    *http.ServeMux
	log    *bytes.Buffer
}

func open(t testing.TB, cfg tokens.Config) *gateway {
	t.Helper()
	return openOver(t, filled(t), cfg)
}

// filled is a store with the users and clients of the tests.
func filled(t testing.TB) *tokenstest.Memory {
	t.Helper()
	m, ctx := tokenstest.NewMemory(), context.Background()
	for _, u := range []tokens.User{
		{ID: root, Number: 1, Email: "root@localhost", Username: "root", Role: "ADMIN", Active: true},
		{ID: walter, Number: 2, Email: "walter@example.org", Username: "walter", Role: "USER", Active: true},
	} {
		must(t, m.PutUser(ctx, u))
	}
	scopes := strings.Fields(allScopes)
	for _, c := range []tokens.Client{
		{ID: "documentation", SecretHash: tokens.HashSecret(seedSecret), Owner: root, Scopes: scopes},
		{ID: "public", Scopes: scopes},
		{ID: "empty", SecretHash: tokens.HashSecret(""), Owner: root, Scopes: scopes},
		{ID: "robot", Confidential: true, SecretHash: tokens.HashSecret("robot's secret"), Owner: walter, Scopes: []string{"users:read", "teams:read"}},
		{ID: "other", Confidential: true, SecretHash: tokens.HashSecret("other's secret"), Owner: root, Scopes: scopes},
		{ID: "machine", Confidential: true, SecretHash: tokens.HashSecret("machine's"), Owner: root, Scopes: scopes, Grants: []string{"client_credentials"}},
		{ID: "a b+c", Confidential: true, SecretHash: tokens.HashSecret("p%q+r s"), Owner: root, Scopes: scopes},
	} {
		must(t, m.PutClient(ctx, c))
	}
	return m
}

func openOver(t testing.TB, store *tokenstest.Memory, cfg tokens.Config) *gateway {
	t.Helper()
	g := &gateway{
		store: store, mux: http.NewServeMux(), log: &bytes.Buffer{},
		people: &people{by: map[string]string{"root\x00q": root, "walter\x00w": walter, "walter@example.org\x00w": walter}},
	}
	if cfg.Issuer == "" {
		cfg.Issuer = issuer
	}
	if cfg.Secrets == nil {
		cfg.Secrets = [][]byte{secret()}
	}
	cfg.Logger = slog.New(slog.NewTextHandler(&locked{w: g.log}, nil))
	var err error
	g.Authority, err = tokens.New(t.Context(), store, g.people, cfg)
	must(t, err)
	t.Cleanup(g.Close)
	g.Register(g.mux)
	return g
}

// locked is a writer for several goroutines.
type locked struct {
	mu sync.Mutex
	w  *bytes.Buffer
}

func (l *locked) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

var must = controltest.Must

// sent is a request as curl would send it.
type sent struct {
	method, path string
	query        string
	form, parts  []string // name=value
	json         string
	user         string // id:secret
	bearer       string
	header       http.Header
}

func (s sent) request() *http.Request {
	target := s.path
	if s.query != "" {
		target += "?" + s.query
	}
	var body bytes.Buffer
	kind := ""
	switch {
	case s.form != nil:
		kind = "application/x-www-form-urlencoded"
		var pairs []string
		for _, p := range s.form {
			name, value, _ := strings.Cut(p, "=")
			pairs = append(pairs, url.QueryEscape(name)+"="+url.QueryEscape(value))
		}
		body.WriteString(strings.Join(pairs, "&"))
	case s.parts != nil:
		w := multipart.NewWriter(&body)
		for _, p := range s.parts {
			name, value, _ := strings.Cut(p, "=")
			_ = w.WriteField(name, value)
		}
		_ = w.Close()
		kind = w.FormDataContentType()
	case s.json != "":
		kind = "application/json"
		body.WriteString(s.json)
	}
	method := s.method
	if method == "" {
		method = http.MethodGet
		if body.Len() > 0 {
			method = http.MethodPost
		}
	}
	r := httptest.NewRequest(method, target, &body)
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	if s.user != "" {
		r.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(s.user)))
	}
	if s.bearer != "" {
		r.Header.Set("Authorization", "Bearer "+s.bearer)
	}
	maps.Copy(r.Header, s.header)
	return r
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
	values map[string]any
}

func (a answer) text(name string) string {
	s, _ := a.values[name].(string)
	return s
}

func (g *gateway) do(s sent) answer {
	w := httptest.NewRecorder()
	g.mux.ServeHTTP(w, s.request())
	a := answer{status: w.Code, header: w.Header(), body: w.Body.String()}
	_ = json.Unmarshal(w.Body.Bytes(), &a.values)
	return a
}

func (g *gateway) want(t *testing.T, s sent, status int, code string) answer {
	t.Helper()
	a := g.do(s)
	if a.status != status || a.text("error") != code {
		t.Fatalf("%+v: %d %s, not %d %s", s, a.status, a.body, status, code)
	}
	return a
}

const tokenPath, revokePath, introspectPath = "/auth/oauth2/token", "/auth/oauth2/revoke", "/auth/oauth2/introspect"

// login logs root in by the client documentation.
func (g *gateway) login(t *testing.T) answer {
	t.Helper()
	return g.want(t, sent{path: tokenPath, form: []string{"grant_type=password", "client_id=documentation", "username=root", "password=q"}}, 200, "")
}

// auth logs root in at /auth.
func (g *gateway) auth(t *testing.T) answer {
	t.Helper()
	return g.want(t, sent{path: "/auth", json: `{"email":"root","password":"q"}`}, 200, "")
}

func refreshing(token, client string) sent {
	return sent{path: tokenPath, query: "grant_type=refresh_token", user: client, parts: []string{"refresh_token=" + token}}
}

func (g *gateway) refused(t *testing.T, token string, why tokens.Reason) {
	t.Helper()
	a, err := g.Check(t.Context(), token)
	if err == nil {
		t.Fatalf("taken: %+v", a)
	}
	if no, ok := err.(*tokens.RefusedError); !ok || no.Reason != why { //nolint:errorlint // it is that error itself
		t.Fatalf("%v, not %s", err, why)
	}
}

func (g *gateway) taken(t *testing.T, token string) *tokens.Access {
	t.Helper()
	a, err := g.Check(t.Context(), token)
	must(t, err)
	return a
}

// tick lets what the gateway does in the background happen.
const tick = 1100 * time.Millisecond
