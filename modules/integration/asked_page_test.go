package integration_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/internal/required"
)

// askedBlock is the hint of the blocks below.
const askedBlock = "run by modules/integration/asked_page_test.go"

// TestAskedPages asks a control API what docs/accounts.md, docs/mail.md and docs/events.md ask in passing, and has the sender of the last start a script.
func TestAskedPages(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, dsn string) {
		t.Helper()
		newUser(t, dsn, "root@example.org", "correct horse battery", "SUPERADMIN")
		newUser(t, dsn, "ben@example.org", "Correct-Horse-1", "USER")
		newTrend(t, dsn)
		g := startGateway(t, withoutRunner(withStore("\tcontrol")), "DATABASE_URL="+dsn, "FAIRWAY_SECRET="+someSecret)
		last, sender := "", ""
		asked := 0
		for _, page := range []string{"docs/accounts.md", "docs/mail.md", "docs/events.md"} {
			for _, f := range pageFences(t, page) {
				switch {
				case f.hint != askedBlock:
				case f.language == "python":
					sender = f.text
				default:
					asked++
					r := curl(t, strings.ReplaceAll(strings.TrimSpace(strings.TrimPrefix(f.text, "$ ")), "'<user>'", "ben@example.org:Correct-Horse-1"), nil)
					a := g.ask(t, r)
					if a.status != http.StatusOK && a.status != http.StatusCreated {
						t.Errorf("%s:%d: %d %s", f.page, f.line, a.status, a.body)
					}
					last = a.body
				}
			}
		}
		if asked != 4 || sender == "" {
			t.Fatalf("the pages have %d commands and the sender %q", asked, sender)
		}
		var hook struct{ Data struct{ URL, Secret string } }
		if err := json.Unmarshal([]byte(last), &hook); err != nil || hook.Data.Secret == "" {
			t.Fatalf("%v %s", err, last)
		}
		sends(t, sender, g.url+hook.Data.URL, hook.Data.Secret)
	})
}

// sends has the page's sender send a message, and then one by a wrong secret.
func sends(t *testing.T, program, url, secret string) {
	t.Helper()
	python := required.Program(t, "python3")
	const more = `
import sys
answer = send(sys.argv[1], sys.argv[2], b'{"areas": ["north"]}')
print(answer.status, answer.read().decode())
`
	out, err := exec.CommandContext(t.Context(), python, "-c", program+more, url, secret).CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), "202 ") || !strings.Contains(string(out), "execution_id") {
		t.Errorf("%v\n%s", err, out)
	}
	out, err = exec.CommandContext(t.Context(), python, "-c", program+more, url, "whsec_"+strings.Repeat("A", 32)).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "401") {
		t.Errorf("%v\n%s", err, out)
	}
}

// operatorFiles is a directory with what pages have in /etc/fairway: a certificate, its key, who made it, and a template of letters.
func operatorFiles(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "gateway"}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	made, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: made})
	recovery := ""
	for _, f := range pageFences(t, "docs/mail.md") {
		if f.language == "text" {
			recovery = f.text
		}
	}
	err = os.Mkdir(filepath.Join(dir, "mail"), 0o700)
	for name, text := range map[string][]byte{
		"cert.pem": certificate, "ca.pem": certificate, "ca.crt": certificate, "key.pem": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
		"mail/recovery.txt": []byte(recovery),
	} {
		err = errors.Join(err, os.WriteFile(filepath.Join(dir, name), text, 0o600))
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}
