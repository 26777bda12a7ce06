//go:build unix

package auth_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/md5" //nolint:gosec // what Apache's files hold
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // as above
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/internal/required"
)

// apache is Debian's Apache, started for one test with a configuration of its own; nothing of the machine's is read.
type apache struct {
	dir  string
	http string // http://127.0.0.1:port
	tls  string // https://localhost:port; demands a certificate of the authority
	pki
}

// The files' users: ann with a password, in another alphabet another one.
const (
	apacheUser, apachePassword = "ann", "hunter2: größe"
	apacheOther                = "j\"ü rgen"
)

// startApache starts it and waits until it answers. Where it is not installed the test is skipped, or fails if FAIRWAY_REQUIRE
// names it.
func startApache(t *testing.T) *apache {
	t.Helper()
	const binary = "/usr/sbin/apache2"
	if _, err := os.Stat(binary); err != nil {
		required.Absent(t, "apache2", err)
	}
	a := &apache{dir: t.TempDir()}
	if err := os.Chmod(filepath.Dir(a.dir), 0o755); err != nil {
		t.Fatal(err)
	}
	a.pki = newPKI(t, a.dir)
	a.write(t)
	a.passwd(t, apachePassword)
	for try := 1; ; try++ {
		ports := freePorts(t, 2)
		a.http, a.tls = "http://127.0.0.1:"+ports[0], "https://localhost:"+ports[1]
		log := a.run(t, binary, ports)
		if log == "" {
			return a
		}
		if try == 3 {
			t.Fatalf("Apache does not start: %s", log)
		}
	}
}

