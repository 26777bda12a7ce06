package bundle

import (
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

const (
	// mostWork is how many steps a check of parameters may take, and perByte how many more for each byte of theirs: a schema of a few
	// lines can take more than there is time, since it is asked about the same value again and again. A step is about a microsecond.
	mostWork, perByte = 200_000, 2
	// mostTime is how long it may take where steps are slow, as those of long chains of schemas are.
	mostTime = 10 * time.Second
	// clockEvery is after how many steps the clock is looked at.
	clockEvery = 1000
	// mostNumber is how long a number may be, and how large its exponent: it is compared as a fraction of whole numbers.
	mostNumber = 1000
	// perStep is how many bytes are looked at in a step.
	perStep = 32
)

// errCostly ends a check that costs too much.
var errCostly = errors.New("this takes too long") //nolint:gochecknoglobals // a sentinel

// budget is what is left for a check, and when it is to have ended.
type budget struct {
	left, clock int64
	until       time.Time
}

// fill begins a check of parameters of a length.
func (b *budget) fill(length int) {
	b.left, b.clock, b.until = mostWork+perByte*int64(length), 0, time.Now().Add(mostTime)
}

// spent says that a check was given up.
func (b *budget) spent() bool { return b.left < 0 }

// take says whether something may be done that costs so much.
func (b *budget) take(steps int64) bool {
	b.left -= steps
	if b.clock += steps; b.clock >= clockEvery {
		if b.clock = 0; time.Now().After(b.until) {
			b.left = -1
		}
	}
	return b.left >= 0
}

// charge has all parts of a schema be paid for by b. What stands before the format of a part costs nothing worth counting, and all that
// asks other parts stands behind it, so nothing is asked any more when nothing is left.
func charge(root *jsonschema.Schema, b *budget) {
	seen := map[*jsonschema.Schema]bool{nil: true}
	var visit func(s *jsonschema.Schema)
	visit = func(s *jsonschema.Schema) {
		// Those of the standard itself are everybody's.
		if seen[s] || !strings.HasPrefix(s.Location, schemaURL) {
			return
		}
		seen[s] = true
		once, each := parts(s)
		var fixed, perItem int64 = 1, 1
		for _, p := range once {
			fixed += alone(p)
			visit(p)
		}
		for _, p := range each {
			perItem += alone(p)
			visit(p)
		}
		unique, checks := s.UniqueItems, s.Format
		name := "budget"
		if checks != nil {
			name = checks.Name
		}
		s.Format = &jsonschema.Format{Name: name, Validate: func(v any) error {
			if !b.take(fixed + perItem*items(v)) {
				return errCostly
			}
			if unique && !b.take(size(v)) {
				return errCostly
			}
			if checks != nil {
				return checks.Validate(v)
			}
			return nil
		}}
	}
	visit(root)
}

// parts are the schemas that a schema asks about a value, once, or of each of its items or members.
func parts(s *jsonschema.Schema) (once, each []*jsonschema.Schema) {
	once = append(once, s.Ref, s.RecursiveRef, s.Not, s.If, s.Then, s.Else, s.ContentSchema)
	if s.DynamicRef != nil {
		once = append(once, s.DynamicRef.Ref)
	}
	for _, list := range [][]*jsonschema.Schema{s.AllOf, s.AnyOf, s.OneOf, s.PrefixItems} {
		once = append(once, list...)
	}
	for _, all := range []map[string]*jsonschema.Schema{s.Properties, s.DependentSchemas} {
		for _, p := range all {
			once = append(once, p)
		}
	}
	for _, p := range s.Dependencies {
		one, _ := p.(*jsonschema.Schema) // or a list of names
		once = append(once, one)
	}
	if list, ok := s.Items.([]*jsonschema.Schema); ok {
		once = append(once, list...)
	}
	for _, p := range s.PatternProperties {
		each = append(each, p)
	}
	for _, p := range []any{s.Items, s.AdditionalItems, s.AdditionalProperties} {
		one, _ := p.(*jsonschema.Schema) // or true or false
		each = append(each, one)
	}
	each = append(each, s.PropertyNames, s.UnevaluatedProperties, s.Contains, s.Items2020, s.UnevaluatedItems)
	return once, each
}

// alone is what it costs to ask a schema that then refuses a value for what it is.
func alone(s *jsonschema.Schema) int64 {
	if s == nil {
		return 0
	}
	steps := int64(1)
	if s.Const != nil {
		steps += size(*s.Const)
	}
	if s.Enum != nil {
		steps += size(s.Enum.Values)
	}
	return steps
}

// items is how many parts a value has.
func items(v any) int64 {
	switch v := v.(type) {
	case []any:
		return int64(len(v))
	case map[string]any:
		return int64(len(v))
	case string:
		return int64(len(v) / perStep)
	}
	return 0
}

// size is how many steps it takes to look at all of a value.
func size(v any) int64 {
	n := int64(1)
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			n += size(item)
		}
	case map[string]any:
		for name, item := range v {
			n += int64(len(name)/perStep) + size(item)
		}
	case string:
		n += int64(len(v) / perStep)
	}
	return n
}

// pattern is a regular expression that is paid for. One that costs too much matches nothing.
type pattern struct {
	*regexp.Regexp
	budget *budget
}

func (p pattern) MatchString(text string) bool {
	steps := int64(1+len(text)) * int64(1+len(p.String())) / perStep
	return p.budget.take(1+steps) && p.Regexp.MatchString(text)
}

// largeNumber says whether a JSON text has a number that is too long, or whose exponent is too large.
func largeNumber(text []byte) bool {
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			for i++; i < len(text) && text[i] != '"'; i++ {
				if text[i] == '\\' {
					i++
				}
			}
		case c == '-' || c >= '0' && c <= '9':
			from := i
			for i+1 < len(text) && strings.IndexByte("+-.0123456789eE", text[i+1]) >= 0 {
				i++
			}
			if tooLarge(string(text[from:min(i+1, from+mostNumber+1)])) {
				return true
			}
		}
	}
	return false
}

func tooLarge(number string) bool {
	if len(number) > mostNumber {
		return true
	}
	_, exponent, _ := strings.Cut(strings.ToLower(number), "e")
	exponent = strings.TrimLeft(strings.TrimLeft(exponent, "+-"), "0")
	var n json.Number = "0"
	if exponent != "" {
		n = json.Number(exponent)
	}
	value, err := n.Int64()
	return err != nil || value > mostNumber
}
