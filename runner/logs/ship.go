package logs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"

	"github.com/fairway-gateway/fairway/runner/executor"
)

// ErrStop is what a Sink says when it will never take chunks of an attempt again: somebody else holds it, or it has ended.
var ErrStop = errors.New("the log takes no more")

// Chunk is some lines of an attempt's log.
type Chunk struct {
	// Seq counts the chunks of an attempt, from 1. A chunk is the same whenever it is sent again.
	Seq int64
	// Lines are how many it has; First and Last the times of the first and the last.
	Lines       int
	First, Last time.Time
	// Data is what Pack makes, and Unpack reads.
	Data []byte
}

// Sink takes chunks.
type Sink interface {
	// Append keeps chunks, in order, all or none. Those with a Seq that it has are kept already. An error that is not ErrStop is
	// one that passes: the same chunks come again.
	Append(ctx context.Context, chunks []Chunk) error
}

// Options say how a log is brought. A zero is the default.
type Options struct {
	// Secrets are what is left out. Default: none.
	Secrets *Secrets
	// Bytes are how long a chunk may be before it is sent at once. Default 64 KiB.
	Bytes int
	// Every is how often something is sent, where there is less. Default 500ms. The first line after a while is sent at once.
	Every time.Duration
	// Hold is how long a line without an end waits for it. Default 5s.
	Hold time.Duration
	// Most is how many bytes of lines are kept, those of earlier runners not counted. A notice says where the log was cut. Default 64 MiB.
	Most int64
	// Retry is how long to wait after the sink failed, twice as long each time, up to 30s. Default 100ms.
	Retry time.Duration
	// Progress is told how far the script says that it is, 0 to 100. It must not wait. Default: nobody.
	Progress func(percent int)
}

func (o Options) complete() Options {
	if o.Secrets == nil {
		o.Secrets = NewSecrets()
	}
	if o.Bytes <= 0 {
		o.Bytes = 64 << 10
	}
	for _, d := range []struct {
		is    *time.Duration
		usual time.Duration
	}{{&o.Every, 500 * time.Millisecond}, {&o.Hold, 5 * time.Second}, {&o.Retry, 100 * time.Millisecond}} {
		if *d.is <= 0 {
			*d.is = d.usual
		}
	}
	if o.Most <= 0 {
		o.Most = 64 << 20
	}
	if o.Progress == nil {
		o.Progress = func(int) {}
	}
	return o
}

// batch is how many chunks may wait, and are sent together.
const batch = 16

// Ship reads an output to its end and has the sink keep it. after is what is kept of it already: the Seq of the last chunk, and where that ends (Start, if there is none), at which the output has to begin
// (From). It returns the last Seq. An error is that of the output, of the context, or ErrStop.
func Ship(ctx context.Context, output executor.Output, after int64, at Position, sink Sink, options Options) (int64, error) {
	s := &shipment{
		options: options.complete(), sink: sink, seq: after,
		more: make(chan struct{}, 1), room: make(chan struct{}, 1),
	}
	s.assembler = newAssembler(at, s.options.Secrets)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	sent := make(chan error, 1)
	go func() { // ends when all is sent, or with ctx
		err := s.send(ctx)
		if err != nil {
			cancel(err) // nobody reads what nobody takes
		}
		sent <- err
	}()
	err := s.read(ctx, output)
	if err != nil {
		cancel(err)
	}
	if sendErr := <-sent; sendErr != nil {
		return s.acknowledged, sendErr
	}
	return s.acknowledged, err
}

// From is the offset at which an output has to be opened to go on after a position.
func From(at Position) int64 { return at.from() }

// shipment is one run of Ship: one goroutine reads, one sends.
type shipment struct {
	options      Options
	sink         Sink
	acknowledged int64
	more, room   chan struct{}

	mu        sync.Mutex
	assembler *assembler
	chunk     []byte // lines without the head, which is written when it is cut
	lines     int
	first     time.Time
	last      time.Time
	micros    int64
	ready     []Chunk
	seq       int64
	kept      int64
	cut       bool // the log has reached its limit
	ended     bool
}

