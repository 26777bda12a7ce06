package table

import "github.com/fairway-gateway/fairway/proxies/decode"

// rowRoom bounds what the rows of one document become, by their own size: a name of a megabyte above a million rows of two
// bytes would be a terabyte of text, and an object takes some hundred bytes as a tree, however short its values are.
type rowRoom struct {
	left int // bytes
	row  int // what a row takes without its text
}

const (
	roomPerByte = 70
	roomAtFirst = 512 << 10
)

// newRowRoom makes the bounds of rows below a header of so many bytes.
func newRowRoom(h *decode.Header, size int, out decode.Sink) rowRoom {
	r := rowRoom{left: roomAtFirst + roomPerByte*size, row: h.TextSize()}
	if _, tree := out.(*decode.Tree); tree {
		r.row = h.TreeSize()
	}
	return r
}

// take charges a row that is n bytes of the document, and that has so many bytes of text.
func (r *rowRoom) take(n, text int) error {
	if r.left += roomPerByte*n - text - r.row; r.left < 0 {
		return &decode.LimitError{What: "bytes as rows with names for each of its own, arrays take less", Limit: roomPerByte}
	}
	return nil
}
