package lines

import (
	"strings"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/ascii"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/interrupt"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/linewise"
)

// Values of the option Continuation of KV.
const (
	KVBackslash = "backslash"
	KVIndent    = "indent"
	KVFold      = "fold"
)

// Values of the option Undelimited of KV.
const (
	KVError = "error"
	KVSkip  = "skip"
	KVNull  = "null"
)

// rich says whether lines need more than to be split in two.
func (d *KV) rich() bool {
	return len(d.Delimiters) > 0 || len(d.Comments) > 0 || d.InlineComments || d.Sections || d.Quotes || d.Continuation != "" || d.Export || d.Escapes ||
		d.Undelimited == KVSkip || d.Undelimited == KVNull
}

// kvEntry is a line: a pair, or the head of a section.
type kvEntry struct {
	name, value string
	kind        byte // 'p' a pair, 'q' one whose value was quoted, '0' a name without value, 's' a section
}

// kvReader reads the entries of a text.
type kvReader struct {
	d          *KV
	lines      linewise.Lines
	poll       interrupt.Poll
	delimiters []string
	comments   []string
}

func (d *KV) reader(p interrupt.Poll, text string) *kvReader {
	r := &kvReader{d: d, lines: linewise.Lines{Text: text}, poll: p, delimiters: d.Delimiters, comments: d.Comments}
	if len(r.delimiters) == 0 {
		r.delimiters = []string{":", "="}
		if d.Delimiter != "" {
			r.delimiters = []string{d.Delimiter}
		}
	}
	switch {
	case d.NoComment:
		r.comments = nil
	case d.Comment != "":
		r.comments = []string{d.Comment}
	case len(r.comments) == 0:
		r.comments = []string{"#"}
		if d.Sections {
			r.comments = []string{"#", ";"}
		}
	}
	return r
}

// next gives the next entry.
func (r *kvReader) next() (e kvEntry, ok bool, err error) {
	for {
		line, offset, ok := r.lines.Cut()
		if !ok {
			return e, false, nil
		}
		if err := r.poll.Err(); err != nil {
			return e, false, err
		}
		if blank, comment := r.skipped(line); blank || comment {
			continue
		}
		text := strings.TrimLeft(line, ascii.Space)
		if r.d.Sections && text[0] == '[' {
			e.kind = 's'
			e.name, err = r.section(text, offset)
			return e, err == nil, err
		}
		if text, err = r.continued(text); err != nil {
			return e, false, err
		}
		e, ok, err = r.pair(text, offset)
		if ok || err != nil {
			return e, ok, err
		}
	}
}

func (r *kvReader) skipped(line string) (blank, comment bool) {
	text := strings.TrimLeft(line, ascii.Space)
	if text == "" {
		return true, false
	}
	return false, r.comment(text)
}

func (r *kvReader) comment(text string) bool {
	for _, c := range r.comments {
		if strings.HasPrefix(text, c) {
			return true
		}
	}
	return false
}

// section reads the head of a section, behind which a comment may stand.
func (r *kvReader) section(text string, offset int) (string, error) {
	text = strings.TrimRight(text, ascii.Space)
	end := strings.LastIndexByte(text, ']')
	for at := range text {
		// A comment may contain a bracket, a name may not.
		if text[at] == ']' && (at+1 == len(text) || r.comment(strings.TrimLeft(text[at+1:], ascii.Space))) {
			end = at
			break
		}
	}
	if end < 0 {
		return "", &decode.SyntaxError{Format: "kv", Offset: int64(offset), Msg: "a section without ]"}
	}
	if rest := strings.Trim(text[end+1:], ascii.Space); rest != "" && !r.comment(rest) {
		return "", &decode.SyntaxError{Format: "kv", Offset: int64(offset), Msg: "text behind the ] of a section"}
	}
	name := strings.Trim(text[1:end], ascii.Space)
	if name == "" {
		return "", &decode.SyntaxError{Format: "kv", Offset: int64(offset), Msg: "a section without a name"}
	}
	return name, nil
}

// continued adds the lines that go on with a line.
func (r *kvReader) continued(text string) (string, error) {
	var parts []string
	switch r.d.Continuation {
	case KVBackslash:
		for continues(text) {
			parts = append(parts, text[:len(text)-1])
			if err := r.poll.Err(); err != nil {
				return "", err
			}
			next, _, ok := r.lines.Cut()
			text = strings.TrimLeft(next, ascii.Space)
			if !ok {
				break
			}
		}
		if parts == nil {
			return text, nil
		}
		return strings.Join(append(parts, text), ""), nil
	case KVIndent, KVFold:
		return r.indented(text)
	}
	return text, nil
}

