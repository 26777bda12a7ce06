//go:build linux

package kube_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/fairway-gateway/fairway/e2e/gateway"
	"github.com/fairway-gateway/fairway/internal/required"
	"github.com/fairway-gateway/fairway/runner/kubernetes/kubetest"
)

// page says what a runner may do.
const page = "../../docs/kubernetes.md"

func documentedRole(t testing.TB) map[string]any {
	t.Helper()
	documents, err := kubetest.Manifests(page)
	if err != nil {
		t.Fatal(err)
	}
	return documents["Role"]
}

// TestPageBegins copies an overlay by the commands of docs/deploy-kubernetes.md, and builds the copy, whose files are those that the page has one edit.
// Other tests give such a one to a cluster.
func TestPageBegins(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/deploy-kubernetes.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, _ := strings.Cut(string(text), "```console\n")
	block, _, _ = strings.Cut(block, "```")
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "deploy/kubernetes"), os.DirFS(deployments)); err != nil {
		t.Fatal(err)
	}
	var began, said []string
	for line := range strings.Lines(block) {
		line = strings.TrimPrefix(strings.TrimSpace(line), "$ ")
		switch word, rest, _ := strings.Cut(line, " "); word {
		case "cd", "cp":
			began = append(began, line)
		case "$EDITOR":
			began = append(began, "ls "+rest) // they are there
		case "kubectl":
			said = append(said, rest)
		default:
			t.Errorf("nobody does %q", line)
		}
	}
	sh := exec.CommandContext(t.Context(), "sh", "-ec", strings.Join(append(began, "pwd"), "\n"))
	sh.Dir = dir
	out, err := sh.CombinedOutput()
	if err != nil || len(began) != 3 {
		t.Fatalf("%v\n%s", err, out)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	m := kustomized(t, lines[len(lines)-1])
	if of := m.one(t, "Deployment", "fairway"); !slices.Equal(said, []string{"apply --server-side -k .", "-n " + of.text("metadata", "namespace") + " rollout status deployment/" + of.name()}) {
		t.Errorf("the page says %q", said)
	}
}

// configured is what the program makes of the ConfigMap's Caddyfile, and the directory where it lies.
func configured(t testing.TB, m manifests, change func(name, text string) string) (config object, dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, text := range m.one(t, "ConfigMap", "fairway").texts("data") {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(change(name, text)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	program, err := programs.Fairway()
	if err != nil {
		t.Fatal(err)
	}
	adapt := exec.CommandContext(t.Context(), program, "adapt", "--config", "Caddyfile", "--adapter", "caddyfile", "--validate") //nolint:gosec // ours
	adapt.Dir = dir
	adapt.Env = append(os.Environ(), "XDG_DATA_HOME="+t.TempDir(), "FAIRWAY_AGENT_IMAGE=fairway:1", "FAIRWAY_BLOBS=file:///tmp", "DATABASE_URL=postgres:///nowhere", "FAIRWAY_SECRET="+gateway.NewSecret())
	said, err := adapt.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("%s", exit.Stderr)
		}
		t.Fatal(err)
	}
	if err := json.Unmarshal(said, &config); err != nil {
		t.Fatal(err)
	}
	return config, dir
}

// checkTime holds the pod to its configuration: it listens where probes and Services look, believes the Ingress alone, and has the time that it needs to end.
func checkTime(t *testing.T, m manifests, pod object) {
	t.Helper()
	config, _ := configured(t, m, func(_, text string) string { return text })
	servers, _ := config.at("apps", "http", "servers").(map[string]any)
	var listen []string
	for _, s := range servers {
		server, _ := s.(map[string]any)
		o := object(server)
		address := o.text("listen", 0)
		listen = append(listen, address)
		if believes := o.at("trusted_proxies") != nil; believes != (address == ":8080") {
			t.Errorf("who calls %s is believed: %v", address, believes)
		}
	}
	slices.Sort(listen)
	if !slices.Equal(listen, []string{":8080", ":8081", ":9090"}) {
		t.Errorf("it listens at %v", listen)
	}
	for i, want := range []float64{8080, 8081, 9090} {
		if got := m.container(t, "gateway").number("ports", i, "containerPort"); got != want {
			t.Errorf("port %v is %v", want, got)
		}
	}
	wait := config.number("apps", "http", "shutdown_delay") / float64(time.Second)
	drain := config.number("apps", "fairway", "runner", "drain") / float64(time.Second)
	grace := config.number("apps", "http", "grace_period") / float64(time.Second)
	if have := pod.number("spec", "terminationGracePeriodSeconds"); wait == 0 || drain == 0 || grace == 0 || have < wait+max(drain, grace)+10 {
		t.Errorf("%v s to end: %v until nobody asks, %v for requests, %v for executions", have, wait, grace, drain)
	}
}

// TestManifestsApplied: an API server takes all of it, twice, and pods as restricted as their namespaces want them.
func TestManifestsApplied(t *testing.T) {
	cluster := started(t)
	for _, overlay := range []string{"sqlite", "postgres"} {
		m := built(t, overlay, nil, nil)
		for range 2 {
			apply(t, cluster, m)
		}
		pod := map[string]any{"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"name": "fairway", "namespace": "fairway"}, "spec": m.one(t, "Deployment", "fairway").at("spec", "template", "spec")}
		if err := cluster.Call(t.Context(), http.MethodPost, "/api/v1/namespaces/fairway/pods?dryRun=All&fieldValidation=Strict", pod, nil); err != nil {
			t.Error(overlay, err)
		}
		// The namespaces refuse others.
		spec, _ := pod["spec"].(map[string]any)
		spec["hostNetwork"] = true
		if err := cluster.Call(t.Context(), http.MethodPost, "/api/v1/namespaces/fairway/pods?dryRun=All", pod, nil); err == nil {
			t.Error("a pod may have the node's network")
		}
	}
}

// started is a cluster that knows ServiceMonitors.
func started(t *testing.T) *kubetest.Cluster {
	t.Helper()
	cluster, err := kubetest.Start(t.Context())
	if err != nil {
		required.Absent(t, "kubernetes", err)
	}
	t.Cleanup(cluster.Close)
	text, err := os.ReadFile("testdata/servicemonitors.crd.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var crd map[string]any
	if err := yaml.Unmarshal(text, &crd); err != nil {
		t.Fatal(err)
	}
	if err := cluster.Apply(t.Context(), crd); err != nil {
		t.Fatal(err)
	}
	return cluster
}

// apply gives all objects to a cluster.
func apply(t *testing.T, cluster *kubetest.Cluster, m manifests) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), kubetest.Patience)
	defer stop()
	for _, o := range m {
		if err := cluster.Apply(ctx, o); err != nil {
			t.Error(err)
		}
	}
}

// placed changes what a configuration says of a pod's surroundings to those of a test.
func placed(t testing.TB, replace map[string]string) func(name, text string) string {
	t.Helper()
	return func(name, text string) string {
		if name != "Caddyfile" {
			return text
		}
		for old, now := range replace {
			changed := regexp.MustCompile(old).ReplaceAllString(text, now)
			if changed == text {
				t.Fatalf("the Caddyfile has no %s", old)
			}
			text = changed
		}
		return strings.TrimSpace(text) + "\n"
	}
}
