package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// exitRefused is the exit code of an agent that could do nothing.
const exitRefused = 125

// Main takes over if this process was started as an agent, and then never returns.
func Main() {
	if len(os.Args) != 3 || os.Args[1] != Word {
		return
	}
	spec, err := readSpec()
	switch {
	case err != nil:
	case os.Args[2] == WordFetch:
		err = fetch(context.Background(), spec)
		if err == nil {
			os.Exit(0)
		}
	case os.Args[2] == WordRun:
		os.Exit(run(spec))
	default:
		err = fmt.Errorf("an agent does not know %q", os.Args[2])
	}
	fmt.Fprintln(os.Stderr, err)
	say(Report{Code: -1, Verdict: "REFUSED", Reason: err.Error()})
	os.Exit(exitRefused)
}

func readSpec() (*Spec, error) {
	text, err := os.ReadFile(filepath.Join(Secret, SpecFile))
	if err != nil {
		return nil, fmt.Errorf("read what is to be run: %w", err)
	}
	var spec Spec
	if err := json.Unmarshal(text, &spec); err != nil {
		return nil, fmt.Errorf("read what is to be run: %w", err)
	}
	spec.Limits = spec.Limits.WithDefaults()
	return &spec, nil
}

// say leaves a report where the kubelet looks for one. The file may be the script's by now.
func say(report Report) {
	const most = 500 // bytes of a sentence, which JSON may make six times longer
	for _, text := range []*string{&report.Reason, &report.Spoilt} {
		if len(*text) > most {
			*text = (*text)[:most]
		}
	}
	text, err := json.Marshal(report)
	if err != nil || len(text) > MostReport {
		return
	}
	_ = os.WriteFile(Termination, text, 0o644) //nolint:gosec // who reads it is the kubelet
}
