package patch

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Tag is the strong entity tag of a version of something: "12" with its quotes. Versions are those of the rows of the store, which
// grow with each change.
func Tag(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }

// PreconditionError says that something is not as who wants to change it believes. It is a 412.
type PreconditionError struct {
	// Tag is its entity tag now.
	Tag string
}

func (e *PreconditionError) Error() string {
	return "it was changed meanwhile: its entity tag is " + e.Tag + " now"
}

// Status is 412.
func (e *PreconditionError) Status() int { return http.StatusPreconditionFailed }

// Header has the tag.
func (e *PreconditionError) Header() http.Header { return http.Header{"Etag": {e.Tag}} }

// IfMatch says whether If-Match lets something be changed that has an entity tag: there is none, or it has * or the tag. The error
// is a *PreconditionError. To be sure, ask it where nobody else changes the thing: in the function that ChangeUser is given.
func IfMatch(h http.Header, tag string) error {
	values := h.Values("If-Match")
	if len(values) == 0 || slices.Contains(tags(values), tag) || strings.TrimSpace(strings.Join(values, ",")) == "*" {
		return nil
	}
	return &PreconditionError{Tag: tag}
}

// NotModified says whether If-None-Match of a GET has the tag, or *: then the answer is 304, with the tag and without a body.
func NotModified(h http.Header, tag string) bool {
	values := h.Values("If-None-Match")
	weak := slices.ContainsFunc(tags(values), func(t string) bool { return strings.TrimPrefix(t, "W/") == tag })
	return weak || strings.TrimSpace(strings.Join(values, ",")) == "*"
}

// tags gives the entity tags of a header. What a server that compresses has put behind one, "12-gzip", is taken away: it is of the
// answer's coding, and not of what is changed. What is no tag ends the list.
func tags(values []string) (out []string) {
	rest := strings.Join(values, ",")
	for {
		rest = strings.TrimLeft(rest, " \t,")
		weak := strings.HasPrefix(rest, "W/")
		opened := strings.TrimPrefix(rest, "W/")
		if opened == "" || opened[0] != '"' {
			return out
		}
		text, after, closed := strings.Cut(opened[1:], `"`)
		if !closed {
			return out
		}
		for _, coding := range []string{"-gzip", "-zstd", "-br"} {
			text = strings.TrimSuffix(text, coding)
		}
		tag := `"` + text + `"`
		if weak {
			tag = "W/" + tag
		}
		out, rest = append(out, tag), after
	}
}
