package control_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// A pattern is JSON that an answer must be equal to, but that
//
//	"<int>"           stands for any value of a kind, see kinds
//	"<jwt:name>"      the same, and the scene knows it as {name} from then on
//	"<has:text>"      a text with that in it
//	"<re:expression>" a text that the expression matches as a whole
//	"...": 0          as a member: further members may be there
//	"..."             as the last item of an array: further items may follow
//	"!name": 0        as a member: there is no member of that name, not even where further ones may be
func match(pattern, text string, capture func(name, value string)) error {
	want, err := decode(pattern)
	if err != nil {
		return fmt.Errorf("the pattern %s: %w", pattern, err)
	}
	got, err := decode(text)
	if err != nil {
		return fmt.Errorf("no JSON: %w", err)
	}
	return matcher{capture}.match("", want, got)
}

func decode(text string) (any, error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one value")
	}
	return v, nil
}

type matcher struct{ capture func(name, value string) }

func (m matcher) match(at string, want, got any) error {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return wrong(at, "an object", got)
		}
		return m.object(at, w, g)
	case []any:
		g, ok := got.([]any)
		if !ok {
			return wrong(at, "an array", got)
		}
		return m.array(at, w, g)
	case string:
		if strings.HasPrefix(w, "<") && strings.HasSuffix(w, ">") {
			return m.wildcard(at, w[1:len(w)-1], got)
		}
	}
	if !reflect.DeepEqual(want, got) {
		return wrong(at, shown(want), got)
	}
	return nil
}

func (m matcher) object(at string, want, got map[string]any) error {
	_, more := want["..."]
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if name == "..." {
			continue
		}
		if absent, not := strings.CutPrefix(name, "!"); not {
			if v, there := got[absent]; there {
				return wrong(at+"/"+absent, "nothing", v)
			}
			continue
		}
		v, there := got[name]
		if !there {
			return fmt.Errorf("%s/%s is missing", at, name)
		}
		if err := m.match(at+"/"+name, want[name], v); err != nil {
			return err
		}
	}
	for name, v := range got {
		if _, known := want[name]; !known && !more {
			return wrong(at+"/"+name, "nothing", v)
		}
	}
	return nil
}

func (m matcher) array(at string, want, got []any) error {
	more := len(want) > 0 && want[len(want)-1] == "..."
	if more {
		want = want[:len(want)-1]
	}
	if len(got) < len(want) || len(got) > len(want) && !more {
		return fmt.Errorf("%s has %d items, not %d: %s", at, len(got), len(want), shown(got))
	}
	for i := range want {
		if err := m.match(fmt.Sprintf("%s/%d", at, i), want[i], got[i]); err != nil {
			return err
		}
	}
	return nil
}

func (m matcher) wildcard(at, word string, got any) error {
	if text, ok := strings.CutPrefix(word, "has:"); ok {
		if s, is := got.(string); !is || !strings.Contains(s, text) {
			return wrong(at, "a text with "+text, got)
		}
		return nil
	}
	if expression, ok := strings.CutPrefix(word, "re:"); ok {
		if s, is := got.(string); !is || !regexp.MustCompile("^(?:"+expression+")$").MatchString(s) {
			return wrong(at, "like "+expression, got)
		}
		return nil
	}
	kind, name, named := strings.Cut(word, ":")
	is, known := kinds()[kind]
	if !known {
		return fmt.Errorf("the pattern knows no kind %s", kind)
	}
	if !is(got) {
		return wrong(at, "of the kind "+kind, got)
	}
	if named {
		if s, ok := got.(string); ok {
			m.capture(name, s)
		} else {
			m.capture(name, shown(got))
		}
	}
	return nil
}

// kinds are words for values that nobody knows before. They are made once, since to compile them is most of a comparison.
var kinds = sync.OnceValue(func() map[string]func(any) bool {
	like := func(expression string) func(any) bool {
		re := regexp.MustCompile("^(?:" + expression + ")$")
		return func(v any) bool {
			s, ok := v.(string)
			return ok && re.MatchString(s)
		}
	}
	return map[string]func(any) bool{
		"any":  func(any) bool { return true },
		"text": like(`(?s).+`),
		"int": func(v any) bool {
			n, ok := v.(json.Number)
			return ok && !strings.ContainsAny(n.String(), ".eE")
		},
		"bool":   func(v any) bool { _, ok := v.(bool); return ok },
		"object": func(v any) bool { _, ok := v.(map[string]any); return ok },
		"array":  func(v any) bool { _, ok := v.([]any); return ok },
		"jwt":    like(`[\w-]+\.[\w-]+\.[\w-]+`),
		// A refresh token is opaque: it has nothing in it that could be read.
		"opaque": like(`[\w-]{30,200}`),
		"uuid":   like(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`),
		// As Trends.Earth writes times: ISO 8601 in UTC with microseconds, and no Z.
		"naive": like(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}`),
		// All scopes that Houston knows, and perhaps others.
		"houston": func(v any) bool {
			s, ok := v.(string)
			there := strings.Fields(s)
			return ok && !slices.ContainsFunc(strings.Fields(houstonScopes), func(want string) bool { return !slices.Contains(there, want) })
		},
		"offset": func(v any) bool { return instant(v) },
	}
})

// instant is a time with its offset.
func instant(v any) bool {
	s, ok := v.(string)
	if !ok {
		return false
	}
	_, err := time.Parse(time.RFC3339Nano, s)
	return err == nil
}

func wrong(at, want string, got any) error {
	return fmt.Errorf("%s: not %s: %s", at, want, shown(got))
}

func shown(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err.Error()
	}
	return strings.TrimSpace(b.String())
}
