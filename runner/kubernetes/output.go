package kubernetes

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/kubernetes/agent"
)

// longestLine is longer than any line that an agent writes.
const longestLine = 64 << 10

// Output reads the log of the script's container, of which each line is a record. An offset is the number of the line that comes next.
func (r *run) Output(ctx context.Context, offset int64) (executor.Output, error) {
	if offset < 0 {
		return nil, fmt.Errorf("offset %d is negative", offset)
	}
	if _, err := r.job(ctx); err != nil {
		return nil, err
	}
	return &output{run: r, offset: offset}, nil
}

type output struct {
	run    *run
	offset int64 // the number of the line that comes next
	since  time.Time

	stream io.ReadCloser // nil: not open
	stop   context.CancelFunc
	reader *bufio.Reader
	final  bool // the stream has all that will ever come
	done   bool

	ahead *logLine // came after lines that are missing
}

// logLine is one of the log, as the agent wrote it.
type logLine struct {
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
		if err := sleep(ctx, pause); err != nil {
			return executor.Record{}, err
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
		if err := o.open(ctx); err != nil {
			return executor.Record{}, err
		}
	}
	defer context.AfterFunc(ctx, o.stop)()
	for {
		line, err := o.read()
		if err != nil {
			o.close()
			switch {
			case !errors.Is(err, io.EOF):
				return executor.Record{}, fmt.Errorf("the log of attempt %s: %w", o.run.id, err)
			case o.final:
				o.done = true
				return executor.Record{}, io.EOF
			default: // it broke off, which is no end
				return executor.Record{}, fmt.Errorf("the log of attempt %s: %w", o.run.id, io.ErrUnexpectedEOF)
			}
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
		return executor.Record{Stream: executor.Notice, Time: line.record.Time, Text: fmt.Appendf(nil, "%d lines are missing here: the cluster kept no more of the log than it has (containerLogMaxSize).", missing)}, nil
	}
}

// notBegunError says that there is no log yet.
type notBegunError struct{}

func (notBegunError) Error() string { return "it has not begun" }

// open opens the log: to its end, if nothing more comes, or to follow it.
func (o *output) open(ctx context.Context) error {
	s, err := o.run.look(ctx)
	if err != nil {
		return err
	}
	if !s.begun || s.pod == nil {
		if s.ended {
			o.done = true
			return io.EOF
		}
		if err := o.run.await(ctx, s, func(p *pod) bool { return p.begun() || over(nil, p) || p.Metadata.DeletionTimestamp != nil }); err != nil {
			return err
		}
		return notBegunError{}
	}
	query := url.Values{"container": {containerScript}, "timestamps": {"true"}}
	if o.final = s.ended; !o.final {
		query.Set("follow", "true")
	}
	if !o.since.IsZero() { // seconds are all that is understood
		query.Set("sinceTime", o.since.Truncate(time.Second).Format(time.RFC3339))
	}
	following, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer context.AfterFunc(ctx, stop)()
	a := o.run.executor.api
	o.stream, err = a.open(following, http.MethodGet, a.pods(s.pod.Metadata.Name, "log"), query, "", nil)
	if err != nil {
		stop()
		if o.stream = nil; o.final && statusOf(err) != 0 && !again(err) { // it went with its pod
			o.done = true
			return io.EOF
		}
		return err
	}
	o.stop, o.reader = stop, bufio.NewReaderSize(o.stream, longestLine)
	return nil
}

// read reads a line: the time, a space, and what the agent wrote. It is nil for one that no agent wrote.
func (o *output) read() (*logLine, error) {
	text, err := o.reader.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) { // no agent's
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = o.reader.ReadSlice('\n')
		}
		return nil, err //nolint:wrapcheck // as below
	}
	if err != nil {
		if errors.Is(err, io.EOF) && len(text) > 0 && !o.final {
			return nil, io.ErrUnexpectedEOF // the rest is read when it is opened again
		}
		return nil, err //nolint:wrapcheck // io.EOF means something
	}
	return parseLine(text[:len(text)-1]), nil
}

// parseLine reads one line of a log; nil: no agent wrote it.
func parseLine(text []byte) *logLine {
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
	return &logLine{number: n, record: executor.Record{Stream: executor.Stream(stream[0]), Time: at.UTC(), Text: text, Part: len(stream) == 2}}
}

// close closes the stream, which the next call opens again.
func (o *output) close() {
	if o.stream != nil {
		o.stop()
		o.stream.Close()
		o.stream = nil
	}
}

func (o *output) Offset() int64 { return o.offset }

func (o *output) Close() error {
	o.close()
	return nil
}
