// Package utf16test writes UTF-16, for tests.
package utf16test

import (
	"encoding/binary"
	"unicode/utf16"
)

// Bytes gives a text in UTF-16 of a byte order, without byte order mark.
func Bytes(order binary.AppendByteOrder, s string) string {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = order.AppendUint16(b, u)
	}
	return string(b)
}
