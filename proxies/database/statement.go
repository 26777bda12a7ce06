package database

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Dialect is the language of an engine, where it matters for quotes and parameters.
type Dialect int

// The dialects. Any is that of a database of which is not known yet what it is: only what is wrong in all of them is
// refused.
const (
	Any Dialect = iota
	SQLite
	Postgres
)

// Statement is one SQL statement whose placeholders, {name}, are parameters: nothing is ever put into its text.
type Statement struct {
	// Names are those of the placeholders, each once, in the order of their first use. The first is parameter 1.
	Names []string
	// Verb is its first word in lower case: "select".
	Verb string

	parts []string // the text around the placeholders
	order []int    // which of Names stands after each part but the last
}

// SyntaxError says what of a statement cannot be run, and where in its text.
type SyntaxError struct {
	Offset int // in bytes
	Msg    string
}

func (e *SyntaxError) Error() string { return e.Msg }

// Parse finds the placeholders of a statement. It knows the quotes and comments of SQL:
//
//	Parse(`select * from jobs where name = {job} and tags <> '{}'`, Postgres)
//
// has the one placeholder job. A placeholder inside quotes, more than one statement, and parameters in the dialect's own
// spelling are a *SyntaxError.
func Parse(text string, d Dialect) (*Statement, error) {
	s := &scanner{text: text, dialect: d}
	if !utf8.ValidString(text) || strings.Contains(text, "\x00") {
		return nil, s.fail(0, "the statement is no text")
	}
	if err := s.scan(); err != nil {
		return nil, err
	}
	if s.out.Verb == "" {
		return nil, s.fail(0, "the statement is empty")
	}
	s.out.parts = append(s.out.parts, s.text[s.begin:s.end])
	return &s.out, nil
}

// Text is the statement as the engine takes it: parameter 1 is $1, or ?1 for SQLite.
func (s *Statement) Text(d Dialect) string {
	sign := "$"
	if d == SQLite {
		sign = "?"
	}
	var b strings.Builder
	for i, p := range s.parts {
		b.WriteString(p)
		if i < len(s.order) {
			b.WriteString(sign + strconv.Itoa(s.order[i]+1))
		}
	}
	return b.String()
}

// scanner walks over the text of a statement once.
type scanner struct {
	text    string
	dialect Dialect
	pos     int
	begin   int // of the part that is not written down yet
	end     int // of what has a meaning: before the last semicolon
	ended   bool
	out     Statement
}

func (s *scanner) fail(offset int, format string, args ...any) error {
	return &SyntaxError{Offset: offset, Msg: fmt.Sprintf(format, args...)}
}

func (s *scanner) scan() error {
	for s.pos < len(s.text) {
		begin := s.pos
		comment, err := s.comment()
		if err != nil {
			return err
		}
		if comment {
			continue
		}
		c := s.text[s.pos]
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v':
			s.pos++
			continue
		case c == ';':
			s.ended = true
			s.pos++
			continue
		case s.ended:
			return s.fail(s.pos, "there is more than one statement; sql runs one")
		case wordByte(c) && c != '$':
			err = s.word()
		default:
			err = s.sign(c)
		}
		if err != nil {
			return err
		}
		if s.pos == begin {
			s.pos++
		}
		s.end = s.pos
	}
	return nil
}

// comment steps over a comment, if there is one. The engines do not agree on one inside another.
func (s *scanner) comment() (bool, error) {
	rest := s.text[s.pos:]
	switch {
	case strings.HasPrefix(rest, "--"):
		if i := strings.IndexAny(rest, "\r\n"); i >= 0 {
			s.pos += i
		} else {
			s.pos = len(s.text)
		}
		return true, nil
	case strings.HasPrefix(rest, "/*"):
		i := strings.Index(rest[2:], "*/")
		if i < 0 {
			return false, s.fail(s.pos, "a comment has no end")
		}
		if strings.Contains(rest[2:2+i], "/*") {
			return false, s.fail(s.pos, "a comment stands inside another")
		}
		s.pos += i + 4
		return true, nil
	}
	return false, nil
}

// word steps over a name, a keyword or a number, and over the text that an E before it makes one with escapes.
func (s *scanner) word() error {
	begin := s.pos
	for s.pos < len(s.text) && wordByte(s.text[s.pos]) {
		s.pos++
	}
	word := s.text[begin:s.pos]
	if s.out.Verb == "" {
		s.out.Verb = strings.ToLower(word)
	}
	if s.pos < len(s.text) && s.text[s.pos] == '{' {
		return s.fail(s.pos, "a placeholder is a value and cannot be part of the name %s...; put a space before it", short(word))
	}
	if s.dialect != SQLite && (word == "e" || word == "E") && strings.HasPrefix(s.text[s.pos:], "'") {
		return s.escaped()
	}
	return nil
}

