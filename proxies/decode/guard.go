package decode

import (
	"errors"
	"fmt"

	"github.com/fairway-gateway/fairway/proxies/decode/internal/excerpt"
)

// MaxNumber is how many bytes the literal of one number may have. Longer ones are refused, because everything
// that computes with a number takes time quadratic in its digits.
const MaxNumber = 1000

// ErrUTF8 says that a decoder told a sink a text that is not UTF-8.
var ErrUTF8 = errors.New("the text is not UTF-8")

// errOrder is a mistake of the decoder, not of the document.
var errOrder = errors.New("the decoder told its events out of order")

// DuplicateError says that a name occurs twice in one object.
type DuplicateError struct {
	Name string // at most 40 bytes of it
}

func (e *DuplicateError) Error() string {
	return fmt.Sprintf("the name %q occurs twice in one object", e.Name)
}

func duplicate(name string) error {
	return &DuplicateError{Name: excerpt.Of(name)}
}

// guard holds what both sinks enforce: the order of events and the limits. A sink that has refused one event
// refuses all that follow, so that a decoder that overlooks an error cannot make half a document.
type guard struct {
	nodes, maxNodes int
	maxDepth        int
	levels          []level
	done            bool
	err             error
}

// level is one object or array that is still open.
type level struct {
	object bool
	keyed  bool // a name was told and waits for its value
	filled bool // it has a member
}

func (g *guard) reset(lim Limits) {
	if lim.Nodes <= 0 {
		lim.Nodes = DefaultNodes
	}
	if lim.Depth <= 0 {
		lim.Depth = DefaultDepth
	}
	*g = guard{maxNodes: lim.Nodes, maxDepth: lim.Depth, levels: g.levels[:0]}
}

func (g *guard) fail(err error) error {
	g.err = err
	return err
}

func (g *guard) count() error {
	g.nodes++
	if g.nodes > g.maxNodes {
		return g.fail(&LimitError{What: "nodes", Limit: g.maxNodes})
	}
	return nil
}

// value admits one value and says whether a comma stands before it.
func (g *guard) value() (comma bool, err error) {
	if g.err != nil {
		return false, g.err
	}
	if err := g.count(); err != nil {
		return false, err
	}
	if len(g.levels) == 0 {
		if g.done {
			return false, g.fail(errOrder)
		}
		g.done = true
		return false, nil
	}
	l := &g.levels[len(g.levels)-1]
	if l.object {
		if !l.keyed {
			return false, g.fail(errOrder)
		}
		l.keyed = false
		return false, nil
	}
	comma = l.filled
	l.filled = true
	return comma, nil
}

// key admits the name of a member and says whether a comma stands before it.
func (g *guard) key() (comma bool, err error) {
	if g.err != nil {
		return false, g.err
	}
	if err := g.count(); err != nil {
		return false, err
	}
	if len(g.levels) == 0 {
		return false, g.fail(errOrder)
	}
	l := &g.levels[len(g.levels)-1]
	if !l.object || l.keyed {
		return false, g.fail(errOrder)
	}
	comma = l.filled
	l.filled, l.keyed = true, true
	return comma, nil
}

func (g *guard) begin(object bool) (comma bool, err error) {
	comma, err = g.value()
	if err != nil {
		return false, err
	}
	if len(g.levels) >= g.maxDepth {
		return false, g.fail(&LimitError{What: "depth", Limit: g.maxDepth})
	}
	g.levels = append(g.levels, level{object: object})
	return comma, nil
}

func (g *guard) end(object bool) error {
	if g.err != nil {
		return g.err
	}
	if len(g.levels) == 0 {
		return g.fail(errOrder)
	}
	l := g.levels[len(g.levels)-1]
	if l.object != object || l.keyed {
		return g.fail(errOrder)
	}
	g.levels = g.levels[:len(g.levels)-1]
	return nil
}

func (g *guard) number(literal string) error {
	if len(literal) > MaxNumber {
		return g.fail(&LimitError{What: "bytes in a number", Limit: MaxNumber})
	}
	if !IsNumber(literal) {
		return g.fail(fmt.Errorf("%q is not a JSON number", excerpt.Of(literal)))
	}
	return nil
}

// complete says whether exactly one whole value was told.
func (g *guard) complete() bool {
	return g.done && len(g.levels) == 0 && g.err == nil
}

// IsNumber says whether s is a number of RFC 8259.
func IsNumber(s string) bool {
	i := 0
	if i < len(s) && s[i] == '-' {
		i++
	}
	if i < len(s) && s[i] == '0' {
		i++
	} else if i = digits(s, i); i < 0 {
		return false
	}
	if i < len(s) && s[i] == '.' {
		if i = digits(s, i+1); i < 0 {
			return false
		}
	}
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		i++
		if i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		if i = digits(s, i); i < 0 {
			return false
		}
	}
	return i == len(s) && s != ""
}

// digits says where the digits that start at from end; negative if there are none.
func digits(s string, from int) int {
	i := from
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	if i == from {
		return -1
	}
	return i
}
