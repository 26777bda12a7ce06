package wrap

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/fairway-gateway/fairway/proxies/problem"
)

// Where a parameter stands.
const (
	inPath   = "path"
	inQuery  = "query"
	inHeader = "header"
)

// ParamTypes are the types of a parameter.
func ParamTypes() []string { return []string{"string", "integer", "number", "bool", "date"} }

// param is a compiled Param.
type param struct {
	Param
	re      *regexp.Regexp
	dflt    any
	dfltRaw string
}

func compileParam(p Param, at place) (*param, error) {
	c := &param{Param: p}
	if !slices.Contains(ParamTypes(), p.Type) {
		return nil, at.errf("the type %q is not one of string, integer, number, bool, date%s", p.Type, Suggest(p.Type, ParamTypes()))
	}
	if p.Pattern != "" {
		// By itself first: ")|(" is one only between our own brackets.
		_, err := regexp.Compile(p.Pattern)
		if err != nil {
			return nil, at.field("pattern").errf("the pattern is no regular expression: %v", err)
		}
		re, err := regexp.Compile(`\A(?:` + p.Pattern + `)\z`)
		if err != nil {
			return nil, at.field("pattern").errf("the pattern is no regular expression: %v", err)
		}
		if p.Type != "string" {
			return nil, at.errf("pattern is for strings only")
		}
		c.re = re
	}
	if (p.Min != nil || p.Max != nil) && (p.Type == "bool" || p.Type == "date") {
		return nil, at.errf("min and max are for numbers and strings, not for a %s", p.Type)
	}
	if p.Min != nil && p.Max != nil && *p.Min > *p.Max {
		return nil, at.errf("min is more than max")
	}
	for _, e := range p.Enum {
		if _, msg := c.parseType(e); msg != "" {
			return nil, at.errf("the enum value %q %s", e, msg)
		}
	}
	if p.Default == nil {
		return c, nil
	}
	if p.Required || p.In == inPath {
		return nil, at.errf("a parameter that is required has no default")
	}
	v, msg := c.parse(*p.Default)
	if msg != "" {
		return nil, at.errf("the default %q %s", *p.Default, msg)
	}
	c.dflt, c.dfltRaw = v, *p.Default
	return c, nil
}

// parse gives the jq value of a text that a caller sent, or says what is wrong with it.
func (c *param) parse(s string) (v any, msg string) {
	if bad := checkText(s); bad != "" {
		return nil, "has " + bad
	}
	v, msg = c.parseType(s)
	if msg != "" {
		return nil, msg
	}
	if len(c.Enum) > 0 && !slices.Contains(c.Enum, s) {
		return nil, "must be one of " + strings.Join(c.Enum, ", ")
	}
	if c.re != nil && !c.re.MatchString(s) {
		return nil, "does not match " + c.Pattern
	}
	return v, c.outside(v)
}

func (c *param) parseType(s string) (v any, msg string) {
	switch c.Type {
	case "integer":
		if !isInteger(s) || len(s) > 100 {
			return nil, "is not an integer"
		}
		if n, err := strconv.Atoi(s); err == nil {
			return n, ""
		}
		n, _ := new(big.Int).SetString(s, 10)
		return n, ""
	case "number":
		// JSON, and no white space around it: the last byte of a number is a digit.
		if s == "" || len(s) > 100 || s[0] != '-' && !isInteger(s[:1]) || !isInteger(s[len(s)-1:]) || !json.Valid([]byte(s)) {
			return nil, "is not a number"
		}
		return json.Number(s), ""
	case "bool":
		switch s {
		case "true", "1":
			return true, ""
		case "false", "0":
			return false, ""
		}
		return nil, "is not true or false"
	case "date":
		if _, err := time.Parse(time.DateOnly, s); err != nil {
			return nil, "is not a date like 2006-01-02"
		}
	}
	return s, ""
}

// isInteger says whether s is -?[0-9]+.
func isInteger(s string) bool {
	s = strings.TrimPrefix(s, "-")
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// outside says how v is beyond min and max.
func (c *param) outside(v any) string {
	if c.Min == nil && c.Max == nil {
		return ""
	}
	var n float64
	what := ""
	switch v := v.(type) {
	case int:
		n = float64(v)
	case *big.Int:
		n, _ = new(big.Float).SetInt(v).Float64()
	case json.Number:
		n, _ = v.Float64()
	case string:
		n, what = float64(utf8.RuneCountInString(v)), " characters"
	}
	if math.IsNaN(n) {
		return "is not a number"
	}
	if c.Min != nil && n < *c.Min {
		return fmt.Sprintf("must be at least %v%s", *c.Min, what)
	}
	if c.Max != nil && n > *c.Max {
		return fmt.Sprintf("must be at most %v%s", *c.Max, what)
	}
	return ""
}

func badParameter(name, in, msg string) *problem.Problem {
	return &problem.Problem{
		Code: problem.BadParameter, Status: http.StatusBadRequest, Parameter: name,
		Detail: fmt.Sprintf("The %s parameter %s %s.", in, name, msg),
	}
}
