package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"github.com/moby/moby/client"

	"github.com/fairway-gateway/fairway/runner/executor"
)

// awayError is one of an engine that does not answer, or has lost what it runs containers with.
type awayError struct{ error }

// Is makes it executor.ErrAway.
func (awayError) Is(target error) bool { return target == executor.ErrAway }

func (e awayError) Unwrap() error { return e.error }

// explain says what somebody has to do about an engine that cannot be reached.
func (e *Executor) explain(err error) error {
	address, unix := strings.CutPrefix(e.options.Host, "unix://")
	switch _, missing := os.Stat(address); {
	case !client.IsErrConnectionFailed(err):
		err = fmt.Errorf("the Docker Engine at %s: %w", e.options.Host, err)
		if cutOff(err) || withoutContainerd(err.Error()) {
			return awayError{err}
		}
		return err
	case unix && errors.Is(missing, fs.ErrNotExist):
		return awayError{fmt.Errorf("there is no Docker Engine at %s: start it (systemctl start docker), say host where it is elsewhere, or give a runner in a container its socket: %w", e.options.Host, err)}
	case unix && strings.Contains(err.Error(), "permission denied"):
		return fmt.Errorf("the runner's user must not use %s: make it one of the group docker, which is as good as root on this machine: %w", address, err)
	default:
		return awayError{fmt.Errorf("the Docker Engine at %s does not answer: %w", e.options.Host, err)}
	}
}

// cutOff says whether an answer was not there in time, or ended before it was whole.
func cutOff(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, context.DeadlineExceeded)
}

// withoutContainerd says whether an engine complains that it does not reach what it runs containers with: of such errors it tells words alone.
func withoutContainerd(said string) bool {
	for _, words := range []string{"containerd.sock", "transport is closing", "error reading from server", "Error while dialing", "code = Unavailable", ": unavailable", "ttrpc: closed", "containerd: container not found"} {
		if strings.Contains(said, words) {
			return true
		}
	}
	return false
}
