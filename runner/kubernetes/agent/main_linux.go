package agent

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/fairway-gateway/fairway/runner/executor"
)

// exitRefused is the exit code of an agent that could do nothing.
const exitRefused = 125

// Main takes over if this process was started to make ready what a pod needs, to install what a script requires, or to run it, and then never
// returns.
func Main() {
	switch Started() {
	case WordPrepare:
		if err := prepare(); err != nil {
			Refuse(err)
		}
		os.Exit(0)
	case WordRun:
		spec, err := ReadSpec()
		if err != nil {
			Refuse(err)
		}
		os.Exit(run(spec))
	case WordTask:
		spec, err := ReadSpec()
		if err != nil {
			Refuse(err)
		}
		os.Exit(task(spec))
	case WordInstall:
		if err := install(); err != nil {
			Refuse(fmt.Errorf("install what requirements.txt asks for: %w", err))
		}
		os.Exit(0)
	}
}

// Started is what this process was started for in a pod; empty: it is no agent.
func Started() string {
	if len(os.Args) != 3 || os.Args[1] != Word {
		return ""
	}
	return os.Args[2]
}

// Refuse ends this process, and says why.
func Refuse(err error) {
	fmt.Fprintln(os.Stderr, err)
	say(Report{Code: -1, Verdict: executor.Refused, Reason: err.Error()})
	os.Exit(exitRefused)
}

// ReadSpec reads what is to be done.
func ReadSpec() (*Spec, error) {
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
	if text := report.text(); text != nil {
		_ = os.WriteFile(Termination, text, 0o644) //nolint:gosec // who reads it is the kubelet
	}
}

// text is a report that is short enough.
func (r Report) text() []byte {
	const most = 500 // bytes of a sentence, which JSON may make six times longer
	for _, text := range []*string{&r.Reason, &r.Spoilt} {
		if len(*text) > most {
			*text = (*text)[:most]
		}
	}
	text, err := json.Marshal(r)
	if err != nil || len(text) > MostReport {
		return nil
	}
	return text
}
