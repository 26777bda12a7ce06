package reply

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"

	"github.com/itchyny/gojq"
)

// functions are those that definitions call.
func (m *meter) functions() []gojq.CompilerOption {
	type function struct {
		name string
		args int
		call func(v any, args []any) any
	}
	list := []function{
		{"__index_by", 1, m.indexBy},
		{"__group_rows", 1, m.groupRows},
		{"__join_on", 4, m.joinOn},
		{"__parse_date", 2, parseDate},
		{"__format_date", 2, formatDate},
		{"__in_zone", 1, inZone},
		{"__round", 1, func(v any, args []any) any { return roundTo(v, args[0], false) }},
		{"__round_even", 1, func(v any, args []any) any { return roundTo(v, args[0], true) }},
		{"__query_string", 0, m.queryString},
		{"__with_query", 1, m.withQuery},
		{"__path_segment", 0, pathSegment},
	}
	out := make([]gojq.CompilerOption, len(list))
	for i, f := range list {
		out[i] = gojq.WithFunction(f.name, f.args, f.args, f.call)
	}
	return out
}

// keyed are rows with the keys that a program gave of each; null is no key.
type keyed struct {
	rows []any
	keys [][]any
}

func (m *meter) keyed(function string, v, keys any) (keyed, error) {
	rows, ok := v.([]any)
	if !ok {
		return keyed{}, fmt.Errorf("%s is for an array, not for: %s", function, gojq.TypeOf(v))
	}
	list, _ := keys.([]any)
	k := keyed{rows: rows, keys: make([][]any, len(rows))}
	if err := m.make(int64(len(rows)) * (sizeArray + sizeObject)); err != nil {
		return keyed{}, err
	}
	for i := range rows {
		k.keys[i], _ = list[i].([]any)
		for _, key := range k.keys[i] {
			if isTree(key) {
				return keyed{}, fmt.Errorf("%s needs keys that are texts, numbers or booleans, not: %s", function, gojq.TypeOf(key))
			}
		}
	}
	return k, nil
}

// identity is a text that two keys share if jq's == says that they are equal. Null is none: it equals nothing, as in SQL.
func identity(key any) (string, bool) {
	switch k := number(key).(type) {
	case nil:
		return "", false
	case bool:
		return strconv.FormatBool(k), true
	case string:
		return "\"" + k, true
	case int:
		return strconv.Itoa(k), true
	case *big.Int:
		return k.String(), true
	case float64:
		if k == math.Trunc(k) && math.Abs(k) < 1e15 {
			return strconv.Itoa(int(k)), true
		}
		return strconv.FormatFloat(k, 'g', -1, 64), !math.IsNaN(k)
	}
	return "", false
}

// nameOf is a key as a member's name.
func nameOf(key any) (string, bool) {
	if s, ok := key.(string); ok {
		return s, true
	}
	return identity(key)
}

func errTwice() error {
	return errors.New("index_by found two rows with the same key; group_rows takes as many as there are")
}

func (m *meter) indexBy(v any, args []any) any {
	k, err := m.keyed("index_by", v, args[0])
	if err != nil {
		return err
	}
	out := make(map[string]any, len(k.rows))
	for i, row := range k.rows {
		for _, key := range k.keys[i] {
			name, ok := nameOf(key)
			if !ok {
				continue
			}
			if _, there := out[name]; there {
				return errTwice()
			}
			out[name] = row
		}
	}
	return out
}

func (m *meter) groupRows(v any, args []any) any {
	k, err := m.keyed("group_rows", v, args[0])
	if err != nil {
		return err
	}
	if err := m.make(int64(len(k.rows)) * (sizeObject + fewMembers)); err != nil {
		return err
	}
	var groups []map[string]any
	at := map[string]int{}
	for i, row := range k.rows {
		for _, key := range k.keys[i] {
			id, ok := identity(key)
			if !ok {
				id, key = "null", nil
			}
			n, there := at[id]
			if !there {
				n, at[id] = len(groups), len(groups)
				groups = append(groups, map[string]any{"key": key, "rows": []any(nil)})
			}
			rows, _ := groups[n]["rows"].([]any)
			groups[n]["rows"] = append(rows, row)
		}
	}
	out := make([]any, len(groups))
	for i, g := range groups {
		out[i] = g
	}
	return out
}

// joinOn pairs the rows of two lists that have a key in common: {left, right}, in the order of the left ones and then of the
// right ones. Where all is true, left rows without a partner come with null.
func (m *meter) joinOn(v any, args []any) any {
	left, err := m.keyed("join_on", v, args[1])
	if err != nil {
		return err
	}
	right, err := m.keyed("join_on", args[0], args[2])
	if err != nil {
		return err
	}
	partners := map[string][]int{}
	for i := range right.rows {
		for _, key := range right.keys[i] {
			if id, ok := identity(key); ok {
				partners[id] = append(partners[id], i)
			}
		}
	}
	all, _ := args[3].(bool)
	pairs := 0
	for i := range left.rows {
		for _, key := range left.keys[i] {
			if id, ok := identity(key); ok {
				pairs += len(partners[id])
			}
		}
	}
	if err := m.make(int64(pairs+len(left.rows)) * (sizeAny + sizeObject + fewMembers)); err != nil {
		return err
	}
	out := make([]any, 0, pairs)
	for i, row := range left.rows {
		found := false
		for _, key := range left.keys[i] {
			id, ok := identity(key)
			if !ok {
				continue
			}
			for _, n := range partners[id] {
				found = true
				out = append(out, map[string]any{"left": row, "right": right.rows[n]})
			}
		}
		if !found && all {
			out = append(out, map[string]any{"left": row, "right": nil})
		}
	}
	return out
}
