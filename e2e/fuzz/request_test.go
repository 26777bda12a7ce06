package fuzz_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// attempt is a request as it is made up.
type attempt struct {
	method, target string
	header         http.Header
	body           []byte
	// what says in words how it was made.
	what []string
}

func (a *attempt) String() string {
	body := fmt.Sprintf("%q", a.body)
	if len(body) > 1500 {
		body = fmt.Sprintf("%s… (%d bytes)", body[:1500], len(a.body))
	}
	target := a.target
	if len(target) > 1500 {
		target = fmt.Sprintf("%s… (%d bytes)", target[:1500], len(target))
	}
	header := a.header.Clone()
	for name, values := range header {
		for i, v := range values {
			if len(v) > 200 {
				values[i] = fmt.Sprintf("%s… (%d bytes)", v[:200], len(v))
			}
		}
		header[name] = values
	}
	return fmt.Sprintf("%s %s\n  made: %s\n  header: %v\n  body: %s", a.method, target, strings.Join(a.what, ", "), header, body)
}

func (a *attempt) request(ctx context.Context, origin string) (*http.Request, error) {
	var body *bytes.Reader
	if a.body != nil {
		body = bytes.NewReader(a.body)
	}
	u, err := url.Parse(origin + a.target)
	if err != nil {
		return nil, err
	}
	var r *http.Request
	if body == nil {
		r, err = http.NewRequestWithContext(ctx, a.method, u.String(), http.NoBody)
	} else {
		r, err = http.NewRequestWithContext(ctx, a.method, u.String(), body)
	}
	if err != nil {
		return nil, err
	}
	r.URL = u
	for name, values := range a.header {
		r.Header[name] = values
	}
	return r, nil
}

// make makes a request of an operation up. One in three is as the document wants it; in the others something is wrong, or many
// things.
func (m *maker) make(op *operation, recipe object) *attempt {
	a := &attempt{method: op.method, header: http.Header{}}
	m.recipe = recipe
	bad := 0.0
	switch m.IntN(3) {
	case 1:
		bad = 0.15
	case 2:
		bad = 0.6
	}
	wrong := func(what string) bool {
		if m.Float64() >= bad {
			return false
		}
		a.what = append(a.what, what)
		return true
	}
	a.target = m.path(op, wrong)
	query := url.Values{}
	for _, p := range op.parameters {
		name, _ := p["name"].(string)
		required, _ := p["required"].(bool)
		if _, given := m.recipe[name]; p["in"] == "path" || !required && !given && (recipe != nil || m.IntN(3) > 0) || required && wrong("without "+name) {
			continue
		}
		value := plainText(m.given(name, p["schema"]))
		if wrong("hostile " + name) {
			value = m.hostile()
		}
		switch p["in"] {
		case "query":
			query.Add(name, value)
			if wrong("twice " + name) {
				query.Add(name, m.hostile())
			}
		case "header":
			a.header[http.CanonicalHeaderKey(name)] = []string{sendable(value)}
		}
	}
	if wrong("an unknown parameter") {
		query.Add(m.hostile(), m.hostile())
	}
	if len(query) > 0 {
		a.target += "?" + query.Encode()
		if wrong("a query that is none") {
			a.target += []string{"&%zz=1", "&;", "&a=%", "&&=&", "&filter=%ff"}[m.IntN(5)]
		}
	}
	m.body(op, a, wrong)
	m.headers(a, wrong)
	if m.Float64() < 0.02 {
		a.method = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodHead, "BREW"}[m.IntN(7)]
		a.what = append(a.what, "another method")
	}
	return a
}

// path puts values in the place of variables.
func (m *maker) path(op *operation, wrong func(string) bool) string {
	parts := strings.Split(op.path, "/")
	for i, part := range parts {
		name, ok := strings.CutPrefix(part, "{")
		if !ok {
			continue
		}
		name = strings.TrimSuffix(name, "}")
		var schema any
		for _, p := range op.parameters {
			if p["in"] == "path" && p["name"] == name {
				schema = p["schema"]
			}
		}
		value := plainText(m.given(name, schema))
		if wrong("hostile " + name) {
			value = m.hostile()
		}
		if name == "file" && m.IntN(2) == 0 {
			value = "swagger-ui.css"
		}
		if value == "" || value == "." || value == ".." { // another path
			value = "x"
		}
		parts[i] = url.PathEscape(value)
	}
	path := strings.Join(parts, "/")
	if m.IntN(10) == 0 && strings.HasPrefix(path, "/api/") && !strings.HasSuffix(path, "/") {
		path += "/"
	}
	return path
}

