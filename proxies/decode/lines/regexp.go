package lines

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"unicode/utf8"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/excerpt"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/linewise"
)

// Values of the option Mode of Regexp.
const (
	RegexpOne   = "one"
	RegexpAll   = "all"
	RegexpLines = "lines"
)

// Regexp decodes text by the named groups of a regular expression, or of a grok pattern. A match is an object of its named
// groups, in the order of the pattern; a group that took no part in the match is null. Text that has to match and does not is
// a *decode.SyntaxError. Check must have succeeded before Decode.
//
//	pattern `(?P<host>\S+) is (?P<state>up|down)`
//	"db1 is up\ndb2 is down\n"
//	mode one    ->  {"host":"db1","state":"up"}
//	mode all    ->  [{"host":"db1","state":"up"},{"host":"db2","state":"down"}]
//
//	grok `%{IP:client} %{INT:bytes:int}`
//	"10.0.0.1 512\n"  ->  [{"client":"10.0.0.1","bytes":512}]
type Regexp struct {
	// Pattern is in RE2 syntax and has at least one named group, (?P<name>...) or (?<name>...).
	Pattern string `json:"pattern,omitempty"`
	// Grok is a pattern in which %{NAME} stands for a pattern of that name, and %{NAME:group} or %{NAME:group:type} makes a
	// group of it. Excludes Pattern. Default: none.
	Grok string `json:"grok,omitempty"`
	// Patterns are further patterns for Grok by their names; they go before those that are built in. Default: none.
	Patterns []GrokPattern `json:"patterns,omitempty"`
	// Mode is "one": the first match in the text, which must exist; "all": an array of all matches, which may be
	// none; "lines": an array of the first match in each line, each of which must match. Default: "one", with Grok "lines".
	Mode string `json:"mode,omitempty"`
	// Unmatched says what becomes of a line, in mode "lines", that does not match or has a group that is not of its type:
	// "error", "skip", or "null", which stands for it. Default: "error".
	Unmatched string `json:"unmatched,omitempty"`
	// Begins matches lines that begin a record, in mode "lines"; those that follow it belong to it, with LF between, and . matches
	// that too. Default: each line is a record.
	Begins string `json:"begins,omitempty"`
	// Types are types of groups, "string", "int", "float", "number" or "bool", by the groups' names. Numbers keep their digits;
	// an int has no fraction; a bool is true or false, yes or no, 1 or 0. An empty text is null. Default: those of Grok, else "string".
	Types map[string]string `json:"types,omitempty"`

	mode   string
	begins *regexp.Regexp
	first  *regexp.Regexp
	next   *regexp.Regexp // finds a match behind the first character; nil: Pattern does not look back
	groups []group
	factor float64
}

type group struct {
	name string
	at   int    // index of its submatch
	kind string // its type; "" is a string
}

// Check compiles the pattern.
func (d *Regexp) Check() error {
	if err := d.checkOptions(); err != nil {
		return err
	}
	pattern, types, err := d.source()
	if err != nil {
		return err
	}
	if d.Begins != "" {
		if d.begins, err = regexp.Compile(d.Begins); err != nil {
			return fmt.Errorf("begins: %w", err)
		}
		pattern = "(?s)" + pattern
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return fmt.Errorf("pattern: %w", err)
	}
	if err := d.name(re, types); err != nil {
		return err
	}
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return fmt.Errorf("pattern: %w", err)
	}
	d.next = nil
	if d.mode == RegexpAll && looksBack(parsed) {
		d.next, err = regexp.Compile(`\A(?s:.)(?s:.*?)(` + parsed.String() + `)`)
		if err != nil {
			return fmt.Errorf("pattern: %w", err)
		}
	}
	d.first = re
	d.factor = d.measure(re, parsed)
	return nil
}

