package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
	"github.com/fairway-gateway/fairway/runner"
	"github.com/fairway-gateway/fairway/runner/blobs"
	"github.com/fairway-gateway/fairway/runner/bundle"
	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/noop"
	"github.com/fairway-gateway/fairway/runner/process"
	"github.com/fairway-gateway/fairway/runner/queue"
)

// site is a store with a script, and what a runner needs.
type site struct {
	store  *queries.Store
	blobs  *blobs.Blobs
	queue  runner.Queue
	script db.Script
	made   []uuid.UUID
	close  []func()
}

// open opens a store and makes a script of one file in it, which is built when a runner comes.
func open(ctx context.Context, s settings, name, file string) (*site, error) {
	store, err := queries.Open(ctx, queries.Config{DSN: s.store})
	if err != nil {
		return nil, err
	}
	out := &site{store: store, close: []func(){store.Close}}
	if out.blobs, err = blobs.Open(ctx, "", filepath.Join(s.directory, "blobs")); err != nil {
		return nil, err
	}
	if err := out.openQueue(ctx, s); err != nil {
		return nil, err
	}
	user, err := store.CreateUser(ctx, queries.By{Actor: "bench"}, db.User{Email: "bench@example.org", Role: "USER", IsActive: true})
	if err != nil {
		return nil, err
	}
	digest := sha256.New()
	if _, err := out.blobs.Write(ctx, "scripts/bench", "application/gzip", 1<<20, func(w io.Writer) error {
		_, err := bundle.Pack(ctx, io.MultiWriter(w, digest), bundle.Upload{Name: name, Content: strings.NewReader(file), Size: int64(len(file))}, bundle.Limits{})
		return err
	}); err != nil {
		return nil, err
	}
	out.script, err = store.CreateScript(ctx, queries.By{Actor: "bench"}, queries.ScriptUpload{
		Slug: "bench", Name: "Bench", User: user.ID, Version: queries.VersionUpload{BlobKey: "scripts/bench", BlobSHA256: digest.Sum(nil)},
	})
	return out, err
}

func (s *site) openQueue(ctx context.Context, set settings) error {
	if !queries.IsPostgres(set.store) {
		local := queue.NewLocal()
		s.store.OnReady(local.Dispatch)
		s.queue = local
		return nil
	}
	river, err := queue.OpenRiver(ctx, set.store, queue.RiverConfig{Queues: []string{queries.DefaultQueue}, Workers: set.slots})
	if err != nil {
		return err
	}
	s.store.OnReady(river.Dispatch)
	s.queue = river
	s.close = append(s.close, river.Close)
	return nil
}

func (s *site) end() {
	for _, end := range slices.Backward(s.close) {
		end()
	}
}

// make asks for executions, as many at once as one request may.
func (s *site) make(ctx context.Context, n int, params string) error {
	const batch = 500
	for ; n > 0; n -= batch {
		some := make([]queries.NewExecution, min(n, batch))
		for i := range some {
			some[i] = queries.NewExecution{Script: s.script.ID, Version: 1, User: s.script.UserID, Params: []byte(params)}
		}
		made, err := s.store.CreateExecutions(ctx, queries.Limits{}, some)
		if err != nil {
			return err
		}
		for i := range made {
			s.made = append(s.made, made[i].ID)
		}
	}
	return nil
}

// run runs a runner until its end is called.
func (s *site) run(ctx context.Context, e executor.Executor, slots int) (end func() error, err error) {
	r, err := runner.New(runner.Config{
		ID: uuid.New(), Name: "bench", Store: s.store, Executor: e, Blobs: s.blobs, Queue: s.queue, Slots: slots,
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx, time.Minute) }() // ends with end
	return func() error {
		cancel()
		return <-done
	}, nil
}

