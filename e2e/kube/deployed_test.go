//go:build linux

package kube_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fairway-gateway/fairway/e2e/gateway"
	"github.com/fairway-gateway/fairway/e2e/process"
	"github.com/fairway-gateway/fairway/internal/pgtest"
	"github.com/fairway-gateway/fairway/runner/kubernetes/kubetest"
)

// services are those of an operator, in the place of the example's: one that is wrapped, one that is passed through, and one that says what the gateway
// thinks of who asks.
const services = `service /mymicroservice {
	version 1.0.0
	repository https://example.org/mymicroservice
	description "What a backend hears"

	backend %[1]s

	GET /{jobname}/{metric} {
		fetch /{jobname}/{metric} {
			decode text
		}
		reply ` + "`{ jobname: $jobname, said: . }`" + `
	}
}
respond /.well-known/who "{client_ip} asks {host} for {uri}"
reverse_proxy /.well-known/passed/* %[1]s
`

// deployed is what a cluster would run, as it would.
type deployed struct {
	ingress *ingress
	// inside is where pods of scripts reach the gateway, gateway where the ingress does.
	inside, gateway, metrics, runner string
}

// TestDeployed runs the containers of each overlay's pod by their command lines, with the configuration and the rights that a cluster has been given, behind
// an ingress.
func TestDeployed(t *testing.T) {
	cluster := started(t)
	node, program := startNode(t, cluster)
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s for %s by %s to %s", r.Method, r.URL, r.Header.Get("X-Forwarded-For"), r.Header.Get("X-Forwarded-Proto"), r.Header.Get("X-Forwarded-Host"))
	}))
	t.Cleanup(backend.Close)
	for _, overlay := range []string{"sqlite", "postgres"} {
		t.Run(overlay, func(t *testing.T) {
			env := map[string]string{"FAIRWAY_ADMIN_EMAIL": email, "FAIRWAY_ADMIN_PASSWORD": password}
			if overlay == "postgres" {
				server := pgtest.For(t)
				env["DATABASE_URL"], env["FAIRWAY_DATABASE"] = server.DSN("postgres"), server.DSN("postgres")
				env["FAIRWAY_SECRET"], env["FAIRWAY_BLOBS"] = gateway.NewSecret(), "file://"+t.TempDir()
			}
			m := built(t, overlay, env, nil)
			apply(t, cluster, m)
			d := deploy(t, cluster, m, program, fmt.Sprintf(services, backend.URL))
			node.SetGateway(d.inside)
			checkCallers(t, d)
			checkScript(t, d)
		})
	}
}

// deploy starts the containers of a pod.
func deploy(t *testing.T, cluster *kubetest.Cluster, m manifests, program, services string) *deployed {
	t.Helper()
	config, err := cluster.AccountConfig(t.Context(), "fairway", m.one(t, "ServiceAccount", "fairway").name())
	if err != nil {
		t.Fatal(err)
	}
	var ports [4]string
	for i := range ports {
		if ports[i], err = process.FreePort(); err != nil {
			t.Fatal(err)
		}
	}
	// As no pod: a loopback address, the token of the account in a file, the images and the network of the tests' node.
	data := t.TempDir()
	change := placed(t, map[string]string{
		`\tadmin off\n`: "\tadmin off\n\tdefault_bind 127.0.0.1\n", `servers :8080`: "servers 127.0.0.1:" + ports[0], `http://:8080`: "http://:" + ports[0], `shutdown_delay 10s`: "shutdown_delay 0s", "private_ranges": "127.0.0.1/32", `:8081`: ":" + ports[1], `:9090`: ":" + ports[2], "/data/runner": data,
		`namespace fairway-scripts\n`: "namespace fairway-scripts\n\t\t\t\tkubeconfig " + config + "\n\t\t\t\tpull never\n", `http://fairway-scripts\.fairway\.svc`: "http://127.0.0.1",
	})
	_, dir := configured(t, m, func(name, text string) string {
		if name == "services.caddyfile" {
			return services
		}
		return change(name, text)
	})
	if err := os.Chmod(data, 0o711); err != nil { //nolint:gosec // as runners want it
		t.Fatal(err)
	}
	d := &deployed{inside: "127.0.0.1:" + ports[1], gateway: "127.0.0.1:" + ports[0], metrics: "http://127.0.0.1:" + ports[2] + "/metrics"}
	for _, c := range m.one(t, "Deployment", "fairway").objects("spec", "template", "spec", "containers") {
		name := c.text("name")
		if c.text("command", 0) != "/usr/bin/fairway" || c.at("command", 1) != nil {
			t.Fatalf("%v", c)
		}
		arguments, _ := c.at("args").([]any)
		spec := process.Spec{Path: program, Dir: dir, Env: environment(t, m, c)}
		for _, a := range arguments {
			spec.Args = append(spec.Args, strings.ReplaceAll(fmt.Sprint(a), "/etc/fairway", dir))
		}
		ping := "http://" + d.gateway + "/"
		if name == "runner" {
			ping, d.runner = "http://127.0.0.1:"+ports[3]+"/", "http://127.0.0.1:"+ports[3]+"/metrics"
			spec.Env = append(spec.Env, "FAIRWAY_LISTEN=127.0.0.1:"+ports[3])
		}
		begin(t, name, ping, spec)
	}
	d.ingress = newIngress(t, program, m.one(t, "Ingress", "fairway"), d.gateway)
	return d
}

