package main

import (
	"bytes"
	"context"
	"io"
	"time"

	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/noop"
)

// writers are how many executions write at once.
const writers = 8

// lines has executions write lines of 100 bytes as fast as they are taken, through a runner.
func lines(ctx context.Context, set settings) (Result, error) {
	s, err := open(ctx, set, "main.sh", "#!/bin/sh\n")
	if err != nil {
		return Result{}, err
	}
	defer s.end()
	if err := s.buildBy(ctx, noop.New(noop.Plan{})); err != nil {
		return Result{}, err
	}
	e := &counted{Executor: &talkers{Executor: noop.New(noop.Plan{}), lines: set.count / writers}, all: make(chan struct{})}
	e.left.Store(writers)
	end, err := s.run(ctx, e, writers)
	if err != nil {
		return Result{}, err
	}
	begun := time.Now()
	if err := s.make(ctx, writers, "{}"); err != nil {
		return Result{}, err
	}
	select {
	case <-e.all:
	case <-ctx.Done():
	}
	out := Result{Lines: perSecond(set.count/writers*writers, time.Since(begun))}
	if err := end(); err != nil {
		return Result{}, err
	}
	return out, s.finished(ctx)
}

// talkers is an executor whose runs write lines.
type talkers struct {
	executor.Executor
	lines int
}

// Start implements executor.Executor.
func (t *talkers) Start(ctx context.Context, a executor.Attempt) (executor.Run, error) {
	run, err := t.Executor.Start(ctx, a)
	return &talker{Run: run, lines: t.lines}, err
}

// talker is a run that ends when all of its lines were read.
type talker struct {
	executor.Run
	lines int
}

// Output implements executor.Run.
func (t *talker) Output(context.Context, int64) (executor.Output, error) {
	text := bytes.Repeat([]byte("some words of what a script says "), 3)
	return &speech{left: t.lines, record: executor.Record{Stream: executor.Stdout, Time: time.Now(), Text: append(text, 'x')}}, nil
}

// speech is so many lines of 100 bytes.
type speech struct {
	left, said int
	record     executor.Record
}

// Next implements executor.Output.
func (s *speech) Next(context.Context) (executor.Record, error) {
	if s.said == s.left {
		return executor.Record{}, io.EOF
	}
	s.said++
	return s.record, nil
}

// Offset implements executor.Output.
func (s *speech) Offset() int64 { return int64(s.said) }

// Close implements executor.Output.
func (s *speech) Close() error { return nil }
