// Package kubernetes is the executor that runs scripts as Jobs of a Kubernetes cluster. A Job (batch/v1) is named by its attempt, so it is
// made once whoever asks how often, and has one pod, which is never started again: trying again is the runner's business. All that there is
// to know of an attempt is kept by the cluster, so that whoever reaches that can go on with it.
//
//	fairway-<attempt>          the Job, and the Secret that belongs to it, with what package agent has to do
//	container files            copies the agent, and fetches the script's files and parameters from the gateway
//	container packages         where the script requires some: has pip of the script's image install them
//	container script           the script's image; the agent is its first process and starts the script
//
// The agent numbers the lines of the container's log, hands results over to the gateway, and says in the container's termination message how the script
// ended. Results are given to the runner by Options.Handover.
//
// What is promised is in docs/kubernetes.md.
package kubernetes

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/fairway-gateway/fairway/runner/executor/images"
)

// Handover is where the gateway puts results that agents give it.
type Handover interface {
	// Results opens those of an attempt, or says executor.ErrNoResults.
	Results(ctx context.Context, attempt string) (io.ReadCloser, error)
	// Remove throws them away. That there are none is no error.
	Remove(ctx context.Context, attempt string) error
}

// Options are what an Executor is made of.
type Options struct {
	// Kubeconfig is a file that says how the cluster is reached. Default: the cluster that this process is a pod of.
	Kubeconfig string `json:"kubeconfig,omitempty"`
	// Context is one of the kubeconfig's. Default: its current one.
	Context string `json:"context,omitempty"`
	// Namespace is where Jobs and Secrets are made. Default: that of the context or of the pod, or "default".
	Namespace string `json:"namespace,omitempty"`
	// Directory is where the runner keeps a name of its own, by which it knows its Jobs again, and what it knows of scripts. It is made if it is
	// not there. A runner that loses it loses its attempts. Required, absolute.
	Directory string `json:"directory,omitempty"`
	// Image is what scripts run in that name no environment, as python:3.13-slim. Default none: every script has to name one.
	Image string `json:"image,omitempty"`
	// Environments are the images that scripts may ask for, see package images. Default none.
	Environments map[string]string `json:"environments,omitempty"`
	// Agent is an image that has this program. Required.
	Agent string `json:"agent,omitempty"`
	// Program is where in it. Default /usr/bin/fairway.
	Program string `json:"program,omitempty"`
	// Gateway is where pods reach the gateway, as http://fairway.fairway.svc. Required.
	Gateway string `json:"gateway,omitempty"`
	// GatewayCA has the certificates by one of which the gateway's is signed, in PEM. Default: those of the agent's image.
	GatewayCA string `json:"gateway_ca,omitempty"`
	// Pull says when images are fetched: never, missing (default) or always.
	Pull string `json:"pull,omitempty"`
	// PullSecret names a Secret of the namespace with the password for a registry. Default none.
	PullSecret string `json:"pull_secret,omitempty"`
	// Runtime is the runtime class of pods, as gvisor. Default: the cluster's.
	Runtime string `json:"runtime,omitempty"`
	// Priority is the priority class of pods. Default: the cluster's.
	Priority string `json:"priority,omitempty"`
	// Nodes are labels that nodes must have to run pods. Default none.
	Nodes map[string]string `json:"nodes,omitempty"`
	// User is the number of the user and of the group that scripts run as. Default 65534:65534. It cannot be root.
	User string `json:"user,omitempty"`
	// Python runs scripts that are modules. Default python3, as found in the image's PATH.
	Python string `json:"python,omitempty"`
	// PipIndex is the URL of the package index that requirements.txt is installed from, wheels only, in each pod anew before its script begins.
	// Pods have to reach it. Default none: scripts with requirements cannot be prepared.
	PipIndex string `json:"pip_index,omitempty"`
	// Wait is how long it may take, beside the timeout of an attempt, until its pod has a node, its images, its files and its packages. Default 15m.
	Wait time.Duration `json:"wait,omitempty"`
	// Keep is for how long the cluster keeps a Job that has ended and that no runner takes care of. Default 24h.
	Keep time.Duration `json:"keep,omitempty"`
}

// Check says what of the options is wrong, whatever of them is still missing.
func (o Options) Check() error {
	_, err := o.defaults()
	return err
}

// complete is the options with every default, or what is wrong with them.
func (o Options) complete() (Options, error) {
	switch o, err := o.defaults(); {
	case err != nil:
		return o, err
	case !filepath.IsAbs(o.Directory):
		return o, errors.New("directory has to be an absolute path")
	case o.Image == "" && len(o.Environments) == 0:
		return o, errors.New("image or environments have to say what scripts run in")
	case o.Agent == "":
		return o, errors.New("agent has to say which image has this program")
	case o.Gateway == "":
		return o, errors.New("gateway has to say where pods reach the gateway")
	default:
		return o, nil
	}
}

// pullPolicies are Kubernetes' words for Options.Pull.
func pullPolicies() map[string]string {
	return map[string]string{"never": "Never", "missing": "IfNotPresent", "always": "Always"}
}

// defaults puts the default in place of all that is not said.
func (o Options) defaults() (Options, error) {
	o.Program = cmp.Or(o.Program, "/usr/bin/fairway")
	o.Pull = cmp.Or(o.Pull, "missing")
	o.User = cmp.Or(o.User, "65534:65534")
	o.Python = cmp.Or(o.Python, "python3")
	o.Wait = cmp.Or(o.Wait, 15*time.Minute)
	o.Keep = cmp.Or(o.Keep, 24*time.Hour)
	label := regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)
	switch {
	case pullPolicies()[o.Pull] == "":
		return o, fmt.Errorf("pull %q is not known: there are never, missing and always", o.Pull)
	case o.Namespace != "" && !label.MatchString(o.Namespace):
		return o, fmt.Errorf("%.100q is no namespace", o.Namespace)
	case o.Wait < time.Minute:
		return o, errors.New("wait has to be at least 1m")
	case o.Keep < time.Hour:
		return o, errors.New("keep has to be at least 1h")
	case !strings.HasPrefix(o.Program, "/"):
		return o, errors.New("the program of the agent has to be an absolute path")
	}
	if o.Agent != "" {
		if err := images.Check(o.Agent); err != nil {
			return o, fmt.Errorf("agent: %w", err)
		}
	}
	if o.Gateway != "" {
		u, err := url.Parse(o.Gateway)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			return o, errors.New("gateway is where pods reach the gateway, like http://fairway.fairway.svc")
		}
	}
	if _, _, err := o.user(); err != nil {
		return o, err
	}
	return o, o.images().Check()
}

func (o Options) images() images.Images {
	return images.Images{Usual: o.Image, Environments: o.Environments}
}

// user is whom scripts run as.
func (o Options) user() (user, group int64, err error) {
	first, second, both := strings.Cut(o.User, ":")
	if !both {
		second = first
	}
	for text, to := range map[string]*int64{first: &user, second: &group} {
		if *to, err = strconv.ParseInt(text, 10, 32); err != nil || *to <= 0 {
			return 0, 0, fmt.Errorf("user %q has to be numbers, as 65534:65534, and not root's", o.User)
		}
		if first == second {
			user, group = *to, *to
		}
	}
	return user, group, nil
}
