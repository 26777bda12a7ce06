package upstream

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestUnixSocket(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "fw") // t.TempDir may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	file := filepath.Join(dir, "s")
	l, err := net.Listen("unix", file)
	if err != nil {
		t.Fatal(err)
	}
	_ = serveOn(t, l, func(_ *server, c net.Conn, req *http.Request, _ int64) bool {
		_, err := io.WriteString(c, ok(req.Host+req.RequestURI))
		return err == nil
	})
	f := start(t, Config{Proxy: "environment"}, "unix/"+file)
	if got := f.body(t, t.Context(), get("/a%2Fb")); got != "localhost/a%2Fb" {
		t.Errorf("body %q", got)
	}
}

// authority signs certificates into files.
type authority struct {
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{dir: t.TempDir()}
	a.file, _ = a.sign(t, "ca", nil)
	return a
}

// sign makes a pair of files; the first one is the authority's own.
func (a *authority) sign(t *testing.T, name string, hosts []string) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: hosts, IsCA: a.cert == nil, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, private
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, private.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert == nil {
		if a.cert, err = x509.ParseCertificate(der); err != nil {
			t.Fatal(err)
		}
		a.key = private
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(a.dir, name+".pem"), filepath.Join(a.dir, name+".key")
	for file, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

// secure starts an https server for backend.test.
func (a *authority) secure(t *testing.T, clients tls.ClientAuthType) *httptest.Server {
	t.Helper()
	cert, key := a.sign(t, "server", []string{"backend.test"})
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(a.cert)
	h := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		who := "nobody"
		if len(req.TLS.PeerCertificates) > 0 {
			who = req.TLS.PeerCertificates[0].Subject.CommonName
		}
		_, _ = io.WriteString(w, req.Proto+" "+req.TLS.ServerName+" "+who)
	}))
	h.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: clients, ClientCAs: roots, MinVersion: tls.VersionTLS12}
	h.EnableHTTP2 = true
	h.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	h.StartTLS()
	t.Cleanup(h.Close)
	return h
}

func TestTLS(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	cert, key := a.sign(t, "client", nil)
	open, closed := a.secure(t, tls.NoClientCert), a.secure(t, tls.RequireAndVerifyClientCert)
	for name, c := range map[string]struct {
		server *httptest.Server
		tls    TLS
		want   string // empty: Unreachable
	}{
		"system's roots":     {open, TLS{ServerName: "backend.test"}, ""},
		"ca":                 {open, TLS{CA: []string{a.file}, ServerName: "backend.test"}, "HTTP/2.0 backend.test nobody"},
		"wrong name":         {open, TLS{CA: []string{a.file}}, ""},
		"another name":       {open, TLS{CA: []string{a.file}, ServerName: "other.test"}, ""},
		"insecure":           {open, TLS{InsecureSkipVerify: true}, "HTTP/2.0  nobody"},
		"client certificate": {closed, TLS{CA: []string{a.file}, ServerName: "backend.test", ClientCertificateFile: cert, ClientKeyFile: key}, "HTTP/2.0 backend.test client"},
		"none":               {closed, TLS{CA: []string{a.file}, ServerName: "backend.test"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := start(t, Config{TLS: c.tls}, c.server.URL)
			if c.want == "" {
				if got := f.failure(t, t.Context(), get("/")); got.Kind != Unreachable {
					t.Errorf("got %v", got)
				}
				return
			}
			if got := f.body(t, t.Context(), get("/")); got != c.want {
				t.Errorf("body %q", got)
			}
		})
	}
	for name, bad := range map[string]TLS{
		"no such ca":  {CA: []string{filepath.Join(a.dir, "none")}},
		"ca is a key": {CA: []string{key}},
		"not a pair":  {ClientCertificateFile: a.file, ClientKeyFile: key},
	} {
		if _, err := New(Config{Addresses: []string{"https://h"}, TLS: bad}, Options{}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestForwardProxy(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	secure := a.secure(t, tls.NoClientCert)
	var connects atomic.Int64
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if user, _, _ := (&http.Request{Header: http.Header{"Authorization": req.Header["Proxy-Authorization"]}}).BasicAuth(); user != "u" {
			w.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
		if req.Method != http.MethodConnect {
			_, _ = io.WriteString(w, "proxied "+req.RequestURI)
			return
		}
		connects.Add(1)
		to, err := net.Dial("tcp", secure.Listener.Addr().String())
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		c, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			to.Close()
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = io.Copy(to, c)
			to.Close()
		}()
		_, _ = io.Copy(c, to)
		c.Close()
		<-done
	}))
	t.Cleanup(proxy.Close)
	through := strings.Replace(proxy.URL, "//", "//u:p@", 1)
	f := start(t, Config{Proxy: through}, "http://backend.test:81")
	if got := f.body(t, t.Context(), get("/a?b")); got != "proxied http://backend.test:81/a?b" {
		t.Errorf("body %q", got)
	}
	f = start(t, Config{Proxy: through, TLS: TLS{CA: []string{a.file}}}, "https://backend.test")
	if got := f.body(t, t.Context(), get("/")); got != "HTTP/2.0 backend.test nobody" || connects.Load() != 1 {
		t.Errorf("body %q after %d CONNECTs", got, connects.Load())
	}
	f = start(t, Config{Proxy: proxy.URL}, "http://backend.test:81")
	if got := f.failure(t, t.Context(), get("/")); got.Kind != Status || got.Status != http.StatusProxyAuthRequired {
		t.Errorf("got %v", got)
	}
}

func TestProxyOfEnvironment(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://proxy.test:3128")
	t.Setenv("NO_PROXY", "direct.test")
	for address, want := range map[string]bool{"http://backend.test": true, "http://direct.test": false, "https://backend.test": false} {
		f := start(t, Config{Proxy: "environment"}, address)
		e := f.endpoints[0]
		through, ok := e.transport.(*http.Transport)
		if e.absolute != want || (ok && through.Proxy != nil) != want {
			t.Errorf("%s: through a proxy: %v", address, e.absolute)
		}
	}
}
