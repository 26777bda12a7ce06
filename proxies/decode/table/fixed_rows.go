package table

import (
	"bytes"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/ascii"
)

// rows tells the rows up to the end of the table.
func (f *fixedTable) rows(out decode.Sink) error {
	skip := f.d.SkipRows
	for {
		line, err := f.line()
		if err != nil {
			return err
		}
		if f.d.Until != "" && f.d.Until != fixedBlank && bytes.HasPrefix(line, []byte(f.d.Until)) {
			return f.drain()
		}
		if f.d.Record != "" && !bytes.HasPrefix(line, []byte(f.d.Record)) || f.isHead(line) || !f.isRow(line) {
			continue
		}
		if skip > 0 {
			skip--
			continue
		}
		f.cut(line)
		f.told++
		f.r.row = f.told
		if err := f.t.tell(&f.r, f.text, f.fields, out); err != nil {
			return err
		}
	}
}

// drain reads what stands below the table, which is no part of it but must be text.
func (f *fixedTable) drain() error {
	for {
		if err := f.next(); err != nil {
			return err
		}
	}
}

// isHead says whether a line is the header once more, as above each page, or a ruler.
func (f *fixedTable) isHead(line []byte) bool {
	if end := trimmedLine(line); f.header != "" && end == f.header || f.ruler != "" && end == f.ruler {
		return true
	}
	return f.ruler != "" && (isRuler(line) && (f.bars != nil || bytes.Contains(line, []byte("---"))) || f.bars == nil && isCount(line))
}

// isCount says whether a line is what databases write below a table: "(2 rows)", "14 rows selected.", "3 record(s) selected.".
func isCount(line []byte) bool {
	s := strings.TrimPrefix(strings.TrimSpace(string(line[:min(len(line), 64)])), "(")
	rest := strings.TrimLeft(s, "0123456789")
	if rest == s {
		rest = strings.TrimPrefix(s, "no")
	}
	if rest == s {
		return false
	}
	rest, ok := strings.CutPrefix(rest, " row")
	if !ok {
		if rest, ok = strings.CutPrefix(rest, " record"); !ok {
			return false
		}
	}
	rest = strings.TrimPrefix(strings.TrimPrefix(rest, "(s)"), "s")
	return rest == "" || slices.ContainsFunc([]string{")", " selected", " affected", " in set", " retrieved"}, func(end string) bool {
		return strings.HasPrefix(rest, end)
	})
}

// isRow says whether a line has the bars of the box, all at their places, or as many of them where wide characters have
// moved them. What has none is a note below the table.
func (f *fixedTable) isRow(line []byte) bool {
	if f.bars == nil {
		return true
	}
	f.measure(line)
	for _, bar := range f.bars {
		if !f.barAt(bar) {
			return len(f.split()) == len(f.spans)
		}
	}
	return true
}

func (f *fixedTable) barAt(at int) bool {
	i := f.offset(at)
	if i >= len(f.text) {
		return false
	}
	c, _ := utf8.DecodeRune(f.text[i:])
	return strings.ContainsRune(rowBars, c)
}

// split gives the fields between the bars, wherever those are.
func (f *fixedTable) split() []decode.Field {
	var fields []decode.Field
	from := 0
	for i, c := range string(f.text) {
		if strings.ContainsRune("|│┃║", c) {
			fields = append(fields, decode.Field{From: from, To: i})
			from = i + utf8.RuneLen(c)
		}
	}
	if f.outer && len(fields) > 0 {
		fields = fields[1:]
	}
	if f.spans[len(f.spans)-1].to < 0 {
		fields = append(fields, decode.Field{From: from, To: len(f.text)})
	}
	return fields
}

