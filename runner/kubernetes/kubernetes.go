package kubernetes

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/far"
)

// What Jobs, pods and Secrets are known by.
const (
	labelManager = "app.kubernetes.io/managed-by" // managerName
	labelRunner  = "fairway.runner"               // whose it is
	labelJob     = "fairway.job"                  // of a pod: the Job's name
	noteAttempt  = "fairway.attempt"              // annotation: the attempt
	noteLimits   = "fairway.limits"               // annotation: executor.Limits
	noteEnd      = "fairway.end"                  // annotation: an ordered end
	managerName  = "fairway"
)

// Executor runs attempts as Jobs. What it knows of them is kept by the cluster.
type Executor struct {
	options     Options
	user, group int64
	runner      string // what its Jobs are known by
	api         *api
	handover    Handover
	preparing   chan struct{} // held while a script is looked at
}

// New makes an executor, or says what is missing: the cluster, or a right in it.
func New(ctx context.Context, options Options, handover Handover) (*Executor, error) {
	options, err := options.complete()
	if err != nil {
		return nil, err
	}
	e := &Executor{options: options, handover: handover, preparing: make(chan struct{}, 1)}
	if e.user, e.group, err = options.user(); err != nil {
		return nil, err
	}
	var a *access
	if options.Kubeconfig == "" {
		a, err = inCluster(serviceAccount, os.Getenv)
	} else {
		a, err = readKubeconfig(options.Kubeconfig, options.Context)
	}
	if err != nil {
		return nil, err
	}
	if options.Namespace != "" {
		a.namespace = options.Namespace
	}
	if a.namespace == "" {
		a.namespace = "default"
	}
	e.api = newAPI(a)
	if err := os.MkdirAll(filepath.Join(options.Directory, "versions"), 0o700); err != nil {
		return nil, fmt.Errorf("make the executor's directory: %w", err)
	}
	if e.runner, err = runnerName(options.Directory); err != nil {
		return nil, err
	}
	return e, e.check(ctx)
}

// runnerName is a random name that a file keeps. Whoever is the first to make it gives it.
func runnerName(directory string) (string, error) {
	path := filepath.Join(directory, "runner")
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		fresh := path + "." + rand.Text()
		if err = os.WriteFile(fresh, []byte(rand.Text()), 0o600); err == nil {
			if err = os.Link(fresh, path); errors.Is(err, fs.ErrExist) {
				err = nil
			}
		}
		err = errors.Join(err, os.Remove(fresh))
		if err == nil {
			text, err = os.ReadFile(path)
		}
	}
	if err == nil {
		err = executor.CheckName(string(text))
	}
	if err != nil {
		return "", fmt.Errorf("the runner's name: %w", err)
	}
	return string(text), nil
}

// right is something that the executor does in its namespace.
type right struct{ group, resource, part, verb string }

func rights() []right {
	return []right{
		{"batch", "jobs", "", "create"},
		{"batch", "jobs", "", "get"},
		{"batch", "jobs", "", "list"},
		{"batch", "jobs", "", "patch"},
		{"batch", "jobs", "", "delete"},
		{"", "pods", "", "list"},
		{"", "pods", "", "watch"},
		{"", "pods", "", "patch"},
		{"", "pods", "", "delete"},
		{"", "pods", "log", "get"},
		{"", "secrets", "", "create"},
		{"", "secrets", "", "get"},
	}
}

// check asks the cluster whether the executor may do what it does.
func (e *Executor) check(ctx context.Context) error {
	var missing []string
	for _, r := range rights() {
		var review struct {
			Status struct {
				Allowed bool `json:"allowed"`
			} `json:"status"`
		}
		asked := map[string]any{
			"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
			"spec": map[string]any{"resourceAttributes": map[string]string{"namespace": e.api.access.namespace, "group": r.group, "resource": r.resource, "subresource": r.part, "verb": r.verb}},
		}
		if err := e.api.call(ctx, http.MethodPost, "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", nil, asked, &review); err != nil {
			return e.explain(err)
		}
		if !review.Status.Allowed {
			name := r.resource
			if r.part != "" {
				name += "/" + r.part
			}
			missing = append(missing, fmt.Sprintf("its account must be allowed to %s %s in the namespace %s", r.verb, name, e.api.access.namespace))
		}
	}
	if len(missing) > 0 {
		return &executor.LevelError{Level: executor.Standard, Missing: missing}
	}
	return nil
}

