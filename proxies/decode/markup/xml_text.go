package markup

import (
	"errors"
	"html"
	"strings"
	"unicode/utf8"

	"github.com/fairway-gateway/fairway/proxies/decode"
)

// appendText appends what a piece of text stands for. At is its place in the document, for errors.
func (t *xmlTeller) appendText(to []byte, text string, kind xmlKind, at int64) ([]byte, error) {
	for i := 0; i < len(text); {
		c := text[i]
		class := xmlClass[c]
		switch {
		case class == xmlAnd && kind != xmlCData:
			var err error
			if to, i, err = t.reference(to, text, i, kind, at); err != nil {
				return nil, err
			}
			continue
		case class == xmlCR:
			if i+1 < len(text) && text[i+1] == '\n' {
				i++
			}
			if kind == xmlAttr {
				to = append(to, ' ')
			} else {
				to = append(to, '\n')
			}
		case class == xmlWhite && kind == xmlAttr:
			to = append(to, ' ')
		case class == xmlControl: // only a lenient parser lets it in
		default:
			from := i
			for i < len(text) && xmlClass[text[i]]&(xmlAnd|xmlCR|xmlControl) == 0 && (kind != xmlAttr || xmlClass[text[i]] != xmlWhite) {
				i++
			}
			if i == from { // an & in CDATA
				i++
			}
			to = append(to, text[from:i]...)
			continue
		}
		i++
	}
	return to, nil
}

// longestEntity is longer than any name of HTML, and than those that documents declare.
const longestEntity = 100

// reference appends what the reference at text[i] stands for.
func (t *xmlTeller) reference(to []byte, text string, i int, kind xmlKind, at int64) (out []byte, next int, err error) {
	plan := t.plan
	fail := func(msg string) ([]byte, int, error) {
		if plan.lenient {
			return append(to, '&'), i + 1, nil
		}
		return nil, 0, &decode.SyntaxError{Format: plan.format, Offset: at + int64(i), Msg: msg}
	}
	rest := text[i+1 : min(len(text), i+1+longestEntity)]
	name, _, ok := strings.Cut(rest, ";")
	if !ok || name == "" {
		return fail("a & that begins no reference; see the option lenient")
	}
	next = i + 1 + len(name) + 1
	if name[0] == '#' {
		r, ok := numericReference(name[1:])
		if !ok {
			return fail("a numeric reference to no character")
		}
		return utf8.AppendRune(to, r), next, nil
	}
	if c, ok := predefined(name); ok {
		return append(to, c), next, nil
	}
	if t.entities != nil && t.entities.declared[name] != nil {
		own, err := t.entities.expand(name)
		if problem, ok := errors.AsType[entityError](err); ok {
			return fail(string(problem))
		}
		if err != nil {
			return nil, 0, err
		}
		return appendEntity(to, own, kind), next, nil
	}
	if !xmlName(name) {
		return fail("a & that begins no reference; see the option lenient")
	}
	if plan.html {
		coded := text[i:next]
		if plain := html.UnescapeString(coded); plain != coded && !strings.HasSuffix(plain, ";") {
			return append(to, plain...), next, nil
		}
	}
	return fail("an entity that is not known (HTML's are with entities html)")
}

// appendEntity appends what an entity stands for; in an attribute white space is a blank.
func appendEntity(to []byte, text string, kind xmlKind) []byte {
	at := len(to)
	to = append(to, text...)
	for i := at; i < len(to) && kind == xmlAttr; i++ {
		if to[i] == '\t' || to[i] == '\n' || to[i] == '\r' {
			to[i] = ' '
		}
	}
	return to
}

// numericReference reads what is between &# and the semicolon.
func numericReference(s string) (rune, bool) {
	base := rune(10)
	if s != "" && s[0] == 'x' {
		base, s = 16, s[1:]
	}
	r := rune(0)
	for i := range len(s) {
		digit := rune(s[i]) - '0'
		switch c := s[i] | 0x20; {
		case s[i] >= '0' && s[i] <= '9':
		case base == 16 && c >= 'a' && c <= 'f':
			digit = rune(c) - 'a' + 10
		default:
			return 0, false
		}
		if r = r*base + digit; r > utf8.MaxRune {
			return 0, false
		}
	}
	switch {
	case s == "", !utf8.ValidRune(r), r < ' ' && r != '\t' && r != '\n' && r != '\r', r == 0xfffe, r == 0xffff:
		return 0, false
	}
	return r, true
}
