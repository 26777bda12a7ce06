package decode

import (
	"fmt"
	"strings"
)

// bodySize is the size of bodies that memory is measured with, in bytes.
const bodySize = 256 << 10

// fill repeats s up to the size.
func fill(s string) string { return strings.Repeat(s, bodySize/len(s)) }

// differing fills a body with numbers in a format.
func differing(format string) string {
	var b strings.Builder
	for i := 0; b.Len() < bodySize; i++ {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// shortNames fills a body with the shortest names that differ; more of them with more thirds.
func shortNames(thirds int, sep string) string {
	const alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
	var b strings.Builder
	for _, x := range alphabet {
		for _, y := range alphabet {
			for _, z := range alphabet[:thirds] {
				b.WriteString(string([]rune{x, y, z}) + sep)
			}
		}
	}
	return b.String()
}
