package integration_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestContainersPage adapts the Caddyfile of docs/containers.md. runner/docker runs what else is there.
func TestContainersPage(t *testing.T) {
	t.Parallel()
	wantExecutor(t, "docs/containers.md", map[string]any{
		"executor": "docker", "image": "python:3.13-slim", "environments": map[string]any{"gdal": "ghcr.io/osgeo/gdal:ubuntu-small-{version}"},
	})
}

// TestKubernetesPage adapts the Caddyfile of docs/kubernetes.md. runner/kubernetes holds the rest to a cluster.
func TestKubernetesPage(t *testing.T) {
	t.Parallel()
	wantExecutor(t, "docs/kubernetes.md", map[string]any{
		"executor": "kubernetes", "namespace": "fairway-scripts", "image": "python:3.13-slim", "environments": map[string]any{"gdal": "ghcr.io/osgeo/gdal:ubuntu-small-{version}"},
		"agent": "registry.example.org/fairway:0.1", "gateway": "http://fairway.fairway.svc", "pip_index": "https://pypi.org/simple",
	})
}

// TestSwarmPage adapts the Caddyfile of docs/swarm.md. runner/swarm holds the rest to a swarm of one node.
func TestSwarmPage(t *testing.T) {
	t.Parallel()
	wantExecutor(t, "docs/swarm.md", map[string]any{
		"executor": "swarm", "image": "registry.example.org/python-fairway:3.13", "gateway": "http://10.0.9.2:8080", "network": "scripts",
	})
}

// wantExecutor adapts the one Caddyfile of a page and compares the executor in it.
func wantExecutor(t *testing.T, page string, want map[string]any) {
	t.Helper()
	found := 0
	for _, f := range pageFences(t, page) {
		if f.language != "caddyfile" {
			continue
		}
		found++
		config, _, err := adapt(t, f.text)
		if err != nil {
			t.Fatalf("%s:%d: %v", page, f.line, err)
		}
		var got struct {
			Apps struct {
				Fairway struct {
					Runner struct {
						Executor map[string]any `json:"executor"`
					} `json:"runner"`
				} `json:"fairway"`
			} `json:"apps"`
		}
		if err := json.Unmarshal(config, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got.Apps.Fairway.Runner.Executor); diff != "" {
			t.Error(diff)
		}
	}
	if found != 1 {
		t.Errorf("there are %d Caddyfiles", found)
	}
}
