package transport

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/proxies/problem"
	"github.com/fairway-gateway/fairway/proxies/session"
)

// guarded is a backend with a login: POST /login with Basic credentials gives a session, which all else needs.
func guarded(h http.HandlerFunc) (handler http.HandlerFunc, expire func()) {
	var mu sync.Mutex
	sessions := map[string]string{}
	n := 0
	return func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			user, password, _ := r.BasicAuth()
			if r.URL.Path == "/login" {
				defer mu.Unlock()
				if password != "right" {
					w.WriteHeader(http.StatusForbidden)
					return
				}
				n++
				id := fmt.Sprint(n)
				sessions[id] = user
				w.Header().Set("X-Session", id)
				return
			}
			c, err := r.Cookie("session")
			if err != nil || sessions[c.Value] == "" {
				mu.Unlock()
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			r.Header.Set("X-Who", sessions[c.Value])
			mu.Unlock()
			h(w, r)
		}, func() {
			mu.Lock()
			defer mu.Unlock()
			clear(sessions)
		}
}

func who(w http.ResponseWriter, r *http.Request) {
	_, _ = io.WriteString(w, r.Header.Get("X-Who")+" "+r.Header.Get("Authorization"))
}

// TestLogsIn has a plain reverse_proxy log in: for each caller, with its own password, again when the session is over.
func TestLogsIn(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(t *testing.T, handler http.HandlerFunc) (url, config string){
		"http": func(t *testing.T, handler http.HandlerFunc) (string, string) {
			t.Helper()

			return backend(t, handler).URL, `{"protocol":"session","auth":{"mode":"fake"}}`
		},
		"https": func(t *testing.T, handler http.HandlerFunc) (string, string) {
			t.Helper()
			s := httptest.NewTLSServer(handler)
			t.Cleanup(s.Close)
			return s.URL, `{"protocol":"session","auth":{"mode":"fake"},"transport":{"protocol":"http","tls":{"insecure_skip_verify":true}}}`
		},
		"with the context's values": func(t *testing.T, handler http.HandlerFunc) (string, string) {
			t.Helper()
			return backend(t, handler).URL, `{"protocol":"session","auth":{"mode":"fake","does":"login with values"}}`
		},
		"an origin of its own": func(t *testing.T, handler http.HandlerFunc) (string, string) {
			t.Helper()
			return backend(t, handler).URL, `{"protocol":"session","origin":"https://legacy.example.org","auth":{"mode":"fake"}}`
		},
		"a socket": func(t *testing.T, handler http.HandlerFunc) (string, string) {
			t.Helper()
			path := filepath.Join(t.TempDir(), "s")
			l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", path)
			if err != nil {
				t.Fatal(err)
			}
			s := &httptest.Server{Listener: l, Config: &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}}
			s.Start()
			t.Cleanup(s.Close)
			return "unix/" + path, `{"protocol":"session","auth":{"mode":"fake"}}`
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			handler, expire := guarded(who)
			url, config := start(t, handler)
			gateway, s := proxy(t, config, url)
			for range 2 {
				for _, user := range []string{"ann", "bob"} {
					if a := ask(t, "GET", gateway.URL+"/x", user+":right", nil); a.status != 200 || a.body != user+" " {
						t.Errorf("%s: %d %q", user, a.status, a.body)
					}
				}
				expire()
			}
			if a := ask(t, "GET", gateway.URL+"/x", "ann:wrong", nil); a.status != 401 || members(t, a.body)["type"] != "urn:fairway:problem:bad_credentials" {
				t.Errorf("%d %s", a.status, a.body)
			}
			if f := s.auth.(*fake); f.logins != 5 {
				t.Errorf("%d logins, want one for each caller and life of a session, and a failed one", f.logins)
			}
		})
	}
}

// TestRefusals compares what a caller is told with what a service tells.
func TestRefusals(t *testing.T) {
	t.Parallel()
	up := backend(t, told)
	for kind, want := range map[session.LoginKind][2]int{
		session.BadCredentials: {401, 502}, session.MFARequired: {401, 502}, session.UnsupportedPage: {502, 502},
		session.NotAllowed: {403, 502}, session.Unavailable: {502, 502},
	} {
		for account, status := range map[bool]int{false: want[0], true: want[1]} {
			gateway, _ := proxy(t, fmt.Sprintf(`{"protocol":"session","name":"legacy","auth":{"mode":"fake","does":"error","kind":%d,"account":%t}}`, kind, account), up.URL)
			a := ask(t, "GET", gateway.URL+"/a/b?c=s3cret", "ann:pw", nil)
			if a.status != status || a.header.Get("Content-Type") != problem.ContentType {
				t.Errorf("%s: %d, want %d", kind, a.status, status)
			}
			if asks := a.header.Get("WWW-Authenticate") == `Basic realm="legacy", charset="UTF-8"`; asks != (status == 401) {
				t.Errorf("%s: %v", kind, a.header)
			}
			want := (&session.LoginError{Kind: kind}).Refusal("The backend", "legacy", account)
			id, _ := members(t, a.body)["request_id"].(string)
			if diff := cmp.Diff(string(want.JSON("/a/b", id)), a.body); diff != "" || id == "" || a.header.Get("X-Request-ID") != id {
				t.Errorf("%s: %s", kind, diff)
			}
		}
	}
}

