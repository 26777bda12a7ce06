package lines

import (
	"strings"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/ascii"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/excerpt"
	"github.com/fairway-gateway/fairway/proxies/decode/typed"
)

// Types of groups of Regexp beside HTMLString, HTMLNumber and HTMLBool.
const (
	groupInt   = "int"
	groupFloat = "float"
)

func isGroupType(kind string) bool {
	switch kind {
	case "", "string", groupInt, groupFloat, "number", "bool":
		return true
	}
	return false
}

// typed says whether every group is of its type.
func (d *Regexp) typed(text string, loc []int) bool {
	for _, g := range d.groups {
		from, to := loc[2*g.at], loc[2*g.at+1]
		if g.kind == "" || g.kind == "string" || from < 0 {
			continue
		}
		if _, ok := g.convert(text[from:to]); !ok {
			return false
		}
	}
	return true
}

func (g *group) convert(s string) (v decode.Cell, ok bool) {
	s = strings.Trim(s, ascii.Space)
	if s == "" {
		return decode.Cell{Kind: decode.CellNull}, true
	}
	if g.kind == "bool" {
		switch strings.ToLower(excerpt.Cut(s, 8)) {
		case "true", "yes", "1":
			return decode.Cell{Kind: decode.CellBool, Text: "true"}, true
		case "false", "no", "0":
			return decode.Cell{Kind: decode.CellBool, Text: "false"}, true
		}
		return decode.Cell{}, false
	}
	n, ok := typed.RegularNumber(s)
	if g.kind == groupInt && strings.ContainsAny(n, ".eE") {
		return decode.Cell{}, false
	}
	return decode.Cell{Kind: decode.CellNumber, Text: n}, ok
}

func (g *group) tell(s string, out decode.Sink) error {
	if g.kind == "" || g.kind == "string" {
		return out.String(s)
	}
	v, ok := g.convert(s)
	switch {
	case !ok || v.Kind == decode.CellNull:
		return out.Null()
	case v.Kind == decode.CellBool:
		return out.Bool(v.Text == "true")
	}
	return out.Number(v.Text)
}
