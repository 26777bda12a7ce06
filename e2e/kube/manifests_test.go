//go:build linux

package kube_test

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/fairway-gateway/fairway/e2e/build"
)

// object is one that a cluster is given.
type object map[string]any

func (o object) kind() string { return o.text("kind") }
func (o object) name() string { return o.text("metadata", "name") }

// at is what is below some names and numbers, or nil.
func (o object) at(path ...any) any {
	var v any = map[string]any(o)
	for _, step := range path {
		switch of := v.(type) {
		case map[string]any:
			name, _ := step.(string)
			v = of[name]
		case []any:
			if n, is := step.(int); !is || n >= len(of) {
				return nil
			}
			v = of[step.(int)]
		default:
			return nil
		}
	}
	return v
}

func (o object) text(path ...any) string { s, _ := o.at(path...).(string); return s }

func (o object) number(path ...any) float64 { n, _ := o.at(path...).(float64); return n }

// objects are those of a list.
func (o object) objects(path ...any) []object {
	list, _ := o.at(path...).([]any)
	var out []object
	for _, v := range list {
		if m, is := v.(map[string]any); is {
			out = append(out, m)
		}
	}
	return out
}

// texts are the members of an object that are texts, as labels are.
func (o object) texts(path ...any) map[string]string {
	of, _ := o.at(path...).(map[string]any)
	out := map[string]string{}
	for k, v := range of {
		if s, is := v.(string); is {
			out[k] = s
		}
	}
	return out
}

// manifests are what a cluster is given.
type manifests []object

