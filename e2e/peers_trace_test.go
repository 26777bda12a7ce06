package e2e_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/fairway-gateway/fairway/e2e/peers"
)

// stack is a backend behind a proxy with Dex.
type stack struct {
	dex     *peers.Dex
	proxy   *peers.OAuth2Proxy
	backend *peers.Backend
}

// startStack starts all three.
func startStack(t testing.TB, o peers.DexOptions, flags ...string) stack {
	t.Helper()
	s := stack{proxy: peers.ReserveProxy(t), backend: peers.StartBackend(t)}
	o.Redirects = append(o.Redirects, s.proxy.Callback())
	s.dex = peers.StartDex(t, builder, o)
	s.proxy.StartAtDex(t, builder, s.dex, s.backend.URL, flags...)
	return s
}

// shape is a URL without what differs each time.
func shape(target string) string {
	u, err := url.Parse(target)
	if err != nil {
		return err.Error()
	}
	names := make([]string, 0, 8)
	for _, pair := range strings.Split(u.RawQuery, "&") {
		name, _, _ := strings.Cut(pair, "=")
		names = append(names, name)
	}
	return strings.TrimSuffix(u.Path+"?"+strings.Join(names, "&"), "?")
}

// TestTheLoginAtDexStepByStep is the whole way of a login as Dex and oauth2-proxy have it, page by page.
func TestTheLoginAtDexStepByStep(t *testing.T) {
	t.Parallel()
	// Dex would not ask for consent, and the proxy's default has it ask.
	s := startStack(t, peers.DexOptions{}, "--approval-prompt=force")
	b := newBrowser(t)
	step := func(what string, p page, status int, location string) page {
		t.Helper()
		if p.status != status {
			t.Fatalf("%s: %d, not %d: %.300s", what, p.status, status, p.body)
		}
		if got := shape(p.header.Get("Location")); got != location {
			t.Errorf("%s: Location %s, not %s", what, got, location)
		}
		return p
	}

	p := step("start", b.get(s.proxy.URL+"/oauth2/start?rd=/hello"), http.StatusFound,
		"/dex/auth?approval_prompt&client_id&code_challenge&code_challenge_method&nonce&redirect_uri&response_type&scope&state")
	if !strings.HasPrefix(p.next(t), s.dex.Issuer) || !strings.HasSuffix(p.next(t), url.QueryEscape(":/hello")) {
		t.Errorf("start sends to %s", p.next(t))
	}
	if got := cookies(p); got != "_oauth2_proxy_csrf" {
		t.Errorf("start sets %q", got)
	}
	p = step("auth", b.get(p.next(t)), http.StatusFound, "/dex/auth/local?approval_prompt&client_id&code_challenge&code_challenge_method&nonce&redirect_uri&response_type&scope&state")
	if location := p.header.Get("Location"); !strings.HasPrefix(location, "/") {
		t.Errorf("the redirect is not relative any more: %s", location)
	}
	p = step("connector", b.get(p.next(t)), http.StatusFound, "/dex/auth/local/login?back&state")
	login := step("login page", b.get(p.next(t)), http.StatusOK, "")
	f := onlyForm(t, login)
	if f.method != http.MethodPost || shape(f.action) != peers.DexLogin+"?back&state" {
		t.Errorf("the form is %s %s", f.method, f.action)
	}
	if want := []field{{"login", "text", ""}, {"password", "password", ""}, {"", "submit", ""}}; !sameFields(f.fields, want) {
		t.Errorf("the form has %q, not %q", f.fields, want)
	}

	wrong := step("wrong password", b.post(resolve(t, login, f.action), url.Values{"login": {peers.Alice().Email}, "password": {"wrong"}}), http.StatusUnauthorized, "")
	if onlyForm(t, wrong).action == "" || !strings.Contains(wrong.body, "dex-error-box") {
		t.Errorf("a wrong password shows %.300s", wrong.body)
	}

	p = step("password", b.post(resolve(t, login, f.action), url.Values{"login": {peers.Alice().Email}, "password": {peers.Alice().Password}}), http.StatusSeeOther, "/dex/approval?req&hmac")
	if got := cookies(p); got != "" {
		t.Errorf("Dex sets cookies now: %q", got)
	}
	approval := step("approval", b.get(p.next(t)), http.StatusOK, "")
	forms := approval.forms()
	if len(forms) != 2 || forms[0].action != "" || forms[1].action != "" ||
		forms[0].hidden().Get("approval") != "approve" || forms[1].hidden().Get("approval") != "rejected" {
		t.Fatalf("the forms of consent are %q", forms)
	}
	p = step("approve", b.post(approval.at.String(), forms[0].hidden()), http.StatusSeeOther, "/oauth2/callback?code&state")
	p = step("callback", b.get(p.next(t)), http.StatusFound, "/hello")
	if got := cookies(p); got != "_oauth2_proxy_csrf cleared, _oauth2_proxy" {
		t.Errorf("the callback sets %q", got)
	}
	if size := len(p.header.Values("Set-Cookie")[1]); size < 1000 || size > 4000 {
		t.Errorf("the cookie of a session has %d bytes", size)
	}
	p = step("the backend", b.get(p.next(t)), http.StatusOK, "")
	if got := p.header.Get("Gap-Auth"); got != peers.Alice().Email {
		t.Errorf("Gap-Auth is %q", got)
	}
	if got := s.backend.Got(); len(got) != 1 || got[0].Email != peers.Alice().Email || !strings.Contains(strings.Join(got[0].Header["Cookie"], ";"), "_oauth2_proxy=") {
		t.Errorf("the backend got %+v: the proxy passes its own cookie on", got)
	}
}

