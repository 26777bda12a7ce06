package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/fairway-gateway/fairway/runner/executor"
)

// task is all of it in one container: it fetches the script's files and parameters, and runs the script.
func task(spec *Spec) int {
	// What it starts gains no rights by its file, which no word of older swarms' sees to. It holds for this thread and what is started from it.
	runtime.LockOSThread()
	err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
	if err == nil {
		err = fetchHere()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		(&output{to: os.Stdout}).end(Report{Code: -1, Verdict: executor.Refused, Reason: err.Error()})
		return exitRefused
	}
	return run(spec)
}

// fetchHere fetches what is run into this container, and has nobody change it by mistake: it belongs to the script's user.
func fetchHere() error {
	fetching, err := dispatch(program(), WordFetch, nil)
	if err != nil {
		return err
	}
	if err := fetching.wait(); err != nil {
		return err
	}
	if err := keepFiles(); err != nil {
		return fmt.Errorf("keep the script's files as they are: %w", err)
	}
	return nil
}

// keepFiles takes away the right to write files and directories.
func keepFiles() (err error) {
	root, err := os.OpenRoot(Code)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	return fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		return root.Chmod(name, info.Mode().Perm()&^0o222)
	})
}
