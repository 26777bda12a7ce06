package login

import (
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/fairway-gateway/fairway/proxies/session"
)

// trap is a login that is odd in one way.
type trap struct {
	config Config
	// idp and proxy are pages by their patterns, in the place of the usual ones; see world.fill. A body is a page with status
	// 200, "302 url" a redirect, "401 body" a page with another status.
	idp, proxy map[string]string
	setup      func(w *world)
	user       string // default: the right one

	kind      session.LoginKind // 0: it works
	detail    string            // of the error
	submitted int               // how often the credentials came; -1: once
	sent      string            // part of the form that came
}

func (w *world) install(p *place, pages map[string]string) {
	for pattern, body := range pages {
		p.own.HandleFunc(pattern, func(rw http.ResponseWriter, _ *http.Request) {
			w.answer(rw, w.fill(body))
		})
	}
}

func (w *world) answer(rw http.ResponseWriter, body string) {
	status := http.StatusOK
	if len(body) > 4 && body[3] == ' ' && body[0] >= '2' && body[0] <= '5' {
		status = int(body[0]-'0')*100 + int(body[1]-'0')*10 + int(body[2]-'0')
		body = body[4:]
	}
	if status >= 300 && status < 400 {
		rw.Header().Set("Location", body)
		rw.WriteHeader(status)
		return
	}
	show(rw, status, body)
}

// accepting makes the identity provider take a form of these names at a path.
func accepting(pattern, name, secret string) func(*world) {
	return func(w *world) {
		w.idp.own.HandleFunc(pattern, func(rw http.ResponseWriter, r *http.Request) {
			if r.FormValue(name) != user || r.FormValue(secret) != password {
				w.answer(rw, "401 "+loginPage)
				return
			}
			w.answer(rw, w.fill("303 {callback}"))
		})
	}
}

const fields = `<input name=login><input type=password name=password>`

