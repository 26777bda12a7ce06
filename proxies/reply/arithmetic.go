package reply

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/big"
	"strconv"
	"strings"

	"github.com/itchyny/gojq"
)

// longestNumber is how many digits a number may have that a program computes with.
const longestNumber = 4096

// operators are jq's, with a look at how large their result becomes; what they give and say is as gojq's.
func (m *meter) operators() map[string]func(l, r any) any {
	compare := func(is func(int) bool) func(l, r any) any {
		return func(l, r any) any {
			if isTree(l) && isTree(r) {
				if err := m.fits(l); err != nil {
					return err
				}
				if err := m.fits(r); err != nil {
					return err
				}
			}
			return is(gojq.Compare(l, r))
		}
	}
	return map[string]func(l, r any) any{
		"__add": m.add, "__subtract": m.subtract, "__multiply": m.multiply, "__divide": m.divide,
		"__equal":     compare(func(c int) bool { return c == 0 }),
		"__notequal":  compare(func(c int) bool { return c != 0 }),
		"__less":      compare(func(c int) bool { return c < 0 }),
		"__lesseq":    compare(func(c int) bool { return c <= 0 }),
		"__greater":   compare(func(c int) bool { return c > 0 }),
		"__greatereq": compare(func(c int) bool { return c >= 0 }),
	}
}

func isTree(v any) bool {
	switch v.(type) {
	case []any, map[string]any:
		return true
	}
	return false
}

// number makes of a number what is computed with: an int, a float64 or a *big.Int. Other values stay.
func number(v any) any {
	n, ok := v.(json.Number)
	if !ok {
		return v
	}
	if i, err := strconv.Atoi(string(n)); err == nil {
		return i
	}
	if strings.ContainsAny(string(n), ".eE") {
		if f, err := n.Float64(); err == nil {
			return f
		}
	}
	if len(n) <= longestNumber {
		if i, ok := new(big.Int).SetString(string(n), 10); ok {
			return i
		}
	}
	return math.Inf(1 - 2*strings.Count(string(n[:1]), "-"))
}

// compute calls the one function that is for the types of two numbers.
func compute(l, r any, ints func(l, r int) any, floats func(l, r float64) any, bigs func(l, r *big.Int) any) (any, bool) {
	l, r = number(l), number(r)
	if a, ok := l.(int); ok {
		if b, ok := r.(int); ok {
			return ints(a, b), true
		}
	}
	a, okA := bigOf(l)
	b, okB := bigOf(r)
	if okA && okB {
		return bigs(a, b), true
	}
	x, okX := gojq.ToFloat64(l)
	y, okY := gojq.ToFloat64(r)
	if okX && okY {
		return floats(x, y), true
	}
	return nil, false
}

func bigOf(v any) (*big.Int, bool) {
	switch v := v.(type) {
	case int:
		return big.NewInt(int64(v)), true
	case *big.Int:
		return v, true
	}
	return nil, false
}

func typeError(verb string, l, r any) error {
	return fmt.Errorf("cannot %s: %s and %s", verb, described(l), described(r))
}

func described(v any) string {
	if v == nil {
		return "null"
	}
	v = number(v)
	return gojq.TypeOf(v) + " (" + gojq.Preview(v) + ")"
}

func (m *meter) add(l, r any) any {
	switch a := l.(type) {
	case nil:
		return number(r)
	case string:
		if b, ok := r.(string); ok {
			if err := m.make(int64(len(a) + len(b))); err != nil {
				return err
			}
			return a + b
		}
	case []any:
		b, ok := r.([]any)
		switch {
		case !ok:
		case len(a) == 0:
			return b
		case len(b) == 0:
			return a
		default:
			if err := m.make(int64(len(a)+len(b)) * sizeAny); err != nil {
				return err
			}
			return append(append(make([]any, 0, len(a)+len(b)), a...), b...)
		}
	case map[string]any:
		b, ok := r.(map[string]any)
		switch {
		case !ok:
		case len(a) == 0:
			return b
		case len(b) == 0:
			return a
		default:
			if err := m.make(int64(len(a)+len(b)) * sizeMember); err != nil {
				return err
			}
			both := make(map[string]any, len(a)+len(b))
			maps.Copy(both, a)
			maps.Copy(both, b)
			return both
		}
	}
	if r == nil {
		return number(l)
	}
	v, ok := compute(l, r,
		func(l, r int) any {
			if v := l + r; (v >= l) == (r >= 0) {
				return v
			}
			return new(big.Int).Add(big.NewInt(int64(l)), big.NewInt(int64(r)))
		},
		func(l, r float64) any { return l + r },
		func(l, r *big.Int) any { return new(big.Int).Add(l, r) })
	if !ok {
		return typeError("add", l, r)
	}
	return v
}

