package keeper

import (
	"errors"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Rights of Landlock for files. go-landlock restricts all threads of a process, by C code where there is some; a stage has one thread
// that matters, since execve ends the others, so its three system calls are made here.
const (
	rightsFile = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE
	rightsRead = rightsFile | unix.LANDLOCK_ACCESS_FS_READ_DIR
	// What writers may: neither devices nor sockets are made.
	rightsChange = unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_TRUNCATE
	rightsWrite  = rightsRead | rightsChange | unix.LANDLOCK_ACCESS_FS_REMOVE_DIR | unix.LANDLOCK_ACCESS_FS_REMOVE_FILE |
		unix.LANDLOCK_ACCESS_FS_MAKE_DIR | unix.LANDLOCK_ACCESS_FS_MAKE_REG | unix.LANDLOCK_ACCESS_FS_MAKE_FIFO |
		unix.LANDLOCK_ACCESS_FS_MAKE_SYM | unix.LANDLOCK_ACCESS_FS_REFER
	rightsAll = rightsWrite | unix.LANDLOCK_ACCESS_FS_MAKE_CHAR | unix.LANDLOCK_ACCESS_FS_MAKE_BLOCK | unix.LANDLOCK_ACCESS_FS_MAKE_SOCK
)

// LandlockABI is the version of Landlock that the kernel has, 0 if it has none.
func LandlockABI() int {
	version, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return 0
	}
	return int(version)
}

// devices are those of /dev that scripts have: what is read there is nobody's, what is written is lost.
func devices() []string {
	return []string{"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"}
}

// landlock restricts the calling thread to the files of a spec, its ports, and signals among its own.
func landlock(spec *Spec, ahead *ruleset) error {
	set, err := ahead.of(spec)
	if err != nil {
		return err
	}
	defer unix.Close(set)
	if _, _, errno := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, uintptr(set), 0, 0); errno != 0 {
		return fmt.Errorf("landlock_restrict_self: %w", errno)
	}
	return nil
}

// ruleset are rules that were made before there was a spec: reading what is in System.
type ruleset struct {
	set  int
	read map[string]bool
}

// newRuleset makes rules that nearly every spec has; nil: there are none.
func newRuleset() *ruleset {
	all := System()
	set, err := rules(&Spec{Read: all}, nil, -1)
	if err != nil {
		return nil // who has a spec says why
	}
	r := &ruleset{set, make(map[string]bool, len(all))}
	for _, path := range all {
		r.read[path] = true
	}
	return r
}

// of gives what a spec allows, neither more nor less: where something that is allowed is not in it, it begins anew.
func (r *ruleset) of(spec *Spec) (int, error) {
	if r == nil || len(spec.TCP) > 0 {
		return rules(spec, nil, -1)
	}
	has := make(map[string]bool, len(spec.Read))
	for _, path := range spec.Read {
		has[path] = true
	}
	for path := range r.read {
		if !has[path] {
			return rules(spec, nil, -1)
		}
	}
	return rules(spec, r.read, r.set)
}

// rules adds to a set what a spec allows but for reading what is in it already; set -1: to a new one.
func rules(spec *Spec, in map[string]bool, set int) (_ int, err error) {
	if set >= 0 {
		return set, permit(spec, in, set)
	}
	abi := LandlockABI()
	ruleset := unix.LandlockRulesetAttr{Access_fs: rightsAll}
	if abi < 3 {
		return -1, fmt.Errorf("the kernel's Landlock has version %d, not 3 or later", abi)
	}
	if abi >= 4 {
		ruleset.Access_net = unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
	}
	if abi >= 5 {
		ruleset.Access_fs |= unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	}
	if abi >= 6 {
		ruleset.Scoped = unix.LANDLOCK_SCOPE_SIGNAL | unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET
	}
	raw, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&ruleset)), unsafe.Sizeof(ruleset), 0)
	if errno != 0 {
		return -1, fmt.Errorf("landlock_create_ruleset: %w", errno)
	}
	if err := permit(spec, nil, int(raw)); err != nil {
		unix.Close(int(raw))
		return -1, err
	}
	return int(raw), nil
}

// permit adds the paths and ports of a spec to a set, but for reading what is in it already.
func permit(spec *Spec, in map[string]bool, set int) error {
	for rights, paths := range map[uint64][]string{rightsRead: spec.Read, rightsWrite: spec.Write, rightsFile | rightsChange: devices()} {
		for _, path := range paths {
			if rights == rightsRead && in[path] {
				continue
			}
			if err := allow(set, path, rights); err != nil {
				return err
			}
		}
	}
	const ruleNetPort = 2 // LANDLOCK_RULE_NET_PORT
	for _, port := range spec.TCP {
		rule := struct{ access, port uint64 }{unix.LANDLOCK_ACCESS_NET_CONNECT_TCP, uint64(port)}
		if _, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(set), ruleNetPort, uintptr(unsafe.Pointer(&rule)), 0, 0, 0); errno != 0 {
			return fmt.Errorf("landlock_add_rule for port %d: %w", port, errno)
		}
	}
	return nil
}

// allow adds a file, or a directory with all that is in it.
func allow(set int, path string, rights uint64) error {
	file, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.EACCES):
		return nil // what nobody can open needs no leave
	case err != nil:
		return &os.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(file)
	var stat unix.Stat_t
	if err := unix.Fstat(file, &stat); err != nil {
		return &os.PathError{Op: "stat", Path: path, Err: err}
	}
	if stat.Mode&unix.S_IFMT != unix.S_IFDIR {
		rights &= rightsFile | rightsChange
	}
	// The kernel's structure is packed: 12 bytes, not Go's 16, which are the same up to there.
	rule := unix.LandlockPathBeneathAttr{Allowed_access: rights, Parent_fd: int32(file)} //nolint:gosec // a file's number
	if _, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(set), unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&rule)), 0, 0, 0); errno != 0 {
		return fmt.Errorf("landlock_add_rule for %s: %w", path, errno)
	}
	return nil
}
