// Package docker is the executor that runs scripts in containers of a Docker Engine. All that it does goes through the engine's API, by
// which no file system has to be shared: a runner that is in a container itself needs the engine's socket and nothing else.
//
// An image is made of each version of a script, from one of the runner's and the script's files, and each attempt is a container of it.
// All that there is to know of an attempt is kept by the engine: what it is as the container's labels, what it printed as the container's
// log, its parameters, its results and why it was ended as files of a volume of its own. So whoever reaches the engine can go on with it.
//
//	fairway/script:v.<version>         the image; labels say how it is started
//	fairway-<attempt>                  the container
//	/fairway/script, /fairway/site     in it: the script's files, packages of Python
//	/fairway/work, /tmp                in memory: what it may write
//	/fairway/io                        the volume: params.json, results.json, cause
//
// What is promised is in docs/containers.md, and each promise is a test here.
package docker

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/distribution/reference"
	"github.com/moby/moby/client"
)

// Options are what an Executor is made of.
type Options struct {
	// Host is where the engine listens: unix:///run/docker.sock, tcp://10.0.0.1:2375, or tcp with the certificates of DOCKER_CERT_PATH.
	// Default: the environment's DOCKER_HOST, or unix:///var/run/docker.sock.
	Host string `json:"host,omitempty"`
	// Directory is where the runner keeps a name of its own, by which it knows its containers again, and where images are put together.
	// It is made if it is not there. A runner that loses it loses its attempts. Required, absolute.
	Directory string `json:"directory,omitempty"`
	// Image is what scripts run in that name no environment, as python:3.13-slim. Default none: every script has to name one.
	Image string `json:"image,omitempty"`
	// Environments are the images that scripts may ask for by the environment of their configuration.json. In an image {version} stands for
	// their environment_version. No other image can be asked for. Default none.
	Environments map[string]string `json:"environments,omitempty"`
	// Pull says when images are fetched from their registry: never, missing (default) or always, which is whenever an image is made of them.
	Pull string `json:"pull,omitempty"`
	// Network is the network that scripts are in, as the engine names it. Default none, in which there is nothing.
	Network string `json:"network,omitempty"`
	// BuildNetwork is the network that packages are installed in. Default bridge; it is used only where there are some.
	BuildNetwork string `json:"build_network,omitempty"`
	// Runtime is the engine's runtime for scripts, as runsc. Default: what the engine has as its default.
	Runtime string `json:"runtime,omitempty"`
	// User is the number of the user and of the group that scripts run as. Default 65534:65534. It cannot be root.
	User string `json:"user,omitempty"`
	// Python runs scripts that are modules. Default python3, as found in the image's PATH.
	Python string `json:"python,omitempty"`
	// PipIndex is the URL of the package index that requirements.txt is installed from, wheels only. Default none: scripts with
	// requirements cannot be prepared.
	PipIndex string `json:"pip_index,omitempty"`
	// Keep is for how long a version's image is kept that nobody runs. Default 168h, a week; no less than 1h.
	Keep time.Duration `json:"keep,omitempty"`
}

const (
	// leastKeep is longer than it takes from preparing a version to starting an attempt of it, and than it is between two times that it is said to be used.
	leastKeep = 2 * touchEvery
	// touchEvery is how often it is said at most that a version is used.
	touchEvery = 30 * time.Minute
)

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
	default:
		o.Directory = filepath.Clean(o.Directory)
		return o, nil
	}
}

// defaults puts the default in place of all that is not said.
func (o Options) defaults() (Options, error) {
	o.Host = cmp.Or(o.Host, os.Getenv(client.EnvOverrideHost), client.DefaultDockerHost)
	o.Network = cmp.Or(o.Network, "none")
	o.BuildNetwork = cmp.Or(o.BuildNetwork, "bridge")
	o.Python = cmp.Or(o.Python, "python3")
	o.User = cmp.Or(o.User, "65534:65534")
	o.Pull = cmp.Or(o.Pull, pullMissing)
	o.Keep = cmp.Or(o.Keep, 7*24*time.Hour)
	switch {
	case o.Pull != pullNever && o.Pull != pullMissing && o.Pull != pullAlways:
		return o, fmt.Errorf("pull %q is not known: there are never, missing and always", o.Pull)
	case o.Keep < leastKeep:
		return o, fmt.Errorf("keep has to be at least %s", leastKeep)
	case o.Network == "host" || strings.HasPrefix(o.Network, "container:"):
		return o, fmt.Errorf("network %q would let scripts reach what listens on the machine alone", o.Network)
	}
	if _, _, err := o.user(); err != nil {
		return o, err
	}
	if o.Image != "" {
		if err := checkImage(o.Image); err != nil {
			return o, err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(o.Environments)) {
		image := o.Environments[name]
		if err := checkImage(strings.ReplaceAll(image, "{version}", "1")); err != nil {
			return o, fmt.Errorf("environment %s: %w", name, err)
		}
		repository, _, _ := strings.Cut(image[strings.LastIndex(image, "/")+1:], ":")
		if strings.Contains(image[:strings.LastIndex(image, "/")+1]+repository, "{version}") {
			return o, fmt.Errorf("environment %s: {version} can stand in an image's tag alone, after the colon", name)
		}
	}
	return o, nil
}

// When images are fetched.
const (
	pullNever   = "never"
	pullMissing = "missing"
	pullAlways  = "always"
)

// user is whom scripts run as.
func (o Options) user() (user, group int, err error) {
	first, second, both := strings.Cut(o.User, ":")
	number, err := strconv.ParseUint(first, 10, 31)
	if err != nil || number == 0 {
		return 0, 0, fmt.Errorf("user %q has to be numbers, as 65534:65534, and not root's", o.User)
	}
	if !both {
		second = first
	}
	other, err := strconv.ParseUint(second, 10, 31)
	if err != nil || other == 0 {
		return 0, 0, fmt.Errorf("user %q has to be numbers, as 65534:65534, and not root's", o.User)
	}
	return int(number), int(other), nil
}

// checkImage says what is wrong with the name of an image.
func checkImage(name string) error {
	if _, err := reference.ParseDockerRef(name); err != nil {
		return fmt.Errorf("image %.100q: %w", name, err)
	}
	return nil
}

// image is what a script runs in. Its environment and the version of that are its maker's words.
func (o Options) image(environment, version string) (string, error) {
	if environment == "" {
		if o.Image == "" {
			return "", fmt.Errorf("the script names no environment, and has to: there are %s", o.environments())
		}
		return o.Image, nil
	}
	image, is := o.Environments[environment]
	if !is {
		return "", fmt.Errorf("environment %.100q is not known to this runner: there are %s", environment, o.environments())
	}
	if !strings.Contains(image, "{version}") {
		return image, nil
	}
	// It goes into the image's tag alone.
	if !regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$`).MatchString(version) {
		return "", fmt.Errorf("environment %s needs an environment_version, and %.100q cannot be one", environment, version)
	}
	return strings.ReplaceAll(image, "{version}", version), nil
}

// environments are the names of all.
func (o Options) environments() string {
	if len(o.Environments) == 0 {
		return "none"
	}
	return strings.Join(slices.Sorted(maps.Keys(o.Environments)), ", ")
}