// given is a value of a parameter or a body: that of the recipe, or one that the schema allows.
func (m *maker) given(name string, schema any) any {
	if v, ok := m.recipe[name]; ok && v != nil {
		if o, ok := v.(object); ok { // it is spoiled afterwards
			return maps.Clone(o)
		}
		return v
	}
	return m.value(name, schema, 0)
}

// follow has the members of a body be those of the recipe.
func (m *maker) follow(op *operation, fields object) {
	if m.recipe == nil || m.recipe[""] != nil {
		return
	}
	clear(fields)
	for name, v := range m.recipe {
		if v != nil && !strings.Contains(op.path, "{"+name+"}") {
			fields[name] = v
		}
	}
}

// plainText is a value as parameters and forms have it.
func plainText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(raw)
}

// sendable is a value as a header can have it: net/http sends no other.
func sendable(v string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, v)
}

// body makes a body up, or none.
func (m *maker) body(op *operation, a *attempt, wrong func(string) bool) {
	if len(op.media) == 0 {
		if wrong("a body where there is none") && op.method != http.MethodGet || m.IntN(40) == 0 {
			a.body = []byte(m.hostileJSON(`{"a":1}`))
			a.header.Set("Content-Type", "application/json")
		}
		return
	}
	if op.optional && m.IntN(3) == 0 || wrong("without a body") {
		return
	}
	media := op.media[m.IntN(len(op.media))]
	content, _ := op.bodies[media].(object)
	v := m.given("", content["schema"])
	if fields, ok := v.(object); ok {
		m.follow(op, fields)
		m.spoil(fields, wrong)
	}
	switch media {
	case "application/x-www-form-urlencoded":
		a.body = []byte(m.form(v).Encode())
		if wrong("a form that is none") {
			a.body = append(a.body, "&%zz=%&;=\x00&a=%ff"...)
		}
	case "multipart/form-data":
		var out bytes.Buffer
		w := multipart.NewWriter(&out)
		_ = w.SetBoundary("fuzz-boundary") // it is one
		for _, name := range sorted(m.form(v)) {
			for _, one := range m.form(v)[name] {
				_ = w.WriteField(strings.NewReplacer("\r", "", "\n", "").Replace(name), one) // to memory
			}
		}
		if !wrong("a multipart body without an end") {
			_ = w.Close() // to memory
		}
		a.body, media = out.Bytes(), w.FormDataContentType()
	default:
		raw, err := json.Marshal(v)
		if err != nil {
			raw = []byte("null")
		}
		a.body = raw
		if wrong("JSON that is hostile") {
			a.body = []byte(m.hostileJSON(string(raw)))
		}
	}
	a.header.Set("Content-Type", media)
	if wrong("another media type") {
		a.header.Set("Content-Type", []string{
			"", "text/plain", "application/json; charset=utf-16", "application/json;charset", "application/x-www-form-urlencoded", "multipart/form-data", "multipart/form-data; boundary=x", "application/json-patch+json",
			"application/merge-patch+json", "application/xml", "application/octet-stream", "APPLICATION/JSON", "json", "a/b/c", ";",
		}[m.IntN(15)])
	}
}

