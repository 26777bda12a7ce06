package far

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/kubernetes/agent"
)

// longestLine is longer than any line that an agent writes.
const longestLine = 64 << 10

// ErrNotBegun is what a Log says that is not there yet.
var ErrNotBegun = errors.New("it has not begun")

// Log is what the container of an agent prints, wherever it is kept.
type Log interface {
	// Open opens it from about a time on, the zero being its beginning: lines of a time, a space and what the agent wrote. whole: it has all that will ever come,
	// and otherwise it is followed. It is io.EOF if there is nothing and nothing will be, and ErrNotBegun if there is nothing yet.
	Open(ctx context.Context, since time.Time) (stream io.ReadCloser, whole bool, err error)
}

// NewOutput reads a log from the line with a number on, which is its offset. lost says why lines may be missing.
func NewOutput(log Log, attempt string, offset int64, lost string) executor.Output {
	return &output{log: log, attempt: attempt, offset: offset, lost: lost}
}

type output struct {
	log     Log
	attempt string
	offset  int64 // the number of the line that comes next
	since   time.Time
	lost    string // why lines may be missing

	stream io.ReadCloser // nil: not open
	reader *bufio.Reader
	whole  bool // the stream has all that will ever come
	done   bool

	ahead *line // came after lines that are missing
}

// line is one of the log, as the agent wrote it.
type line struct {
	number int64
	record executor.Record
}

// Next gives the next record. A log that breaks off is opened anew, from the time of what came last on, and what was given before is known by its number.
func (o *output) Next(ctx context.Context) (executor.Record, error) {
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
		record, err := o.next(ctx)
		switch {
		case err == nil, errors.Is(err, io.EOF), errors.Is(err, executor.ErrUnknown):
			return record, err
		case ctx.Err() != nil:
			return executor.Record{}, ctx.Err()
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return executor.Record{}, ctx.Err()
		}
	}
}

// next tries once. An error other than io.EOF and executor.ErrUnknown is one to try again after.
func (o *output) next(ctx context.Context) (executor.Record, error) {
	if o.ahead != nil {
		record := o.ahead.record
		o.offset, o.ahead = o.ahead.number+1, nil
		return record, nil
	}
	if o.done {
		return executor.Record{}, io.EOF
	}
	if o.stream == nil {
		stream, whole, err := o.log.Open(ctx, o.since)
		if err != nil {
			o.done = errors.Is(err, io.EOF)
			return executor.Record{}, err //nolint:wrapcheck // io.EOF means something
		}
		o.stream, o.whole, o.reader = stream, whole, bufio.NewReaderSize(stream, longestLine)
	}
	stream := o.stream
	defer context.AfterFunc(ctx, func() { _ = stream.Close() })()
	for {
		line, err := o.read()
		if err != nil {
			o.close()
			if errors.Is(err, io.EOF) && o.whole {
				o.done = true
				return executor.Record{}, io.EOF
			}
			return executor.Record{}, fmt.Errorf("the log of attempt %s: %w", o.attempt, errors.Join(io.ErrUnexpectedEOF, notEOF(err)))
		}
		if line == nil {
			continue
		}
		o.since = line.record.Time
		missing := line.number - o.offset
		switch {
		case missing < 0:
			continue
		case line.record.Stream == agent.End:
			o.done = true
			o.close()
			if missing == 0 {
				return executor.Record{}, io.EOF
			}
		case missing == 0:
			o.offset++
			return line.record, nil
		default:
			// The text is good until the next call, and this one is given by the one after.
			line.record.Text = bytes.Clone(line.record.Text)
			o.ahead = line
		}
		o.offset = line.number
		return executor.Record{Stream: executor.Notice, Time: line.record.Time, Text: fmt.Appendf(nil, "%d lines are missing here: %s.", missing, o.lost)}, nil
	}
}

// notEOF leaves out that a stream has ended, which is no end of what is read.
func notEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// read reads a line. It is nil for one that no agent wrote.
func (o *output) read() (*line, error) {
	text, err := o.reader.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) { // no agent's
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = o.reader.ReadSlice('\n')
		}
		return nil, err //nolint:wrapcheck // as below
	}
	if err != nil {
		if errors.Is(err, io.EOF) && len(text) > 0 && !o.whole {
			return nil, io.ErrUnexpectedEOF // the rest is read when it is opened again
		}
		return nil, err //nolint:wrapcheck // io.EOF means something
	}
	return parseLine(text[:len(text)-1]), nil
}

// parseLine reads one line of a log; nil: no agent wrote it.
func parseLine(text []byte) *line {
	stamp, text, _ := bytes.Cut(text, []byte(" "))
	at, err := time.Parse(time.RFC3339Nano, string(stamp))
	if err != nil {
		return nil
	}
	number, text, _ := bytes.Cut(text, []byte(" "))
	stream, text, whole := bytes.Cut(text, []byte(" "))
	n, err := strconv.ParseInt(string(number), 10, 64)
	if err != nil || n < 0 || !whole || len(stream) == 0 || len(stream) > 2 || len(stream) == 2 && stream[1] != '+' {
		return nil
	}
	switch stream[0] {
	case byte(executor.Stdout), byte(executor.Stderr), byte(executor.Notice), agent.End:
	default:
		return nil
	}
	return &line{number: n, record: executor.Record{Stream: executor.Stream(stream[0]), Time: at.UTC(), Text: text, Part: len(stream) == 2}}
}

// Last is what the agent said in its last line, if that is among those of the end of a log.
func Last(end []byte) (said []byte, is bool) {
	for text := range bytes.Lines(end) {
		if last := parseLine(bytes.TrimSuffix(text, []byte("\n"))); last != nil && last.record.Stream == agent.End {
			said, is = last.record.Text, true
		}
	}
	return said, is
}

// close closes the stream, which the next call opens again.
func (o *output) close() {
	if o.stream != nil {
		o.stream.Close()
		o.stream = nil
	}
}

func (o *output) Offset() int64 { return o.offset }

func (o *output) Close() error {
	o.close()
	return nil
}
