package docker

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/fairway-gateway/fairway/runner/executor"
)

const (
	// lineCost is what a line costs of Limits.Output beside its text: that is what the engine's log has for it.
	lineCost = 40
	// logFiles is how many files the engine has a log in, of which it throws away the oldest when all are full.
	logFiles = 5
	// pieceSize is the length of the pieces that the engine makes of long lines.
	pieceSize = 16 << 10
	// longestFrame is longer than any piece that the engine makes of a line.
	longestFrame = 1 << 20
)

// logConfig has the engine keep a little more than the limit: without the oldest of its files there is still as much as is read, so whoever reads
// from the beginning reads the same up to the limit, as long as the script has printed no more.
func logConfig(most int64) container.LogConfig {
	return container.LogConfig{Type: "local", Config: map[string]string{
		"max-file": strconv.Itoa(logFiles), "max-size": strconv.FormatInt(max(most+most/8, 1<<20)/(logFiles-1)+1, 10), "compress": "false",
	}}
}

// Output reads the engine's log, of which each message is a record. An offset is what all records before it cost.
func (r *run) Output(ctx context.Context, offset int64) (executor.Output, error) {
	if offset < 0 {
		return nil, fmt.Errorf("offset %d is negative", offset)
	}
	found, err := r.inspect(ctx)
	if err != nil {
		return nil, err
	}
	return &output{run: r, offset: offset, most: limitsOf(found.Config.Labels).Output}, nil
}

type output struct {
	run    *run
	offset int64 // behind what was given
	most   int64

	stream io.ReadCloser // of the log from its beginning; nil: not open
	stop   context.CancelFunc
	reader *bufio.Reader
	at     int64 // where the stream is
	last   bool  // the stream has all that will ever come
	cut    bool  // the limit was reached
	buffer []byte
}

// Next gives the next record. What the engine does not say any more, for it was ended or is away, is asked for again.
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
	if o.cut {
		if _, err := o.run.Wait(ctx); err != nil {
			return executor.Record{}, err
		}
		return executor.Record{}, io.EOF
	}
	if o.stream == nil {
		if err := o.open(ctx); err != nil {
			return executor.Record{}, err
		}
	}
	defer context.AfterFunc(ctx, o.stop)()
	for {
		record, err := o.read()
		if err != nil {
			last := o.last && errors.Is(err, io.EOF)
			o.close()
			if last {
				return executor.Record{}, io.EOF
			}
			return executor.Record{}, fmt.Errorf("the log of attempt %s: %w", o.run.id, err)
		}
		before := o.at
		o.at += int64(len(record.Text)) + lineCost
		if o.at > o.most {
			o.cut = true
			o.close()
			if o.offset > before {
				return o.next(ctx)
			}
			o.offset = before + 1
			return executor.Record{Stream: executor.Notice, Time: record.Time, Text: fmt.Appendf(nil, "The output was cut here: no more than %d bytes are kept, of which each line takes %d more than it has.", o.most, lineCost)}, nil
		}
		if o.at > o.offset {
			o.offset = o.at
			return record, nil
		}
	}
}

// open opens the log from its beginning: to its end, if nothing more comes, or to follow it.
func (o *output) open(ctx context.Context) error {
	found, err := o.run.inspect(ctx)
	if err != nil {
		return err
	}
	o.last = ended(found.State)
	if found.State.Status == container.StateCreated {
		if _, is, err := o.run.look(ctx); err != nil || is {
			return errors.Join(err, io.EOF)
		}
		return notBegunError{}
	}
	following, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer context.AfterFunc(ctx, stop)()
	o.stream, err = o.run.executor.engine.ContainerLogs(following, o.run.name(), client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true, Timestamps: true, Follow: !o.last})
	if err != nil {
		stop()
		if errdefs.IsNotFound(err) {
			return executor.ErrUnknown
		}
		return fmt.Errorf("the log of attempt %s: %w", o.run.id, o.run.executor.explain(err))
	}
	o.stop, o.at, o.reader = stop, 0, bufio.NewReaderSize(o.stream, 32<<10)
	return nil
}

type notBegunError struct{}

func (notBegunError) Error() string { return "it has not begun" }

// read reads a message: a header of a stream's number and a length, then the time, a space and the text, with the line's end if the line ends there.
func (o *output) read() (executor.Record, error) {
	var header [8]byte
	if _, err := io.ReadFull(o.reader, header[:]); err != nil {
		return executor.Record{}, err //nolint:wrapcheck // io.EOF means something
	}
	length := binary.BigEndian.Uint32(header[4:])
	if length > longestFrame || header[0] > 2 {
		return executor.Record{}, errors.New("the engine's log is damaged")
	}
	if cap(o.buffer) < int(length) {
		o.buffer = make([]byte, length)
	}
	o.buffer = o.buffer[:length]
	if _, err := io.ReadFull(o.reader, o.buffer); err != nil {
		return executor.Record{}, fmt.Errorf("a message that is not whole: %w", errors.Join(err, io.ErrUnexpectedEOF))
	}
	return parseMessage(header[0], o.buffer)
}

// parseMessage reads what follows a message's header.
func parseMessage(stream byte, message []byte) (executor.Record, error) {
	stamp, text, _ := bytes.Cut(message, []byte(" "))
	at, err := time.Parse(time.RFC3339Nano, string(stamp))
	if err != nil {
		return executor.Record{}, errors.New("the engine's log has a message without a time")
	}
	record := executor.Record{Stream: executor.Stdout, Time: at.UTC()}
	if stream == 2 {
		record.Stream = executor.Stderr
	}
	text, whole := bytes.CutSuffix(text, []byte("\n"))
	// Of a line in several pieces some engines leave the end away. All but the last have this size.
	record.Text, record.Part = text, !whole && len(text) >= pieceSize
	return record, nil
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
