package executor

import (
	"bufio"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
)

// Harness is the program of Python that runs run(params, logger) of src/main.py.
//
//go:embed harness.py
var Harness []byte

// ParseRequirements gives the lines of requirements.txt that ask for something. Those that would have pip go elsewhere or run what it finds
// are refused: options, addresses and paths.
func ParseRequirements(file io.Reader) ([]string, error) {
	const longest = 1 << 20
	lines := bufio.NewScanner(io.LimitReader(file, longest))
	var wanted []string
	for lines.Scan() {
		line := strings.TrimSpace(strings.TrimPrefix(lines.Text(), "\ufeff"))
		if comment := strings.Index(line, " #"); comment >= 0 {
			line = strings.TrimSpace(line[:comment])
		}
		switch {
		case line == "" || line[0] == '#':
			continue
		case strings.ContainsFunc(line, breaks):
			return nil, errors.New("requirements.txt: there are control characters in it")
		case slices.ContainsFunc(strings.Fields(line), option):
			return nil, fmt.Errorf("requirements.txt: options are not allowed: %.60s", line)
		case strings.ContainsAny(line, "/\\@$"):
			return nil, fmt.Errorf("requirements.txt: packages are named, neither addresses nor paths are allowed: %.60s", line)
		}
		wanted = append(wanted, line)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read requirements.txt: %w", err)
	}
	return wanted, nil
}

// breaks says which characters Python takes for the end of a line, or for nothing that belongs into one.
func breaks(r rune) bool {
	return r != '\t' && unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r == unicode.ReplacementChar
}

// option says what is an option of pip. Hashes of packages are none that lead anywhere.
func option(word string) bool {
	return strings.HasPrefix(word, "-") && !strings.HasPrefix(word, "--hash=")
}
