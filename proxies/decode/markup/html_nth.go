package markup

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/net/html"
)

// htmlNth is :nth-child(an+b) or one of its kin.
type htmlNth struct {
	a, b         int
	last, ofType bool
	only         bool // from both ends
}

// takeNth takes the pseudo-classes that count siblings out of a part of a selector.
func takeNth(part string) (rest string, nth []htmlNth, err error) {
	var out strings.Builder
	depth, quote := 0, byte(0)
	for i := 0; i < len(part); i++ {
		c := part[i]
		switch {
		case c == '\\' && i+1 < len(part):
			out.WriteByte(c)
			i++
			c = part[i]
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
		case c == ':' && depth == 0:
			n, size, err := nthAt(part[i:])
			if err != nil {
				return "", nil, err
			}
			if size > 0 {
				nth = append(nth, n)
				i += size - 1
				continue
			}
		}
		out.WriteByte(c)
	}
	if out.Len() == 0 {
		return "*", nth, nil
	}
	return out.String(), nth, nil
}

// nthAt reads a counting pseudo-class at the beginning of s; size 0: there is none.
func nthAt(s string) (n htmlNth, size int, err error) {
	name := s[1:]
	end := strings.IndexFunc(name, func(r rune) bool { return r != '-' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') })
	if end >= 0 {
		name = name[:end]
	}
	size = 1 + len(name)
	name = strings.ToLower(name)
	n.ofType = strings.HasSuffix(name, "-of-type")
	switch name {
	case "first-child", "first-of-type":
		n.b = 1
		return n, size, nil
	case "last-child", "last-of-type":
		n.b, n.last = 1, true
		return n, size, nil
	case "only-child", "only-of-type":
		n.b, n.only = 1, true
		return n, size, nil
	case "nth-child", "nth-of-type", "nth-last-child", "nth-last-of-type":
	default:
		return n, 0, nil
	}
	n.last = strings.HasPrefix(name, "nth-last")
	closing := strings.IndexByte(s, ')')
	if closing < 0 || s[size] != '(' {
		return n, 0, fmt.Errorf("%s needs (an+b)", name)
	}
	formula := strings.ToLower(strings.ReplaceAll(s[size+1:closing], " ", ""))
	if n.a, n.b, err = nthFormula(formula); err != nil {
		return n, 0, err
	}
	return n, closing + 1, nil
}

func nthFormula(s string) (a, b int, err error) {
	switch s {
	case "odd":
		return 2, 1, nil
	case "even":
		return 2, 0, nil
	}
	m := regexp.MustCompile(`^(?:([+-]?\d{0,9})n)?([+-]?\d{1,9})?$`).FindStringSubmatch(s)
	if m == nil || s == "" {
		return 0, 0, fmt.Errorf("%q is not of the form an+b", s)
	}
	if strings.Contains(s, "n") {
		switch m[1] {
		case "", "+":
			a = 1
		case "-":
			a = -1
		default:
			a, _ = strconv.Atoi(m[1])
		}
	}
	if m[2] != "" {
		b, _ = strconv.Atoi(m[2])
	}
	return a, b, nil
}

// htmlPlace is where an element stands among its siblings, counted from 1.
type htmlPlace struct {
	at, all         int
	atType, allType int
	seen, types     map[string]int // elements of each name, so far and in all
}

// begin counts the children of n, as far as the selector asks.
func (p *htmlPlace) begin(n *html.Node, s *htmlSelector) {
	*p = htmlPlace{}
	if !s.last && !s.typed {
		return
	}
	if s.typed {
		p.seen, p.types = map[string]int{}, map[string]int{}
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if c.Type != html.ElementNode {
			continue
		}
		p.all++
		if s.typed {
			p.types[c.Data]++
		}
	}
}

func (p *htmlPlace) next(n *html.Node, s *htmlSelector) {
	p.at++
	if s.typed {
		p.seen[n.Data]++
		p.atType, p.allType = p.seen[n.Data], p.types[n.Data]
	}
}

// placeOf looks at the siblings of one element.
func placeOf(n *html.Node) htmlPlace {
	p := htmlPlace{at: 1, all: 1, atType: 1, allType: 1}
	count := func(c *html.Node, before bool) {
		if c.Type != html.ElementNode {
			return
		}
		p.all++
		if before {
			p.at++
		}
		if c.Data != n.Data {
			return
		}
		p.allType++
		if before {
			p.atType++
		}
	}
	for c := n.PrevSibling; c != nil; c = c.PrevSibling {
		count(c, true)
	}
	for c := n.NextSibling; c != nil; c = c.NextSibling {
		count(c, false)
	}
	return p
}

func (p *htmlPlace) is(all []htmlNth) bool {
	for _, n := range all {
		at, of := p.at, p.all
		if n.ofType {
			at, of = p.atType, p.allType
		}
		if n.only && of != 1 {
			return false
		}
		if n.last {
			at = of - at + 1
		}
		at -= n.b
		if n.a == 0 && at != 0 || n.a != 0 && (at%n.a != 0 || at/n.a < 0) {
			return false
		}
	}
	return true
}
