package identity

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/http/httpguts"
)

// family are names as their products write them.
func family() []string {
	return []string{
		"X-Forwarded-User", "X-Forwarded-Email", "X-Forwarded-Groups", "X-Forwarded-Preferred-Username", "X-Forwarded-Access-Token",
		"X-Auth-Request-User", "X-Auth-Request-Email", "X-Auth-Request-Groups", "X-Auth-Request-Preferred-Username",
		"X-Auth-Request-Access-Token", "X-Auth-Request-Redirect", "Gap-Auth", "GAP-Signature", "Gap-Upstream-Address",
		"Remote-User", "Remote-Email", "Remote-Groups", "Remote-Name", "REMOTE_USER",
		"X-authentik-username", "X-authentik-jwt", "X-authentik-meta-app", "X-WEBAUTH-USER", "X-WEBAUTH-ROLE",
		"X-Remote-User", "X-Remote-Group", "X-Remote-Extra-Scopes", "Impersonate-User", "Impersonate-Extra-reason",
		"X-Vouch-User", "X-Vouch-IdP-Claims-Groups", "X-Pomerium-Jwt-Assertion", "X-Pomerium-Claim-Email",
		"X-Auth-Username", "X-Auth-Email", "X-Auth-Roles", "X-Token-User-Email", "X-Token-Subject",
		"X-Goog-Authenticated-User-Email", "X-Goog-IAP-JWT-Assertion", "X-Amzn-Oidc-Identity", "X-Amzn-Oidc-Data",
		"X-MS-CLIENT-PRINCIPAL", "X-MS-CLIENT-PRINCIPAL-NAME", "X-MS-TOKEN-AAD-ACCESS-TOKEN",
		"Cf-Access-Authenticated-User-Email", "Cf-Access-Jwt-Assertion", "Teleport-Jwt-Assertion", "Tailscale-User-Login",
		"X-Consumer-Username", "X-Consumer-Custom-ID", "X-Authenticated-Userid", "X-Credential-Identifier", "X-Userinfo",
		"OIDC_CLAIM_sub", "OIDC_access_token", "MELLON_NAME_ID", "Shib-Session-ID", "SM_USER", "SM_USERDN", "OAM_REMOTE_USER", "iv-user", "iv-creds",
		"X-Forwarded-Client-Cert", "X-Forwarded-Tls-Client-Cert-Info", "Client-Cert", "Client-Cert-Chain", "X-SSL-Client-S-DN", "SSL_CLIENT_CERT",
	}
}

// others are names that look alike and have other meanings, and usual ones.
func others() []string {
	return []string{
		"X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Prefix", "Forwarded", "X-Real-Ip",
		"Accept", "Accept-Encoding", "Accept-Language", "Cache-Control", "Connection", "Content-Type", "Content-Length", "Cookie", "Host",
		"If-None-Match", "Origin", "Range", "Referer", "Te", "Traceparent", "Trailer", "Upgrade", "User-Agent", "Via", "X-Request-Id",
		"X-Requested-With", "X-Csrf-Token", "Sec-Websocket-Key", "Sec-Fetch-Mode", "Authorization", "X-Auth-Token", "X-Auth-User-Agent", "X-Auth-Key",
		"X-Forwarded-User-Agent", "X-Forwarded-Users", "Mremote-User", "Gapauth", "Gap", "", "-", "_", "X", "X-", "Sm-", "Tailscale-Node",
		"Set-Cookie", "Www-Authenticate", "Location", "Etag", "Server", "Strict-Transport-Security", "X-Access-Token", "Client-Certificate-Hint",
	}
}

// spellings are what becomes of one name in the hands of somebody who wants it not to be recognised.
func spellings(name string) []string {
	all := []string{
		name, strings.ToLower(name), strings.ToUpper(name), http.CanonicalHeaderKey(name), strings.ReplaceAll(name, "-", "_"), strings.ReplaceAll(name, "-", "."),
		strings.Replace(name, "-", "_", 1), strings.Replace(name, "-", ".", 1), " " + name, name + " ", name + "\t", "\t" + name,
		strings.ReplaceAll(name, "-", " "), strings.ReplaceAll(name, "-", "\t"), strings.ReplaceAll(name, "-", "--"), strings.ReplaceAll(name, "-", "‐"),
		name + "\x00", name + "\r", "_" + name, name + ":", strings.ReplaceAll(name, "-", "\u00ad"), strings.ReplaceAll(name, "-", "~"),
	}
	return append(all, strings.ReplaceAll(strings.ToLower(name), "-", "_"))
}

