package login

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/fairway-gateway/fairway/proxies/session"
	"github.com/fairway-gateway/fairway/proxies/upstream"
)

// TestOUT02 leads logins to a server that nobody has listed, in all ways in which one can. It gets no request at all.
func TestOUT02(t *testing.T) {
	t.Parallel()
	form := func(action string) map[string]string {
		return map[string]string{"GET /auth/login": `<form method=post action="` + action + `">` + fields + `</form>`}
	}
	for name, c := range map[string]trap{
		"form action":              {idp: form("{alien}/login")},
		"form action, no scheme":   {idp: form("//{alienhost}/login")},
		"form action, backslashes": {idp: form(`\\{alienhost}/login`)},
		"form action, line break":  {idp: form("/\n/{alienhost}/login")},
		"form action, blanks":      {idp: form(" \x0b\x01 {alien}/login ")},
		"form action, user":        {idp: form("http://{idphost}@{alienhost}/login")},
		"form action, our user":    {idp: form("http://a:b@{idphost}/login")},
		"form action, other port":  {idp: form("http://127.0.0.1:1/login")},
		"form action, other name":  {idp: form("http://localhost:{idpport}/login")},
		"form action, scheme":      {idp: form("https://{idphost}/login")},
		"form action, script":      {idp: form("javascript:alert(1)")},
		"form action, mail":        {idp: form("mailto:a@b.example")},
		"form action, no host":     {idp: form("http:///login")},
		"form action, opaque":      {idp: form("http:login")},
		"formaction":               {idp: map[string]string{"GET /auth/login": `<form method=post action=/login>` + fields + `<button formaction="{alien}/login">Log in</button></form>`}},
		"base href":                {idp: map[string]string{"GET /auth/login": `<base href="{alien}/"><form method=post action=login>` + fields + `</form>`}},
		"base href, no scheme":     {idp: map[string]string{"GET /auth/login": `<base href="//{alienhost}"><form method=post action=/login>` + fields + `</form>`}},
		"base href of two":         {idp: map[string]string{"GET /auth/login": `<base href="{alien}/"><base href="/"><form method=post action=login>` + fields + `</form>`}},
		"start redirect":           {proxy: map[string]string{"GET /oauth2/start": "302 {alien}/auth"}},
		"idp redirect":             {idp: map[string]string{"GET /auth": "301 {alien}/auth"}},
		"redirect, backslash":      {idp: map[string]string{"GET /auth": `302 /\{alienhost}/auth`}},
		"redirect, no scheme":      {idp: map[string]string{"GET /auth": `302 //{alienhost}/auth`}},
		"redirect, file":           {idp: map[string]string{"GET /auth": `302 file:///etc/passwd`}},
		"meta refresh":             {idp: map[string]string{"GET /auth": `<meta http-equiv=refresh content="0;url={alien}/">`}},
		"meta refresh after":       {idp: map[string]string{"POST /login": `<meta http-equiv=refresh content="0;url={alien}/">`}, submitted: 1},
		"307":                      {idp: map[string]string{"POST /login": "307 {alien}/login"}, submitted: 1},
		"308":                      {idp: map[string]string{"POST /login": "308 {alien}/login"}, submitted: 1},
		"307 to plain http": {
			idp: map[string]string{"POST /login": "307 http://idp.example.org/login"}, submitted: 1,
		},
		"redirect after":  {idp: map[string]string{"POST /login": "303 {alien}/?code=1&state=2"}, submitted: 1},
		"form_post":       {idp: map[string]string{"POST /login": `<body onload="submit()"><form method=post action="{alien}/cb"><input type=hidden name=code value=1></form>`}, submitted: 1},
		"form_post first": {idp: map[string]string{"GET /auth/login": `<body onload="submit()"><form method=post action="{alien}/cb"><input type=hidden name=SAMLRequest value=1></form>`}},
		"consent": {
			config: Config{Consent: true}, submitted: 1,
			idp: map[string]string{"POST /login": `<form method=post action="{alien}/"><button>Allow</button></form>`},
		},
		"landing":       {proxy: map[string]string{"GET /oauth2/callback": "302 {alien}/"}, submitted: 1},
		"not even once": {proxy: map[string]string{"GET /oauth2/start": "302 {alien}/auth"}, config: Config{Origins: []string{}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			host := func(s string) string { return strings.TrimPrefix(s, "http://") }
			_, port, err := net.SplitHostPort(host(w.idp.URL))
			if err != nil {
				t.Fatal(err)
			}
			for _, pages := range []map[string]string{c.idp, c.proxy} {
				for pattern, body := range pages {
					pages[pattern] = strings.NewReplacer("{alienhost}", host(w.alien.URL), "{idphost}", host(w.idp.URL), "{idpport}", port).Replace(body)
				}
			}
			w.install(w.idp, c.idp)
			w.install(w.proxy, c.proxy)
			_, err = w.login(c.config, session.Credentials{User: user, Password: password})
			w.checkSecrets(err)
			w.want(err, session.UnsupportedPage, "")
			if w.submitted != c.submitted {
				t.Errorf("the credentials came %d times, want %d", w.submitted, c.submitted)
			}
			if len(w.alien.seen) > 0 {
				t.Errorf("the alien was asked for %q", w.alien.seen)
			}
		})
	}
}

