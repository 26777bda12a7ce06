package kubetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// Apply has the cluster's administrator apply an object, as kubectl apply --server-side does: what its kind does not know is refused.
func (c *Cluster) Apply(ctx context.Context, object map[string]any) error {
	path, err := c.pathOf(ctx, object)
	if err != nil {
		return err
	}
	text, err := json.Marshal(object)
	if err != nil {
		return err //nolint:wrapcheck // it says what
	}
	answer, err := c.open(ctx, http.MethodPatch, c.address+path+"?fieldManager=test&force=true&fieldValidation=Strict", "application/apply-patch+yaml", text)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return answer.Close() //nolint:wrapcheck // as above
}

// pathOf is where the API has an object. A kind that the cluster is just told of may take a moment.
func (c *Cluster) pathOf(ctx context.Context, object map[string]any) (path string, err error) {
	version, kind := fmt.Sprint(object["apiVersion"]), fmt.Sprint(object["kind"])
	metadata, ok := object["metadata"].(map[string]any)
	if !ok {
		return "", errors.New(kind + " without metadata")
	}
	group := "/apis/" + version
	if !strings.Contains(version, "/") {
		group = "/api/" + version
	}
	err = c.await(ctx, kind, func() error {
		var known struct {
			Resources []struct {
				Name       string `json:"name"`
				Kind       string `json:"kind"`
				Namespaced bool   `json:"namespaced"`
			} `json:"resources"`
		}
		if err := c.Call(ctx, http.MethodGet, group, nil, &known); err != nil {
			return err
		}
		for _, r := range known.Resources {
			if r.Kind != kind || strings.Contains(r.Name, "/") {
				continue
			}
			path = group
			if r.Namespaced {
				path += fmt.Sprintf("/namespaces/%s", metadata["namespace"])
			}
			path += fmt.Sprintf("/%s/%s", r.Name, metadata["name"])
			return nil
		}
		return errors.New("the cluster does not know it")
	})
	return path, err
}

// AccountConfig is the kubeconfig of a service account, with a token as the cluster gives to pods.
func (c *Cluster) AccountConfig(ctx context.Context, namespace, name string) (string, error) {
	var token struct {
		Status struct {
			Token string `json:"token"`
		} `json:"status"`
	}
	err := c.Call(ctx, http.MethodPost, "/api/v1/namespaces/"+namespace+"/serviceaccounts/"+name+"/token", map[string]any{"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": map[string]any{}}, &token)
	if err != nil {
		return "", err
	}
	return c.config(namespace+"-"+name, token.Status.Token)
}
