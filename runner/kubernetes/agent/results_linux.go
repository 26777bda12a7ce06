package agent

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// hurry is for how long results are offered when the cluster wants the pod to end.
const hurry = 20 * time.Second

// handOver gives the gateway what the script left as its results, if that is a file.
func (r *running) handOver() {
	r.report.Results = HandedNone
	file, err := openResults(r.spec.Limits.Results)
	if err == nil && file == nil {
		return
	}
	if err == nil {
		defer file.Close()
		err = r.send(file)
	}
	if err != nil {
		r.report.Results, r.report.Spoilt = HandedSpoilt, err.Error()
		return
	}
	r.report.Results = HandedOver
}

// openResults opens the results. There are none where there is no file in their place, or an empty one.
func openResults(most int64) (*os.File, error) {
	fd, err := unix.Open(Results, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.EACCES) {
		return nil, errors.New("the results cannot be read")
	}
	if err != nil {
		return nil, nil //nolint:nilerr // there is no file
	}
	file := os.NewFile(uintptr(fd), Results)
	info, err := file.Stat()
	switch {
	case err != nil || !info.Mode().IsRegular() || info.Size() == 0:
		file.Close()
		return nil, nil //nolint:nilerr // as above
	case info.Size() > most:
		file.Close()
		return nil, fmt.Errorf("the results have %d bytes, more than %d", info.Size(), most)
	}
	return file, nil
}

// program is where this program is in the container.
func program() string {
	if Started() == WordTask {
		return os.Args[0]
	}
	return Program
}

// send has results given to the gateway. Nothing else runs in the container.
func (r *running) send(results *os.File) error {
	// Until it has ended nobody else takes it in.
	r.reaping.Lock()
	defer r.reaping.Unlock()
	sending, err := dispatch(program(), WordHandOver, results)
	if err != nil {
		return err
	}
	if r.report.Asked {
		defer time.AfterFunc(hurry, func() { _ = unix.Kill(sending.pid, unix.SIGKILL) }).Stop()
	}
	if err := sending.wait(); err != nil {
		return fmt.Errorf("the results could not be handed over: %w", err)
	}
	return nil
}
