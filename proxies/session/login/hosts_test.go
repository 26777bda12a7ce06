package login

import (
	"context"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/fairway-gateway/fairway/proxies/session"
)

// asHosts logs in to a site of any name, which leads to the world's proxy.
func (w *world) asHosts(c Config, site string) (*session.State, error) {
	w.t.Helper()
	u, err := url.Parse(site)
	if err != nil {
		w.t.Fatal(err)
	}
	to := func(p *place) *http.Transport {
		tr := &http.Transport{DisableCompression: true, DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, p.Listener.Addr().String())
		}}
		w.t.Cleanup(tr.CloseIdleConnections)
		return tr
	}
	c.Elsewhere = to(w.idp)
	c.Origins = append(c.Origins, w.idp.URL)
	d, err := New(c)
	if err != nil {
		w.t.Fatal(err)
	}
	got, err := d.Login(w.t.Context(), session.Site{URL: u, Transport: to(w.proxy)}, session.Credentials{User: user, Password: password})
	w.checkSecrets(err)
	return got, err
}

// TestSecureCookiesOnHTTP has what tests on loopback hide: there a jar takes cookies for https only.
func TestSecureCookiesOnHTTP(t *testing.T) {
	t.Parallel()
	for name, secure := range map[string]string{"secure": "; Secure", "not secure": ""} {
		w := newWorld(t)
		w.idp.own.HandleFunc("POST /login", leads(http.StatusSeeOther, "http://app.example.org/oauth2/callback?code="+secrets+"&state=1"))
		w.proxy.own.HandleFunc("GET /oauth2/callback", func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Add("Set-Cookie", "_oauth2_proxy="+secrets+"-session; Path=/"+secure)
			w.answer(rw, "302 /")
		})
		_, err := w.asHosts(Config{}, "http://app.example.org")
		if secure == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		w.want(err, session.UnsupportedPage, "its address is http")
		if w.submitted != 1 {
			t.Errorf("%s: the credentials came %d times", name, w.submitted)
		}
	}
}

// TestSecureCookiesOnly has an application on plain http whose only cookie is for https.
func TestSecureCookiesOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.install(w.proxy, map[string]string{"GET /in": `<form method=post>` + fields + `</form>`})
	w.proxy.own.HandleFunc("POST /in", func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Add("Set-Cookie", "sid="+secrets+"; Secure")
		_, _ = io.WriteString(rw, "in")
	})
	_, err := w.asHosts(Config{Kind: Page, Start: "/in"}, "http://app.example.org")
	w.want(err, session.UnsupportedPage, "only cookies for https")
}

// TestNoSecondLogin asks the identity provider no further once the proxy has refused what it had said.
func TestNoSecondLogin(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.install(w.proxy, map[string]string{"GET /{$}": "302 {idp}/auth?again"})
	_, err := w.login(Config{}, session.Credentials{User: user, Password: password})
	w.want(err, session.UnsupportedPage, "asked for another one")
	if slices.Contains(w.idp.seen, "GET /auth?again") {
		t.Error("the identity provider was asked again")
	}
}

// TestStartAtRoot begins where everything is protected, and ends there.
func TestStartAtRoot(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.proxy.own.HandleFunc("GET /{$}", func(rw http.ResponseWriter, r *http.Request) {
		if _, err := r.Cookie("_oauth2_proxy"); err != nil {
			w.answer(rw, "302 /oauth2/start")
			return
		}
		w.answer(rw, `<form action="/"><input name=q></form><form method=post action="/sign_in_sheet"></form>`)
	})
	_, err := w.login(Config{Start: "/"}, session.Credentials{User: user, Password: password})
	if err != nil {
		t.Error(err)
	}
}

// TestFormOfPlainBackend sends credentials to the backend's own address, whatever its scheme: it is the operator's choice.
func TestFormOfPlainBackend(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.install(w.proxy, map[string]string{"GET /in": `<form method=post action=http://APP.example.org:80/go>` + fields + `</form>`})
	w.proxy.own.HandleFunc("POST /go", func(rw http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Origin") != "http://app.example.org" || r.Header.Get("Referer") != "http://app.example.org/in?a=b" {
			t.Errorf("Origin %q, Referer %q", r.Header.Get("Origin"), r.Header.Get("Referer"))
		}
		rw.Header().Add("Set-Cookie", "sid="+secrets)
		_, _ = io.WriteString(rw, "in")
	})
	if _, err := w.asHosts(Config{Kind: Page, Start: "/in?a=b"}, "http://app.example.org"); err != nil {
		t.Error(err)
	}
	for _, site := range []string{"ftp://app.example.org", "app.example.org", "https://a:b@app.example.org"} {
		_, err := w.asHosts(Config{}, site)
		w.want(err, session.Unavailable, "")
	}
}

