package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/fairway-gateway/fairway/modules/executors"
	"github.com/fairway-gateway/fairway/modules/fairway"
	"github.com/fairway-gateway/fairway/runner/executor"
)

// isolation says which levels of the executor process this machine can keep: the level of the configuration has to be kept where it runs
// executions, and of others it is good to know.
func (e *examination) isolation(context.Context) []Finding {
	runs, written := false, false
	if e.provisioned {
		runs, written = e.app.Embeds()
	}
	kind, raw := e.app.ExecutorKind()
	if kind != "process" {
		return []Finding{fine("isolation", "that of the executor %s was not looked at; its runner does when it starts", kind)}
	}
	var words executors.Process
	if raw != nil && json.Unmarshal(raw, &words) != nil {
		return nil // the configuration is at fault, which is said
	}
	wanted := words.Level
	if wanted == "" {
		wanted = executor.Standard
	}
	var out []Finding
	for _, level := range []executor.Level{executor.Standard, executor.Strict} {
		words.Level = level
		check := "isolation " + string(level)
		missing, err := keeps(words) //nolint:contextcheck // what is tried ends by itself
		switch {
		case err != nil:
			out = append(out, Finding{check, Warning, "it could not be tried: " + err.Error(), "call this command with a temporary directory (TMPDIR) that all users may enter"})
		case len(missing) == 0:
			out = append(out, fine(check, "this machine keeps it"))
		case level != wanted || !runs:
			out = append(out, fine(check, "not on this machine, and nothing here needs it: %s", strings.Join(missing, "; ")))
		case written:
			out = append(out, Finding{check, Failure, "not on this machine: " + strings.Join(missing, "; "), "docs/isolation.md says what each level needs; the gateway does not start without"})
		default:
			out = append(out, Finding{check, Warning, "not on this machine: " + strings.Join(missing, "; "), "docs/isolation.md says what it needs; this gateway runs no scripts without. Write `runner off` if others run them"})
		}
	}
	return out
}

// keeps says what the machine lacks for a level: it has the executor try it, in a directory that is gone then.
func keeps(words executors.Process) (missing []string, err error) {
	directory, err := os.MkdirTemp("", "fairway-doctor-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(directory)) }()
	if err := os.Chmod(directory, 0o711); err != nil { //nolint:gosec // users of scripts pass through
		return nil, err
	}
	// A group that was not there is not left there.
	group := words.Cgroup
	if group == "" {
		group = "/sys/fs/cgroup/fairway"
	}
	if _, err := os.Stat(group); os.IsNotExist(err) {
		defer func() { _ = os.Remove(group) }() // it may not have been made
	}
	words.Hidden = nil // they need not be there
	made, err := words.Open(fairway.Place{Directory: filepath.Join(directory, "runner")})
	if lacks, ok := errors.AsType[*executor.LevelError](err); ok {
		return lacks.Missing, nil
	}
	if err != nil {
		return nil, err
	}
	if closer, ok := made.(interface{ Close() error }); ok {
		return nil, closer.Close()
	}
	return nil, nil
}
