//go:build linux && (amd64 || arm64)

package keeper

import (
	"fmt"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// The filter of system calls is assembled here, since what there is for it (elastic/go-seccomp-bpf 1.5.0) lets calls of a foreign
// architecture through where the default is to allow.

// Offsets of struct seccomp_data.
const (
	offsetCall = 0
	offsetArch = 4
	offsetArgs = 16
)

// lastCall is the last system call that was looked at; kernels may have later ones, which scripts then do not have.
const lastCall = unix.SYS_RSEQ_SLICE_YIELD

// policy is what a filter depends on.
type policy struct {
	sockets bool // TCP connections may be opened
	udp     bool // and names be looked up
	// sameUser says that the script runs as the user that the keeper and maybe the gateway run as, so that modes and owners of
	// files have to be guarded.
	sameUser bool
	// ask has the keeper change modes, where the files are the script's own.
	ask bool
}

// assemble makes the filter's program.
func assemble(p policy) ([]unix.SockFilter, error) {
	program := instructions(p)
	raw, err := bpf.Assemble(program)
	if err != nil {
		return nil, fmt.Errorf("assemble the filter of system calls: %w", err)
	}
	filter := make([]unix.SockFilter, len(raw))
	for i, r := range raw {
		filter[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	return filter, nil
}

// seccomp filters the system calls of the calling thread and of what it starts. It gives a descriptor on which the filter asks, if it
// does, else -1. The thread must not be able to gain privileges.
func seccomp(p policy) (int, error) {
	filter, err := assemble(p)
	if err != nil {
		return -1, err
	}
	flags := uintptr(0)
	if p.ask {
		flags = unix.SECCOMP_FILTER_FLAG_NEW_LISTENER
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]} //nolint:gosec // a few hundred
	listener, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, uintptr(unsafe.Pointer(&program)))
	if errno != 0 {
		return -1, fmt.Errorf("seccomp: %w", errno)
	}
	if !p.ask {
		return -1, nil
	}
	return int(listener), nil
}

// instructions are the program: what is not refused is allowed.
func instructions(p policy) []bpf.Instruction {
	program := []bpf.Instruction{
		bpf.LoadAbsolute{Off: offsetArch, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: auditArch, SkipTrue: 1},
		bpf.RetConstant{Val: unix.SECCOMP_RET_KILL_PROCESS},
		bpf.LoadAbsolute{Off: offsetCall, Size: 4},
		// Later calls, and those of x32, which have bit 30 set.
		bpf.JumpIf{Cond: bpf.JumpLessOrEqual, Val: lastCall, SkipTrue: 1},
		refuse(unix.ENOSYS),
	}
	for _, group := range refused(p) {
		for _, call := range group.calls {
			program = append(program, bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: call, SkipTrue: 1}, group.answer)
		}
	}
	for _, r := range ruled(p) {
		body := append(r.body(), bpf.RetConstant{Val: unix.SECCOMP_RET_ALLOW})
		program = append(program, bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: r.call, SkipTrue: uint8(len(body))}) //nolint:gosec // a dozen
		program = append(program, body...)
	}
	return append(program, bpf.RetConstant{Val: unix.SECCOMP_RET_ALLOW})
}

// refuse answers a call with an error.
func refuse(errno unix.Errno) bpf.RetConstant {
	return bpf.RetConstant{Val: unix.SECCOMP_RET_ERRNO | uint32(errno)} //nolint:gosec // a small number
}

// low loads the lower half of an argument, which is all of one that the kernel takes as int. Both architectures are little-endian.
func low(argument uint32) bpf.Instruction {
	return bpf.LoadAbsolute{Off: offsetArgs + 8*argument, Size: 4}
}

// rule is a call that is allowed with some arguments: it is refused when one of its checks says so.
type rule struct {
	call   uint32
	checks [][]bpf.Instruction
}

func (r rule) body() []bpf.Instruction {
	var body []bpf.Instruction
	for _, check := range r.checks {
		body = append(body, check...)
	}
	return body
}

// is refuses a call whose argument is not the value.
func is(argument, value uint32, errno unix.Errno) []bpf.Instruction {
	return []bpf.Instruction{low(argument), bpf.JumpIf{Cond: bpf.JumpEqual, Val: value, SkipTrue: 1}, refuse(errno)}
}

// isNot refuses a call whose argument is the value.
func isNot(argument, value uint32) []bpf.Instruction {
	return []bpf.Instruction{low(argument), bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: value, SkipTrue: 1}, refuse(unix.EPERM)}
}

