package tokens_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/fairway-gateway/fairway/modules/control/tokens"
)

// FuzzTokenRequest: whatever is sent, the endpoint answers with a token only for the one right password, and else with an
// error of RFC 6749 in which nothing of the request stands.
func FuzzTokenRequest(f *testing.F) {
	const form, parts = "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"
	for _, s := range [][4]string{
		{"grant_type=password&client_id=documentation&username=root&password=q", "", "", ""},
		{"grant_type=password", form, "client_id=documentation&username=root&password=q", ""},
		{"grant_type=password", parts, "--x\r\nContent-Disposition: form-data; name=\"username\"\r\n\r\nroot\r\n--x--", "Basic ZG9jdW1lbnRhdGlvbjo="},
		{"grant_type=refresh_token&refresh_token=x", "", "", "Basic ZG9jdW1lbnRhdGlvbjo="},
		{"grant_type=client_credentials", "application/json", `{"a":1}`, "Basic b'x'"},
		{"%zz&;=", form, "%", "Bearer a.b.c"},
		{"username=%00&scope=%ff", parts, "--x\r\n\r\n--x--", "Basic OjpA"},
	} {
		f.Add(s[0], s[1], s[2], s[3])
	}
	g := open(f, tokens.Config{})
	f.Fuzz(func(t *testing.T, query, kind, body, authorization string) {
		for _, path := range []string{tokenPath, revokePath, introspectPath, "/api/v1/oauth/token", "/auth"} {
			r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
			r.URL.RawQuery = query
			r.Header = http.Header{"Content-Type": {kind}, "Authorization": {authorization}}
			w := httptest.NewRecorder()
			g.mux.ServeHTTP(w, r)
			switch w.Code {
			case 200:
				if strings.Contains(w.Body.String(), "access_token") && path == tokenPath && !strings.Contains(query+body, "q") && !strings.Contains(query+body, "%71") {
					t.Errorf("a token without a password: %s", w.Body)
				}
			case 400, 401:
				if !utf8.Valid(w.Body.Bytes()) {
					t.Errorf("%q", w.Body)
				}
			default:
				t.Errorf("%s: %d %s", path, w.Code, w.Body)
			}
		}
	})
}

// FuzzBearer: a token comes only out of one Authorization with the scheme Bearer, is in it, and is one word.
func FuzzBearer(f *testing.F) {
	for _, s := range []string{"Bearer a.b.c", "bearer  x ", "Bearer", "Bearer ", "Basic x", "Bearer a b", "Bearer\tx", "BEARER ==", "Bearer a=\x00"} {
		f.Add(s, "")
		f.Add(s, s)
	}
	g := open(f, tokens.Config{})
	f.Fuzz(func(t *testing.T, one, two string) {
		h := http.Header{"Authorization": {one}}
		if two != "" {
			h["Authorization"] = append(h["Authorization"], two)
		}
		token, err := tokens.Bearer(h)
		if (err == nil) == (token == "") {
			t.Fatalf("%q, %v", token, err)
		}
		if err != nil {
			return
		}
		if two != "" || len(one) < 8 || !strings.EqualFold(one[:7], "Bearer ") || strings.Trim(one[7:], " ") != token || strings.ContainsAny(token, " \t\r\n\x00,\"") {
			t.Errorf("%q of %q, %q", token, one, two)
		}
		if a, err := g.Check(t.Context(), token); err == nil {
			t.Errorf("%q is taken: %+v", token, a)
		}
	})
}

// FuzzRedact: no secret of a query is in what is logged, and what is none stays.
func FuzzRedact(f *testing.F) {
	for _, s := range []string{
		"/auth/oauth2/token?grant_type=password&password=q&username=root", "/?p%61ssword=x;token=y", "/a?PASSWORD=1&x=2", "/", "/?", "/?password", "/?=&&;=", "/?%zz=x&password==",
	} {
		f.Add(s, "tellnobody")
	}
	f.Fuzz(func(t *testing.T, uri, secret string) {
		out := tokens.Redact(uri)
		if again := tokens.Redact(out); again != out {
			t.Errorf("%q, then %q", out, again)
		}
		path, query, _ := strings.Cut(out, "?")
		if before, _, _ := strings.Cut(uri, "?"); before != path {
			t.Errorf("%q became %q", uri, out)
		}
		values, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		for _, name := range []string{"password", "client_secret", "refresh_token", "token", "access_token"} {
			for _, v := range values[name] {
				if v != "REDACTED" {
					t.Errorf("%q shows %s", out, name)
				}
			}
		}
		if hidden := url.QueryEscape("\x01" + secret); strings.Contains(tokens.Redact("/?a=b&password="+hidden+"&c=d"), hidden) {
			t.Errorf("%q is shown", secret)
		}
	})
}

func TestRedact(t *testing.T) {
	t.Parallel()
	for uri, want := range map[string]string{
		"/auth/oauth2/token?grant_type=password&client_id=documentation&username=root&password=q": "/auth/oauth2/token?grant_type=password&client_id=documentation&username=root&password=REDACTED",
		"/a?x=%20&p%61ssword=q&Token=t;client_secret=s":                                           "/a?x=%20&p%61ssword=REDACTED&Token=REDACTED&client_secret=REDACTED",
		"/a?password":    "/a?password=REDACTED",
		"/a?%zz=secret":  "/a?REDACTED",
		"/a?b=c&d":       "/a?b=c&d",
		"/password=q":    "/password=q",
		"":               "",
		"/a?passwords=x": "/a?passwords=x",
	} {
		if got := tokens.Redact(uri); got != want {
			t.Errorf("%q: %q, not %q", uri, got, want)
		}
	}
}

func BenchmarkCheck(b *testing.B) {
	for name, cached := range map[string]bool{"cached": true, "not cached": false} {
		b.Run(name, func(b *testing.B) {
			cfg := tokens.Config{}
			if !cached {
				cfg.CacheFor = -1
			}
			g := open(b, cfg)
			w := httptest.NewRecorder()
			g.mux.ServeHTTP(w, sent{path: tokenPath, query: "grant_type=client_credentials", user: "documentation:" + seedSecret}.request())
			_, rest, _ := strings.Cut(w.Body.String(), `"access_token":"`)
			token, _, _ := strings.Cut(rest, `"`)
			h := http.Header{"Authorization": {"Bearer " + token}}
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					token, err := tokens.Bearer(h)
					if err != nil {
						b.Error(err)
						return
					}
					if _, err := g.Check(b.Context(), token); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}
