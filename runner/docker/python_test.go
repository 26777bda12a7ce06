//go:build linux

package docker_test

import (
	"archive/zip"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/internal/dockertest"
	"github.com/fairway-gateway/fairway/internal/required"
	"github.com/fairway-gateway/fairway/runner/docker"
	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/executor/executortest"
)

const (
	pythonImage   = "fairway-test/python:1"
	pythonNetwork = "packages"
)

// certificate is one for an address, which vouches for itself.
func certificate(t *testing.T, address string) (tls.Certificate, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	said := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "packages"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.ParseIP(address)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, said, said, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// wheel is a package of one module.
func wheel(t *testing.T) []byte {
	t.Helper()
	var archive bytes.Buffer
	files := zip.NewWriter(&archive)
	for name, text := range map[string]string{
		"shipped.py":                      "def said():\n    return 'from a wheel'\n",
		"shipped-1.0.dist-info/METADATA":  "Metadata-Version: 2.1\nName: shipped\nVersion: 1.0\n",
		"shipped-1.0.dist-info/WHEEL":     "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
		"shipped-1.0.dist-info/RECORD":    "shipped.py,,\n",
		"shipped-1.0.dist-info/INSTALLER": "test\n",
	} {
		to, err := files.Create(name)
		if err == nil {
			_, err = to.Write([]byte(text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := files.Close(); err != nil {
		t.Fatal(err)
	}
	return archive.Bytes()
}

// pythons is an executor with an image that has Python, and an index of packages that it reaches while it makes images. said is what was asked of the index.
func pythons(t *testing.T) (o docker.Options, said func() string) {
	t.Helper()
	own, err := dockertest.Start()
	if err != nil {
		required.Absent(t, "docker", err)
	}
	t.Cleanup(func() {
		if err := own.Close(); err != nil {
			t.Error(err)
		}
	})
	if out, err := exec.CommandContext(t.Context(), "/usr/bin/python3", "-I", "-m", "pip", "--version").CombinedOutput(); err != nil {
		required.Absent(t, "python3", fmt.Errorf("/usr/bin/python3 with pip: %w: %s", err, out))
	}
	address, err := own.Network(pythonNetwork)
	if err != nil {
		t.Fatal(err)
	}
	identity, trusted := certificate(t, address)
	image, err := os.Create(t.TempDir() + "/image.tar")
	if err != nil {
		t.Fatal(err)
	}
	defer image.Close()
	if err := dockertest.Python(image, trusted); err != nil {
		t.Fatal(err)
	}
	if _, err := image.Seek(0, 0); err != nil {
		t.Fatal(err)
	}
	if err := own.Load(pythonImage, image, "ENV PATH=/usr/bin:/bin"); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var asked []string
	file := wheel(t)
	index := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked = append(asked, r.URL.Path)
		mu.Unlock()
		switch r.URL.Path {
		case "/simple/shipped/":
			_, _ = w.Write([]byte(`<html><body><a href="/files/shipped-1.0-py3-none-any.whl">shipped-1.0-py3-none-any.whl</a></body></html>`))
		case "/files/shipped-1.0-py3-none-any.whl":
			_, _ = w.Write(file)
		default:
			http.NotFound(w, r)
		}
	}))
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", net.JoinHostPort(address, "0"))
	if err != nil {
		t.Fatal(err)
	}
	index.Listener, index.TLS = listener, &tls.Config{Certificates: []tls.Certificate{identity}, MinVersion: tls.VersionTLS12}
	index.StartTLS()
	t.Cleanup(index.Close)
	o = docker.Options{
		Host: own.Host(), Directory: t.TempDir(), Image: pythonImage, Pull: "never", BuildNetwork: pythonNetwork, PipIndex: "https://" + listener.Addr().String() + "/simple",
	}
	return o, func() string {
		mu.Lock()
		defer mu.Unlock()
		return strings.Join(asked, " ")
	}
}

// TestPython runs scripts of Trends.Earth as they are, with packages of an index, in an image that has Python.
func TestPython(t *testing.T) {
	t.Parallel()
	o, asked := pythons(t)
	e := open(t, o)
	run := begin(t, e, executor.Attempt{ID: "trends-earth", Execution: "x-1", Params: []byte(`{"n": 21}`), Script: executortest.Script("trends-earth", map[string]string{
		"configuration.json": `{"name": "example"}`, "requirements.txt": "shipped==1.0\n", "data.csv": "a,b\n1,2\n",
		"src/__init__.py": "VERSION = '1.2.3'\n", "src/helper.py": "def double(x):\n    return 2 * x\n",
		"src/main.py": `
import csv, logging, os, socket, sqlite3, ssl, subprocess, tempfile, urllib.request

from . import VERSION
from .helper import double
from gefcore.script import helper
import helper as beside
import shipped

REQUIRES_GEE = False


def run(params, logger):
    logger.debug("params: %s", sorted(params))
    logger.info("version %s, 100%%\nsecond line", VERSION)
    logging.getLogger("a.library").warning("careful")
    logger.send_progress(30)
    print("printed")
    assert list(csv.reader(open("data.csv"))) == [["a", "b"], ["1", "2"]]
    with tempfile.NamedTemporaryFile() as f:
        f.write(b"x")
    sqlite3.connect("x.db").execute("create table t (a)")
    assert subprocess.check_output(["sh", "-c", "echo child"], text=True) == "child\n"
    assert os.getuid() == 65534 and helper.double is not None and beside.double(1) == 2
    try:
        urllib.request.urlopen("` + o.PipIndex + `", timeout=5)
        return {"network": "it is reached"}
    except OSError:
        pass
    return {"double": double(params["n"]), "env": params["ENV"], "execution": params["EXECUTION_ID"], "text": "ü", "shipped": shipped.said()}
`,
	})})
	exit, text := executortest.End(t, run)
	if exit.Outcome != executor.Succeeded {
		t.Fatalf("%+v\n%s", exit, text)
	}
	var lines []executor.Line
	for line := range strings.Lines(text) {
		lines = append(lines, executor.ParseLine(strings.TrimSuffix(line, "\n")))
	}
	log := func(level, text string) executor.Line {
		return executor.Line{Kind: executor.KindLog, Level: level, Text: text}
	}
	want := []executor.Line{
		log("DEBUG", "params: ['ENV', 'EXECUTION_ID', 'n']"), log("INFO", "version 1.2.3, 100%\nsecond line"), log("WARNING", "careful"),
		{Kind: executor.KindProgress, Progress: 30},
		{Text: "printed"},
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Error(diff)
	}
	if got := executortest.Results(t, run); got != `{"double": 42, "env": "prod", "execution": "x-1", "text": "\u00fc", "shipped": "from a wheel"}` {
		t.Error(got)
	}
	if got := asked(); !strings.Contains(got, "/files/shipped-1.0-py3-none-any.whl") {
		t.Errorf("the index was asked for %s", got)
	}

	// What fails says why.
	if err := e.Prepare(t.Context(), executortest.Script("no-such-package", map[string]string{"requirements.txt": "absent\n", "src/main.py": "def run(params, logger):\n    pass\n"}), nil); err == nil {
		t.Error("a package that is not in the index was installed")
	}
	for name, test := range map[string]struct{ text, want string }{
		"an-exception": {"def run(params, logger):\n    raise ValueError('no such band')\n", "ValueError: no such band"},
		"no-json":      {"def run(params, logger):\n    return object()\n", "is not JSON serializable"},
		"no-module":    {"import no_such_module\n", "No module named 'no_such_module'"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run := begin(t, e, executor.Attempt{ID: name, Script: executortest.Script(name, map[string]string{"src/main.py": test.text})})
			if exit, text := executortest.End(t, run); exit.Outcome != executor.Failed || exit.Code != 1 || !strings.Contains(text, test.want) || !strings.Contains(text, "Traceback") {
				t.Errorf("%+v\n%s", exit, text)
			}
		})
	}
}
