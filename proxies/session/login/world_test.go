package login

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/fairway-gateway/fairway/proxies/session"
	"github.com/fairway-gateway/fairway/proxies/upstream"
)

func TestMain(m *testing.M) {
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: nameServer}
	goleak.VerifyTestMain(m)
}

// nameServer is a connection to a name server that has the address of loopback for every name.
func nameServer(context.Context, string, string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	go func() {
		defer theirs.Close()
		for {
			var n uint16
			if binary.Read(theirs, binary.BigEndian, &n) != nil {
				return
			}
			raw := make([]byte, n)
			if _, err := io.ReadFull(theirs, raw); err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(raw) != nil {
				return
			}
			m.Response = true
			m.Additionals = nil
			if q := m.Questions[0]; q.Type == dnsmessage.TypeA {
				m.Answers = []dnsmessage.Resource{{
					Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: 1}, Body: &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}},
				}}
			}
			raw, err := m.AppendPack([]byte{0, 0})
			if err != nil {
				return
			}
			binary.BigEndian.PutUint16(raw, uint16(len(raw)-2))
			if _, err := theirs.Write(raw); err != nil {
				return
			}
		}
	}()
	return ours, nil
}

// Who logs in, and what none of the errors may hold. The IdP and the proxy put secrets of their own where they can.
const (
	user     = "alice@example.org"
	password = "open sesame &ö"
	secrets  = "zq7secret"
)

// world is a proxy with an identity provider, as the real ones behave, and a server that nobody has listed. Each may be told to
// behave otherwise.
type world struct {
	t     *testing.T
	proxy *place
	idp   *place
	alien *place

	mu        sync.Mutex
	submitted int    // credentials that came to the idp or the proxy
	form      string // body of the last of them
}

// place is a server. Patterns of own come before those that it has.
type place struct {
	*httptest.Server
	own    *http.ServeMux
	usual  *http.ServeMux
	mu     sync.Mutex
	seen   []string
	leaked []string
}

func (w *world) place() *place {
	p := &place{own: http.NewServeMux(), usual: http.NewServeMux()}
	p.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		p.mu.Lock()
		p.seen = append(p.seen, r.Method+" "+r.URL.RequestURI())
		// Nowhere but in the body of a form has a password any business.
		if raw := fmt.Sprint(r.URL, r.Header); strings.Contains(raw, password) || strings.Contains(raw, url.QueryEscape(password)) || r.Header.Get("Authorization") != "" {
			p.leaked = append(p.leaked, r.Method+" "+r.URL.Path)
		}
		if p == w.alien {
			p.leaked = append(p.leaked, r.Method+" "+r.URL.Path)
		}
		p.mu.Unlock()
		if accept := r.Header.Get("Accept"); accept != "text/html" {
			w.t.Errorf("%s %s: Accept is %q", r.Method, r.URL.Path, accept)
		}
		if strings.Contains(string(body), url.QueryEscape(password)) {
			w.mu.Lock()
			w.submitted++
			w.form = string(body)
			w.mu.Unlock()
		}
		if _, pattern := p.own.Handler(r); pattern != "" {
			p.own.ServeHTTP(rw, r)
			return
		}
		p.usual.ServeHTTP(rw, r)
	}))
	w.t.Cleanup(p.Close)
	return p
}

func show(rw http.ResponseWriter, status int, body string) {
	rw.Header().Set("Content-Type", "text/html; charset=utf-8")
	rw.WriteHeader(status)
	_, _ = io.WriteString(rw, "<!doctype html><title>"+secrets+"</title>"+body)
}

// says makes a handler of a page.
func says(status int, body string) http.HandlerFunc {
	return func(rw http.ResponseWriter, _ *http.Request) { show(rw, status, body) }
}

// leads makes a handler of a redirect.
func leads(status int, to string) http.HandlerFunc {
	return func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Location", to)
		rw.WriteHeader(status)
	}
}

const signInPage = `<form method="GET" action="/oauth2/start"><input type="hidden" name="rd" value="/"><button type="submit">Sign in with ` + secrets + `</button></form>`

