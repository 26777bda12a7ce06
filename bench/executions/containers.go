package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/fairway-gateway/fairway/internal/dockertest"
	"github.com/fairway-gateway/fairway/runner/docker"
	"github.com/fairway-gateway/fairway/runner/executor"
)

// containers starts containers of a present image in an engine of its own, by the executor and by `docker run` in turn, each from being asked to the
// first line of its log.
func containers(ctx context.Context, set settings) (out Result, err error) {
	program, err := exec.LookPath("docker")
	if err != nil {
		return Result{}, fmt.Errorf("%w (Debian: docker.io)", err)
	}
	engine, err := dockertest.Start()
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, engine.Close()) }()
	e, err := docker.New(ctx, docker.Options{Host: engine.Host(), Directory: filepath.Join(set.directory, "docker"), Image: dockertest.Image, Pull: "never"})
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	made := executor.Script{Version: "first", Slug: "first", Files: func(_ context.Context, directory string) error {
		return os.WriteFile(filepath.Join(directory, "main.sh"), []byte(script), 0o755) //nolint:gosec // it is a program
	}}
	if err := e.Prepare(ctx, made, nil); err != nil {
		return Result{}, err
	}
	var ours, theirs []time.Duration
	for n := range set.count {
		id := fmt.Sprintf("first-%d", n)
		begun := time.Now()
		if err := firstOf(ctx, e, executor.Attempt{ID: id, Script: made}); err != nil {
			return Result{}, err
		}
		ours = append(ours, time.Since(begun))
		if err := e.Forget(ctx, id); err != nil {
			return Result{}, err
		}
		begun = time.Now()
		taken, err := dockerRun(ctx, program, engine.Host(), fmt.Sprintf("bare-%d", n), begun)
		if err != nil {
			return Result{}, err
		}
		theirs = append(theirs, taken)
	}
	return Result{P50: quantile(ours, 0.5), P99: quantile(ours, 0.99), Process: quantile(theirs, 0.5)}, nil
}

// firstOf starts an attempt and waits for its first line.
func firstOf(ctx context.Context, e executor.Executor, a executor.Attempt) error {
	run, err := e.Start(ctx, a)
	if err != nil {
		return err
	}
	output, err := run.Output(ctx, 0)
	if err != nil {
		return err
	}
	_, err = output.Next(ctx)
	return errors.Join(err, output.Close())
}

// dockerRun runs the same script by the engine's own client: a container as it makes one that is told nothing, but that it has no network, since the engine has
// none. It says how long it was to the first line.
func dockerRun(ctx context.Context, program, host, name string, begun time.Time) (time.Duration, error) {
	cmd := exec.CommandContext(ctx, program, "--host", host, "run", "--name", name, "--network", "none", "fairway/script:v.first", "/bin/sh", "/fairway/script/main.sh")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	var first [1]byte
	_, err = out.Read(first[:])
	taken := time.Since(begun)
	if err = errors.Join(err, cmd.Wait()); err != nil {
		return 0, err
	}
	return taken, exec.CommandContext(ctx, program, "--host", host, "rm", "--volumes", name).Run()
}
