package kubetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"

	"go.yaml.in/yaml/v3"
)

// Allow gives the user of RunnerConfig the rights that a page of the documentation says, in the namespace default, and has the cluster refuse pods there
// that are less restricted than it says.
func (c *Cluster) Allow(ctx context.Context, page string) error {
	manifests, err := Manifests(page)
	if err != nil {
		return err
	}
	rules, ok := manifests["Role"]["rules"]
	if !ok {
		return errors.New(page + " has no Role")
	}
	const api = "/apis/rbac.authorization.k8s.io/v1/namespaces/default/"
	return errors.Join(
		c.Call(ctx, http.MethodPatch, "/api/v1/namespaces/default", map[string]any{"metadata": map[string]any{"labels": map[string]string{"pod-security.kubernetes.io/enforce": "restricted"}}}, nil),
		c.Call(ctx, http.MethodPost, api+"roles", map[string]any{"metadata": map[string]string{"name": "fairway"}, "rules": rules}, nil),
		c.Call(ctx, http.MethodPost, api+"rolebindings", map[string]any{
			"metadata": map[string]string{"name": "fairway"}, "roleRef": map[string]string{"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "fairway"},
			"subjects": []any{map[string]string{"kind": "User", "name": "runner", "apiGroup": "rbac.authorization.k8s.io"}},
		}, nil),
	)
}

// Manifests are those of a page, by kind.
func Manifests(page string) (map[string]map[string]any, error) {
	text, err := os.ReadFile(page)
	if err != nil {
		return nil, err //nolint:wrapcheck // it says what
	}
	out := map[string]map[string]any{}
	for _, fence := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(text, -1) {
		documents := yaml.NewDecoder(bytes.NewReader(fence[1]))
		for {
			var document map[string]any
			err := documents.Decode(&document)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return nil, fmt.Errorf("%s: %w", page, err)
			}
			out[fmt.Sprint(document["kind"])] = document
		}
	}
	return out, nil
}
