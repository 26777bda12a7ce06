package parts

import (
	"bytes"
	"slices"
	"strings"

	"github.com/fairway-gateway/fairway/proxies/decode/internal/ascii"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/linewise"
	"github.com/fairway-gateway/fairway/proxies/decode/table"
	"github.com/fairway-gateway/fairway/proxies/decode/typed"
)

// autoSample is how much of a text is looked at for columns.
const autoSample = 64 << 10

func csvMedia() []string {
	return []string{"text/csv", "application/csv", "text/comma-separated-values", "text/x-csv"}
}

func tsvMedia() []string { return []string{"text/tab-separated-values", "text/tsv"} }

// isTSV says whether the text is a table with tabs. One with quotes around fields is rather CSV with another delimiter.
func (b *autoBody) isTSV() bool {
	quoted := bytes.HasPrefix(b.text, []byte{'"'}) || bytes.Contains(b.text[:min(len(b.text), autoSample)], []byte("\t\""))
	if b.declares(tsvMedia()) {
		return b.isList("\t", 0)
	}
	return !quoted && (slices.Contains(b.formats, "tsv") && b.isList("\t", 2) || b.isTable("\t", 0) && b.try(new(table.TSV), b.text))
}

// isCSV says whether the text is a table with one of the usual delimiters.
func (b *autoBody) isCSV() bool {
	switch {
	case b.declares(csvMedia()):
		return b.isList("\t;|,", 0)
	case slices.Contains(b.formats, "csv") && b.isList("\t;|,", 2):
		return true
	}
	return b.isTable("\t;|,", '"') && b.try(&table.CSV{Delimiter: table.DelimiterAuto}, b.text)
}

// isList says whether a text that is declared to be a table may be one: it has lines, the first of which can be names, so many at
// least. If the others do not fit to it, that is an error rather than text.
func (b *autoBody) isList(delimiters string, columns int) bool {
	text := b.text[:min(len(b.text), autoSample)]
	if len(text) > 0 {
		if _, ok := table.SeparatorLine(text); ok {
			return true
		}
		line := table.FirstLine(text)
		rest := bytes.TrimSpace(bytes.TrimPrefix(bytes.TrimLeft(text, "\r\n"), line))
		for _, delimiter := range []byte(delimiters) {
			n := 1
			table.CountDelimiters(line, delimiter, '"', func(more int) { n += more })
			if n > 1 && n >= columns && (columns == 0 || len(rest) > 0) && b.isHeading(delimiter) {
				return true
			}
		}
		return columns == 0 && len(rest) > 0 && b.isHeading('\n')
	}
	return false
}

// isTable says whether the lines of the text all have the same number of columns, which one of the delimiters parts, two at
// least. Nothing declares that, so there must be several lines, the first must have names that differ, and what has blanks
// behind its delimiters, as prose does, must have numbers in a column.
func (b *autoBody) isTable(delimiters string, quote byte) bool {
	text := b.text[:min(len(b.text), autoSample)]
	if sep, ok := table.SeparatorLine(text); ok {
		return sep != 0 && strings.IndexByte(delimiters, sep) >= 0
	}
	whole := len(text) == len(b.text)
	for _, delimiter := range []byte(delimiters) {
		columns, rows := equalColumns(text, delimiter, quote, whole)
		if columns < 2 || rows < 2 || rows == 2 && columns == 2 || !b.isHeading(delimiter) {
			continue
		}
		line := table.FirstLine(text)
		if delimiter == '\t' || !bytes.Contains(line, []byte{delimiter, ' '}) || hasNumbers(text, delimiter, columns) {
			return true
		}
	}
	return false
}

// isHeading says whether the first line can be names of columns: short, different, and no numbers but for years behind others.
func (b *autoBody) isHeading(delimiter byte) bool {
	line := table.FirstLine(b.text)
	seen := map[string]bool{}
	n := bytes.Count(line, []byte{delimiter}) + 1
	prose := delimiter == '\n' || bytes.Contains(line, []byte{delimiter, ' '}) // else "No." is a name like any other
	for i, field := range bytes.Split(line, []byte{delimiter}) {
		name := strings.Trim(string(field), ascii.Space+"\"")
		if len(name) > 80 || strings.ContainsAny(name, ":=<>{}") || prose && strings.HasSuffix(name, ".") || name != "" && seen[name] {
			return false
		}
		if _, number := typed.RegularNumber(name); number && (i == 0 || n < 3) {
			return false
		}
		seen[name] = true
	}
	return !seen[""] || len(seen) > 1
}

// hasNumbers says whether a column of a table has numbers, and nothing else, below its name.
func hasNumbers(text []byte, delimiter byte, columns int) bool {
	numbers := make([]bool, columns)
	for i := range numbers {
		numbers[i] = true
	}
	rows := 0
	for l := (linewise.Lines{Text: string(text)}); ; {
		line, _, ok := l.Cut()
		if !ok {
			return rows > 1 && slices.Contains(numbers, true)
		}
		if strings.Trim(line, ascii.Space) == "" {
			continue
		}
		if rows++; rows == 1 {
			continue
		}
		for i, field := range strings.SplitN(line, string(rune(delimiter)), columns) {
			_, number := typed.RegularNumber(strings.Trim(field, ascii.Space))
			numbers[i] = numbers[i] && number
		}
	}
}

// equalColumns counts the columns and rows of a text whose rows all have the same number of columns; else columns is 0. Quotes
// hold delimiters and ends of lines together, blank lines do not count. Of a text that is not whole the last row is left out.
func equalColumns(text []byte, delimiter, quote byte, whole bool) (columns, rows int) {
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
		case c == quote && quote != 0 && (quoted || len(bytes.TrimLeft(text[fieldStart:i], " ")) == 0):
			quoted = !quoted // two of them in a quoted field close and open it
			if !quoted {
				fieldStart = i + 1
			}
		case quoted:
		case c == delimiter:
			count++
			fieldStart = i + 1
		case c == '\n', c == '\r':
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
