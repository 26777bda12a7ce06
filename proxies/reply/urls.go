package reply

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/itchyny/gojq"
)

// queryString writes an object as the query of a URL, names sorted: texts, numbers and booleans as they are, null left out, a list
// as a parameter for each item.
func (m *meter) queryString(v any, _ []any) any {
	fields, ok := v.(map[string]any)
	if !ok {
		return fmt.Errorf("query_string is for an object, not for: %s", gojq.TypeOf(v))
	}
	if err := m.fits(v); err != nil {
		return err
	}
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)
	var out []string
	for _, name := range names {
		list, ok := fields[name].([]any)
		if !ok {
			list = []any{fields[name]}
		}
		for _, item := range list {
			switch {
			case item == nil:
				continue
			case isTree(item):
				return errors.New("query_string cannot write a parameter that is an object, or a list of lists")
			}
			text, err := plain(item)
			if err != nil {
				return err
			}
			out = append(out, url.QueryEscape(name)+"="+url.QueryEscape(text))
		}
	}
	return strings.Join(out, "&")
}

// plain is a value that is no tree as text.
func plain(v any) (string, error) {
	if s, ok := v.(string); ok {
		return s, nil
	}
	text, err := Marshal(v)
	return string(text), err
}

// withQuery adds an object to the query of a URL; the URL's own parameters stay, a fragment goes.
func (m *meter) withQuery(v any, args []any) any {
	base, ok := v.(string)
	if !ok {
		return fmt.Errorf("with_query is for the text of a URL, not for: %s", gojq.TypeOf(v))
	}
	base, _, _ = strings.Cut(base, "#")
	query := m.queryString(args[0], nil)
	text, ok := query.(string)
	switch {
	case !ok:
		return query
	case text == "":
		return base
	case !strings.Contains(base, "?"):
		return base + "?" + text
	case strings.HasSuffix(base, "?") || strings.HasSuffix(base, "&"):
		return base + text
	}
	return base + "&" + text
}

// pathSegment writes a text, number or boolean as one segment of a path. What would be none, or lead elsewhere, is an error.
func pathSegment(v any, _ []any) any {
	if v == nil || isTree(v) {
		return fmt.Errorf("path_segment is for a text, number or boolean, not for: %s", gojq.TypeOf(v))
	}
	text, err := plain(v)
	switch {
	case err != nil:
		return err
	case text == "" || text == "." || text == "..":
		return errors.New("path_segment cannot write a segment that is empty or only dots")
	}
	return url.PathEscape(text)
}
