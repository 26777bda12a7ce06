// Package process is the executor that runs scripts as processes of the machine that the runner is on, each kept from what it must not
// touch by the kernel itself: Landlock, a filter of system calls, limits of resources, and, at level strict, namespaces and control
// groups. What each level promises is in docs/isolation.md, and each promise is a test here.
//
// Beside each attempt runs a keeper, see package keeper, which outlives the runner. All that there is to know of an attempt is in its
// directory:
//
//	<directory>/attempts/<id>/     spec.json, params.json, lock, state.json, output, exit.json
//	<directory>/attempts/<id>/box  what the script may write: work, tmp, results.json
//	<directory>/scripts/<version>/ what is prepared: code, site (packages of Python), harness.py
//	/run/fairway-users/<uid>       locked while an attempt runs as that user
//
// A program that uses it has to call keeper.Main first of all.
package process

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/process/keeper"
)

// Options are what an Executor is made of.
type Options struct {
	// Directory is where everything is kept. It is made if it is not there. If the runner is root, everybody has to be able to enter
	// the directories above it, since scripts run as other users. Required, absolute.
	Directory string `json:"directory,omitempty"`
	// Level is what is promised. Default executor.Standard.
	Level executor.Level `json:"level,omitempty"`
	// Read are further files and directories that scripts may read and run programs of, as /opt/conda. Default none; programs and
	// libraries of the system (/usr, /bin, /lib and a few files of /etc, /proc and /sys) are always among them.
	Read []string `json:"read,omitempty"`
	// Hidden are files and directories that scripts must not be able to read: the gateway's data, its Caddyfile, sockets of
	// databases. It is an error if one is in what scripts may read. Default none.
	Hidden []string `json:"hidden,omitempty"`
	// FirstUser and Users are the range of user IDs of which each attempt gets one for its own, if the runner is root. Nothing else may run
	// as these: what does is killed. Default 60600 and 256, which Linux distributions leave unused.
	FirstUser uint32 `json:"first_user,omitempty"`
	Users     uint32 `json:"users,omitempty"`
	// Path is where programs are looked for. Default /usr/local/bin:/usr/bin:/bin.
	Path string `json:"path,omitempty"`
	// Python runs scripts that are modules. Default python3, as found in Path.
	Python string `json:"python,omitempty"`
	// PipIndex is the URL of the package index that requirements.txt is installed from, wheels only. Default none: scripts with
	// requirements cannot be prepared.
	PipIndex string `json:"pip_index,omitempty"`
	// Connect are ports to which scripts may open TCP connections, on any host, and with which they may look up names. Default none: scripts have
	// no network at all.
	Connect []uint16 `json:"connect,omitempty"`
	// Cgroup is the directory of the control group under which level strict makes one for each attempt. It has to be delegated to the
	// runner. Default /sys/fs/cgroup/fairway.
	Cgroup string `json:"cgroup,omitempty"`
	// Keep is for how long a version of a script stays prepared that nobody runs. Default 168h, a week; no less than 1h.
	Keep time.Duration `json:"keep,omitempty"`
}

// leastKeep is longer than it takes from preparing a version to starting an attempt of it, and than it is between two times that it is said to be used.
const leastKeep = 2 * touchEvery

// touchEvery is how often it is said at most that a version is used.
const touchEvery = 30 * time.Minute

// complete is the options with every default, or what is wrong with them.
func (o Options) complete() (Options, error) {
	if !filepath.IsAbs(o.Directory) {
		return o, errors.New("directory has to be an absolute path")
	}
	o.Directory = filepath.Clean(o.Directory)
	switch o.Level {
	case "":
		o.Level = executor.Standard
	case executor.Standard, executor.Strict:
	default:
		return o, fmt.Errorf("level %q is not known: there are standard and strict", o.Level)
	}
	for _, path := range append(append([]string{}, o.Read...), o.Hidden...) {
		if !filepath.IsAbs(path) {
			return o, fmt.Errorf("%q is no absolute path", path)
		}
	}
	if o.FirstUser == 0 {
		o.FirstUser = 60600
	}
	if o.Users == 0 {
		o.Users = 256
	}
	const lowest, highest = 1000, 4_000_000_000
	if o.FirstUser < lowest || o.FirstUser > highest || o.Users > highest-o.FirstUser {
		return o, fmt.Errorf("users from %d on, %d of them: these belong to the system", o.FirstUser, o.Users)
	}
	if o.Path == "" {
		o.Path = "/usr/local/bin:/usr/bin:/bin"
	}
	if o.Python == "" {
		o.Python = "python3"
	}
	if o.Cgroup == "" {
		o.Cgroup = "/sys/fs/cgroup/fairway"
	}
	if o.Keep == 0 {
		o.Keep = 7 * 24 * time.Hour
	}
	if o.Keep < leastKeep {
		return o, fmt.Errorf("keep has to be at least %s", leastKeep)
	}
	return o, o.exposed()
}

// exposed says which path that is to be hidden scripts could read.
func (o Options) exposed() error {
	for _, hidden := range append([]string{filepath.Join(o.Directory, "attempts")}, o.Hidden...) {
		hidden = resolved(hidden)
		for _, read := range append(keeper.System(), o.Read...) {
			if within(hidden, resolved(read)) || within(resolved(read), hidden) {
				return fmt.Errorf("%s has to be hidden from scripts, and they may read %s", hidden, read)
			}
		}
	}
	return nil
}

// within says whether a path is another or below it.
func within(path, other string) bool {
	return path == other || strings.HasPrefix(path, strings.TrimSuffix(other, "/")+"/")
}

// resolved follows links, as far as a path is there.
func resolved(path string) string {
	if found, err := filepath.EvalSymlinks(path); err == nil {
		return found
	}
	directory := filepath.Dir(path)
	if directory == path {
		return path
	}
	return filepath.Join(resolved(directory), filepath.Base(path))
}

// resolver is what looking up names needs beside.
func resolver() []string {
	return []string{"/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/host.conf", "/run/systemd/resolve/stub-resolv.conf", "/run/systemd/resolve/resolv.conf"}
}
