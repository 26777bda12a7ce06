package swarm

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/moby/moby/client"

	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/far"
	"github.com/fairway-gateway/fairway/runner/kubernetes/agent"
)

// Output reads the log of the task, of which each line is a record. An offset is the number of the line that comes next.
func (r *run) Output(ctx context.Context, offset int64) (executor.Output, error) {
	if offset < 0 {
		return nil, fmt.Errorf("offset %d is negative", offset)
	}
	if _, err := r.service(ctx); err != nil {
		return nil, err
	}
	return far.NewOutput(r, r.id, offset, "no more is kept of the log"), nil
}

// Open implements far.Log.
func (r *run) Open(ctx context.Context, since time.Time) (io.ReadCloser, bool, error) {
	s, err := r.look(ctx)
	if err != nil {
		return nil, false, err
	}
	if s.task == nil || !s.begun {
		if s.ended {
			return nil, false, io.EOF
		}
		return nil, false, far.ErrNotBegun
	}
	stream, err := r.logs(ctx, s.task.ID, since, "all", !s.ended)
	return stream, s.ended, err
}

// logs opens the log of a task. What is followed goes on when the task has ended, so that somebody has to look for that.
func (r *run) logs(ctx context.Context, task string, since time.Time, tail string, follow bool) (io.ReadCloser, error) {
	following, stop := context.WithCancel(context.WithoutCancel(ctx))
	options := client.TaskLogsOptions{ShowStdout: true, ShowStderr: true, Timestamps: true, Follow: follow, Tail: tail}
	if !since.IsZero() {
		options.Since = strconv.FormatInt(since.Unix(), 10)
	}
	unlink := context.AfterFunc(ctx, stop)
	stream, err := r.executor.engine.TaskLogs(following, task, options)
	unlink()
	if err != nil {
		stop()
		return nil, fmt.Errorf("the log of attempt %s: %w", r.id, r.executor.explain(err))
	}
	l := &logs{stream: stream, stop: stop, ended: make(chan struct{})}
	if !follow {
		close(l.ended)
		return l, nil
	}
	go func() { // ends with the stream
		defer close(l.ended)
		defer stop()
		for sleep(following, longestPause) == nil {
			if s, err := r.look(following); errors.Is(err, executor.ErrUnknown) || err == nil && s.ended {
				_ = sleep(following, longestPause) // for what is under way
				return
			}
		}
	}()
	return l, nil
}

// logs takes the lines out of the frames that they come in.
type logs struct {
	stream io.ReadCloser
	stop   context.CancelFunc
	ended  chan struct{}
	left   uint32 // bytes of the frame
}

// Read implements io.Reader.
func (l *logs) Read(into []byte) (int, error) {
	for l.left == 0 {
		var header [8]byte
		if _, err := io.ReadFull(l.stream, header[:]); err != nil {
			return 0, err //nolint:wrapcheck // io.EOF means something
		}
		l.left = binary.BigEndian.Uint32(header[4:])
	}
	n, err := l.stream.Read(into[:min(uint32(len(into)), l.left)]) //nolint:gosec // it is less than 4 GiB
	l.left -= uint32(n)                                            //nolint:gosec // it is not negative
	return n, err                                                  //nolint:wrapcheck // as above
}

// Close implements io.Closer.
func (l *logs) Close() error {
	l.stop()
	err := l.stream.Close()
	<-l.ended
	return err //nolint:wrapcheck // it says what it is
}

// report reads what the agent said at the end of the log; nil: it did not.
func (r *run) report(ctx context.Context) (*agent.Report, error) {
	ctx, stop := context.WithTimeout(ctx, patience)
	defer stop()
	t, err := r.task(ctx)
	if err != nil || t == nil {
		return nil, err
	}
	const lines = 5 // what else is there is no agent's
	stream, err := r.logs(ctx, t.ID, time.Time{}, strconv.Itoa(lines), false)
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	text, err := io.ReadAll(io.LimitReader(stream, lines*agent.MostReport*4))
	if err != nil {
		return nil, fmt.Errorf("how attempt %s ended: %w", r.id, r.executor.explain(err))
	}
	said, is := far.Last(text)
	if !is {
		return nil, nil //nolint:nilnil // it did not
	}
	return reportOf(said), nil
}
