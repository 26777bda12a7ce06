package upstream

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestElsewhere asks a server beside the backend with the backend's trust.
func TestElsewhere(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	cert, key := a.sign(t, "client", nil)
	server, demanding := a.secure(t, tls.RequestClientCert), a.secure(t, tls.RequireAndVerifyClientCert)
	for name, c := range map[string]struct {
		server *httptest.Server
		tls    TLS
		want   string // empty: no connection
	}{
		"authority":                {server, TLS{CA: []string{a.file}}, "HTTP/2.0 backend.test nobody"},
		"no authority":             {server, TLS{}, ""},
		"verification stays":       {server, TLS{InsecureSkipVerify: true}, ""},
		"no name of the backend":   {server, TLS{CA: []string{a.file}, ServerName: "other.test"}, "HTTP/2.0 backend.test nobody"},
		"no certificate":           {server, TLS{CA: []string{a.file}, ClientCertificateFile: cert, ClientKeyFile: key}, "HTTP/2.0 backend.test nobody"},
		"no certificate if needed": {demanding, TLS{CA: []string{a.file}, ClientCertificateFile: cert, ClientKeyFile: key}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, err := Elsewhere(Config{TLS: c.tls})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(out.CloseIdleConnections)
			out.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
				return dialElsewhere(ctx, network, c.server.Listener.Addr().String())
			}
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://backend.test/", nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := out.RoundTrip(req)
			if c.want == "" {
				if err == nil {
					resp.Body.Close()
					t.Error("it was trusted")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if text, err := io.ReadAll(resp.Body); err != nil || string(text) != c.want {
				t.Errorf("%q, %v", text, err)
			}
		})
	}
	pool, err := (TLS{CA: []string{a.file}}).withSystem()
	if err != nil {
		t.Fatal(err)
	}
	if alone, err := (TLS{CA: []string{a.file}}).load(); err != nil || alone.RootCAs.Equal(pool) {
		t.Errorf("the system's authorities are not trusted: %v", err)
	}
	if _, err := Elsewhere(Config{TLS: TLS{CA: []string{"/not/there.pem"}}}); err == nil {
		t.Error("an authority that is not there is no error")
	}
	if _, err := Elsewhere(Config{Proxy: "gopher://x"}); err == nil {
		t.Error("a proxy that is none is no error")
	}
}

// TestElsewhereThroughProxy checks that the forward proxy is asked.
func TestElsewhereThroughProxy(t *testing.T) {
	t.Parallel()
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		_, _ = io.WriteString(w, "proxied "+req.RequestURI)
	}))
	t.Cleanup(proxy.Close)
	out, err := Elsewhere(Config{Proxy: proxy.URL})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(out.CloseIdleConnections)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://idp.invalid/token", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := out.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, err := io.ReadAll(resp.Body); err != nil || string(text) != "proxied http://idp.invalid/token" {
		t.Errorf("%q, %v", text, err)
	}
}

func TestFingerprint(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	cfg := TLS{CA: []string{write("ca", "one")}, ClientCertificateFile: write("cert", "two"), ClientKeyFile: write("key", "hunter2")}
	seen := map[string]bool{}
	look := func() {
		f, err := cfg.Fingerprint()
		if err != nil || f == "" || seen[f] || strings.Contains(f, "hunter2") {
			t.Errorf("%q, %v", f, err)
		}
		seen[f] = true
	}
	look()
	for _, name := range []string{"ca", "cert", "key"} {
		write(name, "renewed")
		look()
	}
	if f, err := (TLS{ServerName: "x"}).Fingerprint(); f != "" || err != nil {
		t.Errorf("%q of nothing, %v", f, err)
	}
	if _, err := (TLS{CA: []string{filepath.Join(dir, "none")}}).Fingerprint(); err == nil {
		t.Error("a file that is not there has one")
	}
}

// TestElsewhereInside refuses a name that leads inside, and asks an address or localhost, which somebody wrote.
func TestElsewhereInside(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for host, inside := range map[string]bool{"127.0.0.1": false, "localhost": false, "LOCALHOST": true} {
		c, err := dialElsewhere(t.Context(), "tcp4", net.JoinHostPort(host, port))
		if err == nil {
			c.Close()
		}
		if inside != errors.Is(err, ErrInside) || !inside && err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
}