// one is that of a kind and a name, which may have what the content's hash is behind it.
func (m manifests) one(t testing.TB, kind, name string) object {
	t.Helper()
	var found []object
	for _, o := range m {
		bare := o.name()
		if kind == "ConfigMap" || kind == "Secret" {
			bare = bare[:max(0, strings.LastIndex(bare, "-"))]
		}
		if o.kind() == kind && bare == name {
			found = append(found, o)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d of %s %s", len(found), kind, name)
	}
	return found[0]
}

// container is one of the gateway's pod.
func (m manifests) container(t testing.TB, name string) object {
	t.Helper()
	for _, c := range m.one(t, "Deployment", "fairway").objects("spec", "template", "spec", "containers") {
		if c.text("name") == name {
			return c
		}
	}
	t.Fatalf("the pod has no container %s", name)
	return nil
}

const deployments = "../../deploy/kubernetes"

// built is an overlay with the component servicemonitor, as an operator has it: in a directory of his, with files of secrets, and changed further.
func built(t testing.TB, overlay string, secrets map[string]string, change func(dir string)) manifests {
	t.Helper()
	dir := t.TempDir()
	mine := filepath.Join(dir, "overlays/mine")
	examples, err := filepath.Glob(filepath.Join(deployments, "overlays", overlay, "*.env.example"))
	err = errors.Join(err, os.CopyFS(dir, os.DirFS(deployments)), os.CopyFS(mine, os.DirFS(filepath.Join(deployments, "overlays", overlay))))
	if err != nil || len(examples) == 0 {
		t.Fatal(err, examples)
	}
	for _, example := range examples {
		text, err := os.ReadFile(example)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(string(text)), "\n")
		for i, line := range lines {
			name, _, is := strings.Cut(line, "=")
			if value, has := secrets[name]; is && has {
				lines[i] = name + "=" + value
			}
		}
		if err := os.WriteFile(filepath.Join(mine, strings.TrimSuffix(filepath.Base(example), ".example")), []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(mine, "kustomization.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, append(text, "components:\n  - ../../components/servicemonitor\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(mine)
	}
	return kustomized(t, mine)
}

// kustomized is what kustomize makes of a directory.
func kustomized(t testing.TB, mine string) manifests {
	t.Helper()
	program, err := programs.Peer(build.Peer{Module: "kustomize", Package: "."})
	if err != nil {
		t.Fatal(err)
	}
	said, err := exec.CommandContext(t.Context(), program, mine).Output() //nolint:gosec // ours
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("%s", exit.Stderr)
		}
		t.Fatal(err)
	}
	var out manifests
	if err := json.Unmarshal(said, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// selects says whether labels are among those of something.
func selects(selector, labels map[string]string) bool {
	for name, value := range selector {
		if labels[name] != value {
			return false
		}
	}
	return len(selector) > 0
}

// TestManifests: what names something names what is there.
func TestManifests(t *testing.T) {
	t.Parallel()
	for _, overlay := range []string{"sqlite", "postgres"} {
		t.Run(overlay, func(t *testing.T) {
			t.Parallel()
			m := built(t, overlay, nil, nil)
			deployment := m.one(t, "Deployment", "fairway")
			pod := object{"spec": deployment.at("spec", "template", "spec"), "labels": deployment.at("spec", "template", "metadata", "labels")}
			ports := map[string]float64{}
			for _, c := range pod.objects("spec", "containers") {
				for _, p := range c.objects("ports") {
					ports[p.text("name")] = p.number("containerPort")
				}
				checkContainer(t, m, pod, c)
			}
			if !selects(deployment.texts("spec", "selector", "matchLabels"), pod.texts("labels")) {
				t.Error("the Deployment selects other pods than its own")
			}
			checkNetwork(t, m, pod, ports)
			checkTime(t, m, pod)
			for _, o := range m {
				if s := o.text("spec", "scaleTargetRef", "name"); s != "" && s != deployment.name() {
					t.Errorf("%s scales %s", o.kind(), s)
				}
				if o.kind() == "PodDisruptionBudget" && !selects(o.texts("spec", "selector", "matchLabels"), pod.texts("labels")) {
					t.Error("the PodDisruptionBudget is for other pods")
				}
			}
			if security := pod.texts("spec", "securityContext", "seccompProfile"); security["type"] != "RuntimeDefault" || pod.at("spec", "securityContext", "runAsNonRoot") != true {
				t.Errorf("%v", security)
			}
			checkRights(t, m)
		})
	}
}

// checkContainer holds a container to what each has: its variables, its files, and no rights.
func checkContainer(t *testing.T, m manifests, pod, c object) {
	t.Helper()
	for _, from := range c.objects("envFrom") {
		name := from.text("secretRef", "name")
		m.one(t, "Secret", name[:max(0, strings.LastIndex(name, "-"))])
	}
	volumes := map[string]object{}
	for _, v := range pod.objects("spec", "volumes") {
		volumes[v.text("name")] = v
	}
	writable := false
	for _, mount := range c.objects("volumeMounts") {
		v, is := volumes[mount.text("name")]
		if !is {
			t.Errorf("%s mounts %s, which is not there", c.text("name"), mount.text("name"))
		}
		if config := v.text("configMap", "name"); config != "" {
			if of := m.one(t, "ConfigMap", "fairway"); of.name() != config || of.text("data", "Caddyfile") == "" || of.text("data", "services.caddyfile") == "" {
				t.Errorf("%s is not %s with both files", config, of.name())
			}
		}
		if claim := v.text("persistentVolumeClaim", "claimName"); claim != "" {
			m.one(t, "PersistentVolumeClaim", claim)
		}
		writable = writable || mount.text("mountPath") == "/data"
	}
	if !writable || c.at("securityContext", "readOnlyRootFilesystem") != true || c.at("securityContext", "allowPrivilegeEscalation") != false || c.text("securityContext", "capabilities", "drop", 0) != "ALL" {
		t.Errorf("%v", c)
	}
	if c.text("livenessProbe", "httpGet", "path") != "/" || c.text("startupProbe", "httpGet", "path") != "/" || c.text("name") == "gateway" && c.text("readinessProbe", "httpGet", "path") != "/ready" {
		t.Errorf("probes of %v", c)
	}
	if c.text("resources", "requests", "cpu") == "" || c.text("resources", "limits", "memory") == "" {
		t.Errorf("resources of %v", c)
	}
	image := c.text("image")
	for _, v := range c.objects("env") {
		if v.text("name") == "FAIRWAY_AGENT_IMAGE" && (v.text("value") != image || !strings.HasPrefix(image, "ghcr.io/")) {
			t.Errorf("pods have %s, the gateway %s", v.text("value"), image)
		}
	}
}

// checkNetwork holds Services, Ingress, ServiceMonitor and NetworkPolicies to each other and to the ports of the pod.
func checkNetwork(t *testing.T, m manifests, pod object, ports map[string]float64) {
	t.Helper()
	services := map[string][]string{}
	for _, o := range m {
		switch o.kind() {
		case "Service":
			if !selects(o.texts("spec", "selector"), pod.texts("labels")) {
				t.Errorf("%s selects other pods", o.name())
			}
			for _, p := range o.objects("spec", "ports") {
				if ports[p.text("targetPort")] == 0 {
					t.Errorf("%s leads to %v", o.name(), p)
				}
				services[o.name()] = append(services[o.name()], p.text("name"))
			}
		case "NetworkPolicy":
			for _, direction := range []string{"ingress", "egress"} {
				for _, rule := range o.objects("spec", direction) {
					for _, p := range rule.objects("ports") {
						if name := p.text("port"); name != "" && ports[name] == 0 {
							t.Errorf("%s of %s allows %s", direction, o.name(), name)
						}
					}
				}
			}
		}
	}
	for _, path := range m.one(t, "Ingress", "fairway").objects("spec", "rules", 0, "http", "paths") {
		if !slices.Contains(services[path.text("backend", "service", "name")], path.text("backend", "service", "port", "name")) {
			t.Errorf("%v leads nowhere", path)
		}
	}
	for name := range m.one(t, "Ingress", "fairway").texts("metadata", "annotations") {
		if strings.Contains(name, "rewrite") {
			t.Error(name)
		}
	}
	monitor := m.one(t, "ServiceMonitor", "fairway")
	watched := m.one(t, "Service", "fairway-metrics")
	if !selects(monitor.texts("spec", "selector", "matchLabels"), watched.texts("metadata", "labels")) || selects(monitor.texts("spec", "selector", "matchLabels"), m.one(t, "Service", "fairway").texts("metadata", "labels")) {
		t.Error("the ServiceMonitor is for other Services")
	}
	for _, name := range services[watched.name()] {
		if !slices.ContainsFunc(monitor.objects("spec", "endpoints"), func(e object) bool { return e.text("port") == name }) {
			t.Errorf("nobody asks %s", name)
		}
		allowed := m.one(t, "NetworkPolicy", "fairway").objects("spec", "ingress", 2, "ports")
		if !slices.ContainsFunc(allowed, func(p object) bool { return p.text("port") == name }) {
			t.Errorf("Prometheus may not reach %s", name)
		}
	}
	scripts := m[slices.IndexFunc(m, func(o object) bool { return o.kind() == "NetworkPolicy" && o.name() == "fairway-scripts" })]
	if !selects(scripts.texts("spec", "egress", 0, "to", 0, "podSelector", "matchLabels"), pod.texts("labels")) {
		t.Error("scripts may reach other pods than the gateway's")
	}
}

// checkRights: the runner has what docs/kubernetes.md says, and who has it is the pod.
func checkRights(t *testing.T, m manifests) {
	t.Helper()
	role, documented := m.one(t, "Role", "fairway"), documentedRole(t)
	if got, want := canonical(t, role.at("rules")), canonical(t, documented["rules"]); got != want {
		t.Errorf("the Role is %s, on the page %s", got, want)
	}
	binding := m.one(t, "RoleBinding", "fairway")
	subject := object{"s": binding.at("subjects", 0)}
	account := m.one(t, "ServiceAccount", subject.text("s", "name"))
	if subject.text("s", "namespace") != account.text("metadata", "namespace") || binding.text("roleRef", "name") != role.name() || binding.text("metadata", "namespace") != role.text("metadata", "namespace") {
		t.Errorf("%v", binding)
	}
	if got := m.one(t, "Deployment", "fairway").text("spec", "template", "spec", "serviceAccountName"); got != account.name() {
		t.Errorf("the pod is %s", got)
	}
}

func canonical(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestManifestsOnPage makes the changes of docs/deploy-kubernetes.md to a copy of an overlay.
func TestManifestsOnPage(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/deploy-kubernetes.md")
	if err != nil {
		t.Fatal(err)
	}
	_, snippet, _ := strings.Cut(string(page), "```yaml\n")
	snippet, _, _ = strings.Cut(snippet, "```")
	m := built(t, "postgres", nil, func(dir string) {
		file := filepath.Join(dir, "kustomization.yaml")
		there, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var have, more map[string]any
		if err := errors.Join(yaml.Unmarshal(there, &have), yaml.Unmarshal([]byte(snippet), &more)); err != nil {
			t.Fatal(err)
		}
		for word, value := range more {
			added, _ := value.([]any)
			list, _ := have[word].([]any)
			if word == "configMapGenerator" || word == "components" {
				list = nil
			}
			have[word] = append(list, added...)
		}
		text, err := yaml.Marshal(have)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(os.WriteFile(file, text, 0o600), os.WriteFile(filepath.Join(dir, "services.caddyfile"), []byte("metadata /weather\n"), 0o600)); err != nil {
			t.Fatal(err)
		}
	})
	ingress := m.one(t, "Ingress", "fairway")
	if ingress.text("spec", "tls", 0, "hosts", 0) != "api.example.com" || ingress.text("spec", "rules", 0, "host") != "api.example.com" || ingress.text("spec", "rules", 0, "http", "paths", 4, "path") != "/weather" {
		t.Error(ingress)
	}
	if config := m.one(t, "ConfigMap", "fairway"); config.text("data", "services.caddyfile") != "metadata /weather\n" || config.text("data", "Caddyfile") == "" {
		t.Error(config)
	}
	m.one(t, "ServiceMonitor", "fairway")
}
