package decode

import (
	"bytes"
	"strings"
)

// autoSample is how much of a text is looked at for columns.
const autoSample = 64 << 10

// isTable says whether the lines of the text all have the same number of columns, which one of the delimiters parts, two at
// least. Where nothing declares that, there must be several lines, and a first that can be names: texts have commas, too.
func (b *autoBody) isTable(delimiters string, declared bool) bool {
	text := b.text[:min(len(b.text), autoSample)]
	if rest, ok := bytes.CutPrefix(text, []byte("sep=")); ok {
		return len(rest) > 1 && strings.IndexByte(delimiters, rest[0]) >= 0 && (rest[1] == '\n' || rest[1] == '\r')
	}
	whole := len(text) == len(b.text)
	for _, delimiter := range []byte(delimiters) {
		columns, rows := equalColumns(text, delimiter, whole)
		switch {
		case columns < 2:
		case declared, rows > 2 && b.isHeading(delimiter), rows == 2 && columns > 2 && b.isHeading(delimiter):
			return true
		}
	}
	return false
}

// isHeading says whether the first line can be names of columns.
func (b *autoBody) isHeading(delimiter byte) bool {
	line, _, _ := bytes.Cut(bytes.TrimLeft(b.text, asciiSpace), []byte("\n"))
	for field := range bytes.SplitSeq(line, []byte{delimiter}) {
		field = bytes.TrimSpace(field)
		if len(field) > 80 || bytes.ContainsAny(field, ":=<>{}") || bytes.HasSuffix(field, []byte(".")) {
			return false
		}
	}
	return true
}

// equalColumns counts the columns and rows of a text whose rows all have the same number of columns; else columns is 0. Quotes
// hold delimiters and ends of lines together, blank lines do not count. Of a text that is not whole the last row is left out.
func equalColumns(text []byte, delimiter byte, whole bool) (columns, rows int) {
	count, quoted, fieldStart, rowStart := 1, false, 0, 0
	end := func(i int) bool {
		if len(bytes.TrimSpace(text[rowStart:i])) > 0 {
			if rows > 0 && count != columns {
				return false
			}
			columns = count
			rows++
		}
		count, fieldStart, rowStart = 1, i+1, i+1
		return true
	}
	for i, c := range text {
		switch {
		case c == '"' && (quoted || len(bytes.TrimLeft(text[fieldStart:i], " ")) == 0):
			quoted = !quoted // two of them in a quoted field close and open it
			if !quoted {
				fieldStart = i + 1
			}
		case quoted:
		case c == delimiter:
			count++
			fieldStart = i + 1
		case c == '\n':
			if !end(i) {
				return 0, 0
			}
		}
	}
	if whole && !quoted && !end(len(text)) {
		return 0, 0
	}
	return columns, rows
}
