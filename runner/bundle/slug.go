package bundle

import (
	"strings"

	"github.com/gosimple/unidecode"
)

// mostSlug is how long a slug may be, in bytes.
const mostSlug = 120

// Slug is a name as it stands in addresses: "Land Productivity 2_3_2" is land-productivity-2-3-2, as python-slugify has it. Letters
// of other scripts are written in Latin ones. It is empty where no letter or digit is left.
func Slug(name string) string {
	var b strings.Builder
	gap := false
	for _, r := range strings.ToLower(unidecode.Unidecode(name)) {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			if gap && b.Len() > 0 {
				b.WriteByte('-')
			}
			gap = false
			b.WriteRune(r)
		case r == '\'': // "don't" is dont
		default:
			gap = true
		}
	}
	s := b.String()
	return strings.TrimRight(s[:min(len(s), mostSlug)], "-")
}
