package kubernetes

import (
	"encoding/base64"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const goodConfig = `apiVersion: v1
kind: Config
current-context: one
contexts:
- name: one
  context: {cluster: c, user: u, namespace: scripts}
- name: two
  context: {cluster: c, user: file}
- {name: exec, context: {cluster: c, user: exec}}
- {name: nobody, context: {cluster: c, user: x}}
- {name: nowhere, context: {cluster: x, user: u}}
- {name: plain, context: {cluster: plain, user: u}}
clusters:
- {name: c, cluster: {server: "https://10.0.0.1:6443/", insecure-skip-tls-verify: true}}
- {name: plain, cluster: {server: "http://10.0.0.1"}}
users:
- {name: u, user: {token: "secret-token"}}
- {name: file, user: {tokenFile: token}}
- {name: exec, user: {exec: {command: aws}}}
`

func TestKubeconfig(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	file := filepath.Join(directory, "config")
	for name, text := range map[string]string{"config": goodConfig, "token": "first\n"} {
		if err := os.WriteFile(filepath.Join(directory, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	a, err := readKubeconfig(file, "")
	if err != nil {
		t.Fatal(err)
	}
	if token, err := a.token(); a.server != "https://10.0.0.1:6443" || a.namespace != "scripts" || token != "secret-token" || err != nil {
		t.Errorf("%+v %q %v", a, token, err)
	}
	// A token in a file is read whenever it is shown.
	if a, err = readKubeconfig(file, "two"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"first", "second"} {
		if token, err := a.token(); token != want || err != nil {
			t.Errorf("%q %v", token, err)
		}
		if err := os.WriteFile(filepath.Join(directory, "token"), []byte("second"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for context, want := range map[string]string{
		"exec": "a program that makes credentials", "nobody": "no user \"x\"", "nowhere": "no cluster \"x\"", "plain": "no address like https://", "three": "no context \"three\"",
	} {
		if _, err := readKubeconfig(file, context); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", context, err)
		}
	}
	for text, want := range map[string]string{
		"":                                   "no current-context",
		"\tx: [":                             "not written in YAML",
		"- 1\n":                              "not written in YAML",
		"a: &a [*a, *a]\ncurrent-context: x": "",
		strings.Replace(goodConfig, "insecure-skip-tls-verify: true", "certificate-authority-data: '%%'", 1):                                               "not written in base64",
		strings.Replace(goodConfig, "insecure-skip-tls-verify: true", "certificate-authority-data: "+base64.StdEncoding.EncodeToString([]byte("none")), 1): "no certificate in it",
		strings.Replace(goodConfig, `token: "secret-token"`, "client-certificate-data: "+base64.StdEncoding.EncodeToString([]byte("secret")), 1):           "not of each other",
		strings.Replace(goodConfig, `token: "secret-token"`, "client-certificate: nothing.pem", 1):                                                         "nothing.pem",
		strings.Repeat("#", mostConfig) + goodConfig: "more than",
	} {
		if _, err := parseKubeconfig([]byte(text), directory, ""); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%.60q: %v", text, err)
		}
	}
}

func TestInCluster(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	directory := t.TempDir()
	environ := func(name string) string {
		return map[string]string{"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"}[name]
	}
	if _, err := inCluster(directory, func(string) string { return "" }); err == nil || !strings.Contains(err.Error(), "say kubeconfig") {
		t.Error(err)
	}
	if _, err := inCluster(directory, environ); err == nil {
		t.Error("there is no account")
	}
	for name, text := range map[string]string{"ca.crt": string(pemOf(server)), "token": "t\n", "namespace": "scripts\n"} {
		if err := os.WriteFile(filepath.Join(directory, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	a, err := inCluster(directory, environ)
	if err != nil {
		t.Fatal(err)
	}
	if token, err := a.token(); a.server != "https://[fd00::1]:443" || a.namespace != "scripts" || token != "t" || err != nil {
		t.Errorf("%+v %q %v", a, token, err)
	}
}

// FuzzKubeconfig: whatever is in such a file, it is read or refused, and nothing of a token is in an error.
func FuzzKubeconfig(f *testing.F) {
	f.Add(goodConfig, "")
	f.Add(goodConfig, "two")
	f.Add("a: &a [*a]", "x")
	f.Fuzz(func(t *testing.T, text, context string) {
		directory := t.TempDir()
		a, err := parseKubeconfig([]byte(text), directory, context)
		if err == nil && !strings.HasPrefix(a.server, "https://") {
			t.Errorf("%q", a.server)
		}
		if err != nil && strings.Contains(err.Error(), "secret-token") && !strings.Contains(context, "secret-token") && strings.Count(text, "secret-token") == 1 && strings.Contains(text, `token: "secret-token"`) {
			t.Error(err)
		}
	})
}
