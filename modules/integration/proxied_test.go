package integration_test

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// proxied is an application behind an OAuth2 proxy, and the identity provider that this asks, on an origin of its own.
type proxied struct {
	proxy, idp *httptest.Server
	takes      time.Duration                                             // a login
	public     string                                                    // the proxy's redirects lead there; empty: to its own address
	app        func(w http.ResponseWriter, r *http.Request, user string) // nil: one that tells who asks

	mu        sync.Mutex
	passwords map[string]string
	codes     map[string]string // to user
	live      map[string]string // cookie to user
	serial    int
	logins    int
	paths     []string // that the application was asked for
}

func startProxied(t *testing.T) *proxied {
	t.Helper()
	p := &proxied{passwords: map[string]string{"annabel": "s3cret-annabel", "benjamin": "s3cret-benjamin"}, codes: map[string]string{}, live: map[string]string{}}
	p.idp = httptest.NewServer(http.HandlerFunc(p.provide))
	p.proxy = httptest.NewServer(http.HandlerFunc(p.serve))
	t.Cleanup(p.idp.Close)
	t.Cleanup(p.proxy.Close)
	return p
}

// provide is the identity provider: a page with a form, and a redirect back.
func (p *proxied) provide(w http.ResponseWriter, r *http.Request) {
	const form = `<html><form method="post" action=""><input name="login"><input type="password" name="password"><button>Go</button></form></html>`
	if r.URL.Path == "/token" {
		p.token(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/html")
	if r.Method != http.MethodPost {
		_, _ = io.WriteString(w, form)
		return
	}
	time.Sleep(p.takes)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.logins++
	user := r.PostFormValue("login")
	if p.passwords[user] == "" || p.passwords[user] != r.PostFormValue("password") {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, form)
		return
	}
	p.serial++
	code := fmt.Sprint("s3cret-code-", p.serial)
	p.codes[code] = user
	http.Redirect(w, r, cmp.Or(p.public, p.proxy.URL)+"/oauth2/callback?code="+code+"&state="+r.URL.Query().Get("state"), http.StatusSeeOther) //nolint:gosec // its own
}

// token is the token endpoint, which gives an ID token for a user and a password.
func (p *proxied) token(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.logins++
	user, client := r.PostFormValue("username"), ""
	if id, secret, ok := r.BasicAuth(); ok && secret == "s3cret-client" {
		client = id
	}
	w.Header().Set("Content-Type", "application/json")
	if client != "gateway" || p.passwords[user] == "" || p.passwords[user] != r.PostFormValue("password") {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"error":"invalid_grant"}`)
		return
	}
	token := p.enter(user)
	fmt.Fprintf(w, `{"access_token":"x","token_type":"bearer","id_token":%q,"expires_in":600}`, token)
}

// enter makes a session.
func (p *proxied) enter(user string) string {
	p.serial++
	cookie := fmt.Sprint("s3cret-cookie-", p.serial)
	p.live[cookie] = user
	return cookie
}

// signIn is the form of the proxy itself.
func (p *proxied) signIn(w http.ResponseWriter, r *http.Request) {
	p.logins++
	user := r.PostFormValue("username")
	if p.passwords[user] == "" || p.passwords[user] != r.PostFormValue("password") {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	w.Header().Add("Set-Cookie", "_oauth2_proxy="+p.enter(user)+"; Path=/; HttpOnly")
	http.Redirect(w, r, "/", http.StatusFound)
}

// serve is the proxy, and the application behind it.
func (p *proxied) serve(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	user := ""
	if c, err := r.Cookie("_oauth2_proxy"); err == nil {
		user = p.live[c.Value]
	}
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		user = p.live[token]
	}
	if name, password, ok := r.BasicAuth(); ok && p.passwords[name] == password {
		user = name
	}
	switch {
	case r.URL.Path == "/oauth2/sign_in" && r.Method == http.MethodPost:
		p.signIn(w, r)
	case r.URL.Path == "/oauth2/start":
		w.Header().Add("Set-Cookie", "_oauth2_proxy_csrf=s3cret-csrf; Path=/; HttpOnly")
		http.Redirect(w, r, p.idp.URL+"/auth?client_id=x&response_type=code&state=s", http.StatusFound)
	case r.URL.Path == "/oauth2/callback":
		user := p.codes[r.URL.Query().Get("code")]
		if user == "" {
			http.Error(w, "no", http.StatusForbidden)
			return
		}
		w.Header().Add("Set-Cookie", "_oauth2_proxy="+p.enter(user)+"; Path=/; HttpOnly")
		http.Redirect(w, r, "/", http.StatusFound)
	case r.URL.Path == "/oauth2/auth":
		w.WriteHeader(map[bool]int{true: http.StatusAccepted, false: http.StatusUnauthorized}[user != ""])
	case user == "":
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `<form action="/oauth2/start"><button>Sign in</button></form>`)
	default:
		p.paths = append(p.paths, r.Method+" "+r.URL.Path)
		w.Header().Set("Gap-Auth", user)
		w.Header().Set("X-Auth-Request-Access-Token", "s3cret-token")
		if p.app != nil {
			p.mu.Unlock()
			defer p.mu.Lock()
			p.app(w, r, user)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path == "/forbidden" {
			w.WriteHeader(http.StatusForbidden)
		}
		kind, _, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, `{"user":%q,"authorization":%q,"sent":%d}`, user, kind, len(body))
	}
}

func (p *proxied) expire() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.live)
}

// tried gives the number of logins, and begins anew.
func (p *proxied) tried() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.logins
	p.logins = 0
	return n
}

func (p *proxied) service(prefix, auth string) string {
	return fmt.Sprintf(`
	service %s {
		version 1.0.0
		repository https://example.org/x
		description "Behind a proxy"
		backend %s {
			auth %s
		}
		GET /x {
			fetch /x {
				decode json
			}
		}
		GET /forbidden {
			fetch /forbidden {
				decode json
			}
		}
	}`, prefix, p.proxy.URL, auth)
}

// login is an auth by the login form.
func (p *proxied) login(words string) string {
	return "oauth2_proxy {\nlogin_origins " + p.idp.URL + "\n" + words + "\n}"
}
