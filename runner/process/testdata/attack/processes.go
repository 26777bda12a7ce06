package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

func sockets(t target) {
	for _, name := range t.Unix {
		for _, kind := range []string{"unix", "unixpacket", "unixgram"} {
			conn, err := net.Dial(kind, name)
			if err == nil {
				conn.Close()
			} else if kind != "unix" && !os.IsPermission(err) {
				continue // it is a socket of another kind
			}
			try("connect to "+name+" as "+kind, err)
		}
	}
	// A pair is a socket, too, that might be turned elsewhere.
	for name, kind := range map[string]int{"datagrams": unix.SOCK_DGRAM, "a stream": unix.SOCK_STREAM, "packets": unix.SOCK_SEQPACKET} {
		pair, err := unix.Socketpair(unix.AF_UNIX, kind, 0)
		if err != nil {
			fmt.Printf("refused: a pair of %s: %v\n", name, err)
			continue
		}
		for _, path := range t.Unix {
			try("turn "+name+" to "+path, unix.Connect(pair[0], &unix.SockaddrUnix{Name: path}))
			if kind == unix.SOCK_DGRAM {
				try("send "+name+" to "+path, unix.Sendto(pair[0], []byte("x"), 0, &unix.SockaddrUnix{Name: path}))
			}
			unix.Close(pair[1])
			try("turn "+name+" without its peer to "+path, unix.Connect(pair[0], &unix.SockaddrUnix{Name: path}))
			if err := unix.Sendto(pair[0], []byte("x"), unix.MSG_NOSIGNAL, &unix.SockaddrUnix{Name: path}); err == nil && kind != unix.SOCK_STREAM {
				try("send "+name+" without its peer to "+path, err)
			}
		}
	}
	ring()
}

// ring tries io_uring, by which calls are made that no filter sees.
func ring() {
	params := make([]byte, 120)
	_, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, 8, uintptr(unsafe.Pointer(&params[0])), 0)
	if errno != 0 {
		try("io_uring", errno)
		return
	}
	try("io_uring", nil)
}