// read takes records until the output ends.
func (s *shipment) read(ctx context.Context, output executor.Output) error {
	defer func() {
		s.mu.Lock()
		s.ended = true
		s.mu.Unlock()
		wake(s.more)
	}()
	for {
		from := output.Offset()
		record, err := output.Next(ctx)
		if errors.Is(err, io.EOF) {
			s.mu.Lock()
			s.assembler.close(s.add)
			s.mu.Unlock()
			return nil
		}
		if err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return fmt.Errorf("read what the script wrote: %w", err)
		}
		s.mu.Lock()
		before := s.lines
		s.assembler.take(record, from, output.Offset(), s.add)
		news := before == 0 && s.lines > 0
		if len(s.chunk) >= s.options.Bytes {
			s.finish()
			news = true
		}
		full := len(s.ready) >= batch
		s.mu.Unlock()
		if news {
			wake(s.more)
		}
		for full {
			select {
			case <-s.room:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
			s.mu.Lock()
			full = len(s.ready) >= batch
			s.mu.Unlock()
		}
	}
}

// add adds what was said to the chunk that is being made. The lock is held.
func (s *shipment) add(e event) {
	if e.progress >= 0 {
		s.options.Progress(e.progress)
	}
	if !e.logged || s.cut {
		return
	}
	line := e.line
	s.kept += int64(len(line.Text)) + 1
	if s.kept > s.options.Most {
		s.cut = true
		line = Line{Level: Warning, Time: line.Time, Text: "The log was cut here: it has more than " + strconv.FormatInt(s.options.Most, 10) + " bytes."}
	}
	if s.lines == 0 {
		s.first, s.micros = line.Time, 0
	}
	s.chunk = appendLine(s.chunk, &line, &s.micros)
	s.last = line.Time
	s.lines++
}

// finish ends the chunk that is being made, if there is a line. The lock is held.
func (s *shipment) finish() {
	if s.lines == 0 {
		return
	}
	s.seq++
	s.ready = append(s.ready, Chunk{
		Seq: s.seq, Lines: s.lines, First: s.first, Last: s.last,
		Data: append(Pack(s.assembler.at, nil), s.chunk...),
	})
	s.chunk, s.lines = s.chunk[:0], 0
}

// take gives what is to be sent now. Whether that is all there will ever be says ended.
func (s *shipment) take(now time.Time) (chunks []Chunk, ended bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.assembler.rest(now.Add(-s.options.Hold), s.add)
	s.finish()
	chunks, s.ready = s.ready, nil
	wake(s.room)
	return chunks, s.ended
}

// pending says whether there is something to send, enough of it to be sent at once, or nothing will come.
func (s *shipment) pending() (some, enough, ended bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lines > 0 || len(s.ready) > 0, len(s.ready) > 0, s.ended
}

// send sends until all is sent.
func (s *shipment) send(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	<-timer.C
	var last time.Time
	for {
		some, enough, ended := s.pending()
		wait := s.options.Hold // unfinished lines are looked at now and then
		if some {
			wait = time.Until(last.Add(s.options.Every))
		}
		if !enough && !ended && wait > 0 {
			timer.Reset(wait)
			select {
			case <-s.more:
				// A line that came first is sent at once, and for one of many the clock is looked at again.
				timer.Stop()
				continue
			case <-timer.C:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		chunks, ended := s.take(time.Now())
		if len(chunks) > 0 {
			if err := s.append(ctx, chunks); err != nil {
				return err
			}
			last = time.Now()
		}
		if ended && len(chunks) == 0 {
			return nil
		}
	}
}

// append has the sink keep chunks, however often it fails.
func (s *shipment) append(ctx context.Context, chunks []Chunk) error {
	const longest = 30 * time.Second
	for wait := s.options.Retry; ; wait = min(2*wait, longest) {
		err := s.sink.Append(ctx, chunks)
		switch {
		case err == nil:
			s.acknowledged = chunks[len(chunks)-1].Seq
			return nil
		case errors.Is(err, ErrStop):
			return err
		case ctx.Err() != nil:
			return context.Cause(ctx)
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		}
	}
}

// wake wakes whoever waits, or the next who will.
func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