func (m *meter) subtract(l, r any) any {
	a, okA := l.([]any)
	b, okB := r.([]any)
	if okA && okB {
		if err := m.work(len(a), len(b)); err != nil {
			return err
		}
		out := make([]any, 0, len(a))
		for _, item := range a {
			if !contains(b, item) {
				out = append(out, item)
			}
		}
		return out
	}
	v, ok := compute(l, r,
		func(l, r int) any {
			if v := l - r; (v <= l) == (r >= 0) {
				return v
			}
			return new(big.Int).Sub(big.NewInt(int64(l)), big.NewInt(int64(r)))
		},
		func(l, r float64) any { return l - r },
		func(l, r *big.Int) any { return new(big.Int).Sub(l, r) })
	if !ok {
		return typeError("subtract", l, r)
	}
	return v
}

func contains(list []any, v any) bool {
	for _, item := range list {
		if gojq.Compare(item, v) == 0 {
			return true
		}
	}
	return false
}

func (m *meter) multiply(l, r any) any {
	if a, ok := l.(map[string]any); ok {
		if b, ok := r.(map[string]any); ok {
			if err := m.fits(b); err != nil {
				return err
			}
			return merge(a, b)
		}
	}
	text, isText := l.(string)
	times, isNumber := gojq.ToFloat64(r)
	if !isText {
		text, isText = r.(string)
		times, isNumber = gojq.ToFloat64(l)
	}
	if isText && isNumber {
		return m.repeat(text, times)
	}
	v, ok := compute(l, r,
		func(l, r int) any {
			if l == 0 || r == 0 {
				return 0
			}
			if v := l * r; v/r == l && (l != math.MinInt || r != -1) && (r != math.MinInt || l != -1) {
				return v
			}
			return new(big.Int).Mul(big.NewInt(int64(l)), big.NewInt(int64(r)))
		},
		func(l, r float64) any { return l * r },
		func(l, r *big.Int) any {
			if l.BitLen()+r.BitLen() > longestNumber*3 {
				return errValue()
			}
			return new(big.Int).Mul(l, r)
		})
	if !ok {
		return typeError("multiply", l, r)
	}
	return v
}

func (m *meter) repeat(s string, times float64) any {
	if times < 0 || math.IsNaN(times) {
		return nil
	}
	if float64(len(s))*times > math.MaxInt32 {
		return errValue()
	}
	n := int(min(times, math.MaxInt32)) // more than this only of nothing
	if err := m.make(int64(len(s) * n)); err != nil {
		return err
	}
	return strings.Repeat(s, n)
}

// merge is l * r of objects.
func merge(l, r map[string]any) map[string]any {
	out := make(map[string]any, len(l)+len(r))
	maps.Copy(out, l)
	for name, v := range r {
		a, okA := out[name].(map[string]any)
		b, okB := v.(map[string]any)
		if okA && okB {
			v = merge(a, b)
		}
		out[name] = v
	}
	return out
}

func (m *meter) divide(l, r any) any {
	a, okA := l.(string)
	b, okB := r.(string)
	if okA && okB {
		if err := m.pieces(a, b); err != nil {
			return err
		}
		out := []any{}
		if a != "" {
			for piece := range strings.SplitSeq(a, b) {
				out = append(out, piece)
			}
		}
		return out
	}
	zero := func() any {
		return fmt.Errorf("cannot divide %s by: %s", described(l), described(r))
	}
	v, ok := compute(l, r,
		func(l, r int) any {
			switch {
			case r == 0:
				return zero()
			case l == math.MinInt && r == -1:
				return new(big.Int).Neg(big.NewInt(int64(l)))
			case l%r == 0:
				return l / r
			}
			return float64(l) / float64(r)
		},
		func(l, r float64) any {
			if r == 0 {
				return zero()
			}
			return l / r
		},
		func(l, r *big.Int) any {
			if r.Sign() == 0 {
				return zero()
			}
			d, rest := new(big.Int).QuoRem(l, r, new(big.Int))
			if rest.Sign() == 0 {
				return d
			}
			x, _ := gojq.ToFloat64(l)
			y, _ := gojq.ToFloat64(r)
			return x / y
		})
	if !ok {
		return typeError("divide", l, r)
	}
	return v
}

// work says that a step is about to compare everything of one with everything of another.
func (m *meter) work(a, b int) error {
	if float64(a)*float64(b) > mostWork {
		return errWork()
	}
	return nil
}

// mostWork is how many comparisons a single step may make: some tenths of a second.
const mostWork = 20_000_000

// pieces says that a text is about to be split.
func (m *meter) pieces(s, by string) error {
	return m.make(int64(strings.Count(s, by)+1) * (sizeAny + sizeString))
}
