//go:build linux && (amd64 || arm64)

package keeper

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// probe tries, on the restricted thread, what a script must not be able to. It says what was possible, and always ends in an error,
// whose text the keeper's starter understands.
func probe(p *Probe) error {
	var possible []string
	try := func(what string, err error) {
		if err == nil {
			possible = append(possible, what)
		}
	}
	file, err := unix.Open(p.Secret, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	try("the runner's files can be read", err)
	if err == nil {
		unix.Close(file)
	}
	for what, family := range map[string]int{"TCP": unix.AF_INET, "TCP over IPv6": unix.AF_INET6, "sockets of the machine": unix.AF_UNIX} {
		socket, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		try(what+" can be opened", err)
		if err == nil {
			unix.Close(socket)
		}
	}
	// Signal 0 is none; it asks whether one could be sent.
	try("the keeper can be sent signals", unix.Kill(unix.Getppid(), 0))
	try("namespaces can be made", unix.Unshare(unix.CLONE_NEWUSER))
	environ, err := unix.Open(fmt.Sprintf("/proc/%d/environ", unix.Getppid()), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	try("the keeper's environment can be read", err)
	if err == nil {
		unix.Close(environ)
	}
	try("files can be made elsewhere", os.WriteFile(p.Secret+".probe", nil, 0o600))
	if len(possible) > 0 {
		return errors.New(ProbePrefix + strings.Join(possible, "; "))
	}
	return errors.New(ProbePrefix)
}
