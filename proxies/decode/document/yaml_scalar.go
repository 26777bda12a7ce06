package document

import (
	"math/big"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/ascii"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/excerpt"
)

// scalar tells a value that is neither a list nor an object.
func (t *yamlTeller) scalar(n *yaml.Node) error {
	tag := ""
	if n.Style&yaml.TaggedStyle != 0 && yamlKnownTag(n.Tag) {
		tag = strings.TrimPrefix(n.Tag, "!!")
	} else if n.Style&^yaml.TaggedStyle != 0 {
		tag = "str" // quoted, or a block of text
	}
	switch tag {
	case "binary":
		return t.out.String(strings.Map(func(r rune) rune {
			if strings.ContainsRune(ascii.Space, r) {
				return -1
			}
			return r
		}, n.Value))
	case "", "int", "float", "bool", "null":
	default:
		return t.out.String(n.Value)
	}
	kind, literal, err := t.o.resolve(n.Value)
	if err != nil {
		return err
	}
	if tag != "" && tag != kind && (tag != "float" || kind != "int") {
		return t.syntax(n, "the value "+excerpt.Of(n.Value)+" is no "+tag)
	}
	switch kind {
	case "null":
		return t.out.Null()
	case "bool":
		return t.out.Bool(literal == "true")
	case "int":
		return t.out.Number(literal)
	case "float":
		if literal != "" {
			return t.out.Number(literal)
		}
		switch t.o.NaN {
		case NaNNull:
			return t.out.Null()
		case NaNString:
			return t.out.String(n.Value)
		}
		return t.syntax(n, excerpt.Of(n.Value)+" is no number of JSON; see the option nan")
	}
	return t.out.String(n.Value)
}

// resolve says what a plain scalar is: null, bool, int, float or str, and how JSON writes it; NaN and the infinities are
// floats that it cannot write.
func (d *YAML) resolve(s string) (kind, literal string, err error) {
	switch s {
	case "", "~", "null", "Null", "NULL":
		return "null", "", nil
	case "true", "True", "TRUE":
		return "bool", "true", nil
	case "false", "False", "FALSE":
		return "bool", "false", nil
	}
	if d.YAML11 {
		switch s {
		case "yes", "Yes", "YES", "on", "On", "ON":
			return "bool", "true", nil
		case "no", "No", "NO", "off", "Off", "OFF":
			return "bool", "false", nil
		}
	}
	if c := s[0]; c != '.' && c != '+' && c != '-' && (c < '0' || c > '9') {
		return "str", "", nil
	}
	switch strings.TrimLeft(s, "+-") {
	case ".inf", ".Inf", ".INF":
		if strings.LastIndexAny(s, "+-") < 1 {
			return "float", "", nil
		}
	case ".nan", ".NaN", ".NAN":
		if s[0] == '.' {
			return "float", "", nil
		}
	}
	if kind, literal, err := d.based(s); kind != "" || err != nil {
		return kind, literal, err
	}
	if d.YAML11 && s[0] != '_' && !strings.HasPrefix(strings.TrimLeft(s, "+-"), "_") {
		s = strings.ReplaceAll(s, "_", "")
	}
	// In 1.1 an exponent needs a point and a sign: 1e3 is a string there.
	if e := strings.IndexAny(s, "eE"); d.YAML11 && e >= 0 && (!strings.Contains(s[:e], ".") || !strings.HasPrefix(s[e+1:], "+") && !strings.HasPrefix(s[e+1:], "-")) {
		return "str", "", nil
	}
	kind, literal = yamlDecimal(s)
	return kind, literal, nil
}

// based reads an integer that is not decimal; kind is "" if it is none.
func (d *YAML) based(s string) (kind, literal string, err error) {
	sign, digits := "", s
	if d.YAML11 {
		if digits = strings.TrimPrefix(s, "+"); digits == s {
			if digits = strings.TrimPrefix(s, "-"); digits != s {
				sign = "-"
			}
		}
		if !strings.HasPrefix(digits, "_") {
			digits = strings.ReplaceAll(digits, "_", "")
		}
	}
	base, allowed := 0, ""
	switch {
	case len(digits) < 2 || digits[0] != '0':
		return "", "", nil
	case digits[1] == 'x':
		base, allowed, digits = 16, "0123456789abcdefABCDEF", digits[2:]
	case digits[1] == 'o' && !d.YAML11:
		base, allowed, digits = 8, "01234567", digits[2:]
	case digits[1] == 'b' && d.YAML11:
		base, allowed, digits = 2, "01", digits[2:]
	case d.YAML11:
		base, allowed, digits = 8, "01234567", digits[1:]
	}
	if base == 0 || digits == "" || strings.Trim(digits, allowed) != "" {
		if d.YAML11 && strings.Trim(digits, "0123456789") == "" && digits != "" {
			return "str", "", nil // 08, as programs of 1.1 have it
		}
		return "", "", nil
	}
	if len(digits) > decode.MaxNumber {
		return "", "", &decode.LimitError{What: "bytes in a number", Limit: decode.MaxNumber}
	}
	n, ok := new(big.Int).SetString(sign+digits, base)
	if !ok {
		return "", "", nil
	}
	return "int", n.String(), nil
}

// yamlDecimal reads a decimal number. JSON has no + before it, and digits on both sides of the point. What begins with a zero
// that says nothing is a string: 01000 is a thousand in YAML 1.2, 512 in 1.1, and in most documents a postal code.
func yamlDecimal(s string) (kind, literal string) {
	sign := ""
	rest := strings.TrimPrefix(s, "+")
	if rest == s {
		if rest = strings.TrimPrefix(s, "-"); rest != s {
			sign = "-"
		}
	}
	whole := rest[:len(rest)-len(strings.TrimLeft(rest, "0123456789"))]
	rest = rest[len(whole):]
	fraction, point := strings.CutPrefix(rest, ".")
	exponent := ""
	if point {
		rest = strings.TrimLeft(fraction, "0123456789")
		fraction = fraction[:len(fraction)-len(rest)]
	} else {
		fraction = ""
	}
	if whole == "" && fraction == "" || len(whole) > 1 && whole[0] == '0' {
		return "str", ""
	}
	if rest != "" {
		exponent = rest
		if exponent[0] != 'e' && exponent[0] != 'E' {
			return "str", ""
		}
		if power := strings.TrimPrefix(strings.TrimPrefix(exponent[1:], "+"), "-"); power == "" || strings.Trim(power, "0123456789") != "" || len(exponent)-len(power) > 2 {
			return "str", ""
		}
	}
	if whole == "" {
		whole = "0"
	}
	kind = "int"
	if point || exponent != "" {
		kind = "float"
	}
	if fraction != "" {
		fraction = "." + fraction
	}
	return kind, sign + whole + fraction + exponent
}
