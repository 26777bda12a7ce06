// Package excerpt cuts what an error may show of a body.
package excerpt

import "unicode/utf8"

// Of is as much of a body as an error may show.
func Of(s string) string { return Cut(s, 40) }

// Cut shortens s to at most n bytes, between two characters.
func Cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
