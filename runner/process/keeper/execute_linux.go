//go:build linux && (amd64 || arm64)

package keeper

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// execute limits memory and number of threads, and becomes another program, without Go's runtime having a say in between: it would want
// memory, which there is none left of.
//
//go:nosplit
func execute(memory, tasks *unix.Rlimit, program *byte, argv, env []*byte) error {
	if _, _, errno := unix.RawSyscall6(unix.SYS_PRLIMIT64, 0, unix.RLIMIT_DATA, uintptr(unsafe.Pointer(memory)), 0, 0, 0); errno != 0 {
		return errno
	}
	if _, _, errno := unix.RawSyscall6(unix.SYS_PRLIMIT64, 0, unix.RLIMIT_NPROC, uintptr(unsafe.Pointer(tasks)), 0, 0, 0); errno != 0 {
		return errno
	}
	// A program that was written a moment ago may still be open in a child which the runner is just starting for another attempt.
	pause := unix.Timespec{Nsec: 5_000_000}
	for tries := 0; ; tries++ {
		_, _, errno := unix.RawSyscall(unix.SYS_EXECVE, uintptr(unsafe.Pointer(program)), uintptr(unsafe.Pointer(&argv[0])), uintptr(unsafe.Pointer(&env[0])))
		if errno != unix.ETXTBSY || tries == 400 {
			return errno
		}
		_, _, _ = unix.RawSyscall(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&pause)), 0, 0)
	}
}