const loginPage = `<form method="post" action="/login?back=&amp;state=` + secrets + `">
	<input type="text" name="login" autofocus><input type="password" name="password"><button type="submit">Login</button></form>
	<script>document.querySelector('form').onsubmit = function (e) { this.querySelector('button').setAttribute('disabled', 'disabled') }</script>`

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t}
	w.proxy, w.idp = w.place(), w.place()
	w.alien = w.place()
	callback := w.proxy.URL + "/oauth2/callback?code=" + secrets + "&state=" + secrets + ":/"

	// The proxy, after oauth2-proxy v7.15.4.
	signedIn := func(r *http.Request) bool {
		c, err := r.Cookie("_oauth2_proxy")
		return err == nil && c.Value == secrets+"-session"
	}
	w.proxy.usual.HandleFunc("GET /oauth2/start", func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Add("Set-Cookie", "_oauth2_proxy_csrf="+secrets+"; Path=/; Max-Age=900; HttpOnly")
		http.Redirect(rw, r, w.idp.URL+"/auth?redirect_uri="+url.QueryEscape(w.proxy.URL+"/oauth2/callback")+"&state="+secrets, http.StatusFound)
	})
	w.proxy.usual.HandleFunc("GET /oauth2/callback", func(rw http.ResponseWriter, r *http.Request) {
		if c, err := r.Cookie("_oauth2_proxy_csrf"); err != nil || c.Value != secrets || r.FormValue("code") != secrets {
			show(rw, http.StatusForbidden, "lost: "+signInPage)
			return
		}
		rw.Header().Add("Set-Cookie", "_oauth2_proxy_csrf=; Path=/; Max-Age=0")
		rw.Header().Add("Set-Cookie", "_oauth2_proxy="+secrets+"-session; Path=/; Max-Age=3600; HttpOnly; Secure")
		http.Redirect(rw, r, "/", http.StatusFound)
	})
	w.proxy.usual.HandleFunc("/", func(rw http.ResponseWriter, r *http.Request) {
		if !signedIn(r) {
			show(rw, http.StatusForbidden, signInPage)
			return
		}
		rw.Header().Set("Gap-Auth", user)
		rw.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(rw, `{}`)
	})

	// The identity provider, after Dex v2.45.1.
	w.idp.usual.HandleFunc("GET /auth", leads(http.StatusFound, "/auth/local"))
	w.idp.usual.HandleFunc("GET /auth/local", leads(http.StatusFound, "login?back=&state="+secrets))
	w.idp.usual.HandleFunc("GET /auth/login", says(http.StatusOK, loginPage))
	w.idp.usual.HandleFunc("POST /login", func(rw http.ResponseWriter, r *http.Request) {
		if r.FormValue("login") != user || r.PostFormValue("password") != password {
			show(rw, http.StatusUnauthorized, loginPage)
			return
		}
		rw.Header().Add("Set-Cookie", "dex_session="+secrets+"; Path=/")
		http.Redirect(rw, r, callback, http.StatusSeeOther)
	})
	return w
}

// onIDP replaces a page of the identity provider; {proxy}, {idp}, {alien} and {callback} in a body become URLs.
func (w *world) fill(s string) string {
	return strings.NewReplacer("{proxy}", w.proxy.URL, "{idp}", w.idp.URL, "{alien}", w.alien.URL, "{callback}", w.proxy.URL+"/oauth2/callback?code="+secrets+"&state="+secrets).Replace(s)
}

func (w *world) login(c Config, creds session.Credentials) (*session.State, error) {
	w.t.Helper()
	return w.loginUntil(w.t.Context(), c, creds)
}

func (w *world) loginUntil(ctx context.Context, c Config, creds session.Credentials) (*session.State, error) {
	w.t.Helper()
	c.Start = w.fill(c.Start)
	if c.Origins == nil {
		c.Origins = []string{w.idp.URL}
	}
	for i := range c.Origins {
		c.Origins[i] = w.fill(c.Origins[i])
	}
	elsewhere, err := upstream.Elsewhere(upstream.Config{})
	if err != nil {
		w.t.Fatal(err)
	}
	defer elsewhere.CloseIdleConnections()
	c.Elsewhere = elsewhere
	d, err := New(c)
	if err != nil {
		w.t.Fatal(err)
	}
	site, err := url.Parse(w.proxy.URL)
	if err != nil {
		w.t.Fatal(err)
	}
	tr := &http.Transport{DisableCompression: true}
	defer tr.CloseIdleConnections()
	return d.Login(ctx, session.Site{URL: site, Transport: tr}, creds)
}

// checkSecrets holds what can be logged of an error free of what is secret, and the servers free of passwords in wrong places.
func (w *world) checkSecrets(err error) {
	w.t.Helper()
	for _, p := range []*place{w.proxy, w.idp, w.alien} {
		p.mu.Lock()
		if len(p.leaked) > 0 {
			w.t.Errorf("leaked: %q", p.leaked)
		}
		p.mu.Unlock()
	}
	if err == nil {
		return
	}
	login, ok := errors.AsType[*session.LoginError](err)
	if !ok {
		w.t.Fatalf("%T is no LoginError", err)
	}
	for _, said := range []string{err.Error(), login.Detail, fmt.Sprintf("%+v", login)} {
		for _, secret := range []string{user, password, secrets, "Sign in with"} {
			if strings.Contains(strings.ToLower(said), strings.ToLower(secret)) {
				w.t.Errorf("the error holds %q: %s", secret, said)
			}
		}
	}
}

const dexApproval = `<form method="post"><input type="hidden" name="req" value="` + secrets + `"/><input type="hidden" name="approval" value="approve"><button type="submit">Grant Access</button></form>
	<form method="post"><input type="hidden" name="req" value="` + secrets + `"/><input type="hidden" name="approval" value="rejected"><button type="submit">Cancel</button></form>`

// approval is Dex's page after the form: it wants its query and what it hid.
func approval(w *world) {
	w.idp.own.HandleFunc("POST /approval", func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery != "req="+secrets+"&hmac=x" || r.PostFormValue("req") != secrets || r.PostFormValue("approval") != "approve" {
			w.t.Errorf("approved %q with %q", r.URL, r.PostForm)
		}
		w.answer(rw, w.fill("303 {callback}"))
	})
}

// landing is a proxy that says nothing of itself once it lets requests through.
func landing(w *world) {
	w.proxy.own.HandleFunc("GET /oauth2/callback", func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Add("Set-Cookie", "mod_auth_openidc_session="+secrets+"; Path=/; HttpOnly")
		w.answer(rw, "302 /landing")
	})
}
