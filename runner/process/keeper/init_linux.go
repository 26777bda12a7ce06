//go:build linux && (amd64 || arm64)

package keeper

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Descriptors that an init has beside those of a stage, which it hands on.
const (
	initStatus = 6 // where it writes how the script ended
	initCgroup = 7 // the script's control group, if there is one
)

// namespaces are what an init has of its own.
const namespaces = unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS

// initialize is the first process of a script's own namespaces: it builds the file system that the script sees, starts the stage, and takes in what
// loses its parent. With its end the kernel ends all that is left.
func initialize() int {
	runtime.LockOSThread()
	for fd := stageSpec; fd <= initCgroup; fd++ {
		unix.CloseOnExec(fd)
	}
	pid, err := begin()
	if err != nil {
		_, _ = unix.Write(stageReport, []byte(err.Error()))
		return exitStage
	}
	// The keeper is to see the end of the report when the stage has become the script.
	unix.Close(stageReport)
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, unix.SIGTERM)
	go func() {
		for range asked {
			_ = unix.Kill(-pid, unix.SIGTERM)
		}
	}()
	for {
		var status unix.WaitStatus
		ended, err := unix.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return exitStage
		case ended == pid:
			_, _ = unix.Write(initStatus, binary.LittleEndian.AppendUint32(nil, uint32(status)))
			return 0
		}
	}
}

// begin does all that has to be done before there is a script.
func begin() (int, error) {
	var spec Spec
	file := os.NewFile(stageSpec, "spec")
	if err := json.NewDecoder(file).Decode(&spec); err != nil {
		return 0, fmt.Errorf("read what is to be run: %w", err)
	}
	// The stage reads it, too.
	if _, err := file.Seek(0, 0); err != nil {
		return 0, fmt.Errorf("read what is to be run: %w", err)
	}
	if err := unix.Sethostname([]byte("fairway")); err != nil {
		return 0, fmt.Errorf("name the machine that the script sees: %w", err)
	}
	if err := newRoot(&spec); err != nil {
		return 0, fmt.Errorf("make the file system that the script sees: %w", err)
	}
	attributes := &syscall.SysProcAttr{Setsid: true, Credential: &syscall.Credential{Uid: spec.User, Gid: spec.User}}
	if spec.Cgroup != "" {
		attributes.UseCgroupFD, attributes.CgroupFD = true, initCgroup
	}
	return forkStage(verbStage, []uintptr{0, 1, 2, stageSpec, stageReport, stageAsk}, attributes)
}

// newRoot makes a root of what the script may read and write, and nothing else.
func newRoot(spec *Spec) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("keep mounts to itself: %w", err)
	}
	root := spec.Root
	if err := unix.Mount("tmpfs", root, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=755,size=4m"); err != nil {
		return fmt.Errorf("mount a root: %w", err)
	}
	const fixed = unix.MS_RDONLY | unix.MS_NOSUID | unix.MS_NODEV
	for _, path := range spec.Read {
		if path == "/proc" || strings.HasPrefix(path, "/proc/") {
			continue // there is another
		}
		if err := show(root, path, fixed); err != nil {
			return err
		}
	}
	for _, device := range devices() {
		if err := show(root, device, unix.MS_NOSUID|unix.MS_NOEXEC); err != nil {
			return err
		}
	}
	for _, path := range spec.Write {
		if path == "/tmp" || path == "/dev/shm" {
			continue // these are made below
		}
		if err := show(root, path, unix.MS_NOSUID|unix.MS_NODEV); err != nil {
			return err
		}
	}
	for _, m := range []struct {
		name, kind, data string
		flags            uintptr
	}{
		{"/proc", "proc", "", unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC},
		{"/dev/shm", "tmpfs", fmt.Sprintf("mode=700,uid=%d,gid=%d,size=%d", spec.User, spec.User, spec.Limits.Memory/2), unix.MS_NOSUID | unix.MS_NODEV},
	} {
		if err := os.MkdirAll(root+m.name, 0o755); err != nil { //nolint:gosec // the script is somebody else
			return err
		}
		if err := unix.Mount(m.kind, root+m.name, m.kind, m.flags, m.data); err != nil {
			return fmt.Errorf("mount %s: %w", m.name, err)
		}
	}
	if spec.Temp != "" {
		if err := bind(spec.Temp, root+"/tmp", unix.MS_NOSUID|unix.MS_NODEV); err != nil {
			return err
		}
	}
	for name, target := range map[string]string{"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2"} {
		if err := os.Symlink(target, root+"/dev/"+name); err != nil {
			return err
		}
	}
	return enterRoot(root)
}

// enterRoot makes a directory the root, and leaves the old one behind.
func enterRoot(root string) error {
	if err := os.Chdir(root); err != nil {
		return err
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("change the root: %w", err)
	}
	// The old root lies on the new one now.
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("leave the old root: %w", err)
	}
	if err := os.Chdir("/"); err != nil {
		return err
	}
	const fixed = unix.MS_REMOUNT | unix.MS_RDONLY | unix.MS_NOSUID | unix.MS_NODEV
	if err := unix.Mount("", "/", "", fixed, ""); err != nil {
		return fmt.Errorf("make the root unchangeable: %w", err)
	}
	return nil
}

// show makes a path of the machine visible under the same name. What is not there is left out; a link stays one.
func show(root, path string, flags uintptr) error {
	info, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode()&os.ModeSymlink == 0 {
		return bind(path, root+path, flags)
	}
	target, err := os.Readlink(path)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(root+path), 0o755); err != nil { //nolint:gosec // the script is somebody else
		return err
	}
	if err := os.Symlink(target, root+path); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return nil
}

// bind mounts a file or a directory at another place.
func bind(path, at string, flags uintptr) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.IsDir() {
		err = os.MkdirAll(at, 0o755) //nolint:gosec // the script is somebody else
	} else if err = os.MkdirAll(filepath.Dir(at), 0o755); err == nil { //nolint:gosec // as above
		var file *os.File
		if file, err = os.OpenFile(at, os.O_CREATE|os.O_RDONLY, 0o600); err == nil {
			err = file.Close()
		}
	}
	if err != nil && !errors.Is(err, unix.EROFS) { // it is in what is there already
		return err
	}
	if err := unix.Mount(path, at, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("mount %s: %w", path, err)
	}
	if err := unix.Mount("", at, "", unix.MS_REMOUNT|unix.MS_BIND|flags, ""); err != nil {
		return fmt.Errorf("mount %s with fewer rights: %w", path, err)
	}
	return nil
}
