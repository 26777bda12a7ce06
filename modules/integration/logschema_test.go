package integration_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// logSchema is what docs/log-schema.md says of the log: fields with their types, and the messages with theirs.
type logSchema struct {
	every, access, own map[string]string
	messages           map[string][]string
}

// schemaOfLogs reads the page once for all tests.
var schemaOfLogs = sync.OnceValues(func() (logSchema, error) {
	s := logSchema{every: map[string]string{}, access: map[string]string{}, own: map[string]string{}, messages: map[string][]string{}}
	raw, err := os.ReadFile(filepath.Join(root, "docs", "log-schema.md"))
	if err != nil {
		return s, err
	}
	sections := map[string]map[string]string{"Every line": s.every, "Access log": s.access, "Fields of Fairway's messages": s.own}
	for _, section := range strings.Split(string(raw), "\n## ")[1:] {
		title, _, _ := strings.Cut(section, "\n")
		for line := range strings.Lines(section) {
			cells := strings.Split(strings.Trim(line, "| \n"), " | ")
			if !strings.HasPrefix(line, "| `") || len(cells) < 2 {
				continue
			}
			name := strings.Trim(cells[0], "`")
			if fields := sections[title]; fields != nil {
				fields[name] = cells[1]
			} else if title == "Messages" {
				s.messages[name] = append(s.messages[name], regexp.MustCompile(`[a-z_]+`).FindAllString(cells[2], -1)...)
			}
		}
	}
	if len(s.every) != 5 || len(s.access) < 15 || len(s.own) < 40 || len(s.messages) < 90 {
		return s, fmt.Errorf("docs/log-schema.md is not as it is read here: %d, %d, %d fields, %d messages", len(s.every), len(s.access), len(s.own), len(s.messages))
	}
	return s, nil
})

// ourLogger are the loggers that only our code uses. What River says by them is told apart by its beginning.
var (
	ourLogger = regexp.MustCompile(`^(fairway|http\.handlers\.(services|service|control|health|metadata|callers)|http\.reverse_proxy\.transport\.session)$`)
	ofRiver   = regexp.MustCompile(`^(River|rivermigrate|Client: |producer: |[A-Za-z]+\.?[A-Za-z]*: )`)
)

// undocumented says what of a log the page does not know.
func (s logSchema) undocumented(log string) []string {
	var out []string
	for line := range strings.Lines(log) {
		var members map[string]any
		if json.Unmarshal([]byte(line), &members) != nil { // the first password is no line of a log
			continue
		}
		logger, _ := members["logger"].(string)
		msg, _ := members["msg"].(string)
		switch {
		case strings.HasPrefix(logger, "http.log.access"):
			out = append(out, unknown(logger, flat(members), s.every, s.access)...)
		case !ourLogger.MatchString(logger), ofRiver.MatchString(msg):
		case !s.knows(msg):
			out = append(out, fmt.Sprintf("%s: the message %q", logger, msg))
		default:
			out = append(out, unknown(msg, members, s.every, s.own, map[string]string{"traceID": "text", "spanID": "text"})...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (s logSchema) knows(msg string) bool {
	if _, ok := s.messages[msg]; ok {
		return true
	}
	for begins := range s.messages {
		if before, ok := strings.CutSuffix(begins, "…"); ok && strings.HasPrefix(msg, before) {
			return true
		}
	}
	return false
}

// unknown are the members that no schema has, or has with another type.
func unknown(where string, members map[string]any, schemas ...map[string]string) []string {
	var out []string
	for name, value := range members {
		kind := map[string]string{"string": "text", "float64": "number", "bool": "true or false", "[]interface {}": "list"}[fmt.Sprintf("%T", value)]
		if kind == "" {
			kind = "object"
		}
		if !slices.ContainsFunc(schemas, func(s map[string]string) bool { return strings.Contains(s[name], kind) }) {
			out = append(out, fmt.Sprintf("%s: %s, %s", where, name, kind))
		}
	}
	return out
}

// flat has the members of a request beside those of its line.
func flat(members map[string]any) map[string]any {
	out := maps.Clone(members)
	if request, ok := members["request"].(map[string]any); ok {
		delete(out, "request")
		for name, value := range request {
			out["request."+name] = value
		}
	}
	return out
}

// wantDocumented fails the test if a gateway logged what docs/log-schema.md does not know.
func wantDocumented(t testing.TB, log string) {
	t.Helper()
	s, err := schemaOfLogs()
	if err != nil {
		t.Error(err)
		return
	}
	for _, what := range s.undocumented(log) {
		t.Errorf("docs/log-schema.md does not know of %s", what)
	}
}

// TestLogSchema holds the page's fields to those of its messages, which are made of the source.
func TestLogSchema(t *testing.T) {
	t.Parallel()
	s, err := schemaOfLogs()
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{"request_id": true, "backend": true, "database": true, "topic": true, "on": true} // loggers have these
	for message, fields := range s.messages {
		for _, field := range fields {
			used[field] = true
			if s.own[field] == "" {
				t.Errorf("the field %s of %q is not told", field, message)
			}
		}
	}
	for field := range s.own {
		if !used[field] {
			t.Errorf("no message has the field %s", field)
		}
	}
	for _, c := range []struct{ line, want string }{
		{`{"level":"info","ts":1.5,"logger":"fairway","msg":"migrated","database":"store","duration":0.5}`, ""},
		{`{"level":"info","ts":1.5,"logger":"fairway","msg":"health and metrics are served at x"}`, ""},
		{`{"level":"info","ts":1.5,"logger":"fairway","msg":"River client started","anything":1}`, ""},
		{`{"level":"info","ts":1.5,"logger":"tls","msg":"anything","anything":1}`, ""},
		{`{"level":"info","ts":1.5,"logger":"fairway","msg":"never said"}`, `fairway: the message "never said"`},
		{`{"level":"info","ts":1.5,"logger":"fairway","msg":"migrated","secret":"x"}`, "migrated: secret, text"},
		{`{"level":"info","ts":1.5,"logger":"fairway","msg":"migrated","duration":"1s"}`, "migrated: duration, text"},
		{`{"level":"info","ts":1.5,"logger":"http.log.access.log0","msg":"handled request","request":{"body":"x"}}`, "http.log.access.log0: request.body, text"},
	} {
		if got := strings.Join(s.undocumented(c.line), "; "); got != c.want {
			t.Errorf("%s: %q, want %q", c.line, got, c.want)
		}
	}
}
