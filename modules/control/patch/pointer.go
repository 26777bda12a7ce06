package patch

import (
	"errors"
	"slices"
	"strconv"
	"strings"
)

// pointer is a JSON Pointer (RFC 6901) in its parts; empty: the whole document.
type pointer []string

// parsePointer reads a pointer.
func parsePointer(text string) (pointer, error) {
	if text == "" {
		return pointer{}, nil
	}
	if text[0] != '/' {
		return nil, errors.New("a path begins with /")
	}
	parts := strings.Split(text[1:], "/")
	for i, p := range parts {
		for rest := p; ; {
			_, after, found := strings.Cut(rest, "~")
			if !found {
				break
			}
			if after == "" || after[0] != '0' && after[0] != '1' {
				return nil, errors.New("a path has ~ only in ~0 and ~1")
			}
			rest = after
		}
		parts[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(p)
	}
	return parts, nil
}

// within says that p is of what other points to, or is it.
func (p pointer) within(other pointer) bool {
	return len(p) >= len(other) && slices.Equal(p[:len(other)], other)
}

// field is the member of the document that a pointer is about.
func (p pointer) field() string { return p[0] }

// errNowhere says that there is nothing where a pointer points to.
var errNowhere = errors.New("there is nothing there")

// at gives what a pointer points to.
func at(doc any, p pointer) (any, error) {
	for _, token := range p {
		var ok bool
		switch c := doc.(type) {
		case map[string]any:
			doc, ok = c[token]
		case []any:
			var i int
			if i, ok = index(token, len(c)-1); ok {
				doc = c[i]
			}
		}
		if !ok {
			return nil, errNowhere
		}
	}
	return doc, nil
}

// index reads an array's index, up to last.
func index(token string, last int) (int, bool) {
	if token == "" || len(token) > 9 || len(token) > 1 && token[0] == '0' || strings.Trim(token, "0123456789") != "" {
		return 0, false
	}
	i, err := strconv.Atoi(token)
	return i, err == nil && i <= last
}

// change has f make another container of the one in which p, which is not empty, points to something, and gives the document.
func change(doc any, p pointer, f func(container any, token string) (any, error)) (any, error) {
	if len(p) == 1 {
		return f(doc, p[0])
	}
	switch c := doc.(type) {
	case map[string]any:
		if inner, ok := c[p[0]]; ok {
			next, err := change(inner, p[1:], f)
			if err != nil {
				return nil, err
			}
			c[p[0]] = next
			return c, nil
		}
	case []any:
		if i, ok := index(p[0], len(c)-1); ok {
			next, err := change(c[i], p[1:], f)
			if err != nil {
				return nil, err
			}
			c[i] = next
			return c, nil
		}
	}
	return nil, errNowhere
}

// insert is the operation add.
func insert(doc any, p pointer, v any) (any, error) {
	if len(p) == 0 {
		return v, nil
	}
	return change(doc, p, func(container any, token string) (any, error) {
		switch c := container.(type) {
		case map[string]any:
			c[token] = v
			return c, nil
		case []any:
			if token == "-" {
				return append(c, v), nil
			}
			if i, ok := index(token, len(c)); ok {
				return slices.Insert(c, i, v), nil
			}
		}
		return nil, errNowhere
	})
}

// put is the operation replace.
func put(doc any, p pointer, v any) (any, error) {
	if len(p) == 0 {
		return v, nil
	}
	return change(doc, p, func(container any, token string) (any, error) {
		switch c := container.(type) {
		case map[string]any:
			if _, ok := c[token]; ok {
				c[token] = v
				return c, nil
			}
		case []any:
			if i, ok := index(token, len(c)-1); ok {
				c[i] = v
				return c, nil
			}
		}
		return nil, errNowhere
	})
}

// remove is the operation remove.
func remove(doc any, p pointer) (any, error) {
	if len(p) == 0 {
		return nil, errNowhere
	}
	return change(doc, p, func(container any, token string) (any, error) {
		switch c := container.(type) {
		case map[string]any:
			if _, ok := c[token]; ok {
				delete(c, token)
				return c, nil
			}
		case []any:
			if i, ok := index(token, len(c)-1); ok {
				return slices.Delete(c, i, i+1), nil
			}
		}
		return nil, errNowhere
	})
}