// cut finds the fields of a line.
func (f *fixedTable) cut(line []byte) {
	f.measure(line)
	f.fields = f.fields[:0]
	for _, bar := range f.bars {
		if !f.barAt(bar) {
			if fields := f.split(); len(fields) == len(f.spans) {
				f.fields = append(f.fields, fields...)
			}
			break
		}
	}
	if len(f.fields) == 0 {
		for _, s := range f.spans {
			at := decode.Field{From: f.offset(s.from), To: len(f.text)}
			if s.to >= 0 {
				at.To = f.offset(s.to)
			}
			f.fields = append(f.fields, at)
		}
		if f.bends {
			f.bend()
		}
	}
	for i := range f.fields {
		f.trim(&f.fields[i])
	}
}

// bend moves borders that go through a word: to before it, where the column on the left has another word or the word begins
// behind its heading, for it is then a number that is longer than the heading on the right; else to behind it.
func (f *fixedTable) bend() {
	blank := func(i int) bool { return f.text[i] == ' ' || f.text[i] == '\t' }
	for i := 1; i < len(f.fields); i++ {
		left, right := &f.fields[i-1], &f.fields[i]
		right.From = max(right.From, left.From)
		at := right.From
		if at == 0 || at >= len(f.text) || blank(at-1) || blank(at) {
			left.To, right.To = max(at, left.From), max(right.To, at)
			continue
		}
		start := at
		for start > left.From && !blank(start-1) {
			start--
		}
		if len(bytes.Trim(f.text[left.From:start], " \t")) > 0 || f.titles != nil && start >= f.offset(f.titles[i-1].to) {
			left.To, right.From = start, start
			continue
		}
		end := at
		for end < len(f.text) && !blank(end) {
			end++
		}
		left.To, right.From = end, end
		right.To = max(right.To, end)
	}
}

func (f *fixedTable) trim(at *decode.Field) {
	at.To = max(at.From, at.To)
	if f.d.Trim == csvNone {
		return
	}
	s := f.text[at.From:at.To]
	s = bytes.TrimRight(s, ascii.Space+"\x00")
	at.To = at.From + len(s)
	if f.d.Trim != "right" {
		at.From = at.To - len(bytes.TrimLeft(s, ascii.Space+"\x00"))
	}
}

// measure finds where the characters of a line are.
func (f *fixedTable) measure(line []byte) {
	f.text, f.offsets = line, f.offsets[:0]
	if f.d.Tabs > 0 && bytes.IndexByte(line, '\t') >= 0 {
		f.text = f.expanded(line)
	}
	ascii := true
	for _, c := range f.text {
		ascii = ascii && c < utf8.RuneSelf
	}
	if ascii {
		f.offsets = nil
		return
	}
	for i := 0; i < len(f.text); {
		_, size := utf8.DecodeRune(f.text[i:])
		switch f.width(f.text[i : i+size]) {
		case 1:
			f.offsets = append(f.offsets, i)
		case 2:
			f.offsets = append(f.offsets, i, i+size) // a border within goes behind it
		}
		i += size
	}
	f.offsets = append(f.offsets, len(f.text))
}

// offset gives the byte where a character begins.
func (f *fixedTable) offset(at int) int {
	if f.offsets == nil {
		return min(at, len(f.text))
	}
	if at >= len(f.offsets) {
		return len(f.text)
	}
	return f.offsets[at]
}

// width is how many characters a text counts.
func (f *fixedTable) width(s []byte) int {
	if !f.d.Wide {
		return utf8.RuneCount(s)
	}
	n := 0
	for _, c := range string(s) {
		switch kind := width.LookupRune(c).Kind(); {
		case unicode.In(c, unicode.Mn, unicode.Me):
		case kind == width.EastAsianWide || kind == width.EastAsianFullwidth:
			n += 2
		default:
			n++
		}
	}
	return n
}

// expanded puts blanks for tabs.
func (f *fixedTable) expanded(line []byte) []byte {
	var b []byte
	at := 0
	for len(line) > 0 {
		_, size := utf8.DecodeRune(line)
		if line[0] != '\t' {
			at += f.width(line[:size])
			b = append(b, line[:size]...)
		}
		if line[0] == '\t' {
			n := f.d.Tabs - at%f.d.Tabs
			at += n
			b = append(b, bytes.Repeat([]byte{' '}, n)...)
		}
		line = line[size:]
	}
	return b
}
