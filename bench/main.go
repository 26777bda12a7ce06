// Command bench measures, beside its peers on this machine, the CPU time that fairway spends on a request, and how it
// starts and reloads with many services. It builds and starts all it needs on loopback, stops it again, prints a report
// and writes it into docs/benchmarks.md. It needs Linux and taskset.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/fairway-gateway/fairway/bench/report"
)

// settings are what the flags say.
type settings struct {
	// rounds is how often everything is measured. Default 5, quick 3.
	rounds int
	// duration is how long one measurement takes. Default 10s, quick 2s.
	duration time.Duration
	// warmUp comes before each of them. Default 2s, quick 500ms.
	warmUp time.Duration
	// connections is how many clients ask at the same time. Default 64.
	connections int
	// workloads are the names of what is measured. Default all.
	workloads []string
	quick     bool
	// install allows apt-get to install nginx and njs. Default true.
	install bool
	// docs is the file that takes the report. Default ../docs/benchmarks.md; none when quick or not all workloads.
	docs string
	// profile is the directory for CPU and allocation profiles of fairway during W2, W11, W12 and W14. Default none.
	profile string
	// repository is fairway's source. Default "..".
	repository string
}

func allWorkloads() []string {
	return []string{"W0", "W1", "W2", "W3", "W4", "W5", "W5b", "W5c", "W6", "W8", "W9", "W10", "W11", "W12", "W14", "W15", "W16", "W17", "W18", "W19", "W20", "W21", "W22", "W23", "W24", "W25"}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return
		}
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop was called
	}
}

func run(ctx context.Context, args []string, out io.Writer) (err error) {
	s, err := parse(args)
	if err != nil {
		return err
	}
	b, err := newBench(ctx, s, out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()

	summary, err := b.measure(ctx)
	if err != nil {
		return err
	}
	text := summary.Markdown()
	if _, err := fmt.Fprintln(out, "\n"+text); err != nil {
		return err
	}
	if s.docs != "" {
		if err := report.Replace(s.docs, text); err != nil {
			return err
		}
	}
	if len(summary.Failures) > 0 {
		return fmt.Errorf("%d parts could not be measured", len(summary.Failures))
	}
	return nil
}

// parse reads the flags; those not given depend on -quick.
func parse(args []string) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.IntVar(&s.rounds, "rounds", 5, "how often everything is measured (quick: 3)")
	flags.DurationVar(&s.duration, "duration", 10*time.Second, "length of one measurement (quick: 2s)")
	flags.DurationVar(&s.warmUp, "warmup", 2*time.Second, "load before each measurement (quick: 500ms)")
	flags.IntVar(&s.connections, "connections", 64, "clients asking at the same time")
	workloads := flags.String("workloads", strings.Join(allWorkloads(), ","), "what to measure")
	flags.BoolVar(&s.quick, "quick", false, "fewer and shorter measurements; the documentation is left alone")
	flags.BoolVar(&s.install, "install", true, "as root, install nginx-light and libnginx-mod-http-js with apt-get when they are missing")
	flags.StringVar(&s.docs, "docs", "../docs/benchmarks.md", "`file` that takes the report (quick or with a part of the workloads: none)")
	flags.StringVar(&s.profile, "profile", "", "`directory` for profiles of fairway during W2, and during W11, W12 and W14 where they are measured")
	flags.StringVar(&s.repository, "repository", "..", "fairway's source `directory`")
	if err := flags.Parse(args); err != nil {
		return settings{}, err
	}
	if flags.NArg() > 0 {
		return settings{}, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}

	given := make(map[string]bool)
	flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
	for name := range strings.SplitSeq(*workloads, ",") {
		name = strings.TrimSpace(name)
		if !slices.Contains(allWorkloads(), name) {
			return settings{}, fmt.Errorf("workload %q: there are %s", name, strings.Join(allWorkloads(), ", "))
		}
		s.workloads = append(s.workloads, name)
	}
	if s.quick {
		s.rounds = unlessGiven(given["rounds"], s.rounds, 3)
		s.duration = unlessGiven(given["duration"], s.duration, 2*time.Second)
		s.warmUp = unlessGiven(given["warmup"], s.warmUp, 500*time.Millisecond)
	}
	partial := slices.ContainsFunc(allWorkloads(), func(name string) bool { return !slices.Contains(s.workloads, name) })
	if (s.quick || partial) && !given["docs"] {
		s.docs = ""
	}
	switch {
	case s.rounds < 1 || s.rounds > 100:
		return settings{}, fmt.Errorf("%d rounds: must be 1 to 100", s.rounds)
	case s.duration < 100*time.Millisecond || s.duration > 10*time.Minute:
		return settings{}, fmt.Errorf("duration %v: must be 100ms to 10m", s.duration)
	case s.warmUp < 0 || s.warmUp > time.Minute:
		return settings{}, fmt.Errorf("warm-up %v: must be 0 to 1m", s.warmUp)
	case s.connections < 1 || s.connections > 512:
		return settings{}, fmt.Errorf("%d connections: must be 1 to 512, the idle connections every gateway keeps", s.connections)
	}
	return s, nil
}

func unlessGiven[T any](given bool, value, otherwise T) T {
	if given {
		return value
	}
	return otherwise
}

// wants tells whether a workload is asked for.
func (s settings) wants(workload string) bool { return slices.Contains(s.workloads, workload) }