// TestOUT02Origins are configurations that would send credentials over a network in the clear, or that mean something else than
// they say.
func TestOUT02Origins(t *testing.T) {
	t.Parallel()
	for origin, want := range map[string]string{
		"https://idp.example.org": "", "https://idp.example.org/": "", "https://idp.example.org:8443": "", "http://localhost:5556": "", "http://127.0.0.1": "",
		"http://[::1]:80": "", "https://bücher.example": "", "https://my_idp": "",
		"http://idp.example.org": "must be https", "http://127.0.0.1.example.org": "must be https", "http://localhost.example.org": "must be https", "http://10.0.0.1": "must be https",
		"http://169.254.169.254": "must be https", "https://idp.example.org/login": "more than", "https://idp.example.org?a": "more than", "https://idp.example.org#": "more than",
		"https://u:p@idp.example.org": "no user", "idp.example.org": "only http", "//idp.example.org": "only http", "ftp://idp.example.org": "only http", "https://": "needs a host",
		"https:idp": "needs a host", "https://a b": "not a URL", "https://%zz": "not a URL", "": "only http", "https://*.example.org": "",
	} {
		_, err := New(Config{Origins: []string{origin}})
		if got := err != nil; got != (want != "") || got && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", origin, err, want)
		}
	}
	for start, want := range map[string]string{
		"/oauth2/start": "", "/oauth2/start?rd=/x%20y": "", "https://sso.example.org/start": "", "http://127.0.0.1:4180/oauth2/start": "", "": "",
		"http://sso.example.org/start": "https only", "//sso.example.org/": "must be a path", "oauth2/start": "must be a path", "/a#b": "no fragment", `/\evil`: "backslashes",
		"/a b": "blanks", "https://u:p@sso.example.org/": "no user", "javascript:x": "must be a path", "/%zz": "not a path", "https:///x": "needs a host",
	} {
		_, err := New(Config{Start: start})
		if got := err != nil; got != (want != "") || got && !strings.Contains(err.Error(), want) {
			t.Errorf("start %q: %v, want %q", start, err, want)
		}
	}
	for name, c := range map[string]Config{"page": {Kind: Page}, "timeout": {Timeout: -1}, "field": {ExtraFields: []Field{{Value: "x"}}}} {
		if _, err := New(c); err == nil {
			t.Errorf("%s: it was accepted", name)
		}
	}
}

// TestOUT02OtherSpelling goes to listed origins that pages write in another way.
func TestOUT02OtherSpelling(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.install(w.idp, map[string]string{"GET /auth/login": `<form method=post action="HTTP:\\127.0.0.1:` + strings.TrimPrefix(w.idp.URL, "http://127.0.0.1:") + `\login#there">` + fields + `</form>`})
	_, err := w.login(Config{}, session.Credentials{User: user, Password: password})
	w.checkSecrets(err)
	if err != nil {
		t.Error(err)
	}
	for a, b := range map[string]string{
		"https://IDP.example.org": "https://idp.example.org:443", "http://LOCALHOST:80": "http://localhost", "https://bücher.example": "https://xn--bcher-kva.example",
	} {
		if x, y := mustOrigin(t, a), mustOrigin(t, b); x != y {
			t.Errorf("%v is not %v", x, y)
		}
	}
	for a, b := range map[string]string{"https://idp.example.org": "https://idp.example.org.", "http://localhost": "http://127.0.0.1", "https://a.example": "https://a.example:80"} {
		if x, y := mustOrigin(t, a), mustOrigin(t, b); x == y {
			t.Errorf("%v is %v", x, y)
		}
	}
}

