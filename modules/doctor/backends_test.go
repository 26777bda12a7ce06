package doctor

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// pair is a certificate that signed itself, in files.
type pair struct {
	certificate, key string
	tls              tls.Certificate
}

// newPair makes one for 127.0.0.1 and a name.
func newPair(t *testing.T, from, until time.Time) pair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "doctor"}, NotBefore: from, NotAfter: until, DNSNames: []string{"backend.test"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	p := pair{certificate: filepath.Join(dir, "cert.pem"), key: filepath.Join(dir, "key.pem"), tls: tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}}
	write(t, p.certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	write(t, p.key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}))
	return p
}

func write(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

const day = 24 * time.Hour

// listens has each connection that is made served, and closed then, until the test ends. It gives its address.
func listens(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	t.Cleanup(func() {
		l.Close()
		all.Wait()
	})
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer conn.Close()
				serve(conn)
			})
		}
	})
	return l.Addr().String()
}

// listener is a backend that shows a certificate, if it has one, and counts what it is sent.
func listener(t *testing.T, certificate *tls.Certificate) (address string, said *atomic.Int64) {
	t.Helper()
	said = new(atomic.Int64)
	return listens(t, func(conn net.Conn) {
		if certificate != nil {
			conn = tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{*certificate}, ClientAuth: tls.RequestClientCert, MinVersion: tls.VersionTLS12})
			defer conn.Close()
		}
		n, _ := io.Copy(io.Discard, conn) // an end is expected
		if secure, ok := conn.(*tls.Conn); ok {
			n += int64(len(secure.ConnectionState().PeerCertificates))
		}
		said.Add(n)
	}), said
}

// TestBackends looks at backends of every kind, most of which something is wrong with.
func TestBackends(t *testing.T) {
	t.Setenv("DOCTOR_BACKEND", "127.0.0.1:1")
	good, bad, ending := newPair(t, time.Now().Add(-day), time.Now().Add(365*day)), newPair(t, time.Now().Add(-60*day), time.Now().Add(-day)), newPair(t, time.Now().Add(-60*day), time.Now().Add(20*day))
	fresh := newPair(t, time.Now().Add(2*day), time.Now().Add(365*day))
	plain, saidPlain := listener(t, nil)
	secure, saidSecure := listener(t, &good.tls)
	expired, _ := listener(t, &bad.tls)
	near, _ := listener(t, &ending.tls)
	early, _ := listener(t, &fresh.tls)
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })

	own := `"servers":{"a":{"listen":["127.0.0.1:2"]}},`
	for _, c := range []struct {
		name, backend string
		state         State
		words         []string
	}{
		{"plain", `{"addresses":["http://` + plain + `"]}`, OK, []string{plain, "takes connections"}},
		{"socket", `{"addresses":["unix/` + socket + `"]}`, OK, []string{"takes connections"}},
		{"no socket", `{"addresses":["unix/` + socket + `.no"]}`, Failure, []string{"no such file"}},
		{"refused", `{"addresses":["http://127.0.0.1:1"]}`, Failure, []string{"127.0.0.1:1 refuses", "start it"}},
		{"variable", `{"addresses":["http://{env.DOCTOR_BACKEND}"]}`, Failure, []string{"refuses"}},
		{"no variable", `{"addresses":["http://{env.DOCTOR_NONE}"]}`, Failure, []string{"DOCTOR_NONE", "is not set"}},
		{"its own", `{"addresses":["http://127.0.0.1:2"]}`, OK, []string{"does not run now"}},
		{"no name", `{"addresses":["http://backend.invalid"]}`, Failure, []string{"backend.invalid", "correct the name"}},
		{"trusted", `{"addresses":["https://` + secure + `"],"tls":{"ca":["` + good.certificate + `"]}}`, OK, []string{"valid until"}},
		{"trusted by name", `{"addresses":["https://` + secure + `"],"tls":{"ca":["` + good.certificate + `"],"server_name":"backend.test"}}`, OK, []string{"valid until"}},
		{"another name", `{"addresses":["https://` + secure + `"],"tls":{"ca":["` + good.certificate + `"],"server_name":"other.test"}}`, Failure, []string{"other.test"}},
		{"unknown authority", `{"addresses":["https://` + secure + `"]}`, Failure, []string{"unknown authority", "tls { ca"}},
		{"not verified", `{"addresses":["https://` + secure + `"],"tls":{"insecure_skip_verify":true}}`, Warning, []string{"not verified", "insecure_skip_verify"}},
		{"expired", `{"addresses":["https://` + expired + `"],"tls":{"ca":["` + bad.certificate + `"]}}`, Failure, []string{"which is over", "renew"}},
		{"ending", `{"addresses":["https://` + near + `"],"tls":{"ca":["` + ending.certificate + `"]}}`, Warning, []string{"renew"}},
		{"not begun", `{"addresses":["https://` + early + `"],"tls":{"ca":["` + fresh.certificate + `"]}}`, Failure, []string{"begins at", "clock"}},
		{"no authority", `{"addresses":["https://` + secure + `"],"tls":{"ca":["/no/such/file"]}}`, Failure, []string{"/no/such/file"}},
		{"client certificate", `{"addresses":["https://` + secure + `"],"tls":{"ca":["` + good.certificate + `"],"client_certificate":"` + good.certificate + `","client_key":"` + good.key + `"}}`, OK, []string{"valid until"}},
		{"no TLS", `{"addresses":["https://` + tells(t, "HTTP/1.1 400 Bad Request\r\n\r\n") + `"]}`, Failure, []string{"tls", "speaks what its address says"}},
		{"proxy", `{"addresses":["https://backend.invalid"],"proxy":"http://` + plain + `"}`, OK, []string{"forward proxy", "beyond it"}},
		{"no proxy", `{"addresses":["https://backend.invalid"],"proxy":"http://127.0.0.1:1"}`, Failure, []string{"forward proxy", "refuses"}},
	} {
		e := of(t, `{"apps":{"http":{`+own+`"x":[{"handler":"services","services":[{"prefixes":["/s"],"backends":[`+c.backend+`]}]}]}}}`)
		all := e.backends()
		if len(all) != 1 || !strings.HasPrefix(all[0].check, "backend /s ") {
			t.Fatalf("%s: the backends are %v", c.name, all)
		}
		t.Run(c.name, func(t *testing.T) { want(t, e.backend(t.Context(), all[0]), c.state, c.words...) })
	}
	if n := saidPlain.Load() + saidSecure.Load(); n != 0 {
		t.Errorf("the backends were told %d bytes or certificates", n)
	}
}

