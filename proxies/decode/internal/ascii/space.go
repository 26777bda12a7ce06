// Package ascii knows which characters are white space in formats of old.
package ascii

// Space is white space of RFC 8259, HTML and C, without that of Unicode.
const Space = " \t\r\n\v\f"
