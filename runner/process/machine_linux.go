//go:build linux && (amd64 || arm64)

package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
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
	for _, name := range []string{keeper.Box, keeper.Work} {
		if err := os.Mkdir(filepath.Join(directory, name), 0o700); err != nil {
			return "", fmt.Errorf("try the isolation: %w", err)
		}
	}
	lock, err := acquire(filepath.Join(directory, keeper.FileLock))
	if err != nil {
		return "", err
	}
	spec := &keeper.Spec{
		Directory: filepath.Join(directory, keeper.Work),
		Stdin:     os.DevNull,
		Measured:  filepath.Join(directory, keeper.Box),
		Read:      system(),
		Write:     []string{filepath.Join(directory, keeper.Box)},
		Limits:    executor.Limits{}.WithDefaults(),
		Probe:     &keeper.Probe{Secret: secret},
	}
	err = e.launch(directory, lock, spec)
	lock.Close()
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
	return []string{"level strict is not there yet"}
}

// strict adds to a spec what level strict has.
func (e *Executor) strict(*keeper.Spec, string) error { return nil }
