package passwords

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Lengths of a new password, in characters.
const (
	ShortestNew = 12
	LongestNew  = 128
)

// Weaknesses says what a new password lacks, as sentences for who chose it; none: it is good enough. The rule is that of
// Trends.Earth: 12 to 128 characters, with an upper and a lower case letter, a digit, and one that is none of these. Letters
// and digits are those of all scripts, where the older system took the Latin ones only; letters that have no case count as
// both. The sentences are the older system's.
func Weaknesses(password string) []string {
	if !wellFormed(password, longestPassword) {
		return []string{"Password must be 1 to 1024 bytes of UTF-8 without NUL"}
	}
	var out []string
	switch n := utf8.RuneCountInString(password); {
	case n < ShortestNew:
		out = append(out, "Password must be at least 12 characters long")
	case n > LongestNew:
		out = append(out, "Password must not exceed 128 characters")
	}
	for _, need := range [...]struct {
		has  func(rune) bool
		said string
	}{
		{func(r rune) bool { return unicode.IsUpper(r) || uncased(r) }, "Password must contain at least one uppercase letter"},
		{func(r rune) bool { return unicode.IsLower(r) || uncased(r) }, "Password must contain at least one lowercase letter"},
		{unicode.IsDigit, "Password must contain at least one digit"},
		{special, "Password must contain at least one special character"},
	} {
		if !strings.ContainsFunc(password, need.has) {
			out = append(out, need.said)
		}
	}
	return out
}

func uncased(r rune) bool {
	return unicode.IsLetter(r) && !unicode.IsUpper(r) && !unicode.IsLower(r) && !unicode.IsTitle(r)
}

func special(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) && !unicode.IsControl(r)
}
