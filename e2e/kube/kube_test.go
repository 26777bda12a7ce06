//go:build linux

// Package kube_test runs scripts through a gateway whose executor is a cluster: a real control plane, with a node of the tests' own.
package kube_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/e2e/api"
	"github.com/fairway-gateway/fairway/e2e/gateway"
	"github.com/fairway-gateway/fairway/internal/required"
	"github.com/fairway-gateway/fairway/runner/kubernetes/kubetest"
)

const (
	email    = "root@example.org"
	password = "Correct-horse-4-battery"
)

// caller asks the control API as its administrator.
type caller struct {
	t  *testing.T
	do func(*http.Request) (gateway.Answer, error)
	// origin is where the API is: scheme and host.
	origin string
}

func (c *caller) request(method, path string, body io.Reader) *http.Request {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), method, c.origin+path, body)
	if err != nil {
		c.t.Fatal(err)
	}
	r.SetBasicAuth(email, password)
	return r
}

// ask gives the member data of an answer with a good status.
func (c *caller) ask(method, path, kind string, body []byte) map[string]any {
	c.t.Helper()
	r := c.request(method, "/api/v1"+path, bytes.NewReader(body))
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	answer, err := c.do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	if answer.Status/100 != 2 {
		c.t.Fatalf("%s %s: %s", method, path, answer)
	}
	var out struct {
		Data map[string]any `json:"data"`
	}
	if err := json.Unmarshal([]byte(answer.Body), &out); err != nil {
		c.t.Fatalf("%s %s: %s", method, path, answer)
	}
	return out.Data
}

// await asks until a member is one of the values.
func (c *caller) await(path, member string, values ...string) map[string]any {
	c.t.Helper()
	deadline := time.Now().Add(kubetest.Patience)
	for {
		data := c.ask(http.MethodGet, path, "", nil)
		for _, value := range values {
			if data[member] == value {
				return data
			}
		}
		if time.Now().After(deadline) {
			c.t.Fatalf("%s is %v", path, data)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// upload makes a script of one file and waits until it is built.
func (c *caller) upload(name, text string) (id string) {
	c.t.Helper()
	kind, form := api.Form(name, text)
	id = c.ask(http.MethodPost, "/script", kind, form)["id"].(string)
	c.await("/script/"+id, "status", "SUCCESS")
	return id
}

// startNode starts a node of a cluster, which runs the program of the gateway.
func startNode(t *testing.T, cluster *kubetest.Cluster) (node *kubetest.Node, program string) {
	t.Helper()
	program, err := programs.Fairway()
	if err != nil {
		t.Fatal(err)
	}
	if node, err = kubetest.StartNode(context.WithoutCancel(t.Context()), cluster, program); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(node.Close)
	return node, program
}

func TestKubernetes(t *testing.T) {
	t.Parallel()
	cluster, err := kubetest.Start(t.Context())
	if err != nil {
		required.Absent(t, "kubernetes", err)
	}
	t.Cleanup(cluster.Close)
	node, _ := startNode(t, cluster)
	config, err := cluster.RunnerConfig()
	if err := errors.Join(err, cluster.Allow(t.Context(), "../../docs/kubernetes.md")); err != nil {
		t.Fatal(err)
	}
	g := gateway.Start(t, &programs, gateway.Options{
		Fairway: fmt.Sprintf("\t\trunner embedded {\n\t\t\texecutor kubernetes {\n\t\t\t\tkubeconfig %s\n\t\t\t\timage %s\n\t\t\t\tagent %s\n\t\t\t\tgateway http://127.0.0.1\n\t\t\t\tpull never\n\t\t\t}\n\t\t}", config, kubetest.ImageScript, kubetest.ImageAgent),
		Env:     []string{"FAIRWAY_ADMIN_EMAIL=" + email, "FAIRWAY_ADMIN_PASSWORD=" + password},
		Site:    "\tcontrol",
	})
	node.SetGateway(strings.TrimPrefix(g.URL, "http://"))
	c := &caller{t, g.Do, g.URL}

	script := c.upload("greeter", "#!/bin/sh\nread params\necho \"given $params\"\necho \"::fairway progress 40\"\necho \"token $API_PASSWORD\"\necho '{\"greeted\":'$params'}' >$FAIRWAY_RESULTS\n")
	id := c.ask(http.MethodPost, "/script/"+script+"/run", "application/json", []byte(`{"name":"Ada"}`))["id"].(string)
	done := c.await("/execution/"+id, "status", "FINISHED", "FAILED")
	if results, err := json.Marshal(done["results"]); err != nil || done["status"] != "FINISHED" || string(results) != `{"greeted":{"name":"Ada"}}` {
		t.Errorf("%v %v", done, err)
	}
	log := g.Get("/api/v1/execution/"+id+"/log.txt", email, password)
	if !strings.Contains(log.Body, `given {"name":"Ada"}`) || strings.Contains(log.Body, "fw_run_") {
		t.Error(log)
	}

	// Longer than what the store keeps.
	long := c.upload("long", "#!/bin/sh\n(printf '\"'; head -c 300000 /dev/zero | tr '\\0' x; printf '\"') >$FAIRWAY_RESULTS\n")
	id = c.ask(http.MethodPost, "/script/"+long+"/run", "application/json", []byte(`{}`))["id"].(string)
	if done = c.await("/execution/"+id, "status", "FINISHED", "FAILED"); done["status"] != "FINISHED" {
		t.Errorf("%v", done)
	}
	if got := g.Get("/api/v1/execution/"+id+"/results", email, password); len(got.Body) != 300_002 {
		t.Error(got)
	}

	// The gateway, which is the runner, is killed, and goes on with what runs.
	slow := c.upload("slow", "#!/bin/sh\ntrap 'echo asked; exit 3' TERM\necho began\nwhile :; do sleep 0.05; done\n")
	id = c.ask(http.MethodPost, "/script/"+slow+"/run", "application/json", []byte(`{}`))["id"].(string)
	c.says(id, "began")
	g.Kill()
	g.Run()
	c.origin = g.URL
	node.SetGateway(strings.TrimPrefix(g.URL, "http://"))
	c.ask(http.MethodPost, "/execution/"+id+"/cancel", "", nil)
	c.await("/execution/"+id, "status", "CANCELLED")
	c.says(id, "asked")

	deadline := time.Now().Add(kubetest.Patience)
	for node.Running() > 0 {
		if time.Now().After(deadline) {
			t.Fatalf("%d pods are left", node.Running())
		}
		time.Sleep(50 * time.Millisecond)
	}
	for _, kind := range []string{"/api/v1/namespaces/default/secrets", "/apis/batch/v1/namespaces/default/jobs"} {
		var left struct {
			Items []json.RawMessage `json:"items"`
		}
		for {
			if err := cluster.Call(t.Context(), http.MethodGet, kind, nil, &left); err != nil {
				t.Fatal(err)
			}
			if len(left.Items) == 0 {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s: %s", kind, left.Items)
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
}

// says waits until an execution's log has a text.
func (c *caller) says(id, text string) {
	c.t.Helper()
	deadline := time.Now().Add(kubetest.Patience)
	for {
		log, err := c.do(c.request(http.MethodGet, "/api/v1/execution/"+id+"/log.txt", nil))
		if err != nil {
			c.t.Fatal(err)
		}
		if strings.Contains(log.Body, text) {
			return
		}
		if time.Now().After(deadline) {
			c.t.Fatalf("the log lacks %q: %s", text, log)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
