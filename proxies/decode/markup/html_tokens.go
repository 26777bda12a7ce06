package markup

import (
	"bytes"
	"errors"
	"io"
	"slices"

	"golang.org/x/net/html"
)

// errNotPlain says that a table has what only the whole algorithm of parsing gets right.
var errNotPlain = errors.New("the table needs a tree")

// htmlTokenTable reads one table right from the tokens, without a tree, into grid. It gives errNotPlain at everything
// that a tree might put elsewhere than where it stands; then the tree has to be made.
type htmlTokenTable struct {
	z      *html.Tokenizer
	grid   *htmlGrid
	budget *htmlBudget
	sel    simpleSelector

	inTable, inRow, inCell, inCaption bool
	cell                              string   // "td" or "th"
	kind                              byte     // of the group of rows that is open; 0: none
	group                             int32    // of the last group
	raw                               string   // the element whose text is not markup, while inside
	blocks                            []string // open in the cell
	buf                               [16]byte // the name of a tag
}

// read says whether the table was found.
func (t *htmlTokenTable) read(body []byte) (bool, error) {
	t.z = html.NewTokenizer(bytes.NewReader(body))
	for {
		if err := t.budget.step(1); err != nil {
			return false, err
		}
		switch t.z.Next() {
		case html.ErrorToken:
			if err := t.z.Err(); !errors.Is(err, io.EOF) {
				return false, err
			}
			if !t.inTable {
				return false, nil
			}
			t.endRow()
			return true, nil
		case html.TextToken:
			if t.inCell && t.raw == "" {
				addHTMLText(&t.grid.text, t.z.Text(), false)
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			if err := t.start(); err != nil {
				return false, err
			}
		case html.EndTagToken:
			if t.end() {
				return true, nil
			}
		}
	}
}

// name gives the name of the tag that was read, in lower case, and whether attributes may follow. The tokenizer's own
// way takes memory for each. Names that are too long are none that matter.
func (t *htmlTokenTable) name(from int) (name []byte, attrs bool) {
	tag := t.z.Raw()[from:]
	for i, c := range tag {
		switch c {
		case ' ', '\t', '\n', '\r', '\f', '/', '>':
			return t.buf[:i], len(tag) > i+2
		}
		if i == len(t.buf) {
			break
		}
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		t.buf[i] = c
	}
	return nil, false
}

func (t *htmlTokenTable) start() error {
	raw, attrs := t.name(1)
	switch string(raw) {
	case "table":
		return t.table(attrs)
	case "script":
		t.raw = "script"
		return nil
	case "style":
		t.raw = "style"
		return nil
	case "textarea", "title", "iframe", "noembed", "noframes", "noscript", "xmp", "plaintext", "svg", "math", "template",
		"select", "frameset", "pre", "listing":
		return t.odd(string(raw))
	}
	if !t.inTable {
		if attrs && t.sel.id+t.sel.class != "" && t.sel.tag != "table" && t.matches(raw) {
			return errNotPlain // the selector takes another element, the table is inside
		}
		return nil
	}
	return t.startInside(raw, attrs)
}

// odd passes elements with rules of their own where they stand before the table.
func (t *htmlTokenTable) odd(name string) error {
	if !t.inTable && (name == "title" || name == "textarea" || name == "iframe" || name == "pre") {
		return nil
	}
	return errNotPlain
}

func (t *htmlTokenTable) startInside(raw []byte, attrs bool) error {
	switch string(raw) {
	case "td", "th":
		t.inCaption = false
		t.endCell()
		if !t.inRow {
			t.row(false)
		}
		t.cell = "td"
		if raw[1] == 'h' {
			t.cell = "th"
		}
		colspan, rowspan := t.spans(attrs)
		t.grid.beginCell(t.cell == "th", colspan, rowspan)
		t.inCell, t.blocks = true, t.blocks[:0]
	case "tr":
		t.inCaption = false
		t.endRow()
		t.row(t.hidden(attrs))
	case "thead", "tbody", "tfoot":
		t.inCaption = false
		t.endRow()
		t.kind = htmlGroup(string(raw))
		t.group++
	case "caption", "col", "colgroup":
		t.endRow()
		t.kind = 0
		t.inCaption = raw[1] == 'a'
	case "body", "html", "head", "frame":
	case "br":
		t.border()
	default:
		if t.inCell && htmlBlock(string(raw)) {
			return t.block(string(raw))
		}
	}
	return nil
}

func (t *htmlTokenTable) border() {
	if t.inCell {
		t.grid.text.border()
	}
}

func (t *htmlTokenTable) row(hidden bool) {
	if t.kind == 0 {
		t.kind = 'b'
		t.group++
	}
	t.grid.beginRow(t.group, t.kind, hidden)
	t.inRow = true
}

func (t *htmlTokenTable) endCell() {
	if t.inCell {
		t.grid.endCell()
		t.inCell = false
	}
}

func (t *htmlTokenTable) endRow() {
	t.endCell()
	t.inRow = false
}

// block notes a block that opens in a cell.
func (t *htmlTokenTable) block(name string) error {
	t.grid.text.border()
	if name == "hr" {
		return nil
	}
	if n := len(t.blocks); n > 0 && t.blocks[n-1] == name && (name == "p" || name == "li") {
		return nil
	}
	if len(t.blocks) == 64 {
		return errNotPlain
	}
	t.blocks = append(t.blocks, name)
	return nil
}

// table begins the table that is looked for. Without a selector that is the first that has no other inside, so
// a table in a cell takes the place of the one around.
func (t *htmlTokenTable) table(attrs bool) error {
	if t.inTable {
		if t.sel != (simpleSelector{}) || !t.inCell {
			return errNotPlain
		}
		t.grid.reset(t.grid.text.lines)
		t.inRow, t.inCell, t.kind, t.group = false, false, 0, 0
		return nil
	}
	t.inTable = t.sel == simpleSelector{} || attrs && t.matches([]byte("table")) || t.sel == simpleSelector{tag: "table"}
	return nil
}

func (t *htmlTokenTable) end() (done bool) {
	raw, _ := t.name(2)
	if t.raw != "" {
		if string(raw) == t.raw {
			t.raw = ""
		}
		return false
	}
	if !t.inTable {
		return false
	}
	switch string(raw) {
	case "table":
		t.endRow()
		return true
	case "td", "th":
		if t.cell == string(raw) {
			t.endCell()
		}
	case "tr":
		if !t.inCaption {
			t.endRow()
		}
	case "thead", "tbody", "tfoot":
		if htmlGroup(string(raw)) == t.kind && !t.inCaption {
			t.endRow()
			t.kind = 0
		}
	case "caption":
		t.inCaption = false
	case "br", "p":
		t.border()
		t.closed(string(raw))
	case "body", "html":
	default:
		if t.inCell && htmlBlock(string(raw)) && t.closed(string(raw)) {
			t.grid.text.border()
		}
	}
	return false
}

// closed says whether a block of the cell ends with the tag.
func (t *htmlTokenTable) closed(name string) bool {
	for i, open := range slices.Backward(t.blocks) {
		if open == name {
			t.blocks = t.blocks[:i]
			return true
		}
	}
	return false
}

func (t *htmlTokenTable) spans(attrs bool) (colspan, rowspan uint16) {
	colspan, rowspan = 1, 1
	if !foldContains(t.z.Raw(), "span") {
		return colspan, rowspan
	}
	seen := [2]bool{} // the first of attributes that repeat counts
	for attrs {
		var key, val []byte
		key, val, attrs = t.z.TagAttr()
		switch {
		case string(key) == "colspan" && !seen[0]:
			colspan, seen[0] = htmlSpan(val, htmlMaxColspan, false), true
		case string(key) == "rowspan" && !seen[1]:
			rowspan, seen[1] = htmlSpan(val, htmlMaxRowspan, true), true
		}
	}
	return colspan, rowspan
}

func (t *htmlTokenTable) hidden(attrs bool) (hidden bool) {
	if raw := t.z.Raw(); !foldContains(raw, "hidden") && !foldContains(raw, "style") {
		return false
	}
	styled := false
	for attrs {
		var key, val []byte
		key, val, attrs = t.z.TagAttr()
		switch {
		case string(key) == "hidden":
			hidden = true
		case string(key) == "style" && !styled:
			styled = true
			hidden = hidden || styleHides(val)
		}
	}
	return hidden
}

// foldContains says whether tag has a word of lower-case ASCII, in any case.
func foldContains(tag []byte, word string) bool {
	for i := 0; i+len(word) <= len(tag); i++ {
		if tag[i]|0x20 == word[0] && bytes.EqualFold(tag[i:i+len(word)], []byte(word)) {
			return true
		}
	}
	return false
}

// matches asks the selector about the element whose tag was just read.
func (t *htmlTokenTable) matches(tag []byte) bool {
	if t.sel.tag != "" && t.sel.tag != string(tag) {
		return false
	}
	id, class := t.sel.id == "", t.sel.class == ""
	seen := [2]bool{}
	for more := true; more; {
		var key, val []byte
		key, val, more = t.z.TagAttr()
		switch {
		case string(key) == "id" && !seen[0]:
			seen[0] = true
			id = id || string(val) == t.sel.id
		case string(key) == "class" && !seen[1]:
			seen[1] = true
			class = class || slices.ContainsFunc(bytes.Fields(val), func(f []byte) bool { return string(f) == t.sel.class })
		}
	}
	return id && class
}

// simpleSelector is one that can be asked of a single tag. Zero: no selector.
type simpleSelector struct{ tag, id, class string }

// simple reads a selector of a tag, an id and a class, each of which may be missing.
func simple(css string) (simpleSelector, bool) {
	var s simpleSelector
	name := func(i int) int {
		for i < len(css) && (css[i] == '-' || css[i] == '_' || css[i] >= '0' && css[i] <= '9' || css[i] >= 'a' && css[i] <= 'z' || css[i] >= 'A' && css[i] <= 'Z') {
			i++
		}
		return i
	}
	i := name(0)
	s.tag = css[:i]
	for i < len(css) {
		end := name(i + 1)
		switch {
		case css[i] == '#' && s.id == "" && end > i+1:
			s.id = css[i+1 : end]
		case css[i] == '.' && s.class == "" && end > i+1:
			s.class = css[i+1 : end]
		default:
			return s, false
		}
		i = end
	}
	lower := s.tag == "" || s.tag == "table"
	return s, lower
}
