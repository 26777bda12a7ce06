package document

import (
	"strings"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/excerpt"
)

// jsonItems is a decode.Sink that hands on the array that a path names, and nothing of what stands around it.
type jsonItems struct {
	out   decode.Sink
	path  []string
	found bool
	seen  []bool // names of path that have come
	next  bool   // the next value is what the path leads to, as far as trail goes
	trail int    // open objects on the path
	open  int    // open objects and arrays around the items
	depth int    // open objects and arrays of what is handed on, the array too
	whole bool   // it has no items
}

func newJSONItems(path string, out decode.Sink) *jsonItems {
	s := &jsonItems{out: out, next: true}
	if path != "" {
		s.path = strings.Split(path, ".")
		s.seen = make([]bool, len(s.path))
	}
	return s
}

// between says whether what comes next is a new item or something that is not handed on.
func (s *jsonItems) between() bool { return s.depth == 0 || s.depth == 1 && !s.whole }

func (s *jsonItems) end() error {
	if s.found {
		return nil
	}
	return s.missing("there is no array")
}

func (s *jsonItems) missing(what string) error {
	return &decode.SyntaxError{Format: "json", Msg: what + " at items " + strings.Join(s.path, ".") + " of the value that starts"}
}

// begin opens an object or array.
func (s *jsonItems) begin(object bool) error {
	tell := decode.Sink.BeginArray
	if object {
		tell = decode.Sink.BeginObject
	}
	if s.depth > 0 {
		s.depth++
		return tell(s.out)
	}
	if !s.next {
		s.open++
		return nil
	}
	s.next = false
	switch arrived := s.trail == len(s.path); {
	case arrived && (!object || len(s.path) == 0):
		s.found, s.whole = true, object
		s.depth = 1
		return tell(s.out)
	case arrived:
		return s.missing("there is no array but an object")
	case !object:
		return s.missing("there is no object on the way")
	}
	s.trail++
	s.open++
	return nil
}

func (s *jsonItems) close(tell func(decode.Sink) error) error {
	if s.depth > 0 {
		s.depth--
		return tell(s.out)
	}
	if s.open == s.trail {
		s.trail--
	}
	s.open--
	return nil
}

func (s *jsonItems) scalar(null bool, tell func(decode.Sink) error) error {
	if s.depth > 0 {
		return tell(s.out)
	}
	if !s.next {
		return nil
	}
	s.next = false
	switch {
	case len(s.path) == 0:
		s.found = true
		return tell(s.out)
	case !null || s.trail < len(s.path):
		return s.missing("there is no array")
	}
	s.found = true
	if err := s.out.BeginArray(); err != nil {
		return err
	}
	return s.out.EndArray()
}

// BeginObject implements decode.Sink.
func (s *jsonItems) BeginObject() error { return s.begin(true) }

// BeginArray implements decode.Sink.
func (s *jsonItems) BeginArray() error { return s.begin(false) }

// EndObject implements decode.Sink.
func (s *jsonItems) EndObject() error { return s.close(decode.Sink.EndObject) }

// EndArray implements decode.Sink.
func (s *jsonItems) EndArray() error { return s.close(decode.Sink.EndArray) }

// Key implements decode.Sink.
func (s *jsonItems) Key(name string) error {
	if s.depth > 0 {
		return s.out.Key(name)
	}
	if s.open != s.trail || s.trail > len(s.path) || name != s.path[s.trail-1] {
		return nil
	}
	if s.seen[s.trail-1] {
		return &decode.DuplicateError{Name: excerpt.Of(name)}
	}
	s.seen[s.trail-1] = true
	s.next = true
	return nil
}

// String implements decode.Sink.
func (s *jsonItems) String(v string) error {
	return s.scalar(false, func(out decode.Sink) error { return out.String(v) })
}

// Number implements decode.Sink.
func (s *jsonItems) Number(literal string) error {
	return s.scalar(false, func(out decode.Sink) error { return out.Number(literal) })
}

// Bool implements decode.Sink.
func (s *jsonItems) Bool(b bool) error {
	return s.scalar(false, func(out decode.Sink) error { return out.Bool(b) })
}

// Null implements decode.Sink.
func (s *jsonItems) Null() error { return s.scalar(true, decode.Sink.Null) }

var _ decode.Sink = (*jsonItems)(nil)