// built waits until the script can be run.
func (s *site) built(ctx context.Context) error {
	for {
		script, err := s.store.FindScript(ctx, s.script.ID.String())
		if err != nil {
			return err
		}
		switch script.Status {
		case queries.BuildSuccess:
			return nil
		case queries.BuildFail:
			return errors.New(script.BuildError)
		}
		if err := pause(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// counted counts what has ended and was told to the store: then it is forgotten.
type counted struct {
	executor.Executor
	left atomic.Int64
	all  chan struct{}
}

// Forget implements executor.Executor.
func (c *counted) Forget(ctx context.Context, id string) error {
	err := c.Executor.Forget(ctx, id)
	if c.left.Add(-1) == 0 {
		close(c.all)
	}
	return err
}

// drain works off executions that sleep.
func drain(ctx context.Context, set settings) (Result, error) {
	s, err := open(ctx, set, "main.sh", "#!/bin/sh\n")
	if err != nil {
		return Result{}, err
	}
	defer s.end()
	if err := s.buildBy(ctx, noop.New(noop.Plan{})); err != nil {
		return Result{}, err
	}
	begun := time.Now()
	if err := s.make(ctx, set.count, "{}"); err != nil {
		return Result{}, err
	}
	out := Result{Made: perSecond(set.count, time.Since(begun))}
	e := &counted{Executor: noop.New(noop.Plan{SleepMS: set.sleep.Milliseconds()}), all: make(chan struct{})}
	e.left.Store(int64(set.count))
	publishing := func() (float64, error) { return 0, nil }
	if set.events > 0 {
		if publishing, err = s.published(ctx, set.events); err != nil {
			return Result{}, err
		}
	}
	begun = time.Now()
	end, err := s.run(ctx, e, set.slots)
	if err != nil {
		return Result{}, err
	}
	select {
	case <-e.all:
	case <-ctx.Done():
	}
	out.Done = perSecond(set.count, time.Since(begun))
	if out.Told, err = publishing(); err != nil {
		return Result{}, errors.Join(err, end())
	}
	if err := end(); err != nil {
		return Result{}, err
	}
	return out, s.finished(ctx)
}

// buildBy has a runner build the script, and ends it.
func (s *site) buildBy(ctx context.Context, e executor.Executor) error {
	end, err := s.run(ctx, e, 1)
	if err != nil {
		return err
	}
	return errors.Join(s.built(ctx), end())
}

// finished holds that all have succeeded.
func (s *site) finished(ctx context.Context) error {
	for some := range slices.Chunk(s.made, 1000) {
		states, err := s.store.States(ctx, some)
		if err != nil {
			return err
		}
		for _, one := range states {
			if one.Status != queries.StatusFinished {
				return fmt.Errorf("one is %s", one.Status)
			}
		}
		if len(states) != len(some) {
			return fmt.Errorf("%d of %d are there", len(states), len(some))
		}
	}
	return nil
}

// firstLine asks for executions one after the other and waits for the first line of each, as a reader of the log sees it.
func firstLine(ctx context.Context, set settings) (Result, error) {
	s, err := open(ctx, set, "main.sh", script)
	if err != nil {
		return Result{}, err
	}
	defer s.end()
	e, err := process.New(process.Options{Directory: filepath.Join(set.directory, "runs")})
	if err != nil {
		return Result{}, err
	}
	end, err := s.run(ctx, e, 4)
	if err != nil {
		return Result{}, err
	}
	if err := s.built(ctx); err != nil {
		return Result{}, errors.Join(err, end())
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	news := s.store.WatchExecutions(ctx, time.Second)
	var took []time.Duration
	for range set.count {
		begun := time.Now()
		made, err := s.store.CreateExecution(ctx, queries.Limits{}, queries.NewExecution{Script: s.script.ID, Version: 1, User: s.script.UserID})
		if err != nil {
			return Result{}, errors.Join(err, end())
		}
		if err := s.line(ctx, made.ID, news); err != nil {
			return Result{}, errors.Join(err, end())
		}
		took = append(took, time.Since(begun))
		if err := s.ended(ctx, made.ID); err != nil {
			return Result{}, errors.Join(err, end())
		}
	}
	return Result{P50: quantile(took, 0.5), P99: quantile(took, 0.99)}, end()
}

// script says something, which is the first line.
const script = "#!/bin/sh\necho first\n"

// line waits for the first line of a log as the API does for who follows it: it reads the log when it is told that something has happened, and now and then.
func (s *site) line(ctx context.Context, id uuid.UUID, news <-chan struct{}) error {
	for {
		chunks, err := s.store.ReadLog(ctx, id, 0, time.Time{}, 1)
		if err != nil || len(chunks) > 0 {
			return err
		}
		select {
		case <-news:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// ended waits until an execution has ended and its successor has the machine to itself.
func (s *site) ended(ctx context.Context, id uuid.UUID) error {
	for {
		e, err := s.store.Execution(ctx, id)
		switch {
		case err != nil:
			return err
		case e.Status == queries.StatusFinished:
			return pause(ctx, 100*time.Millisecond)
		case queries.Ended(e.Status):
			return fmt.Errorf("it is %s: %s", e.Status, e.Reason)
		}
		if err := pause(ctx, 5*time.Millisecond); err != nil {
			return err
		}
	}
}

func quantile(took []time.Duration, q float64) float64 {
	sorted := slices.Sorted(slices.Values(took))
	return float64(sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]) / float64(time.Millisecond)
}
