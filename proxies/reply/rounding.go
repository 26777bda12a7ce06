package reply

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/itchyny/gojq"
)

// mostDigits bounds the digits that a number may be rounded to, and those that it has.
const mostDigits = 1000

// roundTo rounds a number to so many decimal places, exactly, as its digits say: 2.675 is 2.68. A half goes away from zero, or
// where even is true to the even digit. Fewer than 0 places round to tens, hundreds.
func roundTo(v, digits any, even bool) any {
	places, ok := gojq.ToInt(digits)
	if !ok || places > mostDigits || places < -mostDigits {
		return errors.New("round takes a number of places up to 1000")
	}
	var text string
	switch n := v.(type) {
	case int:
		text = strconv.Itoa(n)
	case *big.Int:
		if n.BitLen() > 4*mostDigits {
			return errValue()
		}
		text = n.String()
	case float64:
		text = strconv.FormatFloat(n, 'g', -1, 64)
	case json.Number:
		text = string(n)
	default:
		return fmt.Errorf("round is for a number, not for: %s", gojq.TypeOf(v))
	}
	rounded, ok := roundText(text, places, even)
	if !ok {
		if _, isFloat := v.(float64); isFloat {
			return v // infinite, or no number
		}
		return errValue()
	}
	if i, err := strconv.Atoi(rounded); err == nil {
		return i
	}
	return json.Number(rounded)
}

// roundText rounds a number of JSON.
func roundText(text string, places int, even bool) (string, bool) {
	digits, negative := strings.CutPrefix(text, "-")
	mantissa, exponent, _ := strings.Cut(strings.ToLower(digits), "e")
	exp := 0
	if exponent != "" {
		var err error
		if exp, err = strconv.Atoi(exponent); err != nil {
			return "", false
		}
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	exp -= len(fraction)
	all, ok := new(big.Int).SetString(whole+fraction, 10)
	if !ok || len(mantissa) > mostDigits || exp > mostDigits || exp < -10*mostDigits {
		return "", false
	}
	if drop := -exp - places; drop > 0 { // so many digits go
		if drop > len(mantissa)+1 {
			all, exp = new(big.Int), 0
		} else {
			all = divideHalf(all, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(drop)), nil), even)
			exp += drop
		}
	}
	out := all.String()
	switch {
	case exp > 0 && out != "0":
		out += strings.Repeat("0", exp)
	case exp < 0:
		if len(out) <= -exp {
			out = strings.Repeat("0", -exp-len(out)+1) + out
		}
		out = strings.TrimRight(strings.TrimRight(out[:len(out)+exp]+"."+out[len(out)+exp:], "0"), ".")
	}
	if negative && out != "0" {
		out = "-" + out
	}
	return out, true
}

// divideHalf divides what is not negative, and rounds.
func divideHalf(n, by *big.Int, even bool) *big.Int {
	q, rest := new(big.Int).QuoRem(n, by, new(big.Int))
	half := rest.Lsh(rest, 1).Cmp(by)
	if half > 0 || half == 0 && (!even || q.Bit(0) == 1) {
		q.Add(q, big.NewInt(1))
	}
	return q
}
