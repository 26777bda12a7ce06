package agent

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// installPatience is how long pip may take.
const installPatience = 15 * time.Minute

// install has the image's pip put packages where the script finds them. It takes wheels, which run nothing when they are installed.
func install() error {
	text, err := os.ReadFile(filepath.Join(Packages, PackagesFile))
	if err != nil {
		return err
	}
	var wanted Install
	if err := json.Unmarshal(text, &wanted); err != nil {
		return err
	}
	// Beside the packages, since what is in memory counts.
	directory := filepath.Join(Code, "pip")
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return err
	}
	defer os.RemoveAll(directory)
	list := filepath.Join(directory, "requirements.txt")
	if err := os.WriteFile(list, []byte(strings.Join(wanted.Wanted, "\n")+"\n"), 0o600); err != nil {
		return err
	}
	python, err := lookPath(wanted.Python, os.Getenv("PATH"))
	if err != nil {
		return err
	}
	argv := []string{
		python, "-m", "pip", "install", "--quiet", "--only-binary", ":all:", "--target", Site, "--no-cache-dir", "--disable-pip-version-check",
		"--no-input", "--no-compile", "--progress-bar", "off", "--requirement", list,
	}
	env := environment(os.Environ(), map[string]string{
		"HOME": directory, "TMPDIR": directory, "LANG": "C.UTF-8", "PIP_CONFIG_FILE": os.DevNull,
		"PIP_INDEX_URL": wanted.Index, // may have a password, which everybody could see in an argument
	})
	status, said, err := finish(argv, env, directory)
	switch {
	case err != nil:
		return err
	case status.Exited() && status.ExitStatus() == 0:
		return nil
	case status.Signaled() && status.Signal() == unix.SIGKILL:
		return fmt.Errorf("pip was killed; it may take %s and 2 GiB of memory", installPatience)
	default:
		return fmt.Errorf("pip: %s", said)
	}
}

// finish runs something to its end, copies what it says, and gives the last line of that.
func finish(argv, env []string, directory string) (status unix.WaitStatus, last string, err error) {
	said, to, err := os.Pipe()
	if err != nil {
		return 0, "", err
	}
	defer said.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		to.Close()
		return 0, "", err
	}
	defer null.Close()
	pid, err := syscall.ForkExec(argv[0], argv, &syscall.ProcAttr{Dir: directory, Env: env, Files: []uintptr{null.Fd(), to.Fd(), to.Fd()}}) //nolint:gosec // the image's pip
	to.Close()
	if err != nil {
		return 0, "", fmt.Errorf("run %s: %w", argv[0], err)
	}
	defer time.AfterFunc(installPatience, func() { _ = unix.Kill(pid, unix.SIGKILL) }).Stop()
	var end tail
	_, _ = io.Copy(io.MultiWriter(os.Stdout, &end), said) // it ends with pip
	status, err = takeIn(pid)
	return status, end.line(), err
}

// tail is the end of what is written to it.
type tail []byte

func (t *tail) Write(p []byte) (int, error) {
	const most = 2000
	*t = append(*t, p...)
	*t = (*t)[max(0, len(*t)-most):]
	return len(p), nil
}

// line is the last one that is not empty.
func (t *tail) line() string {
	text := strings.TrimSpace(string(*t))
	return text[strings.LastIndexByte(text, '\n')+1:]
}

// lookPath finds a program as a shell does.
func lookPath(program, path string) (string, error) {
	if strings.Contains(program, "/") {
		return program, nil
	}
	for directory := range strings.SplitSeq(path, ":") {
		found := filepath.Join("/", directory, program)
		if info, err := os.Stat(found); err == nil && info.Mode().IsRegular() && unix.Access(found, unix.X_OK) == nil {
			return found, nil
		}
	}
	return "", fmt.Errorf("%s is not in the image's PATH (%s)", program, path)
}