func TestConsentRefusedAtDex(t *testing.T) {
	t.Parallel()
	s := startStack(t, peers.DexOptions{Approval: true})
	b := newBrowser(t)
	login := follow(b, b.get(s.proxy.URL+"/oauth2/start"))
	approval := follow(b, b.post(resolve(t, login, onlyForm(t, login).action), url.Values{"login": {peers.Alice().Email}, "password": {peers.Alice().Password}}))
	p := b.post(approval.at.String(), approval.forms()[1].hidden())
	if p.status != http.StatusInternalServerError || !strings.Contains(p.body, "Approval rejected") {
		t.Errorf("%d %.500s", p.status, p.body)
	}
}

// TestTheLoginAtZitadelStepByStep is of a provider whose form differs in all that one could rely on.
func TestTheLoginAtZitadelStepByStep(t *testing.T) {
	t.Parallel()
	proxy, backend := peers.ReserveProxy(t), peers.StartBackend(t)
	op := peers.StartZitadelOP(t, builder, proxy.Callback())
	proxy.StartAtZitadel(t, builder, op, backend.URL)
	b := newBrowser(t)
	login := follow(b, b.get(proxy.URL+"/oauth2/start?rd=/hello"))
	f := onlyForm(t, login)
	if f.method != http.MethodPost || f.action != peers.ZitadelLogin {
		t.Errorf("the form is %s %s", f.method, f.action)
	}
	if want := []field{{"id", "hidden", f.hidden().Get("id")}, {"username", "", ""}, {"password", "", ""}, {"", "submit", ""}}; !sameFields(f.fields, want) {
		t.Errorf("the form has %q, not %q", f.fields, want)
	}
	answers := f.hidden()
	answers.Set("username", peers.Alice().Email)
	answers.Set("password", "wrong")
	if wrong := b.post(resolve(t, login, f.action), answers); wrong.status != http.StatusOK || len(wrong.forms()) != 1 {
		t.Errorf("a wrong password is answered %d %.300s", wrong.status, wrong.body)
	}
	answers.Set("password", peers.Alice().Password)
	p := follow(b, b.post(resolve(t, login, f.action), answers))
	if p.status != http.StatusOK || p.header.Get("Gap-Auth") != peers.Alice().Email || p.at.Path != "/hello" {
		t.Errorf("%s: %d %q %.300s", p.at, p.status, p.header, p.body)
	}
}

// TestANewerDex has sessions of its own, more steps, and second factors.
func TestANewerDex(t *testing.T) {
	t.Parallel()
	s := startStack(t, peers.DexOptions{Next: true}, "--approval-prompt=force")
	b := newBrowser(t)
	login := follow(b, b.get(s.proxy.URL+"/oauth2/start?rd=/hello"))
	f := onlyForm(t, login)
	if want := []field{{"login", "text", ""}, {"password", "password", ""}, {"remember_me", "checkbox", ""}, {"", "submit", ""}}; !sameFields(f.fields, want) {
		t.Errorf("the form has %q, not %q", f.fields, want)
	}
	approval := follow(b, b.post(resolve(t, login, f.action), url.Values{"login": {peers.Alice().Email}, "password": {peers.Alice().Password}}))
	if forms := approval.forms(); len(forms) != 2 || forms[0].action != "" {
		t.Fatalf("%s: the forms of consent are %q", approval.at, forms)
	}
	p := follow(b, b.post(approval.at.String(), approval.forms()[0].hidden()))
	if p.status != http.StatusOK || p.header.Get("Gap-Auth") != peers.Alice().Email || p.at.Path != "/hello" {
		t.Errorf("%s: %d %.300s", p.at, p.status, p.body)
	}

	second := startStack(t, peers.DexOptions{SecondFactor: true})
	code := logIn(newBrowser(t), second.proxy.URL+"/oauth2/start", peers.Alice())
	if f := onlyForm(t, code); code.status != http.StatusOK || len(f.fields) == 0 || f.fields[0].name != "totp" || f.fields[0].kind != "text" {
		t.Errorf("the second factor is asked for with %q", f)
	}
}

// follow follows redirects.
func follow(b *browser, p page) page {
	b.t.Helper()
	for range 15 {
		if p.status < 300 || p.status > 399 {
			return p
		}
		p = b.get(p.next(b.t))
	}
	b.t.Fatalf("too many redirects, the last to %s", p.at)
	return page{}
}

// logIn goes through the login at Dex, without consent, and gives what is behind it.
func logIn(b *browser, start string, u peers.User) page {
	b.t.Helper()
	login := follow(b, b.get(start))
	return follow(b, b.post(resolve(b.t, login, onlyForm(b.t, login).action), url.Values{"login": {u.Email}, "password": {u.Password}}))
}

func onlyForm(t testing.TB, p page) form {
	t.Helper()
	forms := p.forms()
	if len(forms) != 1 {
		t.Fatalf("%s: %d has %d forms: %.500s", p.at, p.status, len(forms), p.body)
	}
	return forms[0]
}

func resolve(t testing.TB, p page, action string) string {
	t.Helper()
	target, err := p.at.Parse(action)
	if err != nil {
		t.Fatal(err)
	}
	return target.String()
}

// cookies says which cookies an answer sets and which it clears.
func cookies(p page) string {
	var names []string
	for _, line := range p.header.Values("Set-Cookie") {
		name, rest, _ := strings.Cut(line, "=")
		// The name of the CSRF cookie may have a part of its own for each login.
		name = regexp.MustCompile(`_csrf_.*`).ReplaceAllString(name, "_csrf")
		if strings.HasPrefix(rest, ";") {
			name += " cleared"
		}
		names = append(names, name)
	}
	return strings.Join(names, ", ")
}

func sameFields(a, b []field) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