// indented adds the lines behind a line that begin with white space.
func (r *kvReader) indented(text string) (string, error) {
	var whole []byte
	for {
		rest := r.lines
		next, _, ok := rest.Cut()
		blank, comment := r.skipped(next)
		if !ok || blank || !comment && strings.IndexByte(ascii.Space, next[0]) < 0 {
			break
		}
		if err := r.poll.Err(); err != nil {
			return "", err
		}
		r.lines = rest
		if comment {
			continue
		}
		if whole == nil {
			whole = append(whole, text...)
		}
		if r.d.Continuation == KVFold {
			whole = append(whole, next[1:]...)
			continue
		}
		whole = append(append(whole, ' '), strings.Trim(next, ascii.Space)...)
	}
	if whole == nil {
		return text, nil
	}
	return string(whole), nil
}

// continues says whether a line ends with a backslash that no other escapes.
func continues(line string) bool {
	n := 0
	for n < len(line) && line[len(line)-1-n] == '\\' {
		n++
	}
	return n%2 == 1
}

// pair splits a line; not ok: it is to be skipped.
func (r *kvReader) pair(text string, offset int) (e kvEntry, ok bool, err error) {
	if r.d.Export {
		if rest, found := strings.CutPrefix(text, "export"); found && rest != "" && strings.IndexByte(ascii.Space, rest[0]) >= 0 {
			text = strings.TrimLeft(rest, ascii.Space)
		}
	}
	e.kind = 'p'
	name, quoted, rest := r.quoted(text)
	var value string
	split := false
	if quoted {
		at, width := r.delimiter(rest)
		if split = at >= 0 && strings.Trim(rest[:at], ascii.Space) == ""; split {
			value = rest[at+width:]
		}
		quoted = split
	}
	if !quoted {
		at, width := r.delimiter(text)
		if split = at >= 0; split {
			name, value = strings.Trim(text[:at], ascii.Space), text[at+width:]
		}
	}
	if !split {
		switch r.d.Undelimited {
		case KVSkip:
			return e, false, nil
		case KVNull:
			e.kind = '0'
			e.name = r.uncommented(strings.Trim(text, ascii.Space))
			return e, true, nil
		}
		return e, false, r.d.undelimited(text, offset)
	}
	if name == "" && !quoted {
		return e, false, &decode.SyntaxError{Format: "kv", Offset: int64(offset), Msg: "a line without a name"}
	}
	e.name = name
	value = strings.Trim(value, ascii.Space)
	if r.d.Escapes {
		if e.name, err = unescaped(name, quoted, offset); err != nil {
			return e, false, err
		}
	}
	if content, ok, rest := r.quoted(value); ok {
		rest = strings.Trim(rest, ascii.Space)
		if rest == "" || r.d.InlineComments && r.comment(rest) {
			e.value, e.kind = content, 'q'
			return e, true, nil
		}
	}
	e.value = r.uncommented(value)
	if r.d.Escapes {
		e.value, err = unescaped(e.value, false, offset)
	}
	return e, err == nil, err
}

// delimiter finds the first delimiter of a line.
func (r *kvReader) delimiter(text string) (at, width int) {
	if r.d.Escapes {
		return r.unescapedDelimiter(text)
	}
	at = -1
	for _, d := range r.delimiters {
		head := text
		if at >= 0 {
			head = text[:min(len(text), at+len(d))]
		}
		if i := strings.Index(head, d); i >= 0 && (at < 0 || i < at || i == at && len(d) > width) {
			at, width = i, len(d)
		}
	}
	return at, width
}

// uncommented cuts off a comment behind a value.
func (r *kvReader) uncommented(value string) string {
	if !r.d.InlineComments {
		return value
	}
	for i := range len(value) {
		if (i == 0 || strings.IndexByte(ascii.Space, value[i-1]) >= 0) && r.comment(value[i:]) {
			return strings.TrimRight(value[:i], ascii.Space)
		}
	}
	return value
}

// quoted reads a quoted text at the beginning, and gives what is behind it.
func (r *kvReader) quoted(text string) (content string, ok bool, rest string) {
	if !r.d.Quotes || text == "" || text[0] != '"' && text[0] != '\'' {
		return "", false, ""
	}
	if text[0] == '\'' {
		end := strings.IndexByte(text[1:], '\'')
		if end < 0 {
			return "", false, ""
		}
		return text[1 : 1+end], true, text[end+2:]
	}
	var b strings.Builder
	from := 1
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '"':
			if from == 1 {
				return text[1:i], true, text[i+1:]
			}
			b.WriteString(text[from:i])
			return b.String(), true, text[i+1:]
		case text[i] == '\\' && i+1 < len(text):
			if c := unescapedKV(text[i+1]); c != 0 {
				b.WriteString(text[from:i])
				b.WriteByte(c)
				from = i + 2
			}
			i++
		}
	}
	return "", false, ""
}

func unescapedKV(c byte) byte {
	switch c {
	case '"', '\\':
		return c
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return 0
}
