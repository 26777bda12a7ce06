package reply

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/itchyny/gojq"
)

// check looks at what a function of jq's is about to do, before it does it in one step that nothing could end.
type check struct {
	// name and arity are those of the function.
	name  string
	arity int
	// args are the arguments that fits looks at, by number; the others are programs, or do not matter.
	args []int
	fits func(m *meter, v any, args []any) error
	// each has a program given to the function looked at, by the number of the argument, instead of what it gives.
	each bool
}

// checks lists the functions that are looked at.
func checks() []check {
	whole := func(m *meter, v any, _ []any) error { return m.fits(v) }
	list := []check{
		{name: "explode", fits: func(m *meter, v any, _ []any) error {
			s, _ := v.(string)
			return m.make(int64(utf8.RuneCountInString(s)) * sizeArray)
		}},
		{name: "add", fits: func(m *meter, v any, _ []any) error { return m.sum(v, 0) }},
		{name: "join", arity: 1, args: []int{0}, fits: func(m *meter, v any, args []any) error {
			by, _ := args[0].(string)
			return m.sum(v, len(by))
		}},
		{name: "split", arity: 1, args: []int{0}, fits: func(m *meter, v any, args []any) error {
			s, okS := v.(string)
			by, okBy := args[0].(string)
			if !okS || !okBy {
				return nil
			}
			return m.pieces(s, by)
		}},
		{name: "transpose", fits: transposed},
		{name: "tonumber", fits: func(_ *meter, v any, _ []any) error {
			if s, ok := v.(string); ok && len(s) > longestNumber {
				return errValue()
			}
			return nil
		}},
		{name: "fromjson", fits: func(m *meter, v any, _ []any) error {
			s, _ := v.(string)
			return m.make(int64(len(s)) * 8)
		}},
		{name: "error", arity: 1, args: []int{0}, fits: func(m *meter, _ any, args []any) error { return m.fits(args[0]) }},
		{name: "setpath", arity: 2, args: []int{0}, fits: func(m *meter, _ any, args []any) error { return m.path(args[0]) }},
		{name: "getpath", arity: 1, args: []int{0}, fits: func(m *meter, _ any, args []any) error { return m.path(args[0]) }},
		{name: "fromstream", arity: 1, args: []int{0}, each: true, fits: func(m *meter, v any, _ []any) error {
			event, _ := v.([]any)
			if len(event) == 0 {
				return nil
			}
			return m.path(event[0])
		}},
	}
	for _, name := range []string{"flatten", "tojson", "tostring", "sort", "unique", "min", "max", "error", "halt_error", "ascii_downcase", "ascii_upcase"} {
		list = append(list, check{name: name, fits: whole})
	}
	for _, name := range []string{"flatten", "format", "halt_error"} {
		list = append(list, check{name: name, arity: 1, fits: whole})
	}
	for _, name := range []string{"sort_by", "group_by", "unique_by", "min_by", "max_by"} {
		list = append(list, check{name: name, arity: 1, args: []int{0}, each: true, fits: whole})
	}
	for _, name := range []string{"indices", "index", "rindex", "contains", "inside"} {
		list = append(list, check{name: name, arity: 1, args: []int{0}, fits: searched})
	}
	for _, name := range []string{"strftime", "strflocaltime", "strptime"} {
		list = append(list, check{name: name, arity: 1, args: []int{0}, fits: func(_ *meter, _ any, args []any) error { return formatFits(args[0]) }})
	}
	for _, name := range []string{"test", "match", "capture", "scan", "splits", "split", "sub", "gsub"} {
		for arity := 1; arity <= 3; arity++ {
			c := check{name: name, arity: arity, args: []int{0}, fits: matched}
			switch {
			case name == "split" && arity == 1, arity == 3 && !strings.HasSuffix(name, "sub"):
				continue
			case strings.HasSuffix(name, "sub") && arity == 1:
				continue
			}
			list = append(list, c)
		}
	}
	return list
}

