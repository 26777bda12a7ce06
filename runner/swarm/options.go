// Package swarm is the executor that runs scripts as jobs of a Docker Swarm: a service of mode replicated-job, named by its attempt, so it is made once whoever asks how often, with one task, which is
// never started again: trying again is the runner's business. What a swarm lacks it lacks, too: nothing of a job can be changed but its end, which takes the task and its log away.
//
//	fairway-<attempt>          the service, and the secret with what package agent has to do
//
// A task has one container, of the script's image, which has to have this program: as its agent that fetches the script's files and parameters from the gateway, starts the script, numbers its lines, hands
// its results over, and says in the last line of the log how it ended.
//
// What is promised is in docs/swarm.md.
package swarm

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/moby/moby/client"

	"github.com/fairway-gateway/fairway/runner/executor/images"
)

// Options are what an Executor is made of.
type Options struct {
	// Host is where an engine listens that is a manager of the swarm. Default: the environment's DOCKER_HOST, or unix:///var/run/docker.sock.
	Host string `json:"host,omitempty"`
	// Directory is where the runner keeps a name of its own, by which it knows its services again, and what it knows of scripts. It is made if it is not there. A runner that loses it loses its attempts.
	// Required, absolute.
	Directory string `json:"directory,omitempty"`
	// Image is what scripts run in that name no environment. It has this program. Default none: every script has to name one.
	Image string `json:"image,omitempty"`
	// Environments are the images that scripts may ask for, see package images. They have this program, too. Default none.
	Environments map[string]string `json:"environments,omitempty"`
	// Program is where in images this program is. Default /usr/bin/fairway.
	Program string `json:"program,omitempty"`
	// Gateway is where tasks reach the gateway, as http://10.0.9.1:8080. Required.
	Gateway string `json:"gateway,omitempty"`
	// GatewayCA has the certificates by one of which the gateway's is signed, in PEM. Default: those of the image.
	GatewayCA string `json:"gateway_ca,omitempty"`
	// Network is a network of the swarm, in which tasks are. Whatever it reaches scripts reach. Required.
	Network string `json:"network,omitempty"`
	// Constraints are what nodes must be to run tasks, as node.labels.scripts==yes. Default none.
	Constraints []string `json:"constraints,omitempty"`
	// User is the number of the user and of the group that scripts run as. Default 65534:65534. It cannot be root.
	User string `json:"user,omitempty"`
	// Python runs scripts that are modules. Default python3, as found in the image's PATH.
	Python string `json:"python,omitempty"`
	// Wait is how long a task may wait for a node that has room, and for its image. Default 15m, at least 1m.
	Wait time.Duration `json:"wait,omitempty"`
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
	case o.Gateway == "":
		return o, errors.New("gateway has to say where tasks reach the gateway")
	case o.Network == "":
		return o, errors.New("network has to name the network of the swarm that tasks are in")
	default:
		return o, nil
	}
}

// defaults puts the default in place of all that is not said.
func (o Options) defaults() (Options, error) {
	o.Host = cmp.Or(o.Host, os.Getenv(client.EnvOverrideHost), client.DefaultDockerHost)
	o.Program = cmp.Or(o.Program, "/usr/bin/fairway")
	o.User = cmp.Or(o.User, "65534:65534")
	o.Python = cmp.Or(o.Python, "python3")
	o.Wait = cmp.Or(o.Wait, 15*time.Minute)
	switch {
	case !strings.HasPrefix(o.Program, "/"):
		return o, errors.New("program has to be an absolute path")
	case o.Wait < time.Minute:
		return o, errors.New("wait has to be at least 1m")
	case o.Network == "host" || o.Network == "ingress":
		return o, fmt.Errorf("network %q would let scripts reach what is not theirs", o.Network)
	}
	if o.Gateway != "" {
		u, err := url.Parse(o.Gateway)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			return o, errors.New("gateway is where tasks reach the gateway, like http://10.0.9.1:8080")
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
func (o Options) user() (user, group string, err error) {
	user, group, both := strings.Cut(o.User, ":")
	if !both {
		group = user
	}
	for _, text := range []string{user, group} {
		if number, err := strconv.ParseUint(text, 10, 31); err != nil || number == 0 {
			return "", "", fmt.Errorf("user %q has to be numbers, as 65534:65534, and not root's", o.User)
		}
	}
	return user, group, nil
}
