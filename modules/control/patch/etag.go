package patch

import (
	"fmt"
	"hash/fnv"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Tag is the strong entity tag of a version of something: "12" with its quotes. Versions are those of the rows of the store, which
// grow with each change.
func Tag(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }

// TagOf is Tag of something that also shows what changes without its version, names of others: shown is that, in any form.
// "12-0123456789abcdef" is another one than with other names, and the same to IfMatch.
func TagOf(version int64, shown []byte) string {
	h := fnv.New64a()
	_, _ = h.Write(shown) // it never fails
	return fmt.Sprintf(`"%d-%016x"`, version, h.Sum64())
}

// versioned is a tag without what is shown.
func versioned(tag string) string {
	version, _, _ := strings.Cut(strings.TrimSuffix(tag, `"`), "-")
	return version
}

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

// IfMatch says whether the values of If-Match let something be changed that has an entity tag: there are none, or they are * or have
// the tag, or one of the same version. The error is a *PreconditionError. To be sure, ask it where nobody else changes the thing: in the function that
// queries.Store.ChangeUser is given.
//
//	err := patch.IfMatch(patch.Tag(user.Version), r.Header.Values("If-Match")...)
func IfMatch(tag string, values ...string) error {
	all := strings.TrimSpace(strings.Join(values, ","))
	if all == "" || all == "*" || slices.ContainsFunc(tags(all), func(t string) bool { return versioned(t) == versioned(tag) }) {
		return nil
	}
	return &PreconditionError{Tag: tag}
}

// NotModified says whether the values of If-None-Match of a GET have the tag, or are *: then the answer is 304, with the tag and
// without a body.
func NotModified(tag string, values ...string) bool {
	all := strings.TrimSpace(strings.Join(values, ","))
	return all == "*" || slices.ContainsFunc(tags(all), func(t string) bool { return strings.TrimPrefix(t, "W/") == tag })
}

// tags gives the entity tags of a header. What a server that compresses has put behind one, "12-gzip", is taken away: it is of the
// answer's coding, and not of what is changed. What is no tag ends the list.
func tags(rest string) (out []string) {
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
