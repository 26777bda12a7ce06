//go:build linux && (amd64 || arm64)

package keeper

import (
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// group is calls with one answer.
type group struct {
	answer bpf.Instruction
	calls  []uint32
}

// refused are the calls that scripts do not have.
func refused(p policy) []group {
	groups := []group{
		// The C library does without: fork for clone3, whose flags a filter cannot see.
		{refuse(unix.ENOSYS), []uint32{unix.SYS_CLONE3}},
		// They do what other calls do, and no filter sees what.
		{refuse(unix.ENOSYS), []uint32{unix.SYS_IO_URING_SETUP, unix.SYS_IO_URING_ENTER, unix.SYS_IO_URING_REGISTER}},
		// Memory that no limit counts.
		{refuse(unix.ENOSYS), []uint32{unix.SYS_MEMFD_CREATE, unix.SYS_MEMFD_SECRET}},
		// What is shared by all of a user, or by all of a machine.
		{refuse(unix.ENOSYS), []uint32{
			unix.SYS_SHMGET, unix.SYS_SHMAT, unix.SYS_SHMCTL, unix.SYS_SEMGET, unix.SYS_SEMOP, unix.SYS_SEMTIMEDOP, unix.SYS_SEMCTL,
			unix.SYS_MSGGET, unix.SYS_MSGSND, unix.SYS_MSGRCV, unix.SYS_MSGCTL, unix.SYS_MQ_OPEN, unix.SYS_MQ_UNLINK,
			unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY, unix.SYS_KEYCTL,
		}},
		// Names and changes of files that cannot be opened.
		{refuse(unix.EACCES), []uint32{unix.SYS_INOTIFY_ADD_WATCH, unix.SYS_FANOTIFY_INIT, unix.SYS_FANOTIFY_MARK, unix.SYS_OPEN_BY_HANDLE_AT, unix.SYS_NAME_TO_HANDLE_AT}},
		// Attributes, which Landlock does not know.
		{refuse(unix.EPERM), []uint32{
			unix.SYS_SETXATTR, unix.SYS_LSETXATTR, unix.SYS_SETXATTRAT, unix.SYS_REMOVEXATTR, unix.SYS_LREMOVEXATTR, unix.SYS_REMOVEXATTRAT, unix.SYS_FILE_SETATTR,
		}},
		// Other processes.
		{refuse(unix.EPERM), []uint32{
			unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV, unix.SYS_PROCESS_MADVISE, unix.SYS_PROCESS_MRELEASE,
			unix.SYS_PIDFD_GETFD, unix.SYS_KCMP, unix.SYS_MOVE_PAGES, unix.SYS_MIGRATE_PAGES,
		}},
		// Parts of the kernel that hardly any program needs and many an escape began with.
		{refuse(unix.EPERM), []uint32{unix.SYS_BPF, unix.SYS_PERF_EVENT_OPEN, unix.SYS_USERFAULTFD, unix.SYS_LOOKUP_DCOOKIE, unix.SYS_VMSPLICE}},
		// Namespaces and mounts.
		{refuse(unix.EPERM), []uint32{
			unix.SYS_UNSHARE, unix.SYS_SETNS, unix.SYS_CHROOT, unix.SYS_PIVOT_ROOT, unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_MOUNT_SETATTR, unix.SYS_MOVE_MOUNT,
			unix.SYS_OPEN_TREE, unix.SYS_OPEN_TREE_ATTR, unix.SYS_FSOPEN, unix.SYS_FSCONFIG, unix.SYS_FSMOUNT, unix.SYS_FSPICK, unix.SYS_STATMOUNT, unix.SYS_LISTMOUNT, unix.SYS_LISTNS,
		}},
		// The machine.
		{refuse(unix.EPERM), []uint32{
			unix.SYS_REBOOT, unix.SYS_KEXEC_LOAD, unix.SYS_KEXEC_FILE_LOAD, unix.SYS_INIT_MODULE, unix.SYS_FINIT_MODULE, unix.SYS_DELETE_MODULE, unix.SYS_SYSLOG,
			unix.SYS_SWAPON, unix.SYS_SWAPOFF, unix.SYS_SETTIMEOFDAY, unix.SYS_CLOCK_SETTIME, unix.SYS_CLOCK_ADJTIME, unix.SYS_ADJTIMEX, unix.SYS_SETHOSTNAME, unix.SYS_SETDOMAINNAME,
			unix.SYS_ACCT, unix.SYS_QUOTACTL, unix.SYS_QUOTACTL_FD, unix.SYS_VHANGUP, unix.SYS_NFSSERVCTL,
		}},
		// Servers.
		{refuse(unix.EACCES), []uint32{unix.SYS_BIND, unix.SYS_LISTEN, unix.SYS_ACCEPT, unix.SYS_ACCEPT4}},
	}
	groups = append(groups, group{refuse(unix.EPERM), olderCalls()})
	if !p.sockets {
		groups = append(groups, group{refuse(unix.EACCES), []uint32{unix.SYS_SOCKET, unix.SYS_CONNECT}})
	}
	if p.sameUser {
		// Landlock knows neither modes nor owners.
		modes := refuse(unix.EPERM)
		if p.ask {
			modes = bpf.RetConstant{Val: unix.SECCOMP_RET_USER_NOTIF}
		}
		groups = append(groups,
			group{modes, append([]uint32{unix.SYS_FCHMOD, unix.SYS_FCHMODAT, unix.SYS_FCHMODAT2}, olderModes()...)},
			group{refuse(unix.EPERM), append([]uint32{
				unix.SYS_FCHOWN, unix.SYS_FCHOWNAT,
			}, olderOwners()...)},
		)
	}
	return groups
}
