// Command executions is one round of a measurement of executions: it fills a queue, works it off, and prints what it saw as JSON. The command bench
// starts it for each round, for fairway and for bare River alike.
//
//	executions -store postgres://… [-count 10000] [-slots 100] [-sleep 100ms] drain    fairway with the executor that runs nothing
//	executions -store postgres://… [-events 10000] … drain                             the same while events are told within the process
//	executions -store postgres://… … river                                             bare River, of the version that fairway has
//	executions -store postgres://… [-count 200] first                                  from the request to the first line of the log
//	executions -store postgres://… [-count 200] start                                  bare River to its worker, and a process to its first line
//	executions -store postgres://… [-count 2000000] lines                              lines that eight executions write
//	executions [-count 20] -directory … containers                                     containers, by the executor and by docker run, to their first lines
//	executions -store postgres://… [-count 1000] schedules                             schedules that are due at once, in two gateways
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime/pprof"
	"time"

	_ "github.com/fairway-gateway/fairway/modules" // what a process of fairway has to load
)

// settings are what the flags say.
type settings struct {
	store string
	count int
	slots int
	sleep time.Duration
	// events are how many are told within the process in a second, meanwhile; 0: there is no publisher.
	events int
	// directory is for what scripts need.
	directory string
}

// Result is what a round found out. What it did not look at is 0.
type Result struct {
	// Made and Done are how many were asked for, and ended, in a second.
	Made float64 `json:"made,omitempty"`
	Done float64 `json:"done,omitempty"`
	// P50 and P99 are milliseconds.
	P50 float64 `json:"p50,omitempty"`
	P99 float64 `json:"p99,omitempty"`
	// Start and Process are the medians of both parts of the yardstick of P50, in milliseconds.
	Start   float64 `json:"start,omitempty"`
	Process float64 `json:"process,omitempty"`
	// Lines are those that the store took in a second.
	Lines float64 `json:"lines,omitempty"`
	// Told are events that were told within the process in a second.
	Told float64 `json:"told,omitempty"`
	// Last is after how many milliseconds the last of what was due at once was fired.
	Last float64 `json:"last,omitempty"`
}

func main() {
	var s settings
	flag.StringVar(&s.store, "store", "", "`address` of the store")
	flag.IntVar(&s.count, "count", 10000, "how many")
	flag.IntVar(&s.slots, "slots", 100, "how many at once")
	flag.DurationVar(&s.sleep, "sleep", 0, "how long each takes")
	flag.IntVar(&s.events, "events", 0, "how many events a second are told within the process meanwhile, with drain")
	flag.StringVar(&s.directory, "directory", "", "an empty `directory` that every user may enter")
	profileTo := flag.String("profile", "", "`file` for a CPU profile")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	measure, ok := map[string]func(context.Context, settings) (Result, error){
		"drain": drain, "river": bareRiver, "first": firstLine, "start": start, "lines": lines, "containers": containers, "schedules": schedules,
	}[flag.Arg(0)]
	if !ok {
		flag.Usage()
		os.Exit(2) //nolint:gocritic // nothing is open yet
	}
	endProfile, err := profile(*profileTo)
	if err != nil {
		fmt.Fprintln(os.Stderr, "executions:", err)
		os.Exit(1)
	}
	result, err := measure(ctx, s)
	endProfile()
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(result)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "executions:", err)
		os.Exit(1)
	}
}

// profile writes a CPU profile until its end is called, if a file is named.
func profile(path string) (end func(), err error) {
	if path == "" {
		return func() {}, nil
	}
	f, err := os.Create(path) //nolint:gosec // the file the user named
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, err
	}
	return func() {
		pprof.StopCPUProfile()
		_ = f.Close() // it is for a person, who sees that it is short
	}, nil
}

func perSecond(n int, took time.Duration) float64 { return float64(n) / took.Seconds() }