func (d *Regexp) checkOptions() error {
	d.mode = d.Mode
	switch d.Mode {
	case "":
		d.mode = RegexpOne
		if d.Grok != "" {
			d.mode = RegexpLines
		}
	case RegexpOne, RegexpAll, RegexpLines:
	default:
		return fmt.Errorf("mode %q: want one, all or lines", d.Mode)
	}
	switch d.Unmatched {
	case "", KVError, KVSkip, KVNull:
	default:
		return fmt.Errorf("unmatched %q: want error, skip or null", d.Unmatched)
	}
	switch {
	case d.Unmatched != "" && d.mode != RegexpLines:
		return errors.New("unmatched needs mode lines")
	case d.Begins != "" && d.mode != RegexpLines:
		return errors.New("begins needs mode lines")
	case d.Pattern != "" && d.Grok != "":
		return errors.New("a pattern and grok exclude each other")
	case d.Pattern == "" && d.Grok == "":
		return errors.New("pattern is missing: write decode regexp `...`, or grok in its block")
	case len(d.Patterns) > 0 && d.Grok == "":
		return errors.New("pattern needs grok")
	}
	return nil
}

// source gives the regular expression and the types that its groups were given in it.
func (d *Regexp) source() (pattern string, types map[string]string, err error) {
	if d.Grok == "" {
		return d.Pattern, nil, nil
	}
	g, err := newGrok(d.Patterns)
	if err != nil {
		return "", nil, err
	}
	pattern, err = g.expand(d.Grok)
	return pattern, g.types, err
}

// name notes the groups of the pattern.
func (d *Regexp) name(re *regexp.Regexp, types map[string]string) error {
	d.groups = nil
	for i, name := range re.SubexpNames() {
		if name == "" {
			continue
		}
		if re.SubexpIndex(name) != i {
			return fmt.Errorf("pattern has two groups named %q", name)
		}
		kind := types[name]
		if own, ok := d.Types[name]; ok {
			kind = own
		}
		if !isGroupType(kind) {
			return fmt.Errorf("type %q of the group %s: want string, int, float, number or bool", excerpt.Of(kind), name)
		}
		d.groups = append(d.groups, group{name, i, kind})
	}
	if len(d.groups) == 0 {
		if d.Grok != "" {
			return errors.New("grok has no named group %{NAME:group}")
		}
		return errors.New("pattern has no named group (?P<name>...)")
	}
	for name := range d.Types {
		if re.SubexpIndex(name) < 0 {
			return fmt.Errorf("there is no group %q to have a type", excerpt.Of(name))
		}
	}
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
	switch d.mode {
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

// Factor implements decode.Decoder. It depends on the pattern.
func (d *Regexp) Factor() float64 { return d.factor }

// Decode implements decode.Decoder. Time is linear in the text for each match; between matches the context is asked.
func (d *Regexp) Decode(ctx context.Context, in *decode.Input, out decode.Sink) error {
	if d.first == nil {
		return errors.New("regexp: used before Check")
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if d.mode == RegexpLines {
		return d.records(ctx, linewise.Whole(in.Body), out)
	}
	text := string(in.Body)
	if d.mode == RegexpAll {
		return d.all(ctx, text, out)
	}
	loc := d.first.FindStringSubmatchIndex(text)
	if loc == nil {
		return &decode.SyntaxError{Format: "regexp", Msg: "no match in the text that starts"}
	}
	return d.match(text, loc, out)
}

// all tells the matches that FindAllStringSubmatchIndex finds. It searches one by one, because for some patterns the
// time of all searches together is quadratic in the text, and the context must be able to end that.
func (d *Regexp) all(ctx context.Context, text string, out decode.Sink) error {
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

func (d *Regexp) match(text string, loc []int, out decode.Sink) error {
	if !d.typed(text, loc) {
		return &decode.SyntaxError{Format: "regexp", Msg: "a group that is not of its type in the text that starts"}
	}
	return d.tell(text, loc, out)
}

func (d *Regexp) tell(text string, loc []int, out decode.Sink) error {
	if err := out.BeginObject(); err != nil {
		return err
	}
	for _, g := range d.groups {
		if err := out.Key(g.name); err != nil {
			return err
		}
		var err error
		if from, to := loc[2*g.at], loc[2*g.at+1]; from >= 0 {
			err = g.tell(text[from:to], out)
		} else {
			err = out.Null()
		}
		if err != nil {
			return err
		}
	}
	return out.EndObject()
}

var _ decode.Streamer = (*Regexp)(nil)
