package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"time"

	"github.com/fairway-gateway/fairway/bench/process"
	"github.com/fairway-gateway/fairway/bench/report"
)

// startLimit is how long a gateway may take until it answers.
const startLimit = 30 * time.Second

// bench is one run of the command.
type bench struct {
	settings
	out       io.Writer
	directory string // of binaries, configurations and logs; removed at the end
	programs  programs
	cores     cores
	started   []*process.Process
	// postgres is the address of the database of a server; empty: it was not started.
	postgres string
	// foreign is how much of the gateway's CPUs other programs took, in percent, while a gateway was measured.
	foreign []float64
	// conditions, notes and failures go to the report.
	conditions, notes, failures []string
	// targets are those that no cell has.
	targets []report.Target
}

// newBench builds everything and keeps this process on its share of the CPUs. The caller must call close.
func newBench(ctx context.Context, s settings, out io.Writer) (_ *bench, err error) {
	b := &bench{settings: s, out: out}
	allowed, err := allowedCPUs()
	if err != nil {
		return nil, err
	}
	if b.directory, err = os.MkdirTemp("", "fairway-bench-"); err != nil {
		return nil, fmt.Errorf("directory: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.close())
		}
	}()

	before := loadAverage()
	b.say("building backend, peers and fairway")
	if b.programs, err = buildAll(ctx, s.repository, b.directory); err != nil {
		return nil, err
	}
	if err := b.programs.findNginx(ctx, s.install); err != nil {
		b.fail("nginx and nginx+njs", err)
	}
	if b.programs.nginx == "" {
		b.failures = append(b.failures, "nginx: absent (Debian: nginx-light)")
	}
	if b.programs.njs == "" {
		b.failures = append(b.failures, "nginx+njs: absent (Debian: libnginx-mod-http-js)")
	}

	b.cores = split(allowed)
	binding := "nothing is bound to CPUs"
	if b.cores.gateway != "" {
		if err := bindSelf(ctx, b.cores.rest); err != nil {
			return nil, err
		}
		binding = fmt.Sprintf("gateway on CPU %s, backend and load on %s", b.cores.gateway, b.cores.rest)
	}
	b.conditions = []string{
		machineLine(allowed) + "; load average before: " + before,
		b.programs.versions(ctx),
		fmt.Sprintf("%d interleaved rounds of %v after %v of warm-up, %d connections, %s; median (min–max)",
			s.rounds, s.duration, s.warmUp, s.connections, binding),
	}
	for _, line := range append(b.conditions, b.failures...) {
		b.say("%s", line)
	}
	return b, nil
}

func (b *bench) say(format string, args ...any) { _, _ = fmt.Fprintf(b.out, format+"\n", args...) }

// fail notes that a part could not be measured.
func (b *bench) fail(part string, err error) {
	b.say("FAILED %s: %v", part, err)
	b.failures = append(b.failures, fmt.Sprintf("%s: %.600s", part, strings.Join(strings.Fields(err.Error()), " ")))
}

// close stops what was started and removes the directory.
func (b *bench) close() error {
	var failed []error
	for _, p := range slices.Backward(b.started) { // a database waits for those that are connected
		failed = append(failed, p.Stop())
	}
	b.started = nil
	return errors.Join(append(failed, os.RemoveAll(b.directory))...)
}

// start starts a program that close will stop.
func (b *bench) start(spec process.Spec) (*process.Process, error) {
	p, err := process.Start(spec)
	if err != nil {
		return nil, err
	}
	b.started = append(b.started, p)
	return p, nil
}

// gatewaySpec says how a gateway is started: on its CPUs, with directories of its own.
func (b *bench) gatewaySpec(name, path string, args ...string) process.Spec {
	home := filepath.Join(b.directory, name+".home")
	return process.Spec{
		Name: name, Path: path, Args: args, Cores: b.cores.gateway, Log: filepath.Join(b.directory, name+".log"),
		Env: []string{"GOMAXPROCS=" + strconv.Itoa(b.cores.gatewayCount), "GOGC=", "HOME=" + home, "XDG_DATA_HOME=" + home, "XDG_CONFIG_HOME=" + home},
	}
}

// configure fills a template of configs/ and returns the path of the result, a file of that name.
func (b *bench) configure(from, name string, data any) (string, error) {
	parsed, err := template.ParseFiles(filepath.Join("configs", from))
	if err != nil {
		return "", fmt.Errorf("configuration: %w", err)
	}
	var text bytes.Buffer
	if err := parsed.Option("missingkey=error").Execute(&text, data); err != nil {
		return "", fmt.Errorf("configuration: %w", err)
	}
	path := filepath.Join(b.directory, name)
	if err := os.WriteFile(path, text.Bytes(), 0o600); err != nil {
		return "", fmt.Errorf("configuration: %w", err)
	}
	return path, nil
}