// TestHDR01EverySpelling is HDR-01: whatever the spelling, and however often, a caller's header does not pass.
func TestHDR01EverySpelling(t *testing.T) {
	t.Parallel()
	for _, name := range family() {
		for _, s := range spellings(name) {
			if !Is(s) {
				t.Errorf("%q is not known for %s", s, name)
			}
			h := http.Header{s: {"mallory"}, "Accept": {"*/*"}}
			h.Add(s, "twice")
			Pass{}.Strip(h)
			if len(h) != 1 {
				t.Errorf("%q passes: %v", s, h)
			}
		}
	}
	for _, name := range others() {
		for _, s := range spellings(name) {
			if Is(s) {
				t.Errorf("%q is taken for one of the family", s)
			}
		}
	}
}

// TestHDR01Ours is HDR-01, too: of one header that we send the backend sees ours alone.
func TestHDR01Ours(t *testing.T) {
	t.Parallel()
	h := http.Header{"Accept": {"*/*"}}
	for _, s := range spellings("X-Forwarded-Email") {
		h[s] = []string{"mallory@example.org", "again@example.org"}
	}
	if err := Set(h, "X-Forwarded-Email", "ann@example.org"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(http.Header{"Accept": {"*/*"}, "X-Forwarded-Email": {"ann@example.org"}}, h); diff != "" {
		t.Error(diff)
	}
}

// TestHDR02Absent is HDR-02: what we know nothing of is not what the caller says of it.
func TestHDR02Absent(t *testing.T) {
	t.Parallel()
	h := http.Header{"X-Forwarded-Groups": {"admins"}, "x_forwarded_groups": {"admins"}}
	if err := Set(h, "X-Forwarded-Groups", ""); err != nil || len(h) != 0 {
		t.Errorf("%v, %v", h, err)
	}
}

// TestHDR04Values is HDR-04: a value is sent as it is or not at all.
func TestHDR04Values(t *testing.T) {
	t.Parallel()
	for value, good := range map[string]bool{
		"ann": true, "Zoë Ångström": true, "a,b;c=d": true, "\"quoted\"": true, "日本": true, "tab\there": true,
		"a\r\nX-Admin: 1": false, "a\nb": false, "a\rb": false, "a\x00b": false, "a\x1bb": false, "a\x7fb": false,
	} {
		h := http.Header{"Remote_user": {"mallory"}}
		err := Set(h, "Remote-User", value)
		switch {
		case good && (err != nil || h.Get("Remote-User") != value || len(h) != 1):
			t.Errorf("%q: %v, %v", value, h, err)
		case !good && (!errors.Is(err, ErrValue) || len(h) != 0):
			t.Errorf("%q is sent: %v, %v", value, h, err)
		}
	}
}

// TestHDR05Trailers is HDR-05 as far as it is about names: a trailer is no way around.
func TestHDR05Trailers(t *testing.T) {
	t.Parallel()
	trailer := http.Header{"Remote-User": {"mallory"}, "X_forwarded_user": nil, "Checksum": {"1"}}
	Pass{}.Strip(trailer)
	if diff := cmp.Diff(http.Header{"Checksum": {"1"}}, trailer); diff != "" {
		t.Error(diff)
	}
}

// TestHDR06Tokens is HDR-06 as far as it is about names: those that hold what one can log in with are known.
func TestHDR06Tokens(t *testing.T) {
	t.Parallel()
	var tokens []string
	for _, name := range family() {
		if HoldsToken(strings.ReplaceAll(name, "-", "_")) {
			tokens = append(tokens, name)
		}
	}
	want := []string{
		"X-Forwarded-Access-Token", "X-Auth-Request-Access-Token", "X-authentik-jwt", "X-Pomerium-Jwt-Assertion", "X-Goog-IAP-JWT-Assertion",
		"X-Amzn-Oidc-Data", "X-MS-TOKEN-AAD-ACCESS-TOKEN", "Cf-Access-Jwt-Assertion", "Teleport-Jwt-Assertion", "OIDC_access_token", "iv-creds",
	}
	if diff := cmp.Diff(want, tokens); diff != "" {
		t.Error(diff)
	}
	if HoldsToken("X-Csrf-Token") {
		t.Error("a token that says nothing of who the caller is")
	}
}

func TestPass(t *testing.T) {
	t.Parallel()
	p, err := NewPass("x-forwarded-email", "GAP-Auth")
	if err != nil {
		t.Fatal(err)
	}
	h := http.Header{
		"X-Forwarded-Email": {"a"}, "X_forwarded_email": {"b"}, "x-forwarded-email": {"c"}, "X.forwarded.email": {"d"}, "Gap-Auth": {"e"},
		"X-Forwarded-User": {"f"}, "Accept": {"*/*"},
	}
	p.Strip(h)
	if diff := cmp.Diff(http.Header{"X-Forwarded-Email": {"a"}, "Gap-Auth": {"e"}, "Accept": {"*/*"}}, h); diff != "" {
		t.Error(diff)
	}
	if got := p.Names(); !slices.Equal(got, []string{"X-Forwarded-Email", "Gap-Auth"}) {
		t.Error(got)
	}
	for _, names := range [][]string{{"Accept"}, {"X-Forwarded-For"}, {"X-Forwarded-User", "x-forwarded-user"}, {"Remote User"}, {""}, {"Remote-User\r\n"}} {
		if _, err := NewPass(names...); err == nil {
			t.Errorf("%q is accepted", names)
		}
	}
}

// TestHDR03Named is HDR-03: what a caller names in Connection is known.
func TestHDR03Named(t *testing.T) {
	t.Parallel()
	if !Named([]string{"close", "keep-alive, X-forwarded-EMAIL"}, "X-Forwarded-Email") || Named([]string{"close"}, "X-Forwarded-Email") {
		t.Error("the tokens are read wrongly")
	}
}

// FuzzIs compares Is with the same in as few words as possible, and holds that no change of spelling gets by.
func FuzzIs(f *testing.F) {
	for _, name := range slices.Concat(family(), others()) {
		f.Add(name, "_", uint8(0))
	}
	f.Add("x-auth-request-"+strings.Repeat("very-", 40)+"long", ".", uint8(3))
	exact := map[string]bool{}
	for _, name := range family() {
		exact[fold(name)] = true
	}
	f.Fuzz(func(t *testing.T, name, gap string, flip uint8) {
		is := Is(name)
		if exact[fold(name)] && !is {
			t.Errorf("%q is one of the family", name)
		}
		if is != Is(fold(name)) {
			t.Errorf("%q and %q are not taken for the same", name, fold(name))
		}
		if strings.ContainsFunc(gap, func(r rune) bool { return r < 0x80 && (r >= '0' && r <= '9' || r|0x20 >= 'a' && r|0x20 <= 'z') }) || gap == "" {
			return
		}
		other := strings.ReplaceAll(fold(name), "-", gap)
		if len(other) > 0 && int(flip) < len(other) && other[flip] >= 'a' && other[flip] <= 'z' {
			other = other[:flip] + string(other[flip]&^0x20) + other[flip+1:]
		}
		if Is(other) != is {
			t.Errorf("%q is taken for another than %q", other, name)
		}
		h := http.Header{name: {"x"}}
		Pass{}.Strip(h)
		if (len(h) == 0) != is {
			t.Errorf("%q: %v", name, h)
		}
		if is && httpguts.ValidHeaderFieldName(name) {
			if err := Set(h, name, "ours"); err != nil || len(h) != 1 {
				t.Errorf("%q: %v, %v", name, h, err)
			}
		}
	})
}

// fold is normal without a limit.
func fold(name string) string {
	return strings.Join(strings.FieldsFunc(strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r | 0x20
		}
		return r
	}, name), func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') }), "-")
}

func usual() http.Header {
	h := http.Header{}
	for _, name := range []string{
		"Accept", "Accept-Encoding", "Accept-Language", "Cache-Control", "Content-Type", "Cookie", "If-None-Match", "Referer", "Sec-Fetch-Mode",
		"Traceparent", "User-Agent", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Request-Id",
	} {
		h.Set(name, "x")
	}
	return h
}

func TestNothingIsAllocated(t *testing.T) {
	h := usual()
	if n := testing.AllocsPerRun(100, func() { Pass{}.Strip(h) }); n != 0 {
		t.Errorf("%v allocations for usual headers", n)
	}
	if n := testing.AllocsPerRun(100, func() { Is("X_Auth_Request_Access_Token") }); n != 0 {
		t.Errorf("%v allocations for one of the family", n)
	}
}

func BenchmarkStrip(b *testing.B) {
	h := usual()
	b.ReportAllocs()
	for b.Loop() {
		Pass{}.Strip(h)
	}
}
