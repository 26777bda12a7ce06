package wrap

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
)

// ConfigError is a mistake in a Config and where it stands.
type ConfigError struct {
	// Path is the place in JSON: "routes/0/fetches/1/target". A Caddyfile parser maps it to a token.
	Path string
	// Offset is where in a jq program or target, in bytes; -1: the whole of it.
	Offset int
	// Where says it for people: "route GET /x: fetch build".
	Where string
	Msg   string
}

func (e *ConfigError) Error() string {
	if e.Where == "" {
		return e.Msg
	}
	return e.Where + ": " + e.Msg
}

// Under gives a mistake found in a part by itself its place in the whole, such as "callers"; another error as it is.
func Under(path string, err error) error {
	e, ok := errors.AsType[*ConfigError](err)
	if !ok {
		return err
	}
	whole := *e
	whole.Path = strings.TrimSuffix(path+"/"+e.Path, "/")
	return &whole
}

// place is a spot in a Config while it is compiled.
type place struct {
	path  string
	where string
}

func (p place) in(path, where string) place {
	if p.path != "" {
		path = p.path + "/" + path
	}
	if p.where != "" && where != "" {
		where = p.where + ": " + where
	}
	if where == "" {
		where = p.where
	}
	return place{path: path, where: where}
}

// field is a member of this place that people need not be told of.
func (p place) field(name string) place { return p.in(name, "") }

func (p place) errf(format string, args ...any) *ConfigError {
	return &ConfigError{Path: p.path, Offset: -1, Where: p.where, Msg: fmt.Sprintf(format, args...)}
}

// Suggest is "; did you mean near?" where one of the known words is near to word, else the empty string.
func Suggest(word string, known []string) string {
	best, distance := "", 3
	if len(word) <= 4 {
		distance = 2
	}
	sorted := slices.Clone(known)
	slices.Sort(sorted)
	for _, k := range sorted {
		if k == word {
			continue
		}
		d := levenshtein.ComputeDistance(strings.ToLower(word), strings.ToLower(k))
		if strings.HasPrefix(k, word) && len(word) >= 3 {
			d = min(d, 1)
		}
		if d <= distance && (best == "" || d < distance) {
			best, distance = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}