// explain says which cluster an error is about. What may be otherwise in a while is executor.ErrAway: so is what a cluster refuses that it allowed when
// the executor was made, as one does that is started anew until it has read who may what.
func (e *Executor) explain(err error) error {
	explained := fmt.Errorf("the cluster at %s: %w", e.api.access.server, err)
	if refused(err) || again(err) {
		return awayError{explained}
	}
	return explained
}

// awayError is an error of a cluster that does not do what it does at other times.
type awayError struct{ error }

func (e awayError) Unwrap() error { return e.error }

// Is makes it executor.ErrAway.
func (awayError) Is(target error) bool { return target == executor.ErrAway }

// jobName is that of an attempt's Job and Secret. Names of objects know fewer characters than those of attempts, and pods have a few more.
func jobName(id string) string {
	if regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,38}[a-z0-9]$`).MatchString(id) {
		return "fairway-" + id
	}
	sum := sha256.Sum256([]byte(id))
	return "fairway-x" + hex.EncodeToString(sum[:16])
}

// Attach gives an attempt that was begun, by whichever runner. One whose start was cut off before it could run is unknown.
func (e *Executor) Attach(ctx context.Context, id string) (executor.Run, error) {
	if executor.CheckName(id) != nil {
		return nil, executor.ErrUnknown
	}
	r := &run{executor: e, id: id}
	j, err := r.job(ctx)
	if err != nil {
		return nil, err
	}
	if _, ended := j.is("Complete"); ended || j.Metadata.Annotations[noteEnd] != "" {
		return r, nil
	}
	// Without its Secret no pod of it ever starts.
	var s secret
	err = e.api.call(ctx, http.MethodGet, e.api.secrets(jobName(id)), nil, nil, &s)
	if statusOf(err) == http.StatusNotFound {
		return nil, executor.ErrUnknown
	}
	if err != nil {
		return nil, e.explain(err)
	}
	return r, nil
}

// Attempts lists what this runner began and did not forget.
func (e *Executor) Attempts(ctx context.Context) ([]string, error) {
	ids := []string{}
	query := url.Values{"labelSelector": {labelRunner + "=" + e.runner}, "limit": {"500"}}
	for {
		var found list[job]
		if err := e.api.call(ctx, http.MethodGet, e.api.jobs(), query, nil, &found); err != nil {
			return nil, e.explain(err)
		}
		for _, j := range found.Items {
			if id := j.Metadata.Annotations[noteAttempt]; executor.CheckName(id) == nil && j.Metadata.DeletionTimestamp == nil {
				ids = append(ids, id)
			}
		}
		if found.Metadata.Continue == "" {
			slices.Sort(ids)
			return ids, nil
		}
		query.Set("continue", found.Metadata.Continue)
	}
}

// Forget removes an attempt's Job, with which its Secret goes, ends its pod, and throws its results away.
func (e *Executor) Forget(ctx context.Context, id string) error {
	if executor.CheckName(id) != nil {
		return nil //nolint:nilerr // there is none of that name
	}
	r := &run{executor: e, id: id}
	j, err := r.job(ctx)
	if errors.Is(err, executor.ErrUnknown) {
		return e.handover.Remove(ctx, id) //nolint:wrapcheck // it says what it is
	}
	if err != nil {
		return err
	}
	// Nothing makes another pod when the Job is gone.
	err = e.api.call(ctx, http.MethodDelete, e.api.jobs(j.Metadata.Name), url.Values{"propagationPolicy": {"Background"}}, nil, nil)
	if err != nil && statusOf(err) != http.StatusNotFound {
		return fmt.Errorf("remove attempt %s: %w", id, e.explain(err))
	}
	if err := r.removePods(ctx); err != nil {
		return err
	}
	return e.handover.Remove(ctx, id) //nolint:wrapcheck // as above
}

// Close gives back what is held in this process. Jobs go on.
func (e *Executor) Close() error {
	e.api.client.CloseIdleConnections()
	return nil
}

// Interface guards.
var (
	_ executor.Executor = (*Executor)(nil)
	_ executor.Run      = (*run)(nil)
	_ far.Log           = (*run)(nil)
)