// sum looks at the length of what is added up, with so many bytes between two.
func (m *meter) sum(v any, between int) error {
	n := int64(0)
	add := func(item any) {
		n += int64(between)
		switch item := item.(type) {
		case string:
			n += int64(len(item))
		case []any:
			n += int64(len(item)) * sizeAny
		case map[string]any:
			n += int64(len(item)) * sizeMember
		}
	}
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			add(item)
		}
	case map[string]any:
		for _, item := range v {
			add(item)
		}
	}
	return m.make(n)
}

func transposed(m *meter, v any, _ []any) error {
	rows, _ := v.([]any)
	longest := 0
	for _, row := range rows {
		if row, ok := row.([]any); ok {
			longest = max(longest, len(row))
		}
	}
	if longest > 0 && len(rows) > Memory/longest {
		return errValue()
	}
	return m.make(int64(len(rows)*longest) * sizeAny)
}

// searched looks at a search for one text or list in another, which takes as many steps as both are long.
func searched(m *meter, v any, args []any) error {
	if err := m.fits(v); err != nil {
		return err
	}
	if err := m.fits(args[0]); err != nil {
		return err
	}
	s, okS := v.(string)
	part, okPart := args[0].(string)
	if okS && okPart {
		if err := m.make(int64(len(s)+len(part)) * sizeArray); err != nil {
			return err
		}
		return m.work(len(s), len(part))
	}
	return m.work(size(v), size(args[0]))
}

// size is how many values are in a value, as far as it matters.
func size(v any) int {
	w := weigher{most: Memory}
	_ = w.value(v, 0) // what is too large is found by the number
	return w.nodes
}

// path refuses a path that would make an array of many nulls, or that is too long to be followed.
func (m *meter) path(path any) error {
	keys, _ := path.([]any)
	if len(keys) > Deepest {
		return errDeep()
	}
	for _, key := range keys {
		if err := m.index(key); err != nil {
			return err
		}
	}
	return nil
}

// index refuses an index that is too large, or a list to be searched for that is too long.
func (m *meter) index(key any) error {
	if list, ok := key.([]any); ok && len(list) > Deepest {
		return errWork()
	}
	n, ok := gojq.ToFloat64(key)
	switch {
	case !ok || n <= nearIndex:
		return nil
	case n > FarthestIndex:
		return errIndex()
	}
	return m.make(int64(n) * sizeAny) // what an assignment would make
}

// nearIndex is up to what index nothing is looked at.
const nearIndex = 1 << 16

// formatFits refuses a format of a time whose numbers could be padded to any length.
func formatFits(format any) error {
	s, _ := format.(string)
	digits := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			digits = 0
			continue
		}
		if digits++; digits > 3 {
			break
		}
	}
	if digits > 3 || len(s) > 1024 {
		return errValue()
	}
	return nil
}

// Limits of a search by a regular expression: what it may look through, and what is counted again for each match.
const (
	longestPattern = 1 << 10
	longestSearch  = 4 << 20
	freeSearch     = 32 << 10
	searchWork     = 1 << 27
	// Regular expressions that come from values are kept by the code: code that has more than a few is not used again, and
	// a run with very many is ended.
	fewPatterns  = 64
	mostPatterns = 1000
)

func matched(m *meter, v any, args []any) error {
	s, _ := v.(string)
	pattern, ok := args[0].(string)
	if list, isList := args[0].([]any); isList && len(list) > 0 {
		pattern, ok = list[0].(string)
	}
	switch {
	case !ok:
		return nil
	case len(pattern) > longestPattern, len(s) > longestSearch:
		return errWork()
	}
	if m.patterns[pattern] = struct{}{}; len(m.patterns) > mostPatterns+fewPatterns {
		return errWork()
	}
	if len(s) <= freeSearch {
		return nil
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil //nolint:nilerr // jq says it
	}
	most := searchWork / len(s)
	if len(re.FindAllStringIndex(s, most+1)) > most { // gojq counts the characters before each match
		return errWork()
	}
	return nil
}
