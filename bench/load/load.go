// Package load sends GET requests over kept-alive connections and checks every answer.
package load

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/fairway-gateway/fairway/bench/stats"
)

// patience is how long an answer may take.
const patience = 15 * time.Second

// Options say what is asked and how.
type Options struct {
	// Address is host:port, Path the request target.
	Address, Path string
	// Header are further lines of the request's head, each with its end.
	Header string
	// Connections is how many ask at the same time, each its next question when the last one is answered.
	Connections int
	// Pause is how long each connection waits after an answer. Default 0.
	Pause time.Duration
	// Check returns an error unless the answer is right. It is called from many goroutines and must not keep the body.
	Check func(Answer) error
}

// Result is what a run saw.
type Result struct {
	Correct, Failed int64
	// Reconnects counts the requests sent again because the server had closed the idle connection meanwhile.
	Reconnects int64
	// FirstFailure explains one of the failures; nil when there are none.
	FirstFailure error
	// Latency holds the time of each answer since Measure was called.
	Latency stats.Histogram
}

// Run is a load under way.
type Run struct {
	options   Options
	request   []byte
	stopping  chan struct{}
	measuring atomic.Bool
	workers   []worker
	running   sync.WaitGroup
}

// worker is one connection's part of a run; the padding keeps two counters out of one cache line.
type worker struct {
	correct            atomic.Int64
	failed, reconnects int64
	first              error
	latency            stats.Histogram
	conn               net.Conn
	in                 *bufio.Reader
	body               []byte
	answered           int64 // on this connection
	_                  [64]byte
}

// Start begins to ask. The caller must call Stop.
func Start(options Options) *Run {
	r := &Run{
		options:  options,
		request:  fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: bench\r\n%s\r\n", options.Path, options.Address, options.Header),
		stopping: make(chan struct{}),
		workers:  make([]worker, options.Connections),
	}
	for i := range r.workers {
		r.running.Go(func() { r.ask(&r.workers[i]) })
	}
	return r
}

// Correct returns how many right answers came so far.
func (r *Run) Correct() int64 {
	var sum int64
	for i := range r.workers {
		sum += r.workers[i].correct.Load()
	}
	return sum
}

// Measure makes the run record latencies from now on.
func (r *Run) Measure() { r.measuring.Store(true) }

// Stop lets the connections finish what they are at and returns what they saw. It must be called once.
func (r *Run) Stop() *Result {
	close(r.stopping)
	r.running.Wait()

	sum := new(Result)
	for i := range r.workers {
		w := &r.workers[i]
		sum.Correct += w.correct.Load()
		sum.Failed += w.failed
		sum.Reconnects += w.reconnects
		sum.Latency.Merge(&w.latency)
		if sum.FirstFailure == nil {
			sum.FirstFailure = w.first
		}
	}
	return sum
}

// ask sends requests until the run is stopped.
func (r *Run) ask(w *worker) {
	defer func() {
		if w.conn != nil {
			_ = w.conn.Close()
		}
	}()
	for !r.wait(0) {
		start := time.Now()
		if err := r.once(w); err != nil {
			w.failed++
			if w.first == nil {
				w.first = err
			}
			r.wait(10 * time.Millisecond) // a server that is down is not asked in a tight loop
			continue
		}
		w.correct.Add(1)
		if r.measuring.Load() {
			w.latency.Add(time.Since(start))
		}
		if r.options.Pause > 0 {
			r.wait(r.options.Pause)
		}
	}
}

// wait returns after d, or at once with true when the run is stopping.
func (r *Run) wait(d time.Duration) bool {
	if d == 0 {
		select {
		case <-r.stopping:
			return true
		default:
			return false
		}
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-r.stopping:
		return true
	case <-timer.C:
		return false
	}
}

// once sends one request and checks its answer. A connection that the server closed while it was idle is replaced once, as every HTTP client does.
func (r *Run) once(w *worker) error {
	answer, last, err := r.exchange(w)
	if err != nil && w.answered > 0 && idleClosed(err) {
		w.reconnects++
		w.hangUp()
		answer, last, err = r.exchange(w)
	}
	if err != nil {
		w.hangUp()
		return err
	}
	w.answered++
	w.body = answer.Body
	if last {
		w.hangUp()
	}
	return r.options.Check(answer)
}

func (r *Run) exchange(w *worker) (Answer, bool, error) {
	if w.conn == nil {
		conn, err := net.DialTimeout("tcp", r.options.Address, patience)
		if err != nil {
			return Answer{}, false, fmt.Errorf("connect: %w", err)
		}
		w.conn, w.in, w.answered = conn, bufio.NewReader(conn), 0
	}
	if w.answered%64 == 0 || r.options.Pause > 0 { // a new deadline for every request would cost more than it tells
		if err := w.conn.SetDeadline(time.Now().Add(patience)); err != nil {
			return Answer{}, false, fmt.Errorf("deadline: %w", err)
		}
	}
	if _, err := w.conn.Write(r.request); err != nil {
		return Answer{}, false, fmt.Errorf("send: %w", err)
	}
	answer, last, err := readAnswer(w.in, w.body)
	if err != nil {
		return Answer{}, false, fmt.Errorf("receive: %w", err)
	}
	return answer, last, nil
}

func (w *worker) hangUp() {
	if w.conn != nil {
		_ = w.conn.Close()
	}
	w.conn, w.in, w.answered = nil, nil, 0
}

// idleClosed tells whether err is what a request meets whose connection the server closed before it read it.
func idleClosed(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// Window is what was counted between two moments of a run.
type Window struct {
	Requests int64
	Elapsed  time.Duration
	CPU      time.Duration
}

// Measure runs a load for warmUp and then for duration, and samples cpu (the time used so far) at both ends of the latter.
// Any wrong answer is an error.
func Measure(ctx context.Context, options Options, warmUp, duration time.Duration, cpu func() (time.Duration, error)) (Window, *Result, error) {
	run := Start(options)
	window, err := func() (Window, error) {
		if err := sleep(ctx, warmUp); err != nil {
			return Window{}, err
		}
		run.Measure()
		start, before := time.Now(), run.Correct()
		cpuBefore, err := cpu()
		if err != nil {
			return Window{}, err
		}
		if err := sleep(ctx, duration); err != nil {
			return Window{}, err
		}
		cpuAfter, err := cpu()
		if err != nil {
			return Window{}, err
		}
		return Window{Requests: run.Correct() - before, Elapsed: time.Since(start), CPU: cpuAfter - cpuBefore}, nil
	}()
	result := run.Stop()
	switch {
	case err != nil:
		return Window{}, nil, err
	case result.Failed > 0:
		return Window{}, nil, fmt.Errorf("%d of %d answers were wrong: %w", result.Failed, result.Failed+result.Correct, result.FirstFailure)
	case window.Requests == 0:
		return Window{}, nil, errors.New("no answer while measuring")
	}
	return window, result, nil
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
