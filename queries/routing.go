package queries

import "strings"

// reads says that a statement, as sqlc writes it, reads. One that begins with "with" is taken for one that writes: it may.
func reads(query string) bool {
	for strings.HasPrefix(query, "--") {
		_, query, _ = strings.Cut(query, "\n")
	}
	query = strings.TrimLeft(query, " \t\r\n(")
	word := query[:max(0, strings.IndexAny(query, " \t\r\n"))]
	return strings.EqualFold(word, "select")
}
