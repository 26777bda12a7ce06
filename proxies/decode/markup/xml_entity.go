package markup

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"github.com/fairway-gateway/fairway/proxies/decode"
)

// xmlEntities are the general entities that a document declares in its own document type (XML 1.0, 4.2). What stands outside
// of the document is never read.
type xmlEntities struct {
	declared map[string]*xmlEntity
	told     int64 // bytes that references have become
	read     int64 // bytes of the document, so far
}

// xmlEntity is one of them.
type xmlEntity struct {
	value    string // with its numeric references replaced, as a declaration has it
	external bool
	busy     bool // it is being expanded
	done     bool
	text     string // what it stands for, once done
	err      error  // or why it stands for nothing
}

// Limits of what entities may become: so many bytes, and for each byte of the document so many more. A document of a few lines
// may otherwise become gigabytes.
const (
	entityBytes = 64 << 10
	entityShare = 8
)

// problem of a reference, said to its place by who follows it.
type entityError string

func (e entityError) Error() string { return string(e) }

// declare reads what begins with <!ENTITY at i, and gives the place where to go on; false: the text ends inside it.
func (e *xmlEntities) declare(buf []byte, i int) (next int, ok bool) {
	i = entityWhite(buf, i+len(entityMark))
	if i == len(buf) {
		return 0, false
	}
	if buf[i] == '%' { // for the document type alone
		return i, true
	}
	from := i
	for i < len(buf) && xmlNames[buf[i]] != 0 {
		i++
	}
	name := string(buf[from:i])
	i = entityWhite(buf, i)
	if i == len(buf) {
		return 0, false
	}
	if name == "" {
		return i, true
	}
	_, known := e.declared[name]
	if buf[i] != '"' && buf[i] != '\'' {
		if !known { // SYSTEM or PUBLIC; of two declarations the first counts
			e.declared[name] = &xmlEntity{external: true}
		}
		return i, true
	}
	n := bytes.IndexByte(buf[i+1:], buf[i])
	if n < 0 {
		return 0, false
	}
	if !known {
		e.declared[name] = &xmlEntity{value: withoutNumeric(entityLines(string(buf[i+1 : i+1+n])))}
	}
	return i + 2 + n, true
}

const entityMark = "<!ENTITY"

func entityWhite(buf []byte, i int) int {
	for i < len(buf) && (buf[i] == ' ' || xmlClass[buf[i]]&(xmlWhite|xmlCR) != 0) {
		i++
	}
	return i
}

// entityLines makes a line feed of every end of line, as it is in text; a numeric reference to one is none.
func entityLines(value string) string {
	if !strings.Contains(value, "\r") {
		return value
	}
	return strings.ReplaceAll(strings.ReplaceAll(value, "\r\n", "\n"), "\r", "\n")
}

// withoutNumeric replaces the numeric references of a value; what is none stays.
func withoutNumeric(value string) string {
	if !strings.Contains(value, "&#") {
		return value
	}
	var b strings.Builder
	for {
		before, after, ok := strings.Cut(value, "&#")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		digits, rest, ok := strings.Cut(after, ";")
		r, valid := rune(0), false
		if ok && len(digits) < longestEntity {
			r, valid = numericReference(digits)
		}
		if !valid {
			b.WriteString("&#")
			value = after
			continue
		}
		b.WriteRune(r)
		value = rest
	}
}

// expand gives what an entity stands for. The error is an entityError or a *decode.LimitError.
func (e *xmlEntities) expand(name string) (string, error) {
	ent := e.declared[name]
	switch {
	case ent.external:
		return "", entityError("a reference to an entity that stands outside of the document, which is never read")
	case ent.busy:
		return "", entityError("an entity that stands for itself")
	}
	if !ent.done {
		// What is wrong is kept as well: a lenient reader goes on, and to find it anew takes as long as the value is.
		ent.busy = true
		ent.text, ent.err = e.plain(ent.value)
		ent.busy, ent.done = false, true
	}
	if ent.err != nil {
		return "", ent.err
	}
	return ent.text, e.count(len(ent.text))
}

func (e *xmlEntities) count(n int) error {
	limit := entityBytes + entityShare*e.read
	if e.told += int64(n); e.told > limit {
		return &decode.LimitError{What: "bytes from entities", Limit: int(limit)}
	}
	return nil
}

// plain replaces the references in a value.
func (e *xmlEntities) plain(value string) (string, error) {
	if strings.Contains(value, "<") {
		return "", entityError("an entity that stands for markup")
	}
	if !strings.Contains(value, "&") {
		return value, nil
	}
	var out []byte
	for {
		before, after, ok := strings.Cut(value, "&")
		out = append(out, before...)
		if !ok {
			return string(out), nil
		}
		name, rest, ok := strings.Cut(after, ";")
		if !ok {
			return "", entityError("an entity with a & that begins no reference")
		}
		value = rest
		if c, ok := predefined(name); ok {
			out = append(out, c)
			continue
		}
		if digits, ok := strings.CutPrefix(name, "#"); ok {
			r, valid := numericReference(digits)
			if !valid || len(digits) >= longestEntity {
				return "", entityError("an entity with a numeric reference to no character")
			}
			out = utf8.AppendRune(out, r)
			continue
		}
		if e.declared[name] == nil {
			return "", entityError("an entity that refers to one that is not known")
		}
		text, err := e.expand(name)
		if err != nil {
			return "", err
		}
		out = append(out, text...)
	}
}

// predefined are the entities that every document has.
func predefined(name string) (byte, bool) {
	switch name {
	case "amp":
		return '&', true
	case "lt":
		return '<', true
	case "gt":
		return '>', true
	case "quot":
		return '"', true
	case "apos":
		return '\'', true
	}
	return 0, false
}