// TestOneHost has the identity provider behind the same origin as the proxy.
func TestOneHost(t *testing.T) {
	t.Parallel()
	pages := map[string]string{
		"GET /oauth2/start": "302 /dex/auth", "GET /dex/auth": "302 /dex/login",
		"GET /dex/login": `<form method=post action=/dex/login>` + fields + `</form>`, "POST /dex/login": "303 /oauth2/callback?code=1&state=2",
	}
	for name, c := range map[string]struct {
		change  map[string]string
		cookies string
		config  Config
		kind    session.LoginKind
		detail  string
	}{
		"session": {change: map[string]string{"GET /landing": "404 no"}},
		"consent": {config: Config{Consent: true}, change: map[string]string{
			"POST /dex/login": "303 /dex/approval", "GET /dex/approval": dexApproval, "POST /dex/approval": "303 /oauth2/callback?code=1&state=2", "GET /landing": "404 no",
		}},
		"SAML": {change: map[string]string{
			"POST /dex/login": `<form method=post action=/acs><input type=hidden name=SAMLResponse value=x></form><script>document.forms[0].submit()</script>`,
			"POST /acs":       "302 /oauth2/callback", "GET /landing": "<p>hello</p>",
		}},
		"SAML is refused": {change: map[string]string{
			"POST /dex/login": `<form method=post action=/acs><input type=hidden name=SAMLResponse value=x></form><script>document.forms[0].submit()</script>`, "POST /acs": "403 no",
		}, kind: session.NotAllowed, detail: "this user may not in"},
		"no callback":         {change: map[string]string{"POST /dex/login": "303 /oauth2/callback", "GET /landing": "<p>hello</p>"}},
		"wrong password":      {change: map[string]string{"POST /dex/login": `<form method=post action=/dex/login>` + fields + `</form>`}, kind: session.BadCredentials},
		"wrong, redirect":     {change: map[string]string{"POST /dex/login": "303 /dex/login?again"}, kind: session.BadCredentials},
		"second factor":       {change: map[string]string{"POST /dex/login": `<form method=post><input name=otp></form>`}, kind: session.MFARequired},
		"callback to start":   {change: map[string]string{"GET /oauth2/callback": "302 /oauth2/start"}, kind: session.UnsupportedPage, detail: "another one"},
		"signed in there":     {change: map[string]string{"GET /oauth2/callback": "302 /oauth2/start", "GET /dex/auth": "302 /dex/sso"}, kind: session.UnsupportedPage},
		"refused":             {change: map[string]string{"GET /oauth2/callback": "403 " + signInPage}, kind: session.NotAllowed},
		"page that is no end": {change: map[string]string{"POST /dex/login": "some page"}, kind: session.UnsupportedPage},
		"down":                {change: map[string]string{"POST /dex/login": "502 some page"}, kind: session.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			if _, ok := c.change["GET /oauth2/callback"]; !ok {
				landing(w)
			}
			all := map[string]string{}
			for _, m := range []map[string]string{pages, c.change} {
				maps.Copy(all, m)
			}
			w.install(w.proxy, all)
			_, err := w.login(c.config, session.Credentials{User: user, Password: password})
			w.checkSecrets(err)
			switch {
			case c.kind != 0:
				w.want(err, c.kind, c.detail)
			case err != nil:
				t.Error(err)
			}
		})
	}
}

// TestTellable has a provider that makes a host name of the credentials.
func TestTellable(t *testing.T) {
	t.Parallel()
	d, err := New(Config{Origins: []string{"https://user.example.org"}})
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]bool{
		"x.secretpassword.example": false, "my-user.example": false, strings.Repeat("a", 101) + ".example": false,
		"user.example.org": true, "evil.example": true, "secret.example": true,
	} {
		f := &flow{d: d, c: session.Credentials{User: "User", Password: "secretPassword"}}
		if got := f.tellable(origin{"https", host, "443"}); (got == "https://"+host) != want {
			t.Errorf("told %s", got)
		}
	}
}
