package markup

import (
	"errors"
	"fmt"
	"strings"

	"github.com/andybalholm/cascadia"
	"golang.org/x/net/html"

	"github.com/fairway-gateway/fairway/proxies/decode/internal/ascii"
)

// htmlSelector is a CSS selector that is found in time linear in the nodes. The parts between combinators are asked of
// cascadia one by one; where they stand to each other is known on the way down, so nothing is looked for in ancestors
// and siblings again and again.
type htmlSelector struct {
	text  string
	self  bool // ".": the element itself
	parts []htmlPart
	final uint64 // the bits of parts that end a selector
	typed bool   // an :nth-of-type is among the parts
	last  bool   // one counts from the end
	deep  bool   // one looks at all that is inside an element
}

type htmlPart struct {
	combinator byte // to the part before: ' ', '>', '+', '~'; 0: the part is the first
	inside     bool // first, and must be a child of the record
	match      cascadia.Sel
	nth        []htmlNth
}

// compileHTMLSelector compiles selectors, "." and lists with commas included. A selector that begins with ">" takes
// children of the record.
func compileHTMLSelector(css string) (*htmlSelector, error) {
	s := &htmlSelector{text: css}
	if strings.TrimSpace(css) == "" {
		return nil, errors.New("the selector is empty")
	}
	if strings.TrimSpace(css) == "." {
		s.self = true
		return s, nil
	}
	list, err := splitHTMLSelector(css)
	if err != nil {
		return nil, fmt.Errorf("selector %q: %w", css, err)
	}
	for _, one := range list {
		if err := s.add(one); err != nil {
			return nil, fmt.Errorf("selector %q: %w", css, err)
		}
	}
	return s, nil
}

func (s *htmlSelector) add(parts []rawPart) error {
	for i, raw := range parts {
		p := htmlPart{combinator: raw.combinator}
		if i == 0 {
			p.inside = raw.combinator == '>'
			if raw.combinator == '+' || raw.combinator == '~' {
				return fmt.Errorf("it begins with %q", string(raw.combinator))
			}
			p.combinator = 0
		}
		rest, nth, err := takeNth(raw.text)
		if err != nil {
			return err
		}
		p.nth = nth
		s.deep = s.deep || strings.Contains(rest, ":has(") || strings.Contains(rest, ":contains(") || strings.Contains(rest, ":matches(")
		for _, n := range nth {
			s.typed = s.typed || n.ofType
			s.last = s.last || n.last || n.only
		}
		if p.match, err = cascadia.Parse(rest); err != nil {
			return err
		}
		if p.match.PseudoElement() != "" {
			return errors.New("pseudo-elements select nothing")
		}
		s.parts = append(s.parts, p)
	}
	if len(s.parts) > 64 {
		return errors.New("it has more than 64 parts")
	}
	s.final |= 1 << (len(s.parts) - 1)
	return nil
}

type rawPart struct {
	combinator byte
	text       string
}

// splitHTMLSelector splits at commas and combinators outside of brackets and strings.
func splitHTMLSelector(css string) (all [][]rawPart, err error) {
	var one []rawPart
	var text strings.Builder
	pending := byte(0)
	flush := func() {
		if text.Len() > 0 {
			one = append(one, rawPart{pending, text.String()})
			pending = 0
			text.Reset()
		}
	}
	whole := func() error {
		flush()
		if len(one) == 0 {
			return errors.New("one in its list is empty")
		}
		if pending != 0 && pending != ' ' {
			return fmt.Errorf("it ends with %q", string(pending))
		}
		all, one, pending = append(all, one), nil, 0
		return nil
	}
	depth, quote := 0, byte(0)
	for i := 0; i < len(css); i++ {
		c := css[i]
		plain := depth == 0 && quote == 0
		switch {
		case c == '\\' && i+1 < len(css):
			text.WriteByte(c)
			i++
			text.WriteByte(css[i])
			continue
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '[' || c == '(':
			depth++
		case c == ']' || c == ')':
			depth--
		case plain && c == ',':
			if err := whole(); err != nil {
				return nil, err
			}
			continue
		case plain && (c == '>' || c == '+' || c == '~'):
			flush()
			if pending != 0 && pending != ' ' {
				return nil, fmt.Errorf("%q follows %q", string(c), string(pending))
			}
			pending = c
			continue
		case plain && strings.IndexByte(ascii.Space, c) >= 0:
			flush()
			if pending == 0 && len(one) > 0 {
				pending = ' '
			}
			continue
		}
		text.WriteByte(c)
	}
	return all, whole()
}

// htmlState is what parts have matched around a node.
type htmlState struct {
	ancestors, parent, previous, before uint64
	place                               htmlPlace
}

// find calls found with the matches inside root, in the order of the document, until found says false.
func (s *htmlSelector) find(root *html.Node, b *htmlBudget, found func(*html.Node) bool) error {
	if s.self {
		found(root)
		return nil
	}
	if s.deep {
		if err := b.deep(root, 1); err != nil {
			return err
		}
	}
	st := htmlState{}
	if root.Type == html.ElementNode {
		st.parent = s.matched(root, &st, b, false)
		st.ancestors = st.parent
	}
	_, err := s.down(root, st.ancestors, st.parent, b, 0, found)
	return err
}

// deep charges beforehand that each element may be asked what is inside.
func (b *htmlBudget) deep(n *html.Node, depth int) error {
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if err := b.step(depth); err != nil {
			return err
		}
		if err := b.deep(c, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (s *htmlSelector) down(n *html.Node, ancestors, parent uint64, b *htmlBudget, depth int, found func(*html.Node) bool) (more bool, err error) {
	st := htmlState{ancestors: ancestors, parent: parent}
	st.place.begin(n, s)
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if err := b.step(1); err != nil {
			return false, err
		}
		if c.Type != html.ElementNode {
			continue
		}
		st.place.next(c, s)
		bits := s.matched(c, &st, b, depth == 0)
		if bits&s.final != 0 && !found(c) {
			return false, nil
		}
		st.previous = bits
		st.before |= bits
		if c.FirstChild == nil {
			continue
		}
		more, err := s.down(c, ancestors|bits, bits, b, depth+1, found)
		if err != nil || !more {
			return false, err
		}
	}
	return true, nil
}

// matched gives a bit for each part that n matches with all before it. Top says that n is a child of the record.
func (s *htmlSelector) matched(n *html.Node, st *htmlState, b *htmlBudget, top bool) (bits uint64) {
	for i := range s.parts {
		p := &s.parts[i]
		ok := true
		if i > 0 {
			before := uint64(1) << (i - 1)
			switch p.combinator {
			case ' ':
				ok = st.ancestors&before != 0
			case '>':
				ok = st.parent&before != 0
			case '+':
				ok = st.previous&before != 0
			case '~':
				ok = st.before&before != 0
			}
		}
		if !ok || p.inside && !top || !p.match.Match(n) {
			continue
		}
		if len(p.nth) > 0 {
			if st.place.at == 0 { // the record itself, of which nobody has counted the siblings
				st.place = placeOf(n)
				b.steps -= st.place.all
			}
			if !st.place.is(p.nth) {
				continue
			}
		}
		bits |= 1 << i
	}
	return bits
}
