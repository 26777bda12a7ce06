package fuzz_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// maker makes values by schemas, and out of what the gateway has told.
type maker struct {
	*rand.Rand
	document *document
	// told are values by the names of members and variables under which the gateway told them, or the test has them.
	told map[string][]any
	// recipe are values of the request that is being made, by their names.
	recipe object
}

// learn keeps the values of a JSON text by their names.
func (m *maker) learn(v any) {
	switch v := v.(type) {
	case []any:
		for _, one := range v {
			m.learn(one)
		}
	case object:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			switch one := v[name].(type) {
			case string, float64:
				m.keep(name, one)
			default:
				m.learn(one)
			}
		}
	}
}

// keep remembers a value, the last fifty under a name.
func (m *maker) keep(name string, v any) {
	const most = 50
	if len(m.told[name]) >= most {
		m.told[name][m.IntN(most)] = v
		return
	}
	m.told[name] = append(m.told[name], v)
}

// known gives a value that was told under one of some names; false: there is none.
func (m *maker) known(names ...string) (any, bool) {
	for _, i := range m.Perm(len(names)) {
		if all := m.told[names[i]]; len(all) > 0 {
			return all[m.IntN(len(all))], true
		}
	}
	return nil, false
}

// alias are the names under which there are values for a name.
func alias(name string) []string {
	ids := []string{"user", "id", "number", "user_id", "email", "client_id", "subject"}
	switch name {
	case "user", "user_id", "team", "session", "identifier":
		return ids
	case "client":
		return []string{"client_id", "id"}
	case "username":
		return []string{"username", "email"}
	case "token":
		return []string{"token", "id", "number", "access_token", "refresh_token"}
	case "scope", "scopes", "default_scopes":
		return []string{"scope", "scopes", "name"}
	case "current_password", "old_password", "again", "repeatPassword", "new_password":
		return []string{"password"}
	case "recipients":
		return []string{"email"}
	}
	return []string{name}
}

// value makes one that a schema allows, as far as it can be seen; name is that of the member or the parameter.
func (m *maker) value(name string, schema any, depth int) any {
	s := m.document.resolve(schema)
	if all, ok := s["enum"].([]any); ok && len(all) > 0 {
		return all[m.IntN(len(all))]
	}
	kind := m.kind(s)
	if kind == "string" || kind == "integer" || kind == "" {
		if v, ok := m.known(alias(name)...); ok && m.IntN(3) > 0 {
			if _, text := v.(string); text == (kind != "integer") {
				return v
			}
		}
	}
	if all := usual(name); len(all) > 0 && kind != "array" && m.IntN(4) > 0 {
		return all[m.IntN(len(all))]
	}
	if all, ok := s["examples"].([]any); ok && len(all) > 0 && m.IntN(3) == 0 {
		return all[m.IntN(len(all))]
	}
	switch kind {
	case "object":
		return m.object(s, depth)
	case "array":
		out := []any{}
		for range m.IntN(4) {
			out = append(out, m.value(name, s["items"], depth+1))
		}
		return out
	case "integer":
		return m.number(s, 0)
	case "number":
		return m.number(s, m.Float64())
	case "boolean":
		return m.IntN(2) == 0
	case "null":
		return nil
	case "string":
		return m.text(name, s)
	}
	if depth > 4 {
		return m.IntN(100)
	}
	return m.anything(depth)
}

// usual are values that are good for a member or a parameter, and that chance does not find.
func usual(name string) []any {
	switch name {
	case "page", "offset", "limit", "per_page":
		return []any{"1", "2", "20"}
	case "filter":
		return []any{"id>0", "name like '%a%'", "email='a@example.org'", "(name='a' OR name='b')", "created_at>=2026-01-01"}
	case "sort":
		return []any{"id", "-id", "id desc"}
	case "include":
		return []any{"scripts", ""}
	case "exclude":
		return []any{"name", "country,email", ""}
	case "cursor":
		return []any{"", "*"}
	case "scope", "scopes", "default_scopes", "permissions":
		return []any{"users:read", "auth:read"}
	case "not_before":
		return []any{"2026-01-01T00:00:00+00:00"}
	case "expires", "expires_at":
		return []any{"2099-01-01T00:00:00+00:00"}
	case "recaptcha_key":
		return []any{"secret_key"}
	case "client_id":
		return []any{"documentation"}
	}
	return nil
}

// kind is one of a schema's types.
func (m *maker) kind(s object) string {
	switch t := s["type"].(type) {
	case string:
		return t
	case []any:
		if len(t) > 0 {
			kind, _ := t[m.IntN(len(t))].(string)
			return kind
		}
	}
	if s["properties"] != nil {
		return "object"
	}
	return ""
}

func (m *maker) object(s object, depth int) object {
	out := object{}
	properties, _ := s["properties"].(object)
	required, _ := s["required"].([]any)
	few := m.IntN(3) > 0
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		if !slices.Contains(required, any(name)) && (few && m.IntN(8) > 0 || m.IntN(2) == 0) {
			continue
		}
		out[name] = m.value(name, properties[name], depth+1)
	}
	return out
}