func network(t target) {
	for _, address := range t.TCP {
		conn, err := net.DialTimeout("tcp", address, 2*time.Second)
		if err == nil {
			conn.Close()
		}
		try("connect to "+address, err)
	}
	for _, address := range t.UDP {
		conn, err := net.Dial("udp", address)
		if err == nil {
			_, err = conn.Write([]byte("x"))
		}
		try("send to "+address, err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	try("listen", err)
	if err == nil {
		listener.Close()
	}
	for name, s := range map[string][3]int{
		"MPTCP":   {unix.AF_INET, unix.SOCK_STREAM, 262},
		"SCTP":    {unix.AF_INET, unix.SOCK_SEQPACKET, 132},
		"netlink": {unix.AF_NETLINK, unix.SOCK_RAW, 0},
		"packets": {unix.AF_PACKET, unix.SOCK_RAW, 0},
		"vsock":   {unix.AF_VSOCK, unix.SOCK_STREAM, 0},
		"alg":     {unix.AF_ALG, unix.SOCK_SEQPACKET, 0},
	} {
		socket, err := unix.Socket(s[0], s[1], s[2])
		if err == nil {
			unix.Close(socket)
		}
		try("a socket of "+name, err)
	}
}

func signals(t target) {
	for name, send := range map[string]func() error{
		"kill":     func() error { return unix.Kill(t.Pid, unix.SIGTERM) },
		"tgkill":   func() error { return unix.Tgkill(t.Pid, t.Pid, unix.SIGTERM) },
		"sigqueue": func() error { return queue(t.Pid) },
		"pidfd": func() error {
			fd, err := unix.PidfdOpen(t.Pid, 0)
			if err != nil {
				return err
			}
			return unix.PidfdSendSignal(fd, unix.SIGTERM, nil, 0)
		},
		"the keeper": func() error {
			if os.Getenv("FAIRWAY_ATTEMPT_ID") == "" {
				return nil // it has none, but a test as its parent
			}
			return unix.Kill(os.Getppid(), unix.SIGKILL)
		},
		"its limits": func() error {
			return unix.Prlimit(t.Pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 3, Max: 3}, nil)
		},
		"its priority":        func() error { return unix.Setpriority(unix.PRIO_PROCESS, t.Pid, 19) },
		"its user's priority": func() error { return unix.Setpriority(unix.PRIO_USER, 0, 19) },
		"its affinity": func() error {
			var set unix.CPUSet
			set.Set(0)
			return unix.SchedSetaffinity(t.Pid, &set)
		},
	} {
		try("signal by "+name, send())
	}
	// Everybody, if that were allowed; in the control this must not be done.
	if os.Getenv("FAIRWAY_ATTEMPT_ID") != "" {
		signal.Ignore(unix.SIGTERM)
		_ = unix.Kill(-1, unix.SIGTERM)
	}
}

func queue(pid int) error {
	info := make([]byte, 128)
	*(*int32)(unsafe.Pointer(&info[8])) = -1 // SI_QUEUE
	_, _, errno := unix.Syscall(unix.SYS_RT_SIGQUEUEINFO, uintptr(pid), uintptr(unix.SIGTERM), uintptr(unsafe.Pointer(&info[0])))
	if errno != 0 {
		return errno
	}
	return nil
}

func trace(t target) {
	try("attach", syscall.PtraceAttach(t.Pid))
	_, _, errno := unix.Syscall(unix.SYS_PTRACE, unix.PTRACE_SEIZE, uintptr(t.Pid), 0)
	try("seize", errorOf(errno))
	buffer := make([]byte, 8)
	_, err := unix.ProcessVMReadv(t.Pid, []unix.Iovec{{Base: &buffer[0], Len: 8}}, []unix.RemoteIovec{{Base: 0x400000, Len: 8}}, 0)
	if err != unix.EFAULT {
		try("read memory", err)
	}
	fd, err := unix.PidfdOpen(t.Pid, 0)
	if err == nil {
		_, err = unix.PidfdGetfd(fd, 0, 0)
	}
	try("take a descriptor", err)
	_, _, errno = unix.Syscall6(unix.SYS_KCMP, uintptr(t.Pid), uintptr(os.Getpid()), 0, 0, 0, 0)
	try("compare", errorOf(errno))
	_, err = os.OpenFile(fmt.Sprintf("/proc/%d/mem", t.Pid), os.O_RDWR, 0)
	try("open memory", err)
	if os.Getenv("FAIRWAY_ATTEMPT_ID") != "" {
		_, err = os.OpenFile(fmt.Sprintf("/proc/%d/mem", os.Getppid()), os.O_RDWR, 0)
		try("open the keeper's memory", err)
	}
}

func errorOf(errno syscall.Errno) error {
	if errno == 0 {
		return nil
	}
	return errno
}

// kernel tries what would lead out of any of it.
func kernel(target) {
	for name, flags := range map[string]int{"user": unix.CLONE_NEWUSER, "user and mount": unix.CLONE_NEWUSER | unix.CLONE_NEWNS, "net": unix.CLONE_NEWUSER | unix.CLONE_NEWNET} {
		try("unshare "+name, unix.Unshare(flags))
	}
	command := exec.Command("/bin/true")
	command.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER}
	try("clone a user namespace", command.Run())
	try("chroot", unix.Chroot(os.TempDir()))
	try("mount", unix.Mount("none", os.TempDir(), "tmpfs", 0, ""))
	for name, call := range map[string]uintptr{
		"bpf": unix.SYS_BPF, "perf_event_open": unix.SYS_PERF_EVENT_OPEN, "userfaultfd": unix.SYS_USERFAULTFD, "keyctl": unix.SYS_KEYCTL, "add_key": unix.SYS_ADD_KEY,
		"init_module": unix.SYS_INIT_MODULE, "kexec_load": unix.SYS_KEXEC_LOAD, "open_tree": unix.SYS_OPEN_TREE, "fsopen": unix.SYS_FSOPEN, "setns": unix.SYS_SETNS,
		"shmget": unix.SYS_SHMGET, "mq_open": unix.SYS_MQ_OPEN, "reboot": unix.SYS_REBOOT, "memfd_create": unix.SYS_MEMFD_CREATE, "clone3": unix.SYS_CLONE3,
		"a call of next year": 600,
	} {
		_, _, errno := unix.Syscall(call, 0, 0, 0)
		switch errno {
		case unix.EPERM, unix.EACCES, unix.ENOSYS:
			try(name, errno)
		default:
			try(name, nil)
		}
	}
	try("gain the privileges of programs", escalate())
	try("raise its limits", unix.Setrlimit(unix.RLIMIT_NPROC, &unix.Rlimit{Cur: 1 << 20, Max: 1 << 20}))
	try("become root", setuid())
	try("be more important", unix.Setpriority(unix.PRIO_PROCESS, 0, -5))
}