// environment is that of a container, as a node makes it: of what is written there and of Secrets.
func environment(t *testing.T, m manifests, c object) []string {
	t.Helper()
	env := []string{"PATH=" + os.Getenv("PATH"), "FAIRWAY_SCRIPT_IMAGE=" + kubetest.ImageScript}
	for _, from := range c.objects("envFrom") {
		name := from.text("secretRef", "name")
		for k, v := range m.one(t, "Secret", name[:strings.LastIndex(name, "-")]).texts("data") {
			env = append(env, k+"="+decoded(t, v))
		}
	}
	for _, v := range c.objects("env") {
		value := v.text("value")
		switch v.text("name") {
		case "FAIRWAY_AGENT_IMAGE":
			value = kubetest.ImageAgent
		case "XDG_DATA_HOME", "XDG_CONFIG_HOME":
			value = filepath.Join(t.TempDir(), filepath.Base(value))
		case "FAIRWAY_NAME":
			value = "fairway-0"
		case "FAIRWAY_LISTEN":
			continue
		}
		env = append(env, v.text("name")+"="+value)
	}
	return env
}

// checkCallers: paths arrive as they are, and so does who asks, by which scheme, for which host; what callers say of that does not count.
func checkCallers(t *testing.T, d *deployed) {
	t.Helper()
	const origin = "https://" + host
	spoofed := []string{"X-Forwarded-For", "203.0.113.5", "X-Forwarded-Proto", "gopher", "X-Forwarded-Host", "evil.example.org", "Forwarded", "for=203.0.113.5"}
	for path, want := range map[string]string{
		"/":                        "OK",
		"/.well-known/who?a=b":     outside + " asks " + host + " for /.well-known/who?a=b",
		"/mymicroservice/a/b":      `"said": "GET /a/b for  by  to"`,
		"/.well-known/passed/x":    "GET /.well-known/passed/x for " + outside + ", 127.0.0.1 by https to " + host,
		"/mymicroservice/metadata": `"name": "mymicroservice"`,
		"/api/v1/swagger.json":     `"tokenUrl": "https://` + host + `/auth/`,
	} {
		answer := d.ingress.get(t, origin, path, spoofed...)
		if answer.Status != http.StatusOK || !strings.Contains(strings.ReplaceAll(answer.Body, `":"`, `": "`), strings.ReplaceAll(want, `":"`, `": "`)) {
			t.Errorf("%s: %s, not %q", path, answer, want)
		}
	}
	for _, path := range []string{"/ready", "/services", "/metrics", "/mymicroservices"} {
		if answer := d.ingress.get(t, origin, path); answer.Status != http.StatusNotFound || answer.Body != "no such path of the Ingress" {
			t.Errorf("%s is outside: %s", path, answer)
		}
	}
	// Within the cluster.
	for _, at := range []string{"http://" + d.gateway + "/ready", d.metrics, d.runner, "http://" + d.inside + "/"} {
		if at == "" {
			continue
		}
		response, err := http.Get(at) //nolint:noctx,gosec // ours
		if err != nil {
			t.Fatal(err)
		}
		if response.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", at, response.Status)
		}
		if err := response.Body.Close(); err != nil {
			t.Error(err)
		}
	}
}

// checkScript: a script is uploaded and run through the ingress, in a pod of the namespace for scripts, by who has the rights of the Role.
func checkScript(t *testing.T, d *deployed) {
	t.Helper()
	c := &caller{t, d.ingress.do, "https://" + host}
	script := c.upload("greeter", "#!/bin/sh\nread params\necho \"given $params\"\necho '{\"greeted\":'$params'}' >$FAIRWAY_RESULTS\n")
	id := c.ask(http.MethodPost, "/script/"+script+"/run", "application/json", []byte(`{"name":"Ada"}`))["id"].(string)
	done := c.await("/execution/"+id, "status", "FINISHED", "FAILED")
	if got := canonical(t, done["results"]); done["status"] != "FINISHED" || got != `{"greeted":{"name":"Ada"}}` {
		t.Errorf("%v", done)
	}
	slow := c.upload("slow", "#!/bin/sh\necho began\nwhile :; do sleep 0.05; done\n")
	id = c.ask(http.MethodPost, "/script/"+slow+"/run", "application/json", []byte(`{}`))["id"].(string)
	c.says(id, "began")
	c.ask(http.MethodPost, "/execution/"+id+"/cancel", "", nil)
	c.await("/execution/"+id, "status", "CANCELLED")
}

func decoded(t *testing.T, text string) string {
	t.Helper()
	out, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
