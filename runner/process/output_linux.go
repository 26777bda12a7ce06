//go:build linux && (amd64 || arm64)

package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/executor/framed"
	"github.com/fairway-gateway/fairway/runner/process/keeper"
)

// Output reads the file that the keeper writes.
func (r *run) Output(_ context.Context, offset int64) (executor.Output, error) {
	if offset < 0 {
		return nil, fmt.Errorf("offset %d is negative", offset)
	}
	lock, err := os.OpenFile(r.file(keeper.FileLock), os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("read the output of attempt %s: %w", r.id, err)
	}
	return &output{run: r, lock: lock, offset: offset}, nil
}

type output struct {
	run    *run
	lock   *os.File
	offset int64 // where to begin
	file   *os.File
	reader *framed.Reader
}

// Next gives the next record. When there is none the keeper tells of it, if this process has a line to it; it asks again and again nevertheless: after a
// millisecond, and later less often.
func (o *output) Next(ctx context.Context) (executor.Record, error) {
	ended := false
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		news := o.run.line.news()
		record, err := o.next()
		if !errors.Is(err, io.EOF) || ended {
			return record, err
		}
		// If the keeper ended before, what there is now is all.
		alive, err := locked(o.lock)
		if err != nil {
			return executor.Record{}, err
		}
		if ended = !alive; ended {
			continue
		}
		if err := sleep(ctx, news, pause); err != nil {
			return executor.Record{}, err
		}
	}
}

// next gives a record that is there.
func (o *output) next() (executor.Record, error) {
	if o.reader == nil {
		file, err := os.Open(o.run.file(keeper.FileOutput))
		if errors.Is(err, fs.ErrNotExist) {
			return executor.Record{}, io.EOF
		}
		if err != nil {
			return executor.Record{}, fmt.Errorf("read the output of attempt %s: %w", o.run.id, err)
		}
		o.file, o.reader = file, framed.NewReader(file, o.offset)
	}
	frame, err := o.reader.Next()
	if err != nil {
		return executor.Record{}, err
	}
	return executor.Record{Stream: executor.Stream(frame.Stream), Time: time.UnixMicro(frame.Micros).UTC(), Text: frame.Text, Part: frame.Part}, nil
}

func (o *output) Offset() int64 {
	if o.reader == nil {
		return o.offset
	}
	return o.reader.Offset()
}

func (o *output) Close() error {
	if o.file != nil {
		o.file.Close()
	}
	return o.lock.Close()
}
