//go:build linux && (amd64 || arm64)

package keeper

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/fairway-gateway/fairway/runner/executor"
)

// filter answers a call as the kernel would.
func filter(t *testing.T, p policy, arch, call uint32, args ...uint64) uint32 {
	t.Helper()
	program := instructions(p)
	machine, err := bpf.NewVM(program)
	if err != nil {
		t.Fatal(err)
	}
	// The virtual machine reads words as networks send them, the kernel as the processor has them; both read whole words here.
	data := binary.BigEndian.AppendUint32(nil, call)
	data = binary.BigEndian.AppendUint32(data, arch)
	data = binary.BigEndian.AppendUint64(data, 0)
	for i := range 6 {
		arg := uint64(0)
		if i < len(args) {
			arg = args[i]
		}
		data = binary.BigEndian.AppendUint32(data, uint32(arg))
		data = binary.BigEndian.AppendUint32(data, uint32(arg>>32))
	}
	verdict, err := machine.Run(data)
	if err != nil {
		t.Fatal(err)
	}
	return uint32(verdict)
}

func TestFilter(t *testing.T) {
	t.Parallel()
	const (
		allow   = unix.SECCOMP_RET_ALLOW
		eperm   = unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)
		eacces  = unix.SECCOMP_RET_ERRNO | uint32(unix.EACCES)
		enosys  = unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)
		nothing = ^uint64(0)
	)
	closed := policy{sameUser: true, ask: true}
	other := policy{}
	open := policy{sockets: true}
	names := policy{sockets: true, udp: true}
	for _, test := range []struct {
		what   string
		policy policy
		call   uint32
		args   []uint64
		want   uint32
	}{
		{"read", closed, unix.SYS_READ, nil, allow},
		{"execve", closed, unix.SYS_EXECVE, nil, allow},
		{"a socket", closed, unix.SYS_SOCKET, []uint64{unix.AF_UNIX, unix.SOCK_STREAM}, eacces},
		{"a TCP socket", closed, unix.SYS_SOCKET, []uint64{unix.AF_INET, unix.SOCK_STREAM}, eacces},
		{"connect", closed, unix.SYS_CONNECT, nil, eacces},
		{"TCP", open, unix.SYS_SOCKET, []uint64{unix.AF_INET, unix.SOCK_STREAM | unix.SOCK_CLOEXEC | unix.SOCK_NONBLOCK, 0}, allow},
		{"TCP over IPv6", open, unix.SYS_SOCKET, []uint64{unix.AF_INET6, unix.SOCK_STREAM, unix.IPPROTO_TCP}, allow},
		{"TCP with bits that the kernel does not look at", open, unix.SYS_SOCKET, []uint64{unix.AF_INET | 1<<32, unix.SOCK_STREAM | 1<<40, 1 << 33}, allow},
		{"UDP", open, unix.SYS_SOCKET, []uint64{unix.AF_INET, unix.SOCK_DGRAM, 0}, eacces},
		{"UDP for names", names, unix.SYS_SOCKET, []uint64{unix.AF_INET, unix.SOCK_DGRAM, unix.IPPROTO_UDP}, allow},
		{"packets", names, unix.SYS_SOCKET, []uint64{unix.AF_INET, unix.SOCK_RAW, 0}, eacces},
		{"MPTCP", open, unix.SYS_SOCKET, []uint64{unix.AF_INET, unix.SOCK_STREAM, 262}, eacces},
		{"a unix socket", names, unix.SYS_SOCKET, []uint64{unix.AF_UNIX, unix.SOCK_STREAM, 0}, eacces},
		{"netlink", names, unix.SYS_SOCKET, []uint64{unix.AF_NETLINK, unix.SOCK_RAW, 0}, eacces},
		{"connect", open, unix.SYS_CONNECT, nil, allow},
		{"bind", open, unix.SYS_BIND, nil, eacces},
		{"listen", open, unix.SYS_LISTEN, nil, eacces},
		{"a pair", closed, unix.SYS_SOCKETPAIR, []uint64{unix.AF_UNIX, unix.SOCK_STREAM | unix.SOCK_CLOEXEC}, allow},
		{"a pair of packets", closed, unix.SYS_SOCKETPAIR, []uint64{unix.AF_UNIX, unix.SOCK_SEQPACKET}, allow},
		{"a pair of datagrams", closed, unix.SYS_SOCKETPAIR, []uint64{unix.AF_UNIX, unix.SOCK_DGRAM}, eacces},
		{"a pair of something", closed, unix.SYS_SOCKETPAIR, []uint64{unix.AF_TIPC, unix.SOCK_STREAM}, eacces},
		{"send", open, unix.SYS_SENDTO, []uint64{3, 0, 0, unix.MSG_NOSIGNAL}, allow},
		{"send and connect", open, unix.SYS_SENDTO, []uint64{3, 0, 0, unix.MSG_FASTOPEN | unix.MSG_NOSIGNAL}, eacces},
		{"send and connect by a message", open, unix.SYS_SENDMSG, []uint64{3, 0, unix.MSG_FASTOPEN}, eacces},
		{"send and connect by messages", open, unix.SYS_SENDMMSG, []uint64{3, 0, 1, unix.MSG_FASTOPEN}, eacces},
		{"a thread", closed, unix.SYS_CLONE, []uint64{unix.CLONE_VM | unix.CLONE_THREAD | unix.CLONE_SIGHAND | unix.CLONE_FILES}, allow},
		{"a namespace", closed, unix.SYS_CLONE, []uint64{unix.CLONE_NEWUSER | uint64(unix.SIGCHLD)}, eperm},
		{"clone3", closed, unix.SYS_CLONE3, nil, enosys},
		{"unshare", closed, unix.SYS_UNSHARE, nil, eperm},
		{"its own limits", closed, unix.SYS_PRLIMIT64, []uint64{0}, allow},
		{"another's limits", closed, unix.SYS_PRLIMIT64, []uint64{1}, eperm},
		{"its own priority", closed, unix.SYS_SETPRIORITY, []uint64{unix.PRIO_PROCESS, 0, 5}, allow},
		{"another's priority", closed, unix.SYS_SETPRIORITY, []uint64{unix.PRIO_PROCESS, 7, 5}, eperm},
		{"its user's priority", closed, unix.SYS_SETPRIORITY, []uint64{unix.PRIO_USER, 0, 5}, eperm},
		{"the size of its terminal", closed, unix.SYS_IOCTL, []uint64{1, unix.TIOCGWINSZ}, allow},
		{"typing", closed, unix.SYS_IOCTL, []uint64{0, unix.TIOCSTI}, eperm},
		{"typing with bits that the kernel does not look at", closed, unix.SYS_IOCTL, []uint64{0, unix.TIOCSTI | 1<<32}, eperm},
		{"its name", closed, unix.SYS_PRCTL, []uint64{unix.PR_SET_NAME}, allow},
		{"hiding", closed, unix.SYS_PRCTL, []uint64{unix.PR_SET_DUMPABLE}, eperm},
		{"what it is", closed, unix.SYS_PERSONALITY, []uint64{0xffffffff}, allow},
		{"being older", closed, unix.SYS_PERSONALITY, []uint64{0x0400000}, eperm},
		{"modes", closed, unix.SYS_FCHMODAT, nil, unix.SECCOMP_RET_USER_NOTIF},
		{"modes, if nobody is asked", policy{sameUser: true}, unix.SYS_FCHMODAT, nil, eperm},
		{"modes as somebody else", other, unix.SYS_FCHMODAT, nil, allow},
		{"owners", closed, unix.SYS_FCHOWNAT, nil, eperm},
		{"owners as somebody else", other, unix.SYS_FCHOWNAT, nil, allow},
		{"attributes", other, unix.SYS_SETXATTR, nil, eperm},
		{"io_uring", open, unix.SYS_IO_URING_SETUP, nil, enosys},
		{"ptrace", other, unix.SYS_PTRACE, nil, eperm},
		{"memory of files", other, unix.SYS_MEMFD_CREATE, nil, enosys},
		{"the last call that is known", closed, lastCall, nil, allow},
		{"one that is not", closed, lastCall + 1, nil, enosys},
		{"one of x32", closed, 0x40000000 | unix.SYS_READ, nil, enosys},
		{"the last of all", closed, 0xffffffff, []uint64{nothing}, enosys},
	} {
		if got := filter(t, test.policy, auditArch, test.call, test.args...); got != test.want {
			t.Errorf("%s: got %#x, want %#x", test.what, got, test.want)
		}
		if got := filter(t, test.policy, unix.AUDIT_ARCH_I386, test.call, test.args...); got != unix.SECCOMP_RET_KILL_PROCESS {
			t.Errorf("%s of another architecture: got %#x", test.what, got)
		}
	}
	for _, p := range []policy{closed, other, open, names} {
		if program, err := assemble(p); err != nil || len(program) > 4096 {
			t.Errorf("%d instructions, %v", len(program), err)
		}
	}
}