// tells is a backend that says something, whatever it is asked.
func tells(t *testing.T, text string) string {
	t.Helper()
	return listens(t, func(conn net.Conn) {
		_, _ = conn.Write([]byte(text))  // who asked may be gone
		_, _ = io.Copy(io.Discard, conn) // to close before it has asked would take the text away
	})
}

// TestHangingBackend: one that takes the connection and says nothing is given up.
func TestHangingBackend(t *testing.T) {
	t.Parallel()
	hangs, _ := listener(t, nil)
	e := of(t, `{"apps":{"http":{"x":[{"prefixes":["/s"],"backends":[{"addresses":["https://`+hangs+`"]}]}]}}}`)
	e.timeout = 100 * time.Millisecond
	found := e.run(t.Context())
	for _, one := range found.Checks {
		if strings.HasPrefix(one.Check, "backend") {
			want(t, one, Failure, "does not answer within 100ms", "--timeout")
			return
		}
	}
	t.Errorf("there is no backend: %v", found)
}

// TestReverseProxy finds what Caddy's own directive leads to, where that is known.
func TestReverseProxy(t *testing.T) {
	t.Parallel()
	var got []string
	for _, b := range of(t, `{"apps":{"http":{"r":[{"handle":[{"handler":"reverse_proxy","upstreams":[{"dial":"localhost:9000"},{"dial":"unix//run/x"},{"dial":"{http.request.host}:80"},{"dial":"{env.UP}"},{"dial":"localhost:9000"},{"dial":"127.0.0.1:1-9"}]}]}]}}}`).backends() {
		got = append(got, b.written)
	}
	if diff := cmp.Diff([]string{"http://localhost:9000", "unix//run/x", "http://{env.UP}"}, got); diff != "" {
		t.Errorf("the addresses (-want +got):\n%s", diff)
	}
}

// TestCertificates looks at files, most of which something is wrong with.
func TestCertificates(t *testing.T) {
	t.Parallel()
	good, other, bad := newPair(t, time.Now().Add(-day), time.Now().Add(365*day)), newPair(t, time.Now().Add(-day), time.Now().Add(365*day)), newPair(t, time.Now().Add(-60*day), time.Now().Add(-day))
	brief := newPair(t, time.Now().Add(-6*time.Hour), time.Now().Add(6*time.Hour))
	week := newPair(t, time.Now().Add(-83*day), time.Now().Add(6*day))
	large := filepath.Join(t.TempDir(), "large.pem")
	write(t, large, make([]byte, mostPEM+1))
	for _, c := range []struct {
		name, certificate, key string
		state                  State
		words                  []string
	}{
		{"good", good.certificate, good.key, OK, []string{"valid until"}},
		{"one of twelve hours", brief.certificate, brief.key, OK, []string{"valid until"}},
		{"another key", good.certificate, other.key, Failure, []string{"belong together"}},
		{"no key", good.certificate, good.key + ".no", Failure, []string{"no such file"}},
		{"no certificate", good.certificate + ".no", good.key, Failure, []string{"no such file"}},
		{"a key", good.key, good.key, Failure, []string{"no certificate in PEM"}},
		{"expired", bad.certificate, bad.key, Failure, []string{"which is over"}},
		{"six days", week.certificate, week.key, Failure, []string{"renew it now"}},
		{"large", large, good.key, Failure, []string{"1 MiB"}},
		{"a folder", t.TempDir(), good.key, Failure, []string{"is no file"}},
	} {
		raw, err := json.Marshal([]map[string]string{{"certificate": c.certificate, "key": c.key}})
		if err != nil {
			t.Fatal(err)
		}
		found := of(t, `{"apps":{"tls":{"certificates":{"load_files":`+string(raw)+`}}}}`).certificates(t.Context())
		if len(found) != 1 {
			t.Fatalf("%s: %v", c.name, found)
		}
		t.Run(c.name, func(t *testing.T) { t.Parallel(); want(t, found[0], c.state, c.words...) })
	}
}
