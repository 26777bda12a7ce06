package markup

import (
	"context"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/interrupt"
)

// htmlBudget bounds what one document may cost beyond its own size: records inside records give the same text again and
// again, spans give one cell to many columns. All is charged by the length of the body.
type htmlBudget struct {
	poll  interrupt.Poll
	steps int // nodes that may still be visited
	bytes int // of text that may still be told
	fills int // values that may still be told of cells that span, or are missing
	room  int // bytes that the document and its value may still take as trees
	limit struct{ steps, bytes, fills, room int }
}

func newHTMLBudget(ctx context.Context, size int) *htmlBudget {
	b := &htmlBudget{poll: interrupt.Poll{Ctx: ctx}}
	b.limit.steps = 32*size + 1<<20
	b.limit.bytes = 6*size + 1<<16
	b.limit.fills = size/2 + 1<<13
	b.limit.room = 61*size + 1<<19
	b.steps, b.bytes, b.fills, b.room = b.limit.steps, b.limit.bytes, b.limit.fills, b.limit.room
	return b
}

// step charges the visit of n nodes.
func (b *htmlBudget) step(n int) error {
	if b.steps -= n; b.steps < 0 {
		return &decode.LimitError{What: "steps of searching, for its size", Limit: b.limit.steps}
	}
	return b.poll.Err()
}

// told charges n bytes of text.
func (b *htmlBudget) told(n int) error {
	if b.bytes -= n; b.bytes < 0 {
		return &decode.LimitError{What: "bytes of text in its records, for its size", Limit: b.limit.bytes}
	}
	return nil
}

// filled charges one value that has no cell of its own.
func (b *htmlBudget) filled() error {
	if b.fills--; b.fills < 0 {
		return &decode.LimitError{What: "columns and rows filled by spans, for its size", Limit: b.limit.fills}
	}
	return b.poll.Err()
}

// What a tree takes in bytes.
const (
	htmlNodeRoom   = 112
	htmlAttrRoom   = 56
	htmlCellRoom   = 56 // in a grid that grows, and its string
	htmlStringRoom = 48 // an item or a member's value
)

// take charges n bytes of memory.
func (b *htmlBudget) take(n int) error {
	if b.room -= n; b.room < 0 {
		return &decode.LimitError{What: "bytes as a tree, for its size", Limit: b.limit.room}
	}
	return nil
}

// object charges an object of n members, which is a map.
func (b *htmlBudget) object(n int) error {
	if n <= 8 {
		return b.take(360)
	}
	return b.take(110 * n)
}
