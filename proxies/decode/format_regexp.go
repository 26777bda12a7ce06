package decode

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"unicode/utf8"
)

// Values of the option Mode of Regexp.
const (
	RegexpOne   = "one"
	RegexpAll   = "all"
	RegexpLines = "lines"
)

// Regexp decodes text by the named groups of a regular expression. A match is an object of its named groups, in the
// order of the pattern; a group that took no part in the match is null. Text that has to match and does not is a
// *SyntaxError. Check must have succeeded before Decode.
//
//	pattern `(?P<host>\S+) is (?P<state>up|down)`
//	"db1 is up\ndb2 is down\n"
//	mode one    ->  {"host":"db1","state":"up"}
//	mode all    ->  [{"host":"db1","state":"up"},{"host":"db2","state":"down"}]
type Regexp struct {
	// Pattern is in RE2 syntax and has at least one named group, (?P<name>...) or (?<name>...).
	Pattern string `json:"pattern,omitempty"`
	// Mode is "one": the first match in the text, which must exist; "all": an array of all matches, which may be
	// none; "lines": an array of the first match in each line, each of which must match. Default: "one".
	Mode string `json:"mode,omitempty"`
	// SkipUnmatched leaves out lines that do not match, in mode "lines". Default: they are errors.
	SkipUnmatched bool `json:"skip_unmatched,omitempty"`

	first  *regexp.Regexp
	next   *regexp.Regexp // finds a match behind the first character; nil: Pattern does not look back
	groups []group
	factor float64
}

type group struct {
	name string
	at   int // index of its submatch
}

// Check compiles the pattern.
func (d *Regexp) Check() error {
	switch d.Mode {
	case "", RegexpOne, RegexpAll, RegexpLines:
	default:
		return fmt.Errorf("mode %q: want one, all or lines", d.Mode)
	}
	if d.SkipUnmatched && d.Mode != RegexpLines {
		return errors.New("skip_unmatched needs mode lines")
	}
	if d.Pattern == "" {
		return errors.New("pattern is missing")
	}
	re, err := regexp.Compile(d.Pattern)
	if err != nil {
		return fmt.Errorf("pattern: %w", err)
	}
	d.groups = nil
	for i, name := range re.SubexpNames() {
		if re.SubexpIndex(name) != i && name != "" {
			return fmt.Errorf("pattern has two groups named %q", name)
		}
		if name != "" {
			d.groups = append(d.groups, group{name, i})
		}
	}
	if len(d.groups) == 0 {
		return errors.New("pattern has no named group (?P<name>...)")
	}
	parsed, err := syntax.Parse(d.Pattern, syntax.Perl)
	if err != nil {
		return fmt.Errorf("pattern: %w", err)
	}
	d.next = nil
	if d.Mode == RegexpAll && looksBack(parsed) {
		d.next, err = regexp.Compile(`\A(?s:.)(?s:.*?)(` + parsed.String() + `)`)
		if err != nil {
			return fmt.Errorf("pattern: %w", err)
		}
	}
	d.first = re
	d.factor = d.measure(re, parsed)
	return nil
}

// looksBack says whether a match depends on the character before it.
func looksBack(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpBeginText, syntax.OpBeginLine, syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return true
	}
	return slices.ContainsFunc(re.Sub, looksBack)
}

// measure estimates the memory of a tree for each byte of text: that of one match over the least text it takes.
func (d *Regexp) measure(re *regexp.Regexp, parsed *syntax.Regexp) float64 {
	const (
		perText     = 2
		perMatch    = 400 // an empty object, its place in the array, what the search takes
		perGroup    = 88  // its place in the object, at the sizes where maps are most wasteful
		perSubmatch = 16  // its indices
	)
	match := float64(perMatch + perGroup*len(d.groups) + perSubmatch*re.NumSubexp())
	switch d.Mode {
	case RegexpAll:
		return perText + match/float64(max(1, minLength(parsed)))
	case RegexpLines:
		return perText + match/float64(1+minLength(parsed))
	}
	return perText
}

