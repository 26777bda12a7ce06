package lines

import (
	"errors"
	"fmt"
	"strings"

	"github.com/fairway-gateway/fairway/proxies/decode/internal/excerpt"
)

// GrokPattern is a pattern that grok may name.
type GrokPattern struct {
	// Name is of letters, digits and _.
	Name string `json:"name"`
	// Pattern is in RE2 syntax and may name other patterns.
	Pattern string `json:"pattern"`
}

// Limits of a grok pattern: of patterns inside patterns, and of the regular expression that comes of it, in bytes.
const (
	grokDepth = 32
	grokBytes = 64 << 10
)

// grok makes regular expressions of grok patterns.
type grok struct {
	patterns map[string]string
	types    map[string]string // of the groups
	out      strings.Builder
}

func newGrok(own []GrokPattern) (*grok, error) {
	g := &grok{patterns: grokPatterns(), types: make(map[string]string)}
	seen := make(map[string]bool, len(own))
	for _, p := range own {
		if !isGroupName(p.Name) {
			return nil, fmt.Errorf("pattern %q: a name has letters, digits and _", excerpt.Of(p.Name))
		}
		if seen[p.Name] {
			return nil, fmt.Errorf("pattern %s is there twice", p.Name)
		}
		if p.Pattern == "" {
			return nil, fmt.Errorf("pattern %s is empty", p.Name)
		}
		seen[p.Name] = true
		g.patterns[p.Name] = p.Pattern
	}
	return g, nil
}

// expand gives the regular expression of a grok pattern.
func (g *grok) expand(pattern string) (string, error) {
	g.out.Reset()
	if err := g.write(pattern, nil); err != nil {
		return "", fmt.Errorf("grok: %w", err)
	}
	return g.out.String(), nil
}

// write writes what a pattern stands for; inside are the patterns that name it.
func (g *grok) write(pattern string, inside []string) error {
	if len(inside) > grokDepth {
		return fmt.Errorf("patterns inside patterns of %s are too deep, or go in a circle", inside[0])
	}
	for {
		at := strings.Index(pattern, "%{")
		if at < 0 {
			g.out.WriteString(pattern)
			return g.size()
		}
		end := strings.IndexByte(pattern[at:], '}')
		if end < 0 {
			return errors.New("%{ without }")
		}
		g.out.WriteString(pattern[:at])
		if err := g.reference(pattern[at+2:at+end], inside); err != nil {
			return err
		}
		pattern = pattern[at+end+1:]
	}
}

func (g *grok) size() error {
	if g.out.Len() > grokBytes {
		return fmt.Errorf("the regular expression has more than %d bytes", grokBytes)
	}
	return nil
}

// reference writes what stands for NAME, NAME:group or NAME:group:type.
func (g *grok) reference(ref string, inside []string) error {
	parts := strings.Split(ref, ":")
	if len(parts) > 3 {
		return fmt.Errorf("%%{%s}: want %%{NAME:group:type}", excerpt.Of(ref))
	}
	pattern, ok := g.patterns[parts[0]]
	if !ok {
		return fmt.Errorf("there is no pattern %q; define it with pattern %s `...`", excerpt.Of(parts[0]), excerpt.Of(parts[0]))
	}
	open := "(?:"
	if len(parts) > 1 {
		if !isGroupName(parts[1]) {
			return fmt.Errorf("%%{%s}: the name of a group has letters, digits and _", excerpt.Of(ref))
		}
		open = "(?P<" + parts[1] + ">"
	}
	if len(parts) == 3 {
		if parts[2] == "" || !isGroupType(parts[2]) {
			return fmt.Errorf("%%{%s}: want the type string, int, float, number or bool", excerpt.Of(ref))
		}
		g.types[parts[1]] = parts[2]
	}
	g.out.WriteString(open)
	if err := g.write(pattern, append(inside, parts[0])); err != nil {
		return err
	}
	g.out.WriteByte(')')
	return g.size()
}

func isGroupName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c != '_' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
			return false
		}
	}
	return s != ""
}