// run starts Apache with its configuration; what it gives is the log of one that did not start, as where somebody took its ports.
func (a *apache) run(t *testing.T, binary string, ports []string) string {
	t.Helper()
	conf := filepath.Join(a.dir, "apache.conf")
	text := strings.NewReplacer("@DIR@", a.dir, "@HTTP@", ports[0], "@TLS@", ports[1]).Replace(apacheConf)
	if os.Geteuid() == 0 {
		text += "User www-data\nGroup www-data\n"
	}
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "-d", a.dir, "-f", conf, "-DFOREGROUND")
	var log strings.Builder
	cmd.Stdout, cmd.Stderr = &log, &log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // its workers end with it
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	go func() {
		_ = cmd.Wait() // its status says nothing
		close(over)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-over:
		case <-time.After(10 * time.Second):
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
			<-over
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for _, port := range ports {
		for {
			c, err := new(net.Dialer).DialContext(ctx, "tcp", "127.0.0.1:"+port)
			if err == nil {
				c.Close()
				break
			}
			select {
			case <-over:
				errors, _ := os.ReadFile(filepath.Join(a.dir, "error.log"))
				return log.String() + string(errors) + " it ended"
			case <-ctx.Done():
				t.Fatal("Apache does not listen")
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
	return ""
}

// freePorts gives ports that nobody has a moment ago.
func freePorts(t *testing.T, n int) []string {
	t.Helper()
	var out []string
	for range n {
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		_, port, err := net.SplitHostPort(l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, port)
	}
	return out
}

// write makes the files that Apache serves and asks.
func (a *apache) write(t *testing.T) {
	t.Helper()
	digest := func(user, realm, password string) string {
		sum := md5.Sum([]byte(user + ":" + realm + ":" + password)) //nolint:gosec // as the scheme has it
		return user + ":" + realm + ":" + hex.EncodeToString(sum[:]) + "\n"
	}
	for name, text := range map[string]string{
		"htdigest":       digest(apacheUser, "a realm", apachePassword) + digest(apacheOther, "a realm", apachePassword),
		"www/data.json":  `{"of":"Apache"}`,
		"www/login.html": `<!DOCTYPE html><html><body><form method="post" action="/dologin">Name <input name="httpd_username"> Password <input type="password" name="httpd_password"><input type="submit" value="Go"></form></body></html>`,
	} {
		file := filepath.Join(a.dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// passwd changes the password of the form's user.
func (a *apache) passwd(t *testing.T, password string) {
	t.Helper()
	sum := sha1.Sum([]byte(password)) //nolint:gosec // what Apache's files hold
	line := apacheUser + ":{SHA}" + base64.StdEncoding.EncodeToString(sum[:]) + "\n"
	if err := os.WriteFile(filepath.Join(a.dir, "htpasswd"), []byte(line), 0o644); err != nil {
		t.Fatal(err)
	}
}

// requests gives what the access log has of a path: method, status and user. Apache writes it after the answer, so it waits until
// there are as many.
func (a *apache) requests(t *testing.T, path string, many int) []string {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(5 * time.Millisecond) {
		raw, err := os.ReadFile(filepath.Join(a.dir, "access.log"))
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for line := range strings.Lines(string(raw)) {
			if method, rest, ok := strings.Cut(strings.TrimSpace(line), " "+path+" "); ok {
				out = append(out, method+" "+rest)
			}
		}
		if len(out) >= many || time.Now().After(deadline) {
			return out
		}
	}
}

// apacheConf has three ways to know a caller. The log is written at once.
const apacheConf = `
ServerRoot @DIR@
PidFile @DIR@/apache.pid
DefaultRuntimeDir @DIR@
Mutex file:@DIR@
ServerName localhost
Listen 127.0.0.1:@HTTP@
Listen 127.0.0.1:@TLS@
ErrorLog @DIR@/error.log
StartServers 1
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authn_core_module /usr/lib/apache2/modules/mod_authn_core.so
LoadModule authn_file_module /usr/lib/apache2/modules/mod_authn_file.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule authz_user_module /usr/lib/apache2/modules/mod_authz_user.so
LoadModule auth_digest_module /usr/lib/apache2/modules/mod_auth_digest.so
LoadModule auth_form_module /usr/lib/apache2/modules/mod_auth_form.so
LoadModule session_module /usr/lib/apache2/modules/mod_session.so
LoadModule session_cookie_module /usr/lib/apache2/modules/mod_session_cookie.so
LoadModule request_module /usr/lib/apache2/modules/mod_request.so
LoadModule reflector_module /usr/lib/apache2/modules/mod_reflector.so
LoadModule alias_module /usr/lib/apache2/modules/mod_alias.so
LoadModule mime_module /usr/lib/apache2/modules/mod_mime.so
LoadModule ssl_module /usr/lib/apache2/modules/mod_ssl.so
TypesConfig /dev/null
AddType application/json .json
AddType text/html .html
LogFormat "%m %U %>s %u" short
CustomLog @DIR@/access.log short
DocumentRoot @DIR@/www
Alias /digest @DIR@/www
Alias /once @DIR@/www
Alias /form @DIR@/www
<Location /digest>
	AuthType Digest
	AuthName "a realm"
	AuthDigestProvider file
	AuthUserFile @DIR@/htdigest
	AuthDigestDomain /digest /other
	Require valid-user
</Location>
<Location /digest/echo>
	SetHandler reflector
</Location>
<Location /once>
	AuthType Digest
	AuthName "a realm"
	AuthDigestProvider file
	AuthUserFile @DIR@/htdigest
	AuthDigestNonceLifetime 0
	Require valid-user
</Location>
<Location /form>
	AuthType form
	AuthName "a form"
	AuthFormProvider file
	AuthUserFile @DIR@/htpasswd
	AuthFormLoginRequiredLocation /login.html
	Session On
	SessionMaxAge 3600
	SessionCookieName apache path=/;httponly
	Require valid-user
</Location>
<Location /dologin>
	SetHandler form-login-handler
	AuthType form
	AuthName "a form"
	AuthFormProvider file
	AuthUserFile @DIR@/htpasswd
	AuthFormLoginRequiredLocation /login.html
	AuthFormLoginSuccessLocation /form/data.json
	Require all granted
	Session On
	SessionMaxAge 3600
	SessionCookieName apache path=/;httponly
</Location>
<VirtualHost 127.0.0.1:@TLS@>
	SSLEngine on
	SSLCertificateFile @DIR@/server.pem
	SSLCertificateKeyFile @DIR@/server.key
	SSLCACertificateFile @DIR@/ca.pem
	SSLVerifyClient require
	<Location /gateway>
		Require expr "%{SSL_CLIENT_S_DN_CN} == 'gateway'"
	</Location>
	Alias /gateway @DIR@/www
</VirtualHost>
`

// pki is an authority with what it has signed.
type pki struct {
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newPKI(t *testing.T, dir string) pki {
	t.Helper()
	p := pki{dir: dir}
	p.cert, p.key = p.sign(t, "ca")
	p.sign(t, "server")
	return p
}

// sign writes name.pem and name.key; the first pair is the authority's own.
func (p *pki) sign(t *testing.T, name string) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: p.cert == nil, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	parent, signer := p.cert, p.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{name + ".pem": {Type: "CERTIFICATE", Bytes: der}, name + ".key": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(filepath.Join(p.dir, file), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

// files names a pair as a Caddyfile does.
func (p *pki) files(name string) string {
	return fmt.Sprintf("%s %s", filepath.Join(p.dir, name+".pem"), filepath.Join(p.dir, name+".key"))
}
