package digest

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"golang.org/x/net/http/httpguts"
)

// TestExamples are those of RFC 7616, section 3.9, the third as its errata have it.
func TestExamples(t *testing.T) {
	t.Parallel()
	const nonce = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
	const cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
	for name, c := range map[string]struct{ challenge, user, password, cnonce, uri, want string }{
		"MD5": {
			`Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=MD5, nonce="` + nonce + `", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"`,
			"Mufasa", "Circle of Life", cnonce, "/dir/index.html", `response="8ca523f5e9506fed4657c9700eebdbec"`,
		},
		"SHA-256": {
			`Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=SHA-256, nonce="` + nonce + `", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"`,
			"Mufasa", "Circle of Life", cnonce, "/dir/index.html", `response="753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"`,
		},
		"SHA-512-256, user hash": {
			`Digest realm="api@example.org", qop="auth", algorithm=SHA-512-256, nonce="5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK", opaque="HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS", charset=UTF-8, userhash=true`,
			"Jäsøn Doe", "Secret, or not?", "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v", "/doe.json",
			`username="793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b", userhash=true`,
		},
		"SHA-512-256": {
			`Digest realm="api@example.org", qop="auth", algorithm=SHA-512-256, nonce="5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK", opaque="HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS", charset=UTF-8, userhash=true`,
			"Ja\u0308søn Doe", "Secret, or not?", "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v", "/doe.json", // in another form of Unicode
			`response="3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5"`,
		},
		"RFC 2617": {
			`Digest realm="testrealm@host.com", qop="auth,auth-int", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"`,
			"Mufasa", "Circle Of Life", "0a4f113b", "/dir/index.html", `response="6629fae49393a05397450978507c4ef1"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ch := strongest(http.Header{"Www-Authenticate": {c.challenge}})
			if ch == nil {
				t.Fatal("the challenge is not understood")
			}
			u := &use{challenge: ch, first: ch.nonce, nonce: ch.nonce, cnonce: c.cnonce, count: 1}
			got, err := u.authorize(httptest.NewRequest(http.MethodGet, c.uri, nil), c.user, c.password)
			if err != nil || !strings.Contains(got, c.want) || !strings.Contains(got, "nc=00000001") {
				t.Errorf("%s, %v; want %s", got, err, c.want)
			}
		})
	}
}

// TestTarget gives what the server sees, whatever way the request takes.
func TestTarget(t *testing.T) {
	t.Parallel()
	for opaque, want := range map[string]string{
		"":                          "/p?q",
		"/a%2Fb":                    "/a%2Fb?q",
		"http://h.example.org/a//b": "/a//b?q",
		"http://h.example.org":      "?q",
	} {
		req := httptest.NewRequest(http.MethodGet, "http://h.example.org/p?q", nil)
		req.URL.Opaque = opaque
		if got := target(req); got != want {
			t.Errorf("%q: %q, want %q", opaque, got, want)
		}
	}
}

// FuzzChallenge checks that whatever a server asks, what is answered can stand in a header, and has one meaning.
func FuzzChallenge(f *testing.F) {
	for _, seed := range []string{
		`Digest realm="r", nonce="n", qop="auth, auth-int", algorithm=SHA-256-sess, opaque="o", stale=true, userhash=true, charset=UTF-8`,
		`Basic realm="x", Digest realm=r, nonce=a==, NTLM`, `Digest realm="a\"b", nonce="\\"`, `Digest realm="`, ",,=", "Digest =", `Digest realm="é", nonce="n"`,
	} {
		f.Add(seed, "ann", "pw", `nextnonce="m"`)
		f.Add(seed, "jürgen\"\\", "\x00", `qop=auth, nextnonce=m=, rspauth="x"`)
	}
	f.Fuzz(func(t *testing.T, line, user, password, info string) {
		c := strongest(http.Header{"Www-Authenticate": {line}})
		if c == nil {
			return
		}
		n := newNonce(c)
		if next := nextNonce(http.Header{"Authentication-Info": {info}}); next != "" {
			n.replace(next)
		}
		u := n.use()
		got, err := u.authorize(httptest.NewRequest(http.MethodGet, "/a?b", nil), user, password)
		if err != nil {
			return
		}
		if !httpguts.ValidHeaderFieldValue(got) {
			t.Fatalf("%q cannot be sent", got)
		}
		list := challenges(got)
		if len(list) != 1 || list[0].scheme != "Digest" {
			t.Fatalf("%q is read as %+v", got, list)
		}
		for _, p := range list[0].parameters {
			if want, ok := map[string]string{"realm": c.realm, "nonce": u.nonce, "opaque": c.opaque, "uri": "/a?b"}[p.name]; ok && want != p.value {
				t.Errorf("%s is %q, want %q", p.name, p.value, want)
			}
		}
	})
}
