package login

import (
	"strconv"
	"strings"
	"time"
)

// refresh is the pragma of a page, or the header, that leads on.
type refresh struct {
	after  time.Duration
	target string // empty: the same page
}

// submitsForm says that a script submits a form by itself, as far as one can say without running it.
func submitsForm(script string) bool { return strings.Contains(script, "submit(") }

// parseRefresh reads "5; url='/next'", as browsers do; nil where it is none.
func parseRefresh(s string) *refresh {
	s = strings.TrimSpace(s)
	digits := 0
	for digits < len(s) && (s[digits] >= '0' && s[digits] <= '9' || s[digits] == '.') {
		digits++
	}
	seconds, err := strconv.ParseFloat(s[:digits], 64)
	if err != nil {
		return nil
	}
	r := &refresh{after: time.Duration(min(seconds, 1e6) * float64(time.Second))}
	rest := strings.TrimLeft(s[digits:], " \t\r\n\f;,")
	if len(rest) >= 3 && strings.EqualFold(rest[:3], "url") {
		if after, ok := strings.CutPrefix(strings.TrimLeft(rest[3:], " \t\r\n\f"), "="); ok {
			rest = strings.TrimLeft(after, " \t\r\n\f")
		}
	}
	if rest != "" && (rest[0] == '\'' || rest[0] == '"') {
		quote := rest[:1]
		rest, _, _ = strings.Cut(rest[1:], quote)
	}
	r.target = strings.TrimSpace(rest)
	return r
}
