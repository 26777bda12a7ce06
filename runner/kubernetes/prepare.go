package kubernetes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/executor/images"
	"github.com/fairway-gateway/fairway/runner/kubernetes/agent"
)

// prepared is what is known of a version. Its files each pod fetches anew.
type prepared struct {
	Entry executor.Entry `json:"entry"`
	Asked images.Asked   `json:"asked"`
	// Wanted are the packages of Python that it requires.
	Wanted []string `json:"wanted,omitempty"`
}

func (e *Executor) versionFile(version string) string {
	return filepath.Join(e.options.Directory, "versions", version+".json")
}

// known is what was prepared, or executor.ErrNotPrepared.
func (e *Executor) known(version string) (*prepared, error) {
	text, err := os.ReadFile(e.versionFile(version))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, executor.ErrNotPrepared
	}
	if err != nil {
		return nil, fmt.Errorf("read what is known of version %s: %w", version, err)
	}
	var p prepared
	if json.Unmarshal(text, &p) != nil {
		return nil, executor.ErrNotPrepared
	}
	return &p, nil
}

// Prepare looks at the files of a version: how it is started, and in which image.
func (e *Executor) Prepare(ctx context.Context, script executor.Script, _ func(string)) error {
	if err := executor.CheckName(script.Version); err != nil {
		return fmt.Errorf("the script's version: %w", err)
	}
	select {
	case e.preparing <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-e.preparing }()
	p, err := e.known(script.Version)
	if errors.Is(err, executor.ErrNotPrepared) {
		p, err = e.look(ctx, script)
	}
	if err != nil {
		return err
	}
	return e.offers(p)
}

// offers says what a script asks for that the options do not have, which may have changed since it was looked at.
func (e *Executor) offers(p *prepared) error {
	if len(p.Wanted) > 0 && e.options.PipIndex == "" {
		return fmt.Errorf("the script requires %s and executor kubernetes has no pip_index to install it from", strings.Join(p.Wanted, ", "))
	}
	_, err := e.options.images().Of(p.Asked)
	return err //nolint:wrapcheck // it says what it is
}

// look unpacks a version, and keeps what it sees.
func (e *Executor) look(ctx context.Context, script executor.Script) (_ *prepared, err error) {
	directory, err := os.MkdirTemp(e.options.Directory, "look-")
	if err != nil {
		return nil, fmt.Errorf("make a directory for the script's files: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(directory)) }()
	if err := script.Files(ctx, directory); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(directory)
	if err != nil {
		return nil, fmt.Errorf("read the script's files: %w", err)
	}
	defer root.Close()
	var p prepared
	if p.Entry, err = executor.FindEntry(root.FS()); err != nil {
		if len(script.Command) == 0 {
			return nil, err //nolint:wrapcheck // it says what it is
		}
		p.Entry = executor.Entry{}
		if info, err := root.Lstat("requirements.txt"); err == nil && info.Mode().IsRegular() {
			p.Entry.Requirements = "requirements.txt"
		}
	}
	if p.Wanted, err = requirements(root, p.Entry); err != nil {
		return nil, err
	}
	if p.Asked, err = images.Ask(root.FS()); err != nil {
		return nil, err //nolint:wrapcheck // as above
	}
	if err := e.offers(&p); err != nil {
		return nil, err
	}
	text, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("write what is known of the script: %w", err)
	}
	// There whole, or not at all.
	fresh := e.versionFile(script.Version) + ".new"
	if err := errors.Join(os.WriteFile(fresh, text, 0o600), os.Rename(fresh, e.versionFile(script.Version))); err != nil {
		return nil, fmt.Errorf("write what is known of the script: %w", err)
	}
	return &p, nil
}

// requirements are the packages that a script asks for.
func requirements(root *os.Root, entry executor.Entry) ([]string, error) {
	if entry.Requirements == "" {
		return nil, nil
	}
	file, err := root.Open(entry.Requirements)
	if err != nil {
		return nil, fmt.Errorf("read requirements.txt: %w", err)
	}
	defer file.Close()
	return executor.ParseRequirements(file) //nolint:wrapcheck // it says whose
}

// argv is what is run.
func (p *prepared) argv(command []string, python string) ([]string, error) {
	switch {
	case len(command) > 0:
		words := slices.Clone(command)
		if strings.Contains(words[0], "/") && !path.IsAbs(words[0]) {
			if !filepath.IsLocal(words[0]) {
				return nil, fmt.Errorf("the command %.100q is no file of the script", words[0])
			}
			words[0] = path.Join(agent.Script, words[0])
		}
		return words, nil
	case p.Entry.Python:
		return []string{python, agent.Harness}, nil
	case p.Entry.File != "":
		return append(slices.Clone(p.Entry.Interpreter), path.Join(agent.Script, p.Entry.File)), nil
	default:
		return nil, errors.New("it is not known how to run the script: it needs src/main.py, a file main, or command in configuration.json")
	}
}
