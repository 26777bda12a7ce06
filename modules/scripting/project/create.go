package project

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/fairway-gateway/fairway/runner/bundle"
)

// skeletons are a directory for each language.
//
//go:embed all:skeleton
var skeletons embed.FS

// Languages are those that a script can be begun in; the first is the usual one.
func Languages() []string { return []string{"python", "shell"} }

// mostName is how long a script's name may be, in characters.
const mostName = 120

// Create makes a directory with a script that runs, in a directory, and gives its path. It is called as the slug of its name.
func Create(in, name, language string) (string, error) {
	name = strings.TrimSpace(name)
	slug := bundle.Slug(name)
	switch {
	case name == "":
		return "", refuse("a script needs a name")
	case utf8.RuneCountInString(name) > mostName:
		return "", refuse("a script's name has at most %d characters", mostName)
	case strings.ContainsFunc(name, unicode.IsControl) || !utf8.ValidString(name):
		return "", refuse("a script's name has no control characters")
	case slug == "":
		return "", refuse("a script's name needs a letter or a digit")
	case !slices.Contains(Languages(), language):
		return "", refuse("there is no skeleton in %s: there are %s", language, strings.Join(Languages(), " and "))
	}
	directory := filepath.Join(in, slug)
	if err := os.Mkdir(directory, 0o755); errors.Is(err, fs.ErrExist) { //nolint:gosec // as a directory of sources is
		return "", refuse("%s is there already", directory)
	} else if err != nil {
		return "", err
	}
	from, err := fs.Sub(skeletons, path.Join("skeleton", language))
	if err != nil {
		return "", err
	}
	return directory, fs.WalkDir(from, ".", func(file string, d fs.DirEntry, err error) error {
		if err != nil || file == "." {
			return err
		}
		to := filepath.Join(directory, filepath.FromSlash(file))
		if d.IsDir() {
			return os.Mkdir(to, 0o755) //nolint:gosec // as above
		}
		text, err := fs.ReadFile(from, file)
		if err != nil {
			return err
		}
		mode := fs.FileMode(0o644)
		if bytes.HasPrefix(text, []byte("#!")) {
			mode = 0o755
		}
		if file == bundle.ConfigurationName {
			shown, err := json.Marshal(name)
			if err != nil {
				return err
			}
			text = bytes.Replace(text, []byte(`"NAME"`), shown, 1)
		}
		return os.WriteFile(to, text, mode)
	})
}