func traps() map[string]trap {
	all := map[string]trap{
		"Dex":                    {submitted: 1, sent: "login=alice%40example.org&password="},
		"form with empty action": {setup: accepting("POST /auth/login", "login", "password"), idp: map[string]string{"GET /auth/login": `<form method=post action="">` + fields + `</form>`}, submitted: 1},
		"form without action":    {setup: accepting("POST /auth/login", "login", "password"), idp: map[string]string{"GET /auth/login": `<form method=POST>` + fields + `</form>`}, submitted: 1},
		"empty action is not the base": {
			setup: accepting("POST /auth/login", "login", "password"),
			idp:   map[string]string{"GET /auth/login": `<base href="{alien}/"><form method=post action=" ">` + fields + `</form>`}, submitted: 1,
		},
		"relative action": {setup: accepting("POST /auth/do", "login", "password"), idp: map[string]string{"GET /auth/login": `<form method=post action=do?x=1>` + fields + `</form>`}, submitted: 1},
		"base href": {
			setup: accepting("POST /deep/do", "login", "password"),
			idp:   map[string]string{"GET /auth/login": `<base target=_top><base href=/deep/er><form method=post action=do>` + fields + `</form>`}, submitted: 1,
		},
		"hidden, checked and selected": {
			setup: accepting("POST /do", "login", "password"),
			idp: map[string]string{"GET /auth/login": `<form method=post action=/do><input type=hidden name=csrf value="a&amp;b&#39;c"><input type=hidden name=gone value=1 disabled>` +
				fields + `<input type=checkbox name=remember value=yes checked><input type=checkbox name=no value=no><input type=radio name=r value=1><input type=radio name=r value=2 checked>
				<select name=realm><option value=a>A<option selected>B &amp; C</select><textarea name=note>
x
y</textarea><fieldset disabled><input name=nothing></fieldset><input type=submit name=commit value="Sign in"><input type=submit name=other value=no></form>`},
			submitted: 1, sent: "csrf=a%26b%27c&login=alice%40example.org&password=open+sesame+%26%C3%B6&remember=yes&r=2&realm=B+%26+C&note=x%0D%0Ay&commit=Sign+in",
		},
		"a button that cancels": {
			setup: accepting("POST /do", "login", "password"),
			idp:   map[string]string{"GET /auth/login": `<form method=post action=/do><button name=cancel value=1>Cancel</button>` + fields + `<button type=button name=eye>show</button><button name=go value=in formaction=/do>Log in</button></form>`},
			sent:  "=open+sesame+%26%C3%B6&go=in", submitted: 1,
		},
		"fields outside of their form": {
			setup: accepting("POST /do", "login", "password"), submitted: 1,
			idp: map[string]string{"GET /auth/login": `<table><form id=f method=post action=/do><tr><td>x</td></tr></form></table><input name=login form=f><input type=password name=password form=f>`},
		},
		"search form first": {
			setup: accepting("POST /do", "login", "password"), submitted: 1,
			idp: map[string]string{"GET /auth/login": `<form action="{alien}/search"><input name=q><button>Search</button></form><form method=post action=/do>` + fields + `</form>`},
		},
		"registration beside": {
			setup: accepting("POST /do", "login", "password"), submitted: 1,
			idp: map[string]string{"GET /auth/login": `<form method=post action={alien}/new><input name=login><input type=password name=password><input type=password name=again></form><form method=post action=/do>` + fields + `</form>`},
		},
		"no type=password": { // zitadel
			setup: accepting("POST /login/username", "username", "password"), submitted: 1, sent: "id=" + secrets + "&username=",
			idp: map[string]string{"GET /auth/login": `<form method="POST" action="/login/username"><input type="hidden" name="id" value="` + secrets + `"><input id="username" name="username"><input id="password" name="password"><button type="submit">Login</button></form>`},
		},
		"names of the configuration": {
			config: Config{UsernameField: "f1", PasswordField: "f3"}, setup: accepting("POST /do", "f1", "f3"), submitted: 1,
			idp: map[string]string{"GET /auth/login": `<form method=post action=/do><input name=f1><input name=f2><input name=f3></form>`},
		},
		"extra fields": {
			config: Config{ExtraFields: []Field{{"realm", "corp"}, {"utf8", "✓"}}}, submitted: 1, sent: "realm=corp&password=open+sesame+%26%C3%B6&utf8=%E2%9C%93",
			setup: accepting("POST /do", "login", "password"),
			idp:   map[string]string{"GET /auth/login": `<form method=post action=/do><input name=login><input name=realm type=hidden value=none><input type=password name=password></form>`},
		},
		"latin-1": {
			submitted: 0, // in no form that the servers look for
			setup: func(w *world) {
				w.idp.own.HandleFunc("GET /auth/login", func(rw http.ResponseWriter, _ *http.Request) {
					rw.Header().Set("Content-Type", "text/html")
					_, _ = io.WriteString(rw, "<meta charset=iso-8859-1><form method=post action=/do>Benutzer für \xe4lles "+fields+"<input type=hidden name=_charset_><input type=hidden name=h value='\xe4&#8364;&#9731;'></form>")
				})
				w.idp.own.HandleFunc("POST /do", func(rw http.ResponseWriter, r *http.Request) {
					body, _ := io.ReadAll(r.Body)
					if want := "login=alice%40example.org&password=open+sesame+%26%F6&_charset_=windows-1252&h=%E4%80%26%239731%3B"; string(body) != want {
						w.t.Errorf("came %q", body)
					}
					w.answer(rw, w.fill("303 {callback}"))
				})
			},
		},
		"multipart": {
			setup: func(w *world) {
				w.idp.own.HandleFunc("POST /do", func(rw http.ResponseWriter, r *http.Request) {
					if r.FormValue("password") != password || r.FormValue("login") != user {
						w.t.Errorf("came %q", r.Form)
					}
					w.answer(rw, w.fill("303 {callback}"))
				})
			},
			idp: map[string]string{"GET /auth/login": `<form method=post action=/do enctype=Multipart/form-data>` + fields + `</form>`},
		},
		"gzip": {submitted: 1, setup: func(w *world) {
			w.idp.own.HandleFunc("GET /auth/login", func(rw http.ResponseWriter, _ *http.Request) {
				rw.Header().Set("Content-Encoding", "gzip")
				rw.Header().Set("Content-Type", "text/html")
				z := gzip.NewWriter(rw)
				_, _ = io.WriteString(z, loginPage)
				_ = z.Close()
			})
		}},
		"login page with 401": {submitted: 1, idp: map[string]string{"GET /auth/login": "401 " + loginPage}},
		"meta refresh": {
			submitted: 1, setup: func(w *world) {
				w.idp.own.HandleFunc("POST /login", func(rw http.ResponseWriter, _ *http.Request) {
					w.answer(rw, w.fill(`<META HTTP-EQUIV=Refresh CONTENT="3; URL='{callback}'"><a href="{alien}">on</a>`))
				})
			},
			idp: map[string]string{"GET /auth": `<noscript><meta http-equiv=refresh content="0;url=/auth/local"></noscript><script>location='/x'</script>`},
		},
		"refresh header": {submitted: 1, setup: func(w *world) {
			w.idp.own.HandleFunc("GET /auth", func(rw http.ResponseWriter, _ *http.Request) {
				rw.Header().Set("Refresh", "0; url=/auth/local")
				show(rw, 200, "wait")
			})
		}},
		"form_post": {
			submitted: 1,
			idp: map[string]string{"POST /login": `<body onload="javascript:document.forms[0].submit()"><form method=post action="{proxy}/oauth2/callback"><input type=hidden name=code value=` + secrets +
				`><input type=hidden name=state value=` + secrets + `><noscript><button>Continue</button></noscript></form>`},
			proxy: map[string]string{"POST /oauth2/callback": "302 /oauth2/callback/done"},
			setup: func(w *world) {
				w.proxy.own.HandleFunc("GET /oauth2/callback/done", func(rw http.ResponseWriter, _ *http.Request) {
					rw.Header().Add("Set-Cookie", "_oauth2_proxy="+secrets+"-session; Path=/")
					w.answer(rw, "302 /")
				})
			},
		},
		"SAML": {
			submitted: 1,
			idp:       map[string]string{"POST /login": `<form method=post action="{proxy}/acs"><input type=hidden name=SAMLResponse value=` + secrets + `><input type=hidden name=RelayState value=x><input type=submit value=Continue></form><script src=/go.js></script>`},
			setup: func(w *world) {
				w.proxy.own.HandleFunc("POST /acs", func(rw http.ResponseWriter, r *http.Request) {
					if r.Header.Get("Origin") != w.idp.URL || r.Header.Get("Referer") != w.idp.URL+"/" {
						w.t.Errorf("Origin %q, Referer %q", r.Header.Get("Origin"), r.Header.Get("Referer"))
					}
					rw.Header().Add("Set-Cookie", "_shibsession=x; Path=/; HttpOnly")
					w.answer(rw, "302 /app")
				})
			},
			proxy: map[string]string{"GET /app": "404 nothing here"},
		},
		"landing page fails":   {submitted: 1, setup: landing, proxy: map[string]string{"GET /landing": "500 broken"}},
		"landing page is huge": {submitted: 1, setup: landing, proxy: map[string]string{"GET /landing": strings.Repeat("<p>data</p>", 200_000)}},
		"landing page has a form": {submitted: 1, setup: landing, proxy: map[string]string{
			"GET /landing": `<form method=post action=/promo><input name=code><button>Redeem</button></form><form method=post action=/oauth2/sign_out><button>Log out</button></form>`,
		}},
		"landing page has a login of its own": {submitted: 1, setup: landing, proxy: map[string]string{
			"GET /landing": `<form method=post action=/app-login>` + fields + `</form><form action=/find><input name=otp></form>`,
		}},
		"landing page has the provider's form": {submitted: 1, setup: landing, kind: session.UnsupportedPage, detail: "asked for another one", proxy: map[string]string{
			"GET /landing": `<form method=post action={idp}/other-login>` + fields + `</form>`,
		}},
		"landing page is forbidden": {submitted: 1, setup: landing, proxy: map[string]string{"GET /landing": "403 not for you"}},
		"cookie banner before the form": {
			submitted: 1, setup: accepting("POST /do", "login", "password"),
			idp: map[string]string{"GET /auth/login": `<form method=post action=/cookies><button name=cookies value=accept>Accept</button></form><form method=post action=/do>` + fields + `</form>`},
		},

		// What it may not do.
		"GET form":             {idp: map[string]string{"GET /auth/login": `<form action=/login>` + fields + `</form>`}, kind: session.UnsupportedPage, detail: "password into a URL"},
		"GET by formmethod":    {idp: map[string]string{"GET /auth/login": `<form method=post action=/login>` + fields + `<button formmethod=get>in</button></form>`}, kind: session.UnsupportedPage, detail: "password into a URL"},
		"dialog":               {idp: map[string]string{"GET /auth/login": `<form method=dialog>` + fields + `</form>`}, kind: session.UnsupportedPage, detail: "password into a URL"},
		"plain text":           {idp: map[string]string{"GET /auth/login": `<form method=post enctype=text/plain>` + fields + `</form>`}, kind: session.UnsupportedPage, detail: "plain text"},
		"the proxy's own page": {config: Config{Start: "/"}, kind: session.UnsupportedPage, detail: "begins at /oauth2/start"},
		"sent on in circles":   {idp: map[string]string{"POST /login": "307 /login"}, kind: session.UnsupportedPage, detail: "circle", submitted: 2},
		"moved with 308":       {idp: map[string]string{"POST /login": "308 /do"}, setup: accepting("POST /do", "login", "password"), submitted: 2},

		// What the login may end with.
		"wrong password, redirect": {
			idp:  map[string]string{"POST /login": "302 /auth/login?error=1"},
			kind: session.BadCredentials, detail: "shown again", submitted: 1,
		},
		"wrong user":               {user: "bob", kind: session.BadCredentials, detail: "shown again", submitted: 1},
		"wrong password, no form":  {idp: map[string]string{"POST /login": "401 no"}, kind: session.BadCredentials, detail: "401", submitted: 1},
		"wrong password at once":   {idp: map[string]string{"POST /login": "422 " + loginPage}, kind: session.BadCredentials, submitted: 1},
		"locked":                   {idp: map[string]string{"POST /login": "403 locked"}, kind: session.NotAllowed, submitted: 1},
		"new password":             {idp: map[string]string{"POST /login": `<form method=post><input type=password name=new autocomplete=new-password><input type=password name=again></form>`}, kind: session.UnsupportedPage, detail: "new password", submitted: 1},
		"new password at once":     {idp: map[string]string{"GET /auth/login": `<form method=post><input name=user><input type=password name=p1><input type=password name=p2></form>`}, kind: session.UnsupportedPage, detail: "new password"},
		"captcha":                  {idp: map[string]string{"GET /auth/login": `<form method=post action=/login>` + fields + `<input name=captcha_answer></form>`}, kind: session.UnsupportedPage, detail: "captcha"},
		"only a password":          {idp: map[string]string{"GET /auth/login": `<form method=post action=/login><input type=password name=password></form>`}, kind: session.UnsupportedPage, detail: "username_field"},
		"only a user name":         {idp: map[string]string{"GET /auth/login": `<form method=post action=/login><input type=email name=identifier></form>`}, kind: session.UnsupportedPage, detail: "another page"},
		"script instead of a form": {idp: map[string]string{"GET /auth/login": `<div id=root></div><script src=/app.js></script>`}, kind: session.UnsupportedPage, detail: "scripts"},
		"fields for a script":      {idp: map[string]string{"GET /auth/login": `<div>` + fields + `<button>Log in</button></div>`}, kind: session.UnsupportedPage, detail: "scripts"},
		"script after the form":    {idp: map[string]string{"POST /login": `<noscript>You need JavaScript</noscript><script>webauthn()</script>`}, kind: session.UnsupportedPage, detail: "scripts", submitted: 1},
		"form in a template":       {idp: map[string]string{"GET /auth/login": `<template>` + loginPage + `</template><!-- ` + loginPage + ` --><script>"` + `<form method=post>` + `"</script>`}, kind: session.UnsupportedPage, detail: "scripts"},
		"nothing":                  {idp: map[string]string{"GET /auth/login": ` `}, kind: session.UnsupportedPage, detail: "without a login form"},
		"not found":                {idp: map[string]string{"GET /auth/login": `404 nothing`}, kind: session.UnsupportedPage, detail: "404"},
		"only searching":           {idp: map[string]string{"GET /auth/login": `<form><input name=q></form>`}, kind: session.UnsupportedPage, detail: "none of which asks"},
		"JSON": {setup: func(w *world) {
			w.idp.own.HandleFunc("GET /auth/login", func(rw http.ResponseWriter, _ *http.Request) {
				rw.Header().Set("Content-Type", "application/json")
				_, _ = io.WriteString(rw, `{}`)
			})
		}, kind: session.UnsupportedPage, detail: "no page"},
		"redirect without a target": {setup: func(w *world) { w.idp.own.HandleFunc("GET /auth/login", leads(302, "")) }, kind: session.UnsupportedPage, detail: "302"},
		"redirect to nonsense":      {idp: map[string]string{"GET /auth/login": "302 http://[::1/%zz"}, kind: session.UnsupportedPage, detail: "no URL"},
		"no cookie":                 {proxy: map[string]string{"GET /oauth2/callback": "200 welcome", "GET /oauth2/start": "302 {idp}/auth"}, kind: session.UnsupportedPage, detail: "no cookie", submitted: 1},
		"never back":                {idp: map[string]string{"POST /login": "you are logged in"}, kind: session.UnsupportedPage, detail: "without a login form", submitted: 1},
		"nobody asked":              {idp: map[string]string{"GET /auth": "302 {callback}"}, kind: session.UnsupportedPage, detail: "not shown the credentials"},

		// Consent.
		"consent": {
			config: Config{Consent: true}, setup: approval, submitted: 1,
			idp: map[string]string{"POST /login": "303 /approval?req=" + secrets + "&hmac=x", "GET /approval": dexApproval},
		},
		"consent is not configured": {
			setup: approval, submitted: 1, kind: session.UnsupportedPage, detail: "consent",
			idp: map[string]string{"POST /login": "303 /approval?req=" + secrets + "&hmac=x", "GET /approval": dexApproval},
		},
		"consent by one of two buttons": {
			config: Config{Consent: true}, submitted: 1,
			idp: map[string]string{"POST /login": `<form method=post action=/consent><input type=hidden name=id value=1><input type=submit name=cancel value=No><input type=submit name=accept value=Yes></form>`},
			setup: func(w *world) {
				w.idp.own.HandleFunc("POST /consent", func(rw http.ResponseWriter, r *http.Request) {
					if got := r.PostFormValue("accept") + r.PostFormValue("cancel") + r.PostFormValue("id"); got != "Yes1" {
						w.t.Errorf("pressed %q", got)
					}
					w.answer(rw, w.fill("303 {callback}"))
				})
			},
		},
		"consent with unknown buttons": {
			config: Config{Consent: true}, submitted: 1, kind: session.UnsupportedPage, detail: "not known",
			idp: map[string]string{"POST /login": `<form method=post action=/wipe><button>Delete my account</button></form><form method=post action=/x><button>Weiter</button></form>`},
		},
		"consent with two approvals": {
			config: Config{Consent: true}, submitted: 1, kind: session.UnsupportedPage, detail: "several buttons",
			idp: map[string]string{"POST /login": `<form method=post action=/a><button>Allow once</button><button>Allow always</button></form>`},
		},

		// The way back.
		"callback leads to the start": {
			proxy: map[string]string{"GET /oauth2/callback": "302 /oauth2/start"},
			kind:  session.UnsupportedPage, detail: "asked for another one", submitted: 1,
		},
		"session is refused by a page": {
			proxy: map[string]string{"GET /{$}": "403 " + signInPage},
			kind:  session.UnsupportedPage, detail: "asked for another one", submitted: 1,
		},
		"session is refused by a page with 200": {
			proxy: map[string]string{"GET /{$}": signInPage},
			kind:  session.UnsupportedPage, detail: "asked for another one", submitted: 1,
		},
		"session is refused by oauth2-proxy's own form": {
			proxy: map[string]string{"GET /{$}": `403 <form method=POST action=/oauth2/sign_in><input name=username><input type=password name=password></form>`},
			kind:  session.UnsupportedPage, detail: "asked for another one", submitted: 1,
		},
		"a session from before": {
			submitted: 1, idp: map[string]string{"POST /login": "303 {proxy}/sso?jwt=" + secrets}, proxy: map[string]string{"GET /sso": "hello"},
		},
		"session is refused with 401": {
			proxy: map[string]string{"GET /{$}": "401 no"},
			kind:  session.UnsupportedPage, detail: "asked for another one", submitted: 1,
		},
		"session is refused by a redirect": {
			proxy: map[string]string{"GET /{$}": "302 {idp}/auth"},
			kind:  session.UnsupportedPage, detail: "asked for another one", submitted: 1,
		},
		"callback twice": {
			proxy: map[string]string{"GET /oauth2/callback": "302 /oauth2/callback?code=2&state=2"},
			kind:  session.UnsupportedPage, detail: "asked for another one", submitted: 1,
		},
		"not allowed": {
			proxy: map[string]string{"GET /oauth2/callback": `403 <h1>Forbidden</h1><form action="/"><button>Go back</button></form><form method=GET action=/oauth2/sign_in><input type=hidden name=rd value=/><button>Sign in</button></form>`},
			kind:  session.NotAllowed, submitted: 1,
		},
		"callback with 401":         {proxy: map[string]string{"GET /oauth2/callback": "401 no"}, kind: session.NotAllowed, detail: "401", submitted: 1},
		"callback fails":            {proxy: map[string]string{"GET /oauth2/callback": "500 no token"}, kind: session.Unavailable, detail: "500", submitted: 1},
		"callback is not found":     {proxy: map[string]string{"GET /oauth2/callback": "404 no"}, kind: session.UnsupportedPage, detail: "404", submitted: 1},
		"idp is down":               {idp: map[string]string{"GET /auth": "503 later"}, kind: session.Unavailable, detail: "503"},
		"idp fails":                 {idp: map[string]string{"POST /login": "500 " + loginPage}, kind: session.Unavailable, detail: "500", submitted: 1},
		"idp has had enough":        {idp: map[string]string{"POST /login": "429 " + loginPage}, kind: session.Unavailable, detail: "429", submitted: 1},
		"proxy is down":             {proxy: map[string]string{"GET /oauth2/start": "502 gone"}, kind: session.Unavailable, detail: "502"},
		"redirects in a circle":     {idp: map[string]string{"GET /auth/login": "302 /auth"}, kind: session.UnsupportedPage, detail: "circle"},
		"pages in a circle":         {idp: map[string]string{"GET /auth/login": `<meta http-equiv=refresh content="0;url=/auth">`}, kind: session.UnsupportedPage, detail: "circle"},
		"page that waits long":      {idp: map[string]string{"GET /auth/login": `<meta http-equiv=refresh content="600;url=/auth/login/out">session ends soon`}, kind: session.UnsupportedPage, detail: "without a login form"},
		"page that waits":           {idp: map[string]string{"GET /auth/login": `<meta http-equiv=refresh content=2>please wait`}, kind: session.UnsupportedPage, detail: "without a login form"},
		"huge page":                 {idp: map[string]string{"GET /auth/login": loginPage + strings.Repeat(" ", maxPage)}, kind: session.UnsupportedPage, detail: "larger than 1 MiB"},
		"session is in other hands": {proxy: map[string]string{"GET /oauth2/start": "302 /"}, kind: session.UnsupportedPage},
	}
	for name, field := range map[string]string{
		"text": `<input name=otp>`, "password": `<input type=password name=otp>`, "one-time-code": `<input name=x autocomplete="one-time-code">`,
		"number": `<input type=number name=totpCode>`, "code": `<input type=tel name=code>`, "pin": `<input type=password name=pin>`,
	} {
		all["second factor "+name] = trap{
			idp:  map[string]string{"POST /login": `<form method=post action=/otp><input type=hidden name=csrf value=1>` + field + `<button>Verify</button></form>`},
			kind: session.MFARequired, submitted: 1,
		}
	}
	all["second factor first"] = trap{idp: map[string]string{"GET /auth/login": `<form method=post action=/otp><input name=otp></form>`}, kind: session.MFARequired}
	all["second factor with the user name"] = trap{idp: map[string]string{"GET /auth/login": `<form method=post action=/otp><input name=user><input type=password name=otp></form>`}, kind: session.MFARequired}
	all["second factor beside the password"] = trap{idp: map[string]string{"GET /auth/login": `<form method=post action=/login>` + fields + `<input name=otp></form>`}, kind: session.MFARequired}
	return all
}

// TestOUT06 has all traps: each way in which a login ends has its own kind, and only wrong credentials are those.
func TestOUT06(t *testing.T) {
	t.Parallel()
	for name, c := range traps() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.install(w.idp, c.idp)
			w.install(w.proxy, c.proxy)
			if c.setup != nil {
				c.setup(w)
			}
			creds := session.Credentials{User: user, Password: password}
			if c.user != "" {
				creds.User = c.user
			}
			got, err := w.login(c.config, creds)
			w.checkSecrets(err)
			if w.submitted != c.submitted {
				t.Errorf("the credentials came %d times, want %d", w.submitted, c.submitted)
			}
			if !strings.Contains(w.form, c.sent) {
				t.Errorf("sent %q", w.form)
			}
			if n := len(w.idp.seen) + len(w.proxy.seen); n > maxSteps {
				t.Errorf("%d requests", n)
			}
			if c.kind != 0 {
				w.want(err, c.kind, c.detail)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, cookie := range got.Cookies {
				if cookie.Name == "dex_session" {
					t.Error("the provider's cookie is for the backend")
				}
			}
			if len(got.Cookies) == 0 {
				t.Error("no cookie")
			}
		})
	}
}
