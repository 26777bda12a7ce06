package keeper

import "golang.org/x/sys/unix"

// auditArch is what the kernel calls the architecture of a system call; those of 32 bits are another.
const auditArch = unix.AUDIT_ARCH_X86_64

// olderCalls are those of the kind that newer architectures never had.
func olderCalls() []uint32 {
	return []uint32{unix.SYS_IOPL, unix.SYS_IOPERM, unix.SYS_MODIFY_LDT, unix.SYS_USELIB, unix.SYS_USTAT, unix.SYS_SYSFS, unix.SYS__SYSCTL, unix.SYS_CREATE_MODULE}
}

func olderModes() []uint32 { return []uint32{unix.SYS_CHMOD} }

func olderOwners() []uint32 { return []uint32{unix.SYS_CHOWN, unix.SYS_LCHOWN} }
