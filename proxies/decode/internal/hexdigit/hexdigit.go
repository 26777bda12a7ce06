// Package hexdigit reads hexadecimal digits.
package hexdigit

// Is says whether c is a hexadecimal digit.
func Is(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// Value is the value of a hexadecimal digit.
func Value(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c <= 'F':
		return c - 'A' + 10
	}
	return c - 'a' + 10
}
