package decode

// asciiSpace is white space of RFC 8259, HTML and C, without that of Unicode.
const asciiSpace = " \t\r\n\v\f"
