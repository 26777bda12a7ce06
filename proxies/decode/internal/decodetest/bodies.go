package decodetest

import (
	"fmt"
	"strings"
)

// BodySize is the size of bodies that memory is measured with, in bytes.
const BodySize = 256 << 10

// Fill repeats s up to the size.
func Fill(s string) string { return strings.Repeat(s, BodySize/len(s)) }

// Differing fills a body with numbers in a format.
func Differing(format string) string {
	var b strings.Builder
	for i := 0; b.Len() < BodySize; i++ {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// ShortNames fills a body with the shortest names that differ; more of them with more thirds.
func ShortNames(thirds int, sep string) string {
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
