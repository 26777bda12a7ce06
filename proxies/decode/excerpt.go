package decode

import "unicode/utf8"

// excerpt is as much of a body as an error may show.
func excerpt(s string) string { return cut(s, 40) }

// cut shortens s to at most n bytes, between two characters.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