func TestNoCredentials(t *testing.T) {
	t.Parallel()
	asked := false
	up := backend(t, func(http.ResponseWriter, *http.Request) { asked = true })
	gateway, _ := proxy(t, `{"protocol":"session","auth":{"mode":"basic"}}`, up.URL)
	for _, header := range [][]string{{}, {"Authorization", "Bearer x"}, {"Authorization", "Basic YTpi", "Authorization", "Basic YzpK"}} {
		a := ask(t, "GET", gateway.URL+"/x", "", nil, header...)
		if a.status != 401 || a.header.Get("WWW-Authenticate") != `Basic realm="session", charset="UTF-8"` || members(t, a.body)["type"] != "urn:fairway:problem:no_credentials" {
			t.Errorf("%d %v %s", a.status, a.header, a.body)
		}
		if a := ask(t, "HEAD", gateway.URL+"/x", "", nil, header...); a.status != 401 || a.body != "" || a.header.Get("Content-Length") == "" {
			t.Errorf("HEAD: %d %v", a.status, a.header)
		}
	}
	if asked {
		t.Error("the backend was asked")
	}
}

// TestCertificate shows that of auth mtls.
func TestCertificate(t *testing.T) {
	t.Parallel()
	up := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprint(w, len(r.TLS.PeerCertificates))
	}))
	up.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert, MinVersion: tls.VersionTLS12}
	up.StartTLS()
	t.Cleanup(up.Close)
	pair := up.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	files := []string{filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")}
	for i, block := range []*pem.Block{{Type: "CERTIFICATE", Bytes: pair.Certificate[0]}, {Type: "PRIVATE KEY", Bytes: key}} {
		if err := os.WriteFile(files[i], pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	gateway, _ := proxy(t, fmt.Sprintf(`{"protocol":"session","auth":{"mode":"mtls","certificate":%q,"key":%q},"transport":{"protocol":"http","tls":{"insecure_skip_verify":true}}}`, files[0], files[1]), up.URL)
	if a := ask(t, "GET", gateway.URL, "", nil); a.status != 200 || a.body != "1" {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestBound(t *testing.T) {
	t.Parallel()
	_, s := proxy(t, `{"protocol":"session","name":"legacy","auth":{"mode":"fake"}}`, "127.0.0.1:9")
	b := s.auth.(*fake).bound
	if b.Service != "legacy" || b.Addresses != nil || b.Elsewhere == nil {
		t.Errorf("%+v", b)
	}
}

func TestConfigurationRefused(t *testing.T) {
	t.Parallel()
	for config, want := range map[string]string{
		`{"protocol":"session","auth":{"mode":"none"},"transport":{"protocol":"session"}}`:                                                                "stands in itself",
		`{"protocol":"session","auth":{"mode":"nobody"}}`:                                                                                                 "auth",
		`{"protocol":"session","auth":{"mode":"none"},"transport":{"protocol":"http","nonsense":1}}`:                                                      "nonsense",
		`{"protocol":"session","origin":"ftp://x"}`:                                                                                                       "is no origin",
		`{"protocol":"session","identity":{"request":["Accept"]}}`:                                                                                        "is no identity header",
		`{"protocol":"session","identity":{"answer":["X-Amzn-Oidc-Data"]}}`:                                                                               "holds what somebody could log in with",
		`{"protocol":"session","identity":{"set":[{"name":"Remote-User","value":""}]}}`:                                                                   "has no value",
		`{"protocol":"session","identity":{"set":[{"name":"Remote-User","value":"x"},{"name":"REMOTE-USER","value":"y"}]}}`:                               "is there twice",
		`{"protocol":"session","auth":{"mode":"mtls","certificate":"c.pem","key":"k.pem"}}`:                                                               "a certificate is shown on https",
		`{"protocol":"session","auth":{"mode":"mtls","certificate":"c.pem","key":"k.pem"},"transport":{"protocol":"http","tls":{}}}`:                      "c.pem",
		`{"protocol":"session","auth":{"mode":"mtls","certificate":"c","key":"k"},"transport":{"protocol":"http","tls":{"client_certificate_file":"c"}}}`: "one of them is enough",
	} {
		if err := refusedBy(t, config); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", config, err, want)
		}
	}
}
