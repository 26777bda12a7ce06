package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// hurry is for how long results are offered when the cluster wants the pod to end.
const hurry = 20 * time.Second

// handOver gives the gateway what the script left as its results, if that is a file.
func (r *running) handOver() {
	r.report.Results = HandedNone
	file, size, err := openResults(r.spec.Limits.Results)
	if err == nil && file == nil {
		return
	}
	if err == nil {
		defer file.Close()
		err = r.send(file, size)
	}
	if err != nil {
		r.report.Results, r.report.Spoilt = HandedSpoilt, err.Error()
		return
	}
	r.report.Results = HandedOver
}

// openResults opens the results. There are none where there is no file in their place, or an empty one.
func openResults(most int64) (*os.File, int64, error) {
	fd, err := unix.Open(Results, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.EACCES) {
		return nil, 0, errors.New("the results cannot be read")
	}
	if err != nil {
		return nil, 0, nil //nolint:nilerr // there is no file
	}
	file := os.NewFile(uintptr(fd), Results)
	info, err := file.Stat()
	switch {
	case err != nil || !info.Mode().IsRegular() || info.Size() == 0:
		file.Close()
		return nil, 0, nil //nolint:nilerr // as above
	case info.Size() > most:
		file.Close()
		return nil, 0, fmt.Errorf("the results have %d bytes, more than %d", info.Size(), most)
	}
	return file, info.Size(), nil
}

func (r *running) send(file *os.File, size int64) error {
	gateway, err := newGateway(r.spec)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	if r.report.Asked {
		defer time.AfterFunc(hurry, stop).Stop()
	}
	err = gateway.insist(ctx, func(ctx context.Context) error {
		return gateway.once(ctx, "PUT", PathResults, io.NewSectionReader(file, 0, size), size, func(context.Context, io.Reader) error { return nil })
	})
	if err != nil {
		return fmt.Errorf("the results could not be handed over: %w", err)
	}
	return nil
}
