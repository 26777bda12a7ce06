// Package far has what executors share whose scripts run where the runner is not: in a cluster's pods or in a swarm's tasks, beside an agent
// (package agent) that fetches their files from the gateway, numbers the lines that they print, and hands their results over.
package far

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/executor/images"
	"github.com/fairway-gateway/fairway/runner/kubernetes/agent"
)

// Handover is where the gateway puts results that agents give it.
type Handover interface {
	// Results opens those of an attempt, or says executor.ErrNoResults.
	Results(ctx context.Context, attempt string) (io.ReadCloser, error)
	// Remove throws them away. That there are none is no error.
	Remove(ctx context.Context, attempt string) error
}

// Name is that of an attempt where names may have 63 characters, and fewer kinds of them than those of attempts.
func Name(id string) string {
	if regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,38}[a-z0-9]$`).MatchString(id) {
		return "fairway-" + id
	}
	sum := sha256.Sum256([]byte(id))
	return "fairway-x" + hex.EncodeToString(sum[:16])
}

// RunnerName is a random name that a file in a directory keeps. Whoever is the first to make it gives it.
func RunnerName(directory string) (string, error) {
	file := filepath.Join(directory, "runner")
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		fresh := file + "." + rand.Text()
		if err = os.WriteFile(fresh, []byte(rand.Text()), 0o600); err == nil {
			if err = os.Link(fresh, file); errors.Is(err, fs.ErrExist) {
				err = nil
			}
		}
		if err = errors.Join(err, os.Remove(fresh)); err == nil {
			text, err = os.ReadFile(file)
		}
	}
	if err == nil {
		err = executor.CheckName(string(text))
	}
	if err != nil {
		return "", fmt.Errorf("the runner's name: %w", err)
	}
	return string(text), nil
}

// Version is what is known of a version of a script. Its files each attempt fetches anew.
type Version struct {
	Entry executor.Entry `json:"entry"`
	Asked images.Asked   `json:"asked"`
}

// Versions keeps what is known of versions in files of a directory.
type Versions struct {
	directory string
	images    images.Images
	preparing chan struct{} // held while a script is looked at
}

// NewVersions uses a directory, which it makes.
func NewVersions(directory string, has images.Images) (*Versions, error) {
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return nil, fmt.Errorf("make the executor's directory: %w", err)
	}
	return &Versions{directory: directory, images: has, preparing: make(chan struct{}, 1)}, nil
}

func (v *Versions) file(version string) string { return filepath.Join(v.directory, version+".json") }

// Find is what is known of a version, or executor.ErrNotPrepared.
func (v *Versions) Find(version string) (*Version, error) {
	text, err := os.ReadFile(v.file(version))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, executor.ErrNotPrepared
	}
	if err != nil {
		return nil, fmt.Errorf("read what is known of version %s: %w", version, err)
	}
	var known Version
	if json.Unmarshal(text, &known) != nil {
		return nil, executor.ErrNotPrepared
	}
	return &known, nil
}

// Prepare looks at the files of a version: how it is started, and in which image.
func (v *Versions) Prepare(ctx context.Context, script executor.Script) error {
	if err := executor.CheckName(script.Version); err != nil {
		return fmt.Errorf("the script's version: %w", err)
	}
	select {
	case v.preparing <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-v.preparing }()
	known, err := v.Find(script.Version)
	if errors.Is(err, executor.ErrNotPrepared) {
		known, err = v.look(ctx, script)
	}
	if err != nil {
		return err
	}
	// What images there are may have changed since.
	_, err = v.images.Of(known.Asked)
	return err //nolint:wrapcheck // it says what it is
}

// look unpacks a version, and keeps what it sees.
func (v *Versions) look(ctx context.Context, script executor.Script) (_ *Version, err error) {
	directory, err := os.MkdirTemp(v.directory, "look-")
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
	var known Version
	if known.Entry, err = executor.FindEntry(root.FS()); err != nil {
		if len(script.Command) == 0 {
			return nil, err //nolint:wrapcheck // it says what it is
		}
		known.Entry = executor.Entry{}
		if info, err := root.Lstat("requirements.txt"); err == nil && info.Mode().IsRegular() {
			known.Entry.Requirements = "requirements.txt"
		}
	}
	if err := withoutRequirements(root, known.Entry); err != nil {
		return nil, err
	}
	if known.Asked, err = images.Ask(root.FS()); err != nil {
		return nil, err //nolint:wrapcheck // as above
	}
	if _, err := v.images.Of(known.Asked); err != nil {
		return nil, err //nolint:wrapcheck // as above
	}
	text, err := json.Marshal(known)
	if err != nil {
		return nil, fmt.Errorf("write what is known of the script: %w", err)
	}
	// There whole, or not at all.
	fresh := v.file(script.Version) + ".new"
	if err := errors.Join(os.WriteFile(fresh, text, 0o600), os.Rename(fresh, v.file(script.Version))); err != nil {
		return nil, fmt.Errorf("write what is known of the script: %w", err)
	}
	return &known, nil
}

// withoutRequirements refuses a script that asks for packages.
func withoutRequirements(root *os.Root, entry executor.Entry) error {
	if entry.Requirements == "" {
		return nil
	}
	file, err := root.Open(entry.Requirements)
	if err != nil {
		return fmt.Errorf("read requirements.txt: %w", err)
	}
	defer file.Close()
	wanted, err := executor.ParseRequirements(file)
	if err == nil && len(wanted) > 0 {
		err = fmt.Errorf("the script requires %s and executor swarm has no pip_index: have it ask for an environment whose image has them", strings.Join(wanted, ", "))
	}
	return err //nolint:wrapcheck // it says whose
}

// Argv is what is run.
func (v *Version) Argv(command []string, python string) ([]string, error) {
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
	case v.Entry.Python:
		return []string{python, agent.Harness}, nil
	case v.Entry.File != "":
		return append(slices.Clone(v.Entry.Interpreter), path.Join(agent.Script, v.Entry.File)), nil
	default:
		return nil, errors.New("it is not known how to run the script: it needs src/main.py, a file main, or command in configuration.json")
	}
}