// lacks refuses a call whose argument has one of the bits.
func lacks(argument, bits uint32, errno unix.Errno) []bpf.Instruction {
	return []bpf.Instruction{low(argument), bpf.JumpIf{Cond: bpf.JumpBitsNotSet, Val: bits, SkipTrue: 1}, refuse(errno)}
}

// among refuses a call whose argument, as far as the mask goes, is none of two values.
func among(argument, mask, one, other uint32, errno unix.Errno) []bpf.Instruction {
	return []bpf.Instruction{
		low(argument),
		bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: mask},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: one, SkipTrue: 2},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: other, SkipTrue: 1},
		refuse(errno),
	}
}

// ruled are the calls that depend on their arguments.
func ruled(p policy) []rule {
	const (
		typeMask       = 0xf        // SOCK_NONBLOCK and SOCK_CLOEXEC are beside the type
		everyBit       = 0xffffffff // no mask
		newNamespaces  = unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNET
		personalityAsk = 0xffffffff
	)
	rules := []rule{
		{unix.SYS_CLONE, [][]bpf.Instruction{lacks(0, newNamespaces, unix.EPERM)}},
		// A pair of datagram sockets could be turned to a socket of somebody else; streams are connected for good.
		{unix.SYS_SOCKETPAIR, [][]bpf.Instruction{is(0, unix.AF_UNIX, unix.EACCES), among(1, typeMask, unix.SOCK_STREAM, unix.SOCK_SEQPACKET, unix.EACCES)}},
		// TCP connections can be opened by sending, which Landlock does not see.
		{unix.SYS_SENDTO, [][]bpf.Instruction{lacks(3, unix.MSG_FASTOPEN, unix.EACCES)}},
		{unix.SYS_SENDMSG, [][]bpf.Instruction{lacks(2, unix.MSG_FASTOPEN, unix.EACCES)}},
		{unix.SYS_SENDMMSG, [][]bpf.Instruction{lacks(3, unix.MSG_FASTOPEN, unix.EACCES)}},
		// Typing into somebody's terminal.
		{unix.SYS_IOCTL, [][]bpf.Instruction{isNot(1, unix.TIOCSTI), isNot(1, unix.TIOCLINUX), isNot(1, unix.TIOCSCTTY)}},
		// A process that nobody may look at would not be counted.
		{unix.SYS_PRCTL, [][]bpf.Instruction{isNot(0, unix.PR_SET_DUMPABLE), isNot(0, unix.PR_SET_MM)}},
		{unix.SYS_PERSONALITY, [][]bpf.Instruction{among(0, everyBit, 0, personalityAsk, unix.EPERM)}},
		// These take a process, or all of a user: zero is the caller.
		{unix.SYS_PRLIMIT64, [][]bpf.Instruction{is(0, 0, unix.EPERM)}},
		{unix.SYS_SCHED_SETAFFINITY, [][]bpf.Instruction{is(0, 0, unix.EPERM)}},
		{unix.SYS_SCHED_SETSCHEDULER, [][]bpf.Instruction{is(0, 0, unix.EPERM)}},
		{unix.SYS_SCHED_SETPARAM, [][]bpf.Instruction{is(0, 0, unix.EPERM)}},
		{unix.SYS_SCHED_SETATTR, [][]bpf.Instruction{is(0, 0, unix.EPERM)}},
		{unix.SYS_SETPRIORITY, [][]bpf.Instruction{is(0, unix.PRIO_PROCESS, unix.EPERM), is(1, 0, unix.EPERM)}},
		{unix.SYS_IOPRIO_SET, [][]bpf.Instruction{is(0, 1, unix.EPERM), is(1, 0, unix.EPERM)}}, // IOPRIO_WHO_PROCESS
	}
	if p.sockets {
		rules = append(rules, rule{unix.SYS_SOCKET, internet(p.udp)})
	}
	return rules
}

// internet refuses sockets that are not TCP, or UDP if that is allowed. Other protocols, as MPTCP, Landlock does not know.
func internet(udp bool) [][]bpf.Instruction {
	const typeMask = 0xf
	kinds := is(1, unix.SOCK_STREAM, unix.EACCES)
	kinds = []bpf.Instruction{kinds[0], bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: typeMask}, kinds[1], kinds[2]}
	if udp {
		kinds = among(1, typeMask, unix.SOCK_STREAM, unix.SOCK_DGRAM, unix.EACCES)
	}
	protocols := []bpf.Instruction{
		low(2),
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0, SkipTrue: 3},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.IPPROTO_TCP, SkipTrue: 2},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.IPPROTO_UDP, SkipTrue: 1},
		refuse(unix.EACCES),
	}
	return [][]bpf.Instruction{among(0, 0xffffffff, unix.AF_INET, unix.AF_INET6, unix.EACCES), kinds, protocols}
}
