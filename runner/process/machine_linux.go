//go:build linux && (amd64 || arm64)

package process

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/process/keeper"
)

// secure asks whether filters of system calls can have an action.
func secure(action uint32) unix.Errno {
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_GET_ACTION_AVAIL, 0, uintptr(unsafe.Pointer(&action)))
	return errno
}

// lacking says which capabilities this process lacks.
func lacking(capabilities ...uint) []string {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return []string{fmt.Sprintf("knowledge of the runner's capabilities (%v)", err)}
	}
	names := map[uint]string{
		unix.CAP_SETUID: "CAP_SETUID", unix.CAP_SETGID: "CAP_SETGID", unix.CAP_CHOWN: "CAP_CHOWN", unix.CAP_KILL: "CAP_KILL",
		unix.CAP_DAC_OVERRIDE: "CAP_DAC_OVERRIDE", unix.CAP_FOWNER: "CAP_FOWNER", unix.CAP_SYS_ADMIN: "CAP_SYS_ADMIN",
	}
	var missing []string
	for _, capability := range capabilities {
		if data[capability/32].Effective&(1<<(capability%32)) == 0 {
			missing = append(missing, "the capability "+names[capability]+" (the runner is root; as another user it needs none)")
		}
	}
	return missing
}

// probe starts something as every script is started, which tries what scripts must not be able to. It says what it could.
func (e *Executor) probe() (missing string, err error) {
	directory, err := os.MkdirTemp(e.options.Directory, ".probe-")
	if err != nil {
		return "", fmt.Errorf("try the isolation: %w", err)
	}
	defer func() { err = errors.Join(err, removeAll(directory)) }()
	if err := e.makeDirectory(directory); err != nil {
		return "", err
	}
	secret := filepath.Join(directory, "secret")
	if err := writePlain(secret, []byte("secret")); err != nil {
		return "", err
	}
	b, err := e.enter(directory, nil)
	if err != nil {
		return "", err
	}
	if err = e.furnish(b); err == nil {
		_, err = e.launch(b, &keeper.Spec{
			Directory: b.file(keeper.Work),
			Stdin:     os.DevNull,
			Measured:  b.file(keeper.Box),
			Read:      keeper.System(),
			Write:     []string{b.file(keeper.Box)},
			User:      b.id,
			Limits:    executor.Limits{}.WithDefaults(),
			Probe:     &keeper.Probe{Secret: secret},
		}, nil)
	}
	b.close()
	if err != nil {
		return "", err
	}
	exit, err := e.run("probe", directory).Wait(context.Background())
	if err != nil {
		return "", err
	}
	possible, is := strings.CutPrefix(exit.Reason, keeper.ProbePrefix)
	if !is {
		return "isolation that works: " + exit.Reason, nil
	}
	return possible, nil
}

// missingStrict says what level strict lacks.
func (e *Executor) missingStrict() []string {
	var missing []string
	if !e.root {
		return []string{"a runner that is root, to give each script a user, namespaces and a control group of its own"}
	}
	missing = append(missing, lacking(unix.CAP_SYS_ADMIN)...)
	if e.cgroups {
		missing = append(missing, missingCgroups(e.options.Cgroup)...)
	}
	return missing
}

// missingCgroups says what keeps control groups from being made in a directory.
func missingCgroups(directory string) []string {
	var system unix.Statfs_t
	if err := unix.Statfs(filepath.Dir(directory), &system); err != nil || system.Type != unix.CGROUP2_SUPER_MAGIC {
		return []string{"cgroup v2 at " + filepath.Dir(directory)}
	}
	if err := os.MkdirAll(directory, 0o755); err != nil { //nolint:gosec // as all control groups are
		return []string{fmt.Sprintf("leave to make control groups in %s (%v)", filepath.Dir(directory), err)}
	}
	controllers := []string{"cpu", "memory", "pids"}
	for _, name := range controllers {
		// They have to be handed down, by the directory above and by this one.
		_ = os.WriteFile(filepath.Join(filepath.Dir(directory), "cgroup.subtree_control"), []byte("+"+name), 0)
		_ = os.WriteFile(filepath.Join(directory, "cgroup.subtree_control"), []byte("+"+name), 0)
	}
	text, err := os.ReadFile(filepath.Join(directory, "cgroup.subtree_control"))
	if err != nil {
		return []string{fmt.Sprintf("control groups in %s (%v)", directory, err)}
	}
	var missing []string
	for _, name := range controllers {
		if !slices.Contains(strings.Fields(string(text)), name) {
			missing = append(missing, fmt.Sprintf("the controller %s of cgroup v2 in %s", name, directory))
		}
	}
	return missing
}

// strict adds to a spec what level strict has.
func (e *Executor) strict(spec *keeper.Spec, directory string) error {
	if e.options.Level != executor.Strict {
		return nil
	}
	spec.Root = filepath.Join(directory, keeper.Root)
	if err := os.Mkdir(spec.Root, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make the attempt's directory: %w", err)
	}
	// One that has the attempt's directory in it cannot be replaced.
	if temp := filepath.Join(directory, keeper.Temp); exists(temp) && !within(directory, "/tmp") {
		spec.Temp = temp
		spec.Write = append(spec.Write, "/tmp")
	}
	spec.Write = append(spec.Write, "/dev/shm")
	spec.Read = append(spec.Read, "/proc")
	if !e.cgroups {
		return nil
	}
	spec.Cgroup = filepath.Join(e.options.Cgroup, filepath.Base(directory))
	return keeper.MakeCgroup(spec.Cgroup, spec.Limits)
}
