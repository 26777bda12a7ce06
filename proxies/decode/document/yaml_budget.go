package document

import (
	"bytes"
	"context"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/ascii"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/interrupt"
)

// yamlBudget bounds what one document may take: the library makes some hundred bytes of each of its values, a comment takes
// more while it is read, and aliases give a value again and again. All is charged by the length of the body.
type yamlBudget struct {
	poll   interrupt.Poll
	room   int // bytes that the document and its value may still take
	limit  int
	visits int // of values that are told once more
}

// What is taken in bytes.
const (
	yamlNodeRoom    = 212 // a value or name, and what becomes of it
	yamlCommentRoom = 900 // and what is thrown away meanwhile
	yamlToldRoom    = 72  // a value or name that an alias gives once more
	yamlRoom        = 80  // for each byte of the body
	yamlCommentTime = 140 // for each byte of the body, comments included
	yamlSpare       = 1 << 20
)

// newYAMLBudget gives the budget of a body, or an error if it has too many values for its size.
func newYAMLBudget(ctx context.Context, body []byte) (*yamlBudget, error) {
	b := &yamlBudget{poll: interrupt.Poll{Ctx: ctx}, limit: yamlRoom*len(body) + yamlSpare, visits: decode.DefaultNodes}
	b.room = b.limit
	values, comments := yamlCount(body)
	if values*yamlNodeRoom+comments*yamlCommentRoom > yamlCommentTime*len(body)+yamlSpare {
		return nil, &decode.LimitError{What: "bytes of memory as values with aliases written out, for its size", Limit: yamlCommentTime*len(body) + yamlSpare}
	}
	return b, b.take(values * yamlNodeRoom)
}

// take charges n bytes of memory.
func (b *yamlBudget) take(n int) error {
	if b.room -= n; b.room < 0 {
		return &decode.LimitError{What: "bytes of memory as values with aliases written out, for its size", Limit: b.limit}
	}
	return nil
}

// again charges a value that an alias or a merge key gives once more, and that must be told only if told is set.
func (b *yamlBudget) again(n *yaml.Node, told bool) error {
	if b.visits--; b.visits < 0 {
		return &decode.LimitError{What: "nodes", Limit: decode.DefaultNodes}
	}
	if err := b.poll.Err(); err != nil || !told {
		return err
	}
	return b.take(yamlToldRoom + len(n.Value) + len(n.Tag))
}

// yamlCount says how many values and names a text may have, and how many comments. It counts what stands between or before
// values, also where that is inside of a string; only blocks of text, | and >, are left out, because whole files of JSON or
// CSV stand there. A text may be made so that more is taken for a block, so values are counted again once they are read.
func yamlCount(text []byte) (values, comments int) {
	values = 2
	block := -1 // how far the line is indented whose block of text this is
	for line := range bytes.Lines(text) {
		line = bytes.TrimRight(line, ascii.Space)
		indent := len(line) - len(bytes.TrimLeft(line, " "))
		if len(line) == 0 || block >= 0 && indent > block {
			continue
		}
		block = -1
		v, c := yamlCountLine(line[indent:])
		values, comments = values+v, comments+c
		if c == 0 && yamlBeginsBlock(line) {
			block = indent
		}
	}
	return values, comments
}

// yamlBeginsBlock says whether a line ends with | or >, maybe with signs behind it.
func yamlBeginsBlock(line []byte) bool {
	line = bytes.TrimRight(line, "+-123456789")
	n := len(line) - 1
	return n > 0 && (line[n] == '|' || line[n] == '>') && (line[n-1] == ' ' || line[n-1] == '\t')
}

func yamlCountLine(line []byte) (values, comments int) {
	before := byte(' ')
	fresh := true // only marks of lists stand before
	for i, c := range line {
		after := byte(' ')
		if i+1 < len(line) {
			after = line[i+1]
		}
		ends := after == ' ' || after == '\t' || after == '\r'
		switch c {
		case ' ', '\t':
		case ':':
			if ends || strings.IndexByte(`"']}`, before) >= 0 || strings.IndexByte(",[]{}", after) >= 0 {
				values += 2
				if fresh {
					values++ // the object that begins here
				}
			}
		case '?':
			if ends {
				values += 3
			}
		case ',', '[', '{', '*', '!', '&':
			values++
		case '#':
			if before == ' ' || before == '\t' {
				comments++
			}
		case '-':
			if ends && fresh {
				values++
			}
		}
		fresh = fresh && (c == ' ' || c == '-')
		before = c
	}
	return values, comments
}
