//go:build linux && (amd64 || arm64)

package process

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/process/keeper"
)

// Names in the directory of a version.
const (
	nameCode    = "code"
	nameSite    = "site" // packages of Python
	nameHarness = "harness.py"
	nameReady   = "ready.json" // executor.Entry
)

// prepared is a version that is ready.
type prepared struct {
	directory string
	code      string
	site      string // empty: none
	entry     executor.Entry
}

// prepared finds a version, or says executor.ErrNotPrepared.
func (e *Executor) prepared(version string) (*prepared, error) {
	p := &prepared{directory: filepath.Join(e.options.Directory, "scripts", version)}
	err := keeper.ReadFile(filepath.Join(p.directory, nameReady), &p.entry)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, executor.ErrNotPrepared
	}
	if err != nil {
		return nil, err
	}
	p.code = filepath.Join(p.directory, nameCode)
	if site := filepath.Join(p.directory, nameSite); exists(site) {
		p.site = site
	}
	return p, nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// link makes the files of the script visible in the directory where it starts, in which it may make others.
func (p *prepared) link(b *berth) error {
	entries, err := os.ReadDir(p.code)
	if err != nil {
		return fmt.Errorf("read the script's files: %w", err)
	}
	for _, entry := range entries {
		name := filepath.Join(keeper.Work, entry.Name())
		err := os.Symlink(filepath.Join(p.code, entry.Name()), b.file(name))
		if err == nil {
			err = b.give(name)
		}
		if err != nil {
			return fmt.Errorf("link the script's files: %w", err)
		}
	}
	return nil
}

// argv is what is run.
func (p *prepared) argv(command []string, python string) ([]string, error) {
	if len(command) > 0 {
		words := append([]string{}, command...)
		if !strings.Contains(words[0], "/") || filepath.IsAbs(words[0]) {
			return words, nil
		}
		if !filepath.IsLocal(words[0]) {
			return nil, fmt.Errorf("the command %.100q is no file of the script", words[0])
		}
		words[0] = filepath.Join(p.code, words[0])
		return words, nil
	}
	switch {
	case p.entry.Python:
		return []string{python, filepath.Join(p.directory, nameHarness)}, nil
	case p.entry.File != "":
		return append(append([]string{}, p.entry.Interpreter...), filepath.Join(p.code, p.entry.File)), nil
	default:
		return nil, errors.New("it is not known how to run the script: it needs src/main.py, a file main, or command in configuration.json")
	}
}

// Prepare puts a version's files in place, and installs the packages that it requires.
func (e *Executor) Prepare(ctx context.Context, script executor.Script, log func(string)) error {
	if err := executor.CheckName(script.Version); err != nil {
		return fmt.Errorf("the script's version: %w", err)
	}
	if log == nil {
		log = func(string) {}
	}
	scripts := filepath.Join(e.options.Directory, "scripts")
	for {
		if p, err := e.prepared(script.Version); err == nil {
			return p.touch()
		} else if !errors.Is(err, executor.ErrNotPrepared) {
			return err
		}
		lock, err := acquire(filepath.Join(scripts, script.Version+".lock"))
		if errors.Is(err, heldError{}) {
			// Somebody is at it.
			if err := sleep(ctx, nil, 20*time.Millisecond); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		defer lock.Close()
		if _, err := e.prepared(script.Version); err == nil {
			return nil
		}
		if err := e.prepare(ctx, script, log); err != nil {
			return err
		}
		if err := e.tidy(ctx); err != nil {
			log("Versions that nobody uses could not be removed from the runner.")
		}
		return nil
	}
}

// prepare makes a version in another directory, and names it when all is there.
func (e *Executor) prepare(ctx context.Context, script executor.Script, log func(string)) (err error) {
	final := filepath.Join(e.options.Directory, "scripts", script.Version)
	// Nobody else is at it, so what is there was left by one who was cut off.
	build := final + ".new"
	if err := errors.Join(removeAll(build), removeAll(final)); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = removeAll(build)
		}
	}()
	if err := e.makeDirectory(build); err != nil {
		return err
	}
	code := filepath.Join(build, nameCode)
	if err := os.Mkdir(code, 0o755); err != nil { //nolint:gosec // scripts run as others
		return fmt.Errorf("make the script's directory: %w", err)
	}
	if err := script.Files(ctx, code); err != nil {
		return err
	}
	if err := settle(code); err != nil {
		return err
	}
	entry, err := executor.FindEntry(os.DirFS(code))
	if err != nil {
		if len(script.Command) == 0 {
			return err
		}
		entry = executor.Entry{}
		if exists(filepath.Join(code, "requirements.txt")) {
			entry.Requirements = "requirements.txt"
		}
	}
	if entry.Python {
		if err := writePlain(filepath.Join(build, nameHarness), executor.Harness); err != nil {
			return err
		}
	}
	if entry.Requirements != "" {
		if err := e.install(ctx, build, filepath.Join(code, entry.Requirements), log); err != nil {
			return err
		}
	}
	if err := keeper.WriteFile(filepath.Join(build, nameReady), entry); err != nil {
		return err
	}
	if err := os.Rename(build, final); err != nil {
		return fmt.Errorf("put the script in place: %w", err)
	}
	return nil
}

// settle makes files readable by whoever a script runs as, and writable by nobody else than the runner.
func settle(directory string) error {
	root, err := os.OpenRoot(directory)
	if err != nil {
		return fmt.Errorf("put the script's files in place: %w", err)
	}
	defer root.Close()
	err = fs.WalkDir(root.FS(), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		mode := fs.FileMode(0o644)
		switch {
		case entry.IsDir() || info.Mode()&0o111 != 0 && info.Mode().IsRegular():
			mode = 0o755
		case !info.Mode().IsRegular():
			return fmt.Errorf("%s is neither a file nor a directory", entry.Name())
		}
		return errors.Join(root.Lchown(path, os.Geteuid(), os.Getegid()), root.Chmod(path, mode))
	})
	if err != nil {
		return fmt.Errorf("put the script's files in place: %w", err)
	}
	return nil
}

// writePlain writes a file that scripts may read, whatever the umask.
func writePlain(path string, text []byte) error {
	err := os.WriteFile(path, text, 0o644)                         //nolint:gosec // scripts run as others
	if err = errors.Join(err, os.Chmod(path, 0o644)); err != nil { //nolint:gosec // as above
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	return nil
}

// requirements are the lines of requirements.txt that ask for something.
func requirements(path string) ([]string, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read requirements.txt: %w", err)
	}
	defer file.Close()
	return executor.ParseRequirements(file)
}
