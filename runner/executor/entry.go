package executor

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
)

// Entry is how a script is started.
type Entry struct {
	// Python says that it is a module with run(params, logger), as scripts of Trends.Earth are: File is src/main.py.
	Python bool
	// File is what is started, relative to the script's files, with slashes.
	File string
	// Interpreter and its argument are what the file's first line asks for: "/usr/bin/env" and "python3".
	Interpreter []string
	// Requirements is the file of Python packages that it needs, or empty.
	Requirements string
}

// FindEntry says how the files of a script are started, by these rules, of which the first counts:
//
//   - src/main.py is a module with run(params, logger);
//   - a file main, or main with an ending (main.sh, main.R), that begins with #! is run by the program that it names;
//   - the one file there is, configuration.json, requirements.txt and README files not counted, likewise.
func FindEntry(files fs.FS) (Entry, error) {
	entry := Entry{}
	if info, err := fs.Stat(files, "requirements.txt"); err == nil && info.Mode().IsRegular() {
		entry.Requirements = "requirements.txt"
	}
	if info, err := fs.Stat(files, "src/main.py"); err == nil && info.Mode().IsRegular() {
		entry.Python, entry.File = true, "src/main.py"
		return entry, nil
	}
	found, err := fs.ReadDir(files, ".")
	if err != nil {
		return Entry{}, fmt.Errorf("read the script's files: %w", err)
	}
	var mains, others []string
	for _, file := range found {
		name := file.Name()
		switch {
		case !file.Type().IsRegular() || name == "configuration.json" || name == "requirements.txt" || strings.HasPrefix(name, "README"):
		case name == "main" || strings.TrimSuffix(name, path.Ext(name)) == "main":
			mains = append(mains, name)
		default:
			others = append(others, name)
		}
	}
	for _, candidates := range [][]string{mains, others} {
		switch len(candidates) {
		case 0:
			continue
		case 1:
			entry.File = candidates[0]
			entry.Interpreter, err = shebang(files, entry.File)
			return entry, err
		default:
			return Entry{}, fmt.Errorf("which of %s is to be run: name it main, or say command in configuration.json", strings.Join(candidates, ", "))
		}
	}
	return Entry{}, errors.New("there is nothing to run: a script has src/main.py with run(params, logger), or a file main whose first line names a program")
}

// shebang reads which program a file asks for. As in Linux there is one argument at most, and what follows the program is it.
func shebang(files fs.FS, name string) ([]string, error) {
	file, err := files.Open(name)
	if err != nil {
		return nil, fmt.Errorf("open the script: %w", err)
	}
	defer file.Close()
	prefix, err := io.ReadAll(io.LimitReader(file, 256))
	if err != nil {
		return nil, fmt.Errorf("read the script: %w", err)
	}
	line, whole := bytes.CutPrefix(prefix, []byte("#!"))
	if !whole {
		return nil, fmt.Errorf("%s does not begin with #! and the program that runs it", name)
	}
	line, _, ended := bytes.Cut(line, []byte("\n"))
	if !ended && len(prefix) == 256 {
		return nil, fmt.Errorf("the first line of %s is too long", name)
	}
	program, argument, _ := strings.Cut(strings.TrimSpace(string(line)), " ")
	if !strings.HasPrefix(program, "/") || bytes.IndexByte(line, 0) >= 0 {
		return nil, fmt.Errorf("the first line of %s has to name a program by its whole path", name)
	}
	words := []string{program}
	if argument = strings.TrimSpace(argument); argument != "" {
		words = append(words, argument)
	}
	return words, nil
}
