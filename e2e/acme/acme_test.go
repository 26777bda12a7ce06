// Package acme_test has the shipped configuration get its certificates from a real ACME server: Caddy's own, in another process.
package acme_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/e2e/build"
	"github.com/fairway-gateway/fairway/e2e/process"
)

const (
	host     = "api.example.test"
	patience = 2 * time.Minute
)

// internet is what an ACME server asks names by: a proxy that knows where the gateway is.
func internet(t *testing.T, gateway string) (address string) {
	t.Helper()
	server := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.URL.Host = "127.0.0.1:1" // nobody
		if r.In.URL.Hostname() == host && r.In.URL.Port() == "" {
			r.Out.URL.Host = gateway
		}
		r.Out.Host = r.In.Host
	}})
	t.Cleanup(server.Close)
	return server.URL
}

// program is a fairway that runs a Caddyfile in a directory of its own.
type program struct {
	t       *testing.T
	path    string
	dir     string
	env     []string
	admin   string
	ping    string
	process *process.Process
}

func (p *program) write(text string) {
	p.t.Helper()
	if err := os.WriteFile(filepath.Join(p.dir, "Caddyfile"), []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

func (p *program) start() {
	p.t.Helper()
	var err error
	p.process, err = process.Start(process.Spec{
		Path: p.path, Args: []string{"run", "--config", "Caddyfile", "--adapter", "caddyfile"}, Dir: p.dir, Log: filepath.Join(p.dir, "log"),
		Env: append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + p.dir, "XDG_DATA_HOME=" + p.dir, "XDG_CONFIG_HOME=" + p.dir, "STATE_DIRECTORY=" + p.dir, "CADDY_ADMIN=127.0.0.1:" + p.admin}, p.env...),
	})
	if err == nil {
		err = p.process.Await(p.t.Context(), p.ping, patience)
	}
	if err != nil {
		p.t.Fatal(err, p.process.Log())
	}
}

func (p *program) stop() {
	p.t.Helper()
	if err := p.process.Stop(); err != nil {
		p.t.Errorf("%s: %v", p.dir, err)
	}
}

// serial asks the gateway by https, as a caller who trusts the server's root alone, and gives the number of the certificate.
func serial(t *testing.T, address string, trusted *x509.CertPool) (string, error) {
	t.Helper()
	dialer := new(net.Dialer)
	transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: trusted, MinVersion: tls.VersionTLS12}, DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return dialer.DialContext(ctx, network, address)
	}}
	client := &http.Client{Timeout: 10 * time.Second, Transport: transport}
	response, err := client.Get("https://" + host + "/") //nolint:noctx // the client has a timeout
	if err != nil {
		return "", err
	}
	body, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return "", err
	}
	if response.StatusCode != http.StatusOK || string(body) != "OK" {
		t.Fatalf("%s %s", response.Status, body)
	}
	return response.TLS.PeerCertificates[0].SerialNumber.String(), nil
}

// await asks until a certificate is as it should be.
func await(t *testing.T, address string, trusted *x509.CertPool, good func(serial string) bool) string {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		n, err := serial(t, address, trusted)
		if err == nil && good(n) {
			return n
		}
		if time.Now().After(deadline) {
			t.Fatal(n, err)
		}
	}
}

// TestCertificates: the shipped Caddyfile, with a name of one's own, gets a certificate, keeps it, and has another one before it ends.
func TestCertificates(t *testing.T) {
	t.Parallel()
	builder := &build.Builder{Module: "..", Temporary: t.TempDir()}
	path, err := builder.Fairway()
	if err != nil {
		t.Fatal(err)
	}
	var ports [7]string
	for i := range ports {
		if ports[i], err = process.FreePort(); err != nil {
			t.Fatal(err)
		}
	}
	plain, secured := "127.0.0.1:"+ports[5], "127.0.0.1:"+ports[6]
	server := &program{t: t, path: path, dir: t.TempDir(), admin: ports[3], ping: "http://127.0.0.1:" + ports[1] + "/", env: []string{"HTTP_PROXY=" + internet(t, plain)}}
	server.write(fmt.Sprintf(`{
	skip_install_trust
	default_bind 127.0.0.1
	https_port %[1]s
	http_port %[2]s
}
https://127.0.0.1:%[1]s {
	tls internal
	acme_server {
		challenges http-01
		allow {
			domains %[3]s
		}
	}
}
http://127.0.0.1:%[2]s {
	respond OK
}
`, ports[0], ports[1], host))
	server.start()
	t.Cleanup(func() {
		if server.process.Running() {
			server.stop()
		}
	})
	root := filepath.Join(server.dir, "caddy/pki/authorities/local/root.crt")
	pem, err := os.ReadFile(root)
	if err != nil {
		t.Fatal(err)
	}
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(pem)

	shipped, err := os.ReadFile("../../Caddyfile")
	if err != nil {
		t.Fatal(err)
	}
	g := &program{
		t: t, path: path, dir: t.TempDir(), env: []string{"HTTP_PORT=" + ports[5], "SITE_ADDRESS=" + host, "LEGACY_PORT=" + ports[2]},
		admin: ports[4], ping: "http://127.0.0.1:" + ports[2] + "/metric.txt",
	}
	const begin = "{\n\tskip_install_trust\n"
	if strings.Count(string(shipped), begin) != 1 {
		t.Fatal("the shipped Caddyfile has other options")
	}
	configure := func(more string) {
		g.write(strings.Replace(string(shipped), begin, begin+fmt.Sprintf("\tdefault_bind 127.0.0.1\n\thttps_port %s\n\tacme_ca https://127.0.0.1:%s/acme/local/directory\n\tacme_ca_root %s\n%s", ports[6], ports[0], root, more), 1))
	}
	configure("")
	g.start()
	t.Cleanup(func() {
		if g.process.Running() {
			g.stop()
		}
		if t.Failed() {
			for _, p := range []*program{g, server} {
				log := p.process.Log()
				t.Log(log[max(0, len(log)-8000):])
			}
		}
	})
	first := await(t, secured, trusted, func(string) bool { return true })
	redirected(t, plain)

	// Another process has the same one, and needs no server for it.
	g.stop()
	server.stop()
	g.start()
	if n := await(t, secured, trusted, func(string) bool { return true }); n != first {
		t.Errorf("%s became %s", first, n)
	}

	// Here each certificate is due at once, and looked at each second.
	server.start()
	g.stop()
	configure("\trenew_interval 1s\n\trenewal_window_ratio 0.9999\n")
	g.start()
	await(t, secured, trusted, func(n string) bool { return n != first })
	second := await(t, secured, trusted, func(n string) bool { return n != first })
	await(t, secured, trusted, func(n string) bool { return n != first && n != second })
}

// redirected: who asks without TLS is sent to it.
func redirected(t *testing.T, address string) {
	t.Helper()
	client := &http.Client{Timeout: patience, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/metrics/metadata?a=b", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Host = host
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil {
		t.Error(err)
	}
	if at := response.Header.Get("Location"); response.StatusCode/100 != 3 || !strings.HasPrefix(at, "https://"+host) || !strings.HasSuffix(at, "/metrics/metadata?a=b") {
		t.Errorf("%s %s", response.Status, at)
	}
}