func escalate() error {
	value, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)
	if err == nil && value == 1 {
		return unix.EPERM
	}
	return err
}

func setuid() error {
	_, _, errno := unix.RawSyscall(unix.SYS_SETUID, 0, 0, 0)
	if errno == 0 && os.Getenv("FAIRWAY_ATTEMPT_ID") == "" {
		return unix.EPERM
	}
	return errorOf(errno)
}

// again starts this program with other arguments, in a way of its own.
func again(attributes *syscall.SysProcAttr, arguments ...string) (int, error) {
	return syscall.ForkExec("/proc/self/exe", append([]string{"attack"}, arguments...), &syscall.ProcAttr{
		Env: os.Environ(), Files: []uintptr{0, 1, 2}, Sys: attributes,
	})
}

// forkBomb starts processes that do the same, a limited number of times.
func forkBomb(t target) {
	depth, _ := strconv.Atoi(os.Getenv("DEPTH"))
	os.Setenv("DEPTH", strconv.Itoa(depth+1))
	if depth == 0 {
		fmt.Println("bombing")
	}
	for range t.Count {
		pid, err := again(&syscall.SysProcAttr{Setsid: true}, "fork", fmt.Sprintf(`{"count":%d,"secret":%q}`, t.Count/4, t.Secret))
		if err != nil {
			fmt.Println("refused: fork:", err)
			break
		}
		_ = pid
	}
	time.Sleep(time.Hour)
}

func memoryBomb(t target) {
	for range t.MiB {
		block := make([]byte, 1<<20)
		for i := 0; i < len(block); i += 4096 {
			block[i] = 1
		}
		keep = append(keep, block)
	}
	fmt.Println("POSSIBLE: all of the memory")
	time.Sleep(time.Hour)
}

// sharedBomb takes memory that limits of processes do not count.
func sharedBomb(t target) {
	for range t.MiB {
		block, err := unix.Mmap(-1, 0, 1<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANONYMOUS)
		if err != nil {
			fmt.Println("refused: mmap:", err)
			time.Sleep(time.Hour)
		}
		for i := 0; i < len(block); i += 4096 {
			block[i] = 1
		}
		// A little slower than the machine, so that a watchdog that looks late does not cost more than it needs to.
		time.Sleep(2 * time.Millisecond)
	}
	fmt.Println("POSSIBLE: all of the memory")
	time.Sleep(time.Hour)
}

// childrenBomb takes memory in many processes, each below the limit.
func childrenBomb(t target) {
	for range t.Count {
		if _, err := again(&syscall.SysProcAttr{}, "shared", fmt.Sprintf(`{"mib":%d}`, t.MiB)); err != nil {
			fmt.Println("refused: fork:", err)
		}
	}
	time.Sleep(time.Hour)
}

// survive leaves processes that do all they can not to be ended with it: sessions of their own, parents that are gone, signals ignored.
func survive(t target) {
	stage, _ := strconv.Atoi(os.Getenv("STAGE"))
	signal.Ignore(unix.SIGTERM, unix.SIGHUP, unix.SIGINT)
	_ = unix.Prctl(unix.PR_SET_PDEATHSIG, 0, 0, 0, 0)
	os.Setenv("STAGE", strconv.Itoa(stage+1))
	switch stage {
	case 0:
		for range 3 {
			if _, err := again(&syscall.SysProcAttr{Setsid: true}, "survive", "{}"); err != nil {
				check(err)
			}
		}
		if t.Count > 0 {
			time.Sleep(time.Duration(t.Count) * time.Second)
			return
		}
		time.Sleep(time.Hour)
	case 1:
		os.Clearenv()
		os.Setenv("STAGE", "2")
		if _, err := again(&syscall.SysProcAttr{Setsid: true}, "survive", "{}"); err != nil {
			check(err)
		}
		os.Exit(0)
	default:
		fmt.Println("survivor", os.Getpid())
		time.Sleep(time.Hour)
	}
}

func spin(target) {
	fmt.Println("spinning")
	for {
	}
}

// foreign makes calls of the architecture of 32 bits, which have other numbers.
func foreign(target) {
	fmt.Println("calling")
	foreignCall()
	try("make calls of another architecture", nil)
}

// pipe writes without an end.
func pipe(t target) {
	line := make([]byte, 1<<16)
	for i := range line {
		line[i] = 'x'
	}
	line[len(line)-1] = '\n'
	for range t.MiB << 4 {
		os.Stdout.Write(line)
	}
}