func mustOrigin(t *testing.T, s string) origin {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	o, err := originOf(u)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// TestOUT03 has a listed origin with a name that leads to an address inside. No connection is made to it.
func TestOUT03(t *testing.T) {
	t.Parallel()
	var reached atomic.Int64
	inside := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	inside.Config.ConnState = func(net.Conn, http.ConnState) { reached.Add(1) }
	inside.StartTLS()
	t.Cleanup(inside.Close)
	name := "https://inside.example:" + strings.TrimPrefix(inside.URL, "https://127.0.0.1:")
	for where, place := range map[string]func(*world) (*place, map[string]string){
		"start": func(w *world) (*place, map[string]string) {
			return w.proxy, map[string]string{"GET /oauth2/start": "302 " + name + "/auth"}
		},
		"form": func(w *world) (*place, map[string]string) {
			return w.idp, map[string]string{"GET /auth/login": `<form method=post action="` + name + `/login">` + fields + `</form>`}
		},
	} {
		w := newWorld(t)
		p, pages := place(w)
		w.install(p, pages)
		_, err := w.login(Config{Origins: []string{name, "{idp}"}}, session.Credentials{User: user, Password: password})
		w.checkSecrets(err)
		w.want(err, session.UnsupportedPage, "leads to an address of this machine")
		if w.submitted != 0 || reached.Load() != 0 {
			t.Errorf("%s: it was reached", where)
		}
	}
}

// TestOUT03Listed goes to an address of loopback that is listed as such, over TLS, with the backend's trust.
func TestOUT03Listed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	secure := httptest.NewTLSServer(w.idp.Config.Handler)
	t.Cleanup(secure.Close)
	w.proxy.own.HandleFunc("GET /oauth2/start", func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Add("Set-Cookie", "_oauth2_proxy_csrf="+secrets+"; Path=/; Max-Age=900; HttpOnly")
		w.answer(rw, "302 "+secure.URL+"/auth")
	})
	elsewhere, err := upstream.Elsewhere(upstream.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer elsewhere.CloseIdleConnections()
	site, err := url.Parse(w.proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	login := func() error {
		d, err := New(Config{Origins: []string{secure.URL}, Elsewhere: elsewhere})
		if err != nil {
			t.Fatal(err)
		}
		tr := &http.Transport{}
		defer tr.CloseIdleConnections()
		_, err = d.Login(t.Context(), session.Site{URL: site, Transport: tr}, session.Credentials{User: user, Password: password})
		return err
	}
	err = login()
	w.checkSecrets(err)
	w.want(err, session.Unavailable, "cannot be reached")
	trusted, ok := secure.Client().Transport.(*http.Transport)
	if !ok {
		t.Fatal("no transport")
	}
	elsewhere.TLSClientConfig = &tls.Config{RootCAs: trusted.TLSClientConfig.RootCAs, MinVersion: tls.VersionTLS12}
	if err := login(); err != nil {
		t.Error(err)
	}
}

// TestOUT11 has pages that cost more than they are worth.
func TestOUT11(t *testing.T) {
	t.Parallel()
	type bomb struct {
		body   func(w io.Writer)
		detail string
	}
	repeated := func(before, s string, n int, after string) func(io.Writer) {
		return func(w io.Writer) {
			_, _ = io.WriteString(w, before)
			block := strings.Repeat(s, 1000)
			for range n / 1000 {
				if _, err := io.WriteString(w, block); err != nil {
					return
				}
			}
			_, _ = io.WriteString(w, after)
		}
	}
	for name, c := range map[string]bomb{
		"100 MB":            {repeated("", strings.Repeat("<p>x</p>\n ", 10), 1_000_000, loginPage), "larger than 1 MiB"},
		"deep":              {repeated("", "<div>", 200_000, loginPage), ""},
		"deep formatting":   {repeated("", "<b><p>", 100_000, loginPage), ""},
		"forms":             {repeated("", "<form></form>", 60_000, loginPage), "more forms or fields"},
		"10^5 forms":        {repeated("", "<form></form>", 100_000, loginPage), "larger than 1 MiB"},
		"forms in forms":    {repeated("", "<form>", 100_000, ""), "none of which"},
		"fields":            {repeated("<form method=post action=/login>", "<input name=login>", 50_000, "</form>"), "more forms or fields"},
		"options":           {repeated("<form method=post action=/login><select name=a>", "<option>", 100_000, "</form>"), "more forms or fields"},
		"attributes":        {repeated("<form method=post action=/login", " a=b", 200_000, ">"+fields+"</form>"), ""},
		"the same one":      {repeated("<form method=post action=/login", " action=/x", 90_000, ">"+fields+"</form>"), ""},
		"fieldsets":         {repeated("<fieldset disabled>", "<fieldset>", 90_000, loginPage), ""},
		"templates":         {repeated("", "<template>", 90_000, loginPage), ""},
		"noscripts":         {repeated("", "<noscript>", 90_000, loginPage), ""},
		"buttons' text":     {repeated("<form><button>", "a<b>", 200_000, loginPage), ""},
		"one option":        {repeated("<form><select><option>", "a<b>", 200_000, "</select></form>"+loginPage), ""},
		"comments":          {repeated("", "<!--", 200_000, loginPage), ""},
		"unclosed comments": {repeated("", "<!-- --!", 100_000, loginPage), ""},
		"scripts":           {repeated("<script>", "<!--<script", 80_000, loginPage), ""},
		"entities":          {repeated("<form action='", "&amp;&notit;", 80_000, "'></form>"), ""},
		"NUL":               {repeated("", "\x00", 900_000, loginPage), ""},
		"broken UTF-8":      {repeated("", "\xff\xc3<p \xe2\x82=\xf0>", 80_000, loginPage), ""},
		"less-than":         {repeated("", "<", 900_000, ""), ""},
		"gzip of zeros":     {nil, "larger than 1 MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.idp.own.HandleFunc("GET /auth/login", func(rw http.ResponseWriter, _ *http.Request) {
				rw.Header().Set("Content-Type", "text/html; charset=utf-8")
				if c.body == nil {
					rw.Header().Set("Content-Encoding", "gzip")
					_, _ = rw.Write(gzipBomb(t, 10<<20))
					return
				}
				c.body(rw)
			})
			_, err := w.login(Config{}, session.Credentials{User: user, Password: password})
			w.checkSecrets(err)
			if err != nil {
				w.want(err, session.UnsupportedPage, c.detail)
			} else if c.detail != "" {
				t.Error("it worked")
			}
		})
	}
}