func (m *maker) number(s object, add float64) any {
	least, hasLeast := s["minimum"].(float64)
	most, hasMost := s["maximum"].(float64)
	switch {
	case !hasLeast && !hasMost:
		return float64(m.IntN(40)) + add
	case !hasMost:
		most = least + 100
	case !hasLeast:
		least = most - 100
	}
	return least + float64(m.Int64N(int64(most-least)+1))
}

func (m *maker) text(name string, s object) string {
	switch s["format"] {
	case "uuid":
		return fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x", m.Uint32(), m.IntN(1<<16), m.IntN(1<<12), m.IntN(1<<12), m.Int64N(1<<48))
	case "date":
		return fmt.Sprintf("20%02d-%02d-%02d", m.IntN(100), 1+m.IntN(12), 1+m.IntN(28))
	}
	if strings.Contains(name, "email") || name == "recipients" || name == "username" && m.IntN(2) == 0 {
		return fmt.Sprintf("u%d@example.org", m.IntN(1<<30))
	}
	if pattern, ok := s["pattern"].(string); ok && strings.Contains(pattern, "[a-z]") {
		return "abc"
	}
	words := []string{"a", "Ann", "Kenya", "x y", "Ünïcödé", "日本", "😀", "name asc", "-created_at", "role='ADMIN'", "email like '%example%'", "id>3,(name='a' OR name='b')", "created_at>=2026-01-01", "*", "0", "1", "20", "true", strconv.Itoa(m.IntN(1 << 20))}
	out := words[m.IntN(len(words))]
	if least, ok := s["minLength"].(float64); ok && len(out) < int(least) {
		out += strings.Repeat("x", int(least))
	}
	if most, ok := s["maxLength"].(float64); ok && len(out) > int(most) {
		out = strings.Repeat("x", int(most))
	}
	return out
}

// anything is some JSON value.
func (m *maker) anything(depth int) any {
	switch m.IntN(8) {
	case 0:
		return nil
	case 1:
		return m.IntN(2) == 0
	case 2:
		return float64(m.IntN(1<<20)) - 1<<19
	case 3:
		return json.RawMessage(hugeNumbers()[m.IntN(len(hugeNumbers()))])
	case 4:
		out := []any{}
		for range m.IntN(4) {
			out = append(out, m.value("", nil, depth+1))
		}
		return out
	case 5:
		out := object{}
		for range m.IntN(4) {
			out[m.hostile()] = m.value("", nil, depth+1)
		}
		return out
	}
	return m.hostile()
}

func hugeNumbers() []string {
	return []string{"1e400", "-1e400", "1e-400", "9223372036854775807", "9223372036854775808", "-9223372036854775809", "123456789012345678901234567890", "0.1e1", "1E+2", "-0", "2147483648", "4294967296", "1e18", "3.0", "1e99999999999"}
}

// hostile is a text that somebody might send who means no good.
func (m *maker) hostile() string {
	all := []string{
		"", " ", "\x00", "a\x00b", "\xff\xfe", "ab\xc3", "\xed\xa0\x80", "\ufeff", "\u202e", "\u2028", "\r\n", "a\r\nX-Evil: 1", "\t", "\x1b[31m", "\x7f", ".", "..", "../../etc/passwd", "%00", "%2f", "%", "/", "//", "\\", "?", "#", ";", "&", "=", "+",
		"'", "\"", "' OR '1'='1", "1; DROP TABLE users; --", "1' UNION SELECT password_hash FROM users --", "name like '%%%%%%'", "((((((", "))))", strings.Repeat("(", 2000), "name='" + strings.Repeat("a", 5000) + "'", "password=1", "password_hash asc",
		"name='a' AND", "name", "=", ",", ",,,", "name asc,name desc", "id=1e400", "created_at>now()", "created_at=9999999-99-99", "0001-01-01", "294277-01-01", "-1", "0", "00", "1.5", "1e3", "9223372036854775808", "99999999999999999999", "NaN", "Infinity", "null", "undefined", "true", "[]", "{}", "{{7*7}}", "${x}", "{$PATH}", "{env.PATH}", "{http.request.uri}", "<script>alert(1)</script>", "=cmd()", "@", "a@b", "@example.org", strings.Repeat("a", 320) + "@example.org", "user@[127.0.0.1]",
		strings.Repeat("x", 300), strings.Repeat("x", 5000), strings.Repeat("é", 200), strings.Repeat("😀", 80), strings.Repeat("../", 50), "Bearer x", "all", "users:read", "users:read all", "me", "export", "system", "00000000-0000-0000-0000-000000000000", "user:", "user:1", "ip:127.0.0.1", "ip:::1", "ip:999.1.1.1", "client:x", "token:\x00",
		"eyJhbGciOiJub25lIn0.e30.", "cursor", "bnVsbA==", "eyJhIjoxfQ", strings.Repeat("A", 4097),
	}
	return all[m.IntN(len(all))]
}
