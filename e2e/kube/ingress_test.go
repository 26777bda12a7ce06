//go:build linux

package kube_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/e2e/gateway"
	"github.com/fairway-gateway/fairway/e2e/process"
)

// outside is the address that callers of an ingress have.
const outside = "127.0.0.7"

// begin runs a program until the test ends, which has to end well when it is asked to.
func begin(t *testing.T, name, ping string, spec process.Spec) {
	t.Helper()
	spec.Log = filepath.Join(spec.Dir, name+".log")
	p, err := process.Start(spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if t.Failed() {
			log := p.Log()
			t.Logf("end of the log of %s:\n%s", name, log[max(0, len(log)-8000):])
		}
	})
	if err := p.Await(t.Context(), ping, time.Minute); err != nil {
		t.Fatal(err)
	}
}

// ingress is another Caddy, that ends TLS for the host of an Ingress and passes its paths on as they are to whoever answers pings of /.
type ingress struct{ client *http.Client }

const host = "api.example.org"

func newIngress(t *testing.T, program string, rules object, to string) *ingress {
	t.Helper()
	port, err := process.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	plain, err := process.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var routes strings.Builder
	for _, path := range rules.objects("spec", "rules", 0, "http", "paths") {
		matcher := path.text("path")
		if path.text("pathType") == "Prefix" {
			matcher += " " + matcher + "/*"
		}
		fmt.Fprintf(&routes, "\t@%[1]p path %[2]s\n\thandle @%[1]p {\n\t\treverse_proxy %[3]s {\n\t\t\thealth_uri /\n\t\t\thealth_interval 1s\n\t\t}\n\t}\n", path, matcher, to)
	}
	text := fmt.Sprintf("{\n\tadmin off\n\tskip_install_trust\n\tdefault_bind 127.0.0.1\n\thttp_port %s\n\thttps_port %s\n}\nhttp://127.0.0.1:%[1]s {\n\trespond pong\n}\nhttps://%[3]s {\n\ttls internal\n%[4]s\thandle {\n\t\trespond \"no such path of the Ingress\" 404\n\t}\n}\n", plain, port, host, routes.String())
	if err := os.WriteFile(filepath.Join(dir, "Caddyfile"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	begin(t, "ingress", "http://127.0.0.1:"+plain+"/", process.Spec{Path: program, Args: []string{"run", "--config", "Caddyfile", "--adapter", "caddyfile"}, Dir: dir, Env: []string{"HOME=" + dir, "XDG_DATA_HOME=" + dir}})
	root, err := os.ReadFile(filepath.Join(dir, "caddy/pki/authorities/local/root.crt"))
	if err != nil {
		t.Fatal(err)
	}
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(root)
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(outside)}}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted, MinVersion: tls.VersionTLS12}, DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return dialer.DialContext(ctx, network, "127.0.0.1:"+port)
	}}
	t.Cleanup(transport.CloseIdleConnections)
	i := &ingress{&http.Client{Timeout: time.Minute, Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) { // until it has a certificate, and knows that the gateway answers
		response, err := i.client.Get("https://" + host + "/") //nolint:noctx // the client has a timeout
		if err == nil {
			err = response.Body.Close()
		}
		if err == nil && response.StatusCode == http.StatusOK {
			return i
		}
		if time.Now().After(deadline) {
			t.Fatal(response, err)
		}
	}
}

// do asks from outside.
func (i *ingress) do(r *http.Request) (gateway.Answer, error) {
	response, err := i.client.Do(r)
	if err != nil {
		return gateway.Answer{}, err
	}
	body, err := io.ReadAll(response.Body)
	return gateway.Answer{Status: response.StatusCode, Header: response.Header, Body: string(body)}, errors.Join(err, response.Body.Close())
}

// get asks for a path with headers: names and values in turn.
func (i *ingress) get(t *testing.T, origin, path string, headers ...string) gateway.Answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, origin+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; n < len(headers); n += 2 {
		r.Header.Set(headers[n], headers[n+1])
	}
	answer, err := i.do(r)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}