func sorted(v url.Values) []string {
	out := make([]string, 0, len(v))
	for name := range v {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// form has the members of an object as a form has them.
func (m *maker) form(v any) url.Values {
	out := url.Values{}
	fields, _ := v.(object)
	for name, one := range fields {
		all, ok := one.([]any)
		if !ok {
			all = []any{one}
		}
		for _, value := range all {
			out.Add(name, plainText(value))
		}
	}
	return out
}

// spoil makes members of an object wrong.
func (m *maker) spoil(fields object, wrong func(string) bool) {
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		switch {
		case wrong("hostile " + name):
			fields[name] = m.hostile()
		case wrong("another type of " + name):
			fields[name] = m.anything(0)
		case wrong("without " + name):
			delete(fields, name)
		}
	}
	if wrong("members that are not the caller's to set") {
		for _, name := range []string{"id", "role", "is_admin", "password_hash", "number", "is_active", "owner_id", "__proto__", "deleted_at", m.hostile()} {
			if m.IntN(3) == 0 {
				fields[name] = m.anything(0)
			}
		}
	}
}

// hostileJSON makes of a JSON text one that is wrong, or that much is asked of.
func (m *maker) hostileJSON(raw string) string {
	inside := func(member string) string {
		if strings.HasPrefix(raw, "{") && raw != "{}" {
			return raw[:len(raw)-1] + "," + member + "}"
		}
		return "{" + member + "}"
	}
	again := `"a":1,"a":2`
	if end := strings.Index(raw, `":`); strings.HasPrefix(raw, `{"`) && end > 0 {
		again = raw[1:end+2] + "null"
	}
	switch m.IntN(16) {
	case 0:
		return raw[:m.IntN(len(raw)+1)]
	case 1:
		return raw + raw
	case 2:
		return inside(again) // a member that is there twice
	case 3:
		return inside(`"n":` + hugeNumbers()[m.IntN(len(hugeNumbers()))])
	case 4:
		return inside("\"\xff\xfe\":\"\xc3\x28\"")
	case 5:
		return inside(`"\u0000":"\ud800"`)
	case 6:
		deep := 1 + m.IntN(20000)
		return inside(`"deep":` + strings.Repeat("[", deep) + strings.Repeat("]", deep))
	case 7:
		deep := 1 + m.IntN(20000)
		return strings.Repeat(`{"a":`, deep) + "1" + strings.Repeat("}", deep)
	case 8:
		return strings.Repeat("[", 100000)
	case 9:
		if m.IntN(10) == 0 {
			return inside(`"long":"` + strings.Repeat("x", 3<<20) + `"`)
		}
		return inside(`"long":"` + strings.Repeat("x", 70000) + `"`)
	case 10:
		var many strings.Builder
		for i := range 3000 {
			fmt.Fprintf(&many, `"m%d":%d,`, i, i)
		}
		return inside(many.String() + `"z":0`)
	case 11: // a patch bomb
		var bomb strings.Builder
		bomb.WriteString(`[{"op":"add","path":"/name","value":[1,2,3,4,5,6,7,8,9]}`)
		for range 1 + m.IntN(200) {
			bomb.WriteString(`,{"op":"copy","from":"/name","path":"/name/-"}`)
		}
		return bomb.String() + "]"
	case 12:
		return `[{"op":"` + []string{"test", "add", "remove", "replace", "move", "copy", "spam", ""}[m.IntN(8)] + `","path":` + quoted(m.pointer()) + `,"from":` + quoted(m.pointer()) + `,"value":` + quoted(m.hostile()) + `}]`
	case 13:
		return "\ufeff" + raw
	case 14:
		return []string{"", "null", "[]", "{}", "0", `""`, "true", " ", "[[]]", `{"":""}`, "{", "NaN", "'", "{'a':1}", "// x\n{}", "\x00"}[m.IntN(16)]
	}
	return raw + []string{" ", "\x00", "x", ",", "}", "\n\n", "null"}[m.IntN(7)]
}

// quoted is a text as JSON, bytes that are no UTF-8 as they are.
func quoted(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`).Replace(text) + `"`
}

func (m *maker) pointer() string {
	return []string{"", "/", "/name", "/first_name", "/email", "/role", "/is_admin", "/password", "/current_password", "/title", "/members/0", "/members/-", "/name/0", "/~", "/~0~1", "/a/b/c", "name", "/-", "/id", "/\x00"}[m.IntN(20)]
}

// headers adds headers that mean something.
func (m *maker) headers(a *attempt, wrong func(string) bool) {
	if wrong("a header") {
		name := []string{"Idempotency-Key", "If-Match", "If-None-Match", "Content-Encoding", "Accept", "Accept-Encoding", "X-Request-Id", "Origin", "Range", "Expect", "Cookie", "X-HTTP-Method-Override", "Forwarded", "Accept-Language"}[m.IntN(14)]
		value := sendable(m.hostile())
		if m.IntN(2) == 0 {
			value = []string{"gzip", "*", `"1"`, `W/"1"`, "k", "application/json", "text/csv", "bytes=0-1", "gzip, gzip", "br"}[m.IntN(10)]
		}
		if name == "Expect" { // net/http waits for it
			value = "100-continue"
		}
		a.header[name] = []string{value}
	}
	if wrong("a program that tells of itself") {
		a.header["X-Te-Client"] = []string{sendable([]string{m.hostile(), "type=qgis_plugin,version=2.2.4,os=" + m.hostile(), m.hostileJSON(`{"type":"qgis_plugin"}`)}[m.IntN(3)])}
		if len(a.header["X-Te-Client"][0]) > 4000 { // more is refused before anybody is asked
			a.header["X-Te-Client"][0] = a.header["X-Te-Client"][0][:4000]
		}
		a.header["User-Agent"] = []string{sendable(m.hostile())}
	}
	if m.IntN(30) == 0 {
		a.header.Set("Idempotency-Key", fmt.Sprintf("key-%d", m.IntN(3)))
	}
}