// minLength is how many bytes a match has at least.
func minLength(re *syntax.Regexp) int {
	const enough = 1 << 16 // keeps nested repetitions from overflowing
	n := 0
	switch re.Op {
	case syntax.OpLiteral:
		n = len(re.Rune)
	case syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		n = 1
	case syntax.OpCapture, syntax.OpPlus:
		n = minLength(re.Sub[0])
	case syntax.OpRepeat:
		n = re.Min * minLength(re.Sub[0])
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			n += minLength(sub)
		}
	case syntax.OpAlternate:
		n = minLength(re.Sub[0])
		for _, sub := range re.Sub[1:] {
			n = min(n, minLength(sub))
		}
	}
	return min(n, enough)
}

// Factor implements Decoder. It depends on the pattern.
func (d *Regexp) Factor() float64 { return d.factor }

// Decode implements Decoder. Time is linear in the text for each match; between matches the context is asked.
func (d *Regexp) Decode(ctx context.Context, in *Input, out Sink) error {
	if d.first == nil {
		return errors.New("regexp: used before Check")
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	text := string(in.Body)
	switch d.Mode {
	case RegexpAll:
		return d.all(ctx, text, out)
	case RegexpLines:
		return d.lines(ctx, text, out)
	}
	loc := d.first.FindStringSubmatchIndex(text)
	if loc == nil {
		return &SyntaxError{Format: "regexp", Msg: "no match in the text that starts"}
	}
	return d.match(text, loc, out)
}

func (d *Regexp) lines(ctx context.Context, text string, out Sink) error {
	if err := out.BeginArray(); err != nil {
		return err
	}
	for l := (lines{text: text}); ; {
		line, offset, ok := l.cut()
		if !ok {
			return out.EndArray()
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		loc := d.first.FindStringSubmatchIndex(line)
		if loc == nil {
			if d.SkipUnmatched {
				continue
			}
			return &SyntaxError{Format: "regexp", Offset: int64(offset), Msg: "no match in the line that starts"}
		}
		if err := d.match(line, loc, out); err != nil {
			return err
		}
	}
}

// all tells the matches that FindAllStringSubmatchIndex finds. It searches one by one, because for some patterns the
// time of all searches together is quadratic in the text, and the context must be able to end that.
func (d *Regexp) all(ctx context.Context, text string, out Sink) error {
	if err := out.BeginArray(); err != nil {
		return err
	}
	lastEnd := -1
	for pos := 0; pos <= len(text); {
		if err := ctx.Err(); err != nil {
			return err
		}
		base, loc := d.search(text, pos)
		if loc == nil {
			break
		}
		start, end := base+loc[0], base+loc[1]
		// As in FindAll, an empty match right behind another one does not count.
		if end > start || start != lastEnd {
			if err := d.match(text[base:], loc, out); err != nil {
				return err
			}
		}
		lastEnd = end
		pos = end
		if end == start {
			_, size := utf8.DecodeRuneInString(text[end:])
			pos += max(1, size)
		}
	}
	return out.EndArray()
}

// search finds the first match at pos or behind it. Submatches count from base.
func (d *Regexp) search(text string, pos int) (base int, loc []int) {
	if pos == 0 || d.next == nil {
		return pos, d.first.FindStringSubmatchIndex(text[pos:])
	}
	// One character more is shown to the pattern, so that ^ and \b see what stands before pos.
	_, size := utf8.DecodeLastRuneInString(text[:pos])
	base = pos - size
	loc = d.next.FindStringSubmatchIndex(text[base:])
	if loc == nil {
		return base, nil
	}
	return base, loc[2:] // the first submatch is the whole of Pattern
}

func (d *Regexp) match(text string, loc []int, out Sink) error {
	if err := out.BeginObject(); err != nil {
		return err
	}
	for _, g := range d.groups {
		if err := out.Key(g.name); err != nil {
			return err
		}
		var err error
		if from, to := loc[2*g.at], loc[2*g.at+1]; from >= 0 {
			err = out.String(text[from:to])
		} else {
			err = out.Null()
		}
		if err != nil {
			return err
		}
	}
	return out.EndObject()
}

var _ Decoder = (*Regexp)(nil)