func TestParseStat(t *testing.T) {
	t.Parallel()
	rest := " S 17 42 42 0 -1 4194560 100 0 0 0 7 3 2 1 20 0 5 0 1000 4096000 250 18446744073709551615 1 1\n"
	for _, name := range []string{"sh", "a b", ") S 1 (", "((", "x) R 99 9"} {
		got, ok := parseStat("99 (" + name + ")" + rest)
		want := stat{state: 'S', parent: 17, ticks: 13, threads: 5, rss: 250 * int64(os.Getpagesize())}
		if !ok || got != want {
			t.Errorf("%q: %+v %v", name, got, ok)
		}
	}
	for _, text := range []string{"", "1", "1 (x)", "1 (x) S 1 2", ")"} {
		if _, ok := parseStat(text); ok {
			t.Errorf("%q is something", text)
		}
	}
	if own, ok := readStat(os.Getpid()); !ok || own.parent != os.Getppid() || own.threads < 1 || own.rss == 0 {
		t.Errorf("%+v", own)
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add("99 (sh) S 17 42 42 0 -1 4194560 100 0 0 0 7 3 2 1 20 0 5 0 1000 4096000 250 18446744073709551615 1 1\n")
	f.Fuzz(func(_ *testing.T, text string) { parseStat(text) })
}

func TestDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	block := make([]byte, 64<<10)
	for _, err := range []error{
		os.MkdirAll(filepath.Join(dir, "a", "b"), 0o755),
		os.WriteFile(filepath.Join(dir, "one"), block, 0o600),
		os.WriteFile(filepath.Join(dir, "a", "b", "two"), block, 0o600),
		os.Link(filepath.Join(dir, "one"), filepath.Join(dir, "again")),
		os.Symlink("/usr", filepath.Join(dir, "elsewhere")),
		os.Symlink(".", filepath.Join(dir, "a", "here")),
		os.Chmod(filepath.Join(dir, "a", "b"), 0),
		os.Chmod(filepath.Join(dir, "a"), 0),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	d, err := measureDisk(dir, nil, 1000)
	if err != nil || d.files != 7 || d.bytes < 128<<10 || d.bytes > 160<<10 {
		t.Errorf("%d files, %d bytes, %v", d.files, d.bytes, err)
	}
	if d, err := measureDisk(dir, nil, 3); err != nil || d.files != 4 {
		t.Errorf("%d files, %v", d.files, err)
	}
	// A file without a name counts as long as somebody has it open.
	file, err := os.Create(filepath.Join(dir, "three"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.Write(block); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(file.Name()); err != nil {
		t.Fatal(err)
	}
	if more, err := measureDisk(dir, []int{os.Getpid()}, 1000); err != nil || more.bytes < d.bytes+64<<10 {
		t.Errorf("%d bytes, %v", more.bytes, err)
	}
	if _, err := measureDisk(filepath.Join(dir, "elsewhere"), nil, 1000); err == nil {
		t.Error("a link is followed")
	}
}

func TestCgroup(t *testing.T) {
	t.Parallel()
	// What is written; that the kernel keeps to it is tested where it has the controllers.
	dir := filepath.Join(t.TempDir(), "group")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"memory.max", "memory.oom.group", "pids.max", "cpu.max", "cgroup.kill"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := MakeCgroup(dir, executor.Limits{}.WithDefaults()); err != nil {
		t.Fatal(err)
	}
	killCgroup(dir)
	for name, want := range map[string]string{"memory.max": "1000000000", "memory.oom.group": "1", "pids.max": "256", "cpu.max": "50000 100000", "cgroup.kill": "1"} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != want {
			t.Errorf("%s: %q %v", name, got, err)
		}
	}
	for text, want := range map[string]bool{"low 0\noom_kill 0\n": false, "low 0\noom_kill 2\noom_group_kill 1\n": true, "": false} {
		if err := os.WriteFile(filepath.Join(dir, "memory.events"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if cgroupOOM(dir) != want {
			t.Errorf("%q", text)
		}
	}
}

func TestKillUserLeavesTheFirstThreadAlone(t *testing.T) {
	t.Parallel()
	for range 50 {
		var on int
		elsewhere(func() { on = unix.Gettid() })
		if on == unix.Getpid() {
			t.Fatal("it was done on the first thread")
		}
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/status", os.Getpid(), os.Getpid()))
	if err != nil || !strings.Contains(string(status), fmt.Sprintf("Uid:\t%d\t%d", os.Getuid(), os.Geteuid())) {
		t.Errorf("%s %v", status, err)
	}
}

func TestFiles(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.json")
	if err := WriteFile(path, State{Pid: 5}); err != nil {
		t.Fatal(err)
	}
	var state State
	if err := ReadFile(path, &state); err != nil || state.Pid != 5 {
		t.Errorf("%+v %v", state, err)
	}
	if err := ReadFile(path+"x", &state); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := ReadFile(path, &state); err == nil {
		t.Error("half a file is read")
	}
}
