package login

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/proxies/session"
)

func gzipBomb(t *testing.T, n int) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	block := make([]byte, 1<<20)
	for range n / len(block) {
		if _, err := z.Write(block); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestHtpasswd has the form of oauth2-proxy itself, as v7.15.4 answers it.
func TestHtpasswd(t *testing.T) {
	t.Parallel()
	signIn := func(w *world) {
		w.proxy.own.HandleFunc("POST /oauth2/sign_in", func(rw http.ResponseWriter, r *http.Request) {
			if w.form != "username=alice%40example.org&password=open+sesame+%26%C3%B6&rd=%2Fhello" {
				w.t.Errorf("came %q", w.form)
			}
			rw.Header().Add("Set-Cookie", "_oauth2_proxy="+secrets+"-session; Path=/; HttpOnly")
			w.answer(rw, "302 "+r.FormValue("rd"))
		})
	}
	const start = "/oauth2/start?rd=/hello"
	for name, c := range map[string]trap{
		"right":        {setup: signIn, config: Config{Start: start}},
		"whole URL":    {setup: signIn, config: Config{Start: "{proxy}/oauth2/start?rd=/hello"}},
		"its own path": {setup: signIn, config: Config{Start: "/oauth2/sign_in?rd=/hello"}},
		"wrong":        {proxy: map[string]string{"POST /oauth2/sign_in": "401 " + signInPage}, kind: session.BadCredentials},
		"wrong, old":   {proxy: map[string]string{"POST /oauth2/sign_in": `<form method=post action=/oauth2/sign_in><input name=username><input type=password name=password></form>`}, kind: session.BadCredentials},
		"refused":      {proxy: map[string]string{"POST /oauth2/sign_in": "400 no"}, kind: session.UnsupportedPage, detail: "400"},
		"not allowed":  {proxy: map[string]string{"POST /oauth2/sign_in": "403 no"}, kind: session.NotAllowed},
		"no htpasswd":  {proxy: map[string]string{"POST /oauth2/sign_in": "404 no"}, kind: session.UnsupportedPage, detail: "404"},
		"no session":   {proxy: map[string]string{"POST /oauth2/sign_in": "302 /"}, kind: session.UnsupportedPage},
		"down":         {proxy: map[string]string{"POST /oauth2/sign_in": "503 no"}, kind: session.Unavailable, detail: "503"},
		"elsewhere":    {proxy: map[string]string{"POST /oauth2/sign_in": "307 {alien}/"}, kind: session.UnsupportedPage, detail: "login_origins"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.install(w.proxy, c.proxy)
			if c.setup != nil {
				c.setup(w)
			}
			c.config.Kind = Htpasswd
			got, err := w.login(c.config, session.Credentials{User: user, Password: password})
			w.checkSecrets(err)
			if w.submitted != 1 {
				t.Errorf("the credentials came %d times", w.submitted)
			}
			if c.kind != 0 {
				w.want(err, c.kind, c.detail)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want := &session.State{Cookies: []session.Cookie{{Name: "_oauth2_proxy", Value: secrets + "-session", Path: "/"}}}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestPage has applications with login forms of their own.
func TestPage(t *testing.T) {
	t.Parallel()
	const form = `<form method=post action=/login><input type=hidden name=csrf value=` + secrets + `>` + fields + `</form>`
	// answers gives a session for the right password, and what it is told for others.
	answers := func(right, wrong string) func(*world) {
		return func(w *world) {
			w.proxy.own.HandleFunc("POST /login", func(rw http.ResponseWriter, r *http.Request) {
				if r.FormValue("password") == password && r.FormValue("login") == user && r.FormValue("csrf") == secrets {
					rw.Header().Add("Set-Cookie", "sid="+secrets+"; Path=/")
					w.answer(rw, w.fill(right))
					return
				}
				w.answer(rw, w.fill(wrong))
			})
		}
	}
	// before gives every visitor a session, which a login makes a better one.
	before := func(w *world, next func(in bool) string) {
		in := false
		w.proxy.own.HandleFunc("GET /login", func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Add("Set-Cookie", "PHPSESSID="+secrets)
			w.answer(rw, next(in))
		})
		w.proxy.own.HandleFunc("POST /login", func(rw http.ResponseWriter, r *http.Request) {
			in = r.FormValue("login") == user
			if c, err := r.Cookie("PHPSESSID"); err != nil || c.Value != secrets {
				w.t.Error("no session before")
			}
			w.answer(rw, "hello")
		})
	}
	asks := map[string]string{"GET /login": form}
	for name, c := range map[string]trap{
		"redirect":             {setup: answers("302 /", ""), proxy: asks},
		"page":                 {setup: answers("welcome", ""), proxy: asks},
		"no content":           {setup: answers("204 ", ""), proxy: asks},
		"refresh":              {setup: answers(`<meta http-equiv=refresh content="1;url=/in">`, ""), proxy: map[string]string{"GET /login": form, "GET /in": "in"}},
		"landing fails":        {setup: answers("303 /in", ""), proxy: map[string]string{"GET /login": form, "GET /in": "500 no"}},
		"landing is protected": {config: Config{Start: "/secure"}, setup: answers("303 /secure", ""), proxy: map[string]string{"GET /secure": "302 /login?next=/secure", "GET /login": form}, kind: session.BadCredentials},
		"wrong, redirect":      {user: "bob", setup: answers("", "302 /login?error"), proxy: asks, kind: session.BadCredentials},
		"wrong, page":          {user: "bob", setup: answers("", form), proxy: asks, kind: session.BadCredentials},
		"wrong, 401":           {user: "bob", setup: answers("", "401 no"), proxy: asks, kind: session.BadCredentials},
		"wrong, 403 and form":  {user: "bob", setup: answers("", "403 "+form), proxy: asks, kind: session.BadCredentials},
		"wrong, refresh":       {user: "bob", setup: answers("", `<meta http-equiv=refresh content="3;url=/login">wrong`), proxy: asks, kind: session.BadCredentials},
		"wrong, refresh, and a cookie": {user: "bob", setup: func(w *world) {
			w.proxy.own.HandleFunc("POST /login", func(rw http.ResponseWriter, _ *http.Request) {
				rw.Header().Add("Set-Cookie", "flash="+secrets)
				w.answer(rw, `<meta http-equiv=refresh content="3;url=/login">wrong`)
			})
		}, proxy: asks, kind: session.BadCredentials},
		"locked":                   {user: "bob", setup: answers("", "403 locked"), proxy: asks, kind: session.NotAllowed},
		"wrong, page without form": {user: "bob", setup: func(w *world) { before(w, func(bool) string { return form }) }, kind: session.BadCredentials},
		"the same session": {setup: func(w *world) {
			before(w, func(in bool) string {
				if in {
					return "302 /oauth2/other"
				}
				return form
			})
		}, proxy: map[string]string{"GET /oauth2/other": "hello"}},
		"second factor": {setup: answers(`<form method=post action=/2fa><input name=code><button>Verify</button></form>`, ""), proxy: asks, kind: session.MFARequired},
		"to elsewhere":  {setup: answers("302 {alien}/", ""), proxy: asks, kind: session.UnsupportedPage, detail: "login_origins"},
		"no cookie":     {proxy: map[string]string{"GET /login": form, "POST /login": "302 /in", "GET /in": "in"}, kind: session.BadCredentials},
		"on another port": {config: Config{Start: "{idp}/sso"}, setup: func(w *world) {
			w.idp.own.HandleFunc("GET /sso", says(200, `<form method=post>`+fields+`</form>`))
			w.idp.own.HandleFunc("POST /sso", func(rw http.ResponseWriter, _ *http.Request) {
				rw.Header().Add("Set-Cookie", "sso="+secrets+"; Path=/; HttpOnly")
				w.answer(rw, w.fill("302 {proxy}/in"))
			})
		}, proxy: map[string]string{"GET /in": "in"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.install(w.proxy, c.proxy)
			w.install(w.idp, c.idp)
			if c.setup != nil {
				c.setup(w)
			}
			c.config.Kind = Page
			if c.config.Start == "" {
				c.config.Start = "/login"
			}
			creds := session.Credentials{User: user, Password: password}
			if c.user != "" {
				creds.User = c.user
			}
			got, err := w.login(c.config, creds)
			w.checkSecrets(err)
			if w.submitted != 1 {
				t.Errorf("the credentials came %d times", w.submitted)
			}
			if c.kind != 0 {
				w.want(err, c.kind, c.detail)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if !slices.ContainsFunc(got.Cookies, func(c session.Cookie) bool { return strings.Contains(c.Value, secrets) }) {
				t.Errorf("got %v", got.Cookies)
			}
		})
	}
}
