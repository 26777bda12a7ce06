//go:build linux

package kubernetes_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/internal/required"
	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/executor/executortest"
	"github.com/fairway-gateway/fairway/runner/kubernetes/kubetest"
)

// BenchmarkStart compares an attempt with a bare Job of the same cluster: from asking for it until it is known that its pod has begun, one after the other.
//
//	FAIRWAY_TEST_PROGRAM=$PWD/bin/fairway go test -run - -bench Start -benchtime 20x ./runner/kubernetes
func BenchmarkStart(b *testing.B) {
	s, err := newSite()
	if err != nil {
		required.Absent(b, "kubernetes", err)
	}
	b.Cleanup(s.close)
	s.starts(b)
}

// BenchmarkKubelet does so before a kubelet of Kubernetes' own, which looks once a second whether a container has ended.
func BenchmarkKubelet(b *testing.B) {
	s, _ := withKubelet(b)
	s.starts(b)
}

func (s *site) starts(b *testing.B) {
	b.Helper()
	const api = "/apis/batch/v1/namespaces/default/jobs"
	b.Run("job", func(b *testing.B) {
		for i := range b.N {
			name := fmt.Sprintf("bare-%d-%d", b.N, i)
			if err := s.cluster.Call(b.Context(), http.MethodPost, api, bare(name), nil); err != nil {
				b.Fatal(err)
			}
			s.ends(b, name)
		}
	})
	b.Run("executor", func(b *testing.B) {
		e := s.opened(b, s.options(b))
		script := executortest.Script("quick", map[string]string{"main.sh": "#!/bin/sh\nexit 0\n"})
		for i := range b.N {
			run := begin(b, e, executor.Attempt{ID: fmt.Sprintf("attempt-%d-%d", b.N, i), Execution: "x", Script: script})
			if exit, err := run.Wait(b.Context()); err != nil || exit.Outcome != executor.Succeeded {
				b.Fatalf("%+v %v", exit, err)
			}
		}
	})
}

// bare is a Job that has nothing but a program.
func bare(name string) map[string]any {
	security := map[string]any{"allowPrivilegeEscalation": false, "runAsNonRoot": true, "capabilities": map[string]any{"drop": []string{"ALL"}}, "seccompProfile": map[string]string{"type": "RuntimeDefault"}}
	return map[string]any{"metadata": map[string]any{"name": name}, "spec": map[string]any{"backoffLimit": 0, "template": map[string]any{
		"metadata": map[string]any{"labels": map[string]string{"bare": name}},
		"spec": map[string]any{
			"restartPolicy": "Never", "securityContext": map[string]any{"runAsUser": 65534, "runAsGroup": 65534},
			"containers": []any{map[string]any{"name": "script", "image": kubetest.ImageScript, "command": []string{"/bin/true"}, "securityContext": security}},
		},
	}}}
}

// ends waits until the pod of a bare Job has ended.
func (s *site) ends(b *testing.B, name string) {
	b.Helper()
	for {
		var pods struct {
			Items []struct {
				Status json.RawMessage `json:"status"`
			} `json:"items"`
		}
		if err := s.cluster.Call(b.Context(), http.MethodGet, "/api/v1/namespaces/default/pods?labelSelector=bare="+name, nil, &pods); err != nil {
			b.Fatal(err)
		}
		for _, p := range pods.Items {
			var status struct {
				Phase string `json:"phase"`
			}
			if err := json.Unmarshal(p.Status, &status); err != nil {
				b.Fatal(err)
			}
			switch status.Phase {
			case "Succeeded":
				return
			case "Failed":
				b.Fatalf("%s", p.Status)
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
}