// sign steps over whatever begins with a byte that is none of a word.
func (s *scanner) sign(c byte) error {
	rest := s.text[s.pos:]
	lite := s.dialect == SQLite
	switch {
	case c == '\'' || c == '"' || c == '`' && lite:
		return s.quoted(s.pos, c)
	case c == '[' && lite:
		return s.quoted(s.pos, ']')
	case c == '{':
		return s.placeholder()
	case c == '}':
		return s.fail(s.pos, "there is a } without its {")
	case strings.HasPrefix(rest, "::"): // a cast
		s.pos += 2
	case c == '$' && len(rest) > 1 && (rest[1] >= '0' && rest[1] <= '9' || rest[1] == '{'):
		return s.fail(s.pos, "parameters are written as placeholders: {name}")
	case c == '$' && lite, c == '?' && lite, (c == ':' || c == '@') && lite && len(rest) > 1 && wordByte(rest[1]):
		return s.fail(s.pos, "parameters are written as placeholders: {name}")
	case c == '$':
		return s.dollar()
	}
	return nil
}

// quoted steps over a literal or a name in quotes. A quote that is written twice is inside; two literals that follow
// each other look the same.
func (s *scanner) quoted(begin int, end byte) error {
	i := strings.IndexByte(s.text[begin+1:], end)
	if i < 0 {
		return s.fail(begin, "a quote has no end")
	}
	s.pos = begin + 1 + i + 1
	return s.literal(begin+1, s.text[begin+1:s.pos-1])
}

// escaped steps over the rest of E'...', where a backslash takes the next byte with it.
func (s *scanner) escaped() error {
	begin := s.pos
	for i := begin + 1; i < len(s.text); i++ {
		switch s.text[i] {
		case '\\':
			i++
		case '\'':
			if strings.HasPrefix(s.text[i+1:], "'") {
				i++
				continue
			}
			s.pos = i + 1
			if after := strings.TrimLeft(s.text[s.pos:], " \t\r\n\f\v"); strings.HasPrefix(after, "'") {
				return s.fail(s.pos, "a text with escapes goes on in a second one; write it as one")
			}
			return s.literal(begin+1, s.text[begin+1:i])
		}
	}
	return s.fail(begin, "a quote has no end")
}

// dollar steps over $tag$ ... $tag$.
func (s *scanner) dollar() error {
	rest := s.text[s.pos+1:]
	i := strings.IndexByte(rest, '$')
	if i < 0 || !isWord(rest[:i]) {
		return nil // an operator, or a mistake that the engine tells of
	}
	tag := "$" + rest[:i] + "$"
	inside := s.text[s.pos+len(tag):]
	end := strings.Index(inside, tag)
	if end < 0 {
		return s.fail(s.pos, "a quote %s has no end", short(tag))
	}
	begin := s.pos + len(tag)
	s.pos = begin + end + len(tag)
	return s.literal(begin, inside[:end])
}

// literal refuses a text that holds what looks like a placeholder: it would not be replaced. '{1,2}' does not look so.
func (s *scanner) literal(offset int, text string) error {
	for i := 0; ; {
		open := strings.IndexByte(text[i:], '{')
		if open < 0 {
			return nil
		}
		i += open + 1
		end := strings.IndexAny(text[i:], "{}")
		if end < 0 || text[i+end] == '{' || !looksNamed(text[i:i+end]) {
			continue
		}
		name := text[i : i+end]
		return s.fail(offset+i-1, "{%s} stands inside quotes, where nothing is replaced: leave the quotes out, or, where it is meant as text, write {\"%s\"}", short(name), short(name))
	}
}

// looksNamed says whether what stands between braces looks like what a placeholder names.
func looksNamed(s string) bool {
	if s == "" || s[0] != '_' && (s[0]|0x20 < 'a' || s[0]|0x20 > 'z') {
		return false
	}
	return strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-/") == ""
}

// placeholder writes down what stood before it, and its name.
func (s *scanner) placeholder() error {
	end := strings.IndexByte(s.text[s.pos:], '}')
	if end < 0 || strings.Contains(s.text[s.pos+1:s.pos+end], "{") {
		return s.fail(s.pos, "there is a { without its }")
	}
	after := s.pos + end + 1
	if after < len(s.text) && (wordByte(s.text[after]) || s.text[after] == '{') {
		return s.fail(s.pos, "a placeholder is a value and cannot be part of a name; put a space after it")
	}
	if s.out.Verb == "" {
		return s.fail(s.pos, "a statement begins with a word like select")
	}
	name := s.text[s.pos+1 : after-1]
	i := slices.Index(s.out.Names, name)
	if i < 0 {
		i = len(s.out.Names)
		s.out.Names = append(s.out.Names, name)
	}
	s.out.parts = append(s.out.parts, s.text[s.begin:s.pos])
	s.out.order = append(s.out.order, i)
	s.pos, s.begin = after, after
	return nil
}

// wordByte says whether a byte may stand in a name.
func wordByte(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' || c == '$' || c >= utf8.RuneSelf
}

func isWord(s string) bool {
	for i := range len(s) {
		if !wordByte(s[i]) {
			return false
		}
	}
	return true
}

// short is as much of a statement as an error shows.
func short(s string) string {
	if len(s) > 40 {
		return strings.ToValidUTF8(s[:40], "") + "..."
	}
	return s
}
