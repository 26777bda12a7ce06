package decode

import "errors"

// ErrNoArray says that a document has one value where it must have an array of records.
var ErrNoArray = errors.New("the document is no list of records")

// Records is a Sink for one array that hands over each item as soon as it is told and keeps none. It is what a stream
// of any length is answered with: of the text only one record is in memory at a time.
//
//	r := NewRecords(RecordsOptions{Text: true, Each: func(text []byte, _ any) error { … }})
//	err := decoder.Stream(ctx, body, in, r)
type Records struct {
	o       RecordsOptions
	writer  *Writer
	tree    *Tree
	buf     []byte
	depth   int // inside the array: 1 between records
	done    bool
	size    int // bytes told of the record
	granted int
	err     error
}

// RecordsOptions say what becomes of records.
type RecordsOptions struct {
	// Limits are for each record. Default: those of a sink.
	Limits Limits
	// Text and Tree say what Each is given of a record: its JSON text, valid until Each returns, and its Go value.
	// Default: neither.
	Text, Tree bool
	// Each takes one record. Its error ends the document and comes back unchanged. Required.
	Each func(text []byte, tree any) error
	// Grow is asked before a record takes more than any before it: bytes is how many may be told of one from then on.
	// Its error ends the document and comes back unchanged. Default: nobody is asked.
	Grow func(bytes int) error
}

const (
	firstGrant = 4 << 10   // bytes of a record that nobody is asked for
	tokenSize  = 4         // bytes that a token takes at least, with its separators
	keptText   = 256 << 10 // bytes of a record's text whose memory is used again
)

// NewRecords makes a Records.
func NewRecords(o RecordsOptions) *Records {
	r := &Records{o: o, granted: firstGrant}
	if o.Text {
		r.writer = NewWriter(nil, o.Limits)
	}
	if o.Tree {
		r.tree = NewTree(o.Limits)
	}
	return r
}

// Complete says whether exactly one whole array was told without an error.
func (r *Records) Complete() bool { return r.done && r.err == nil }

func (r *Records) fail(err error) error {
	r.err = err
	return err
}

// token admits n bytes and tells them to what makes the record.
func (r *Records) token(n int, tell func(Sink) error) error {
	if r.err != nil {
		return r.err
	}
	if r.depth == 0 {
		return r.fail(ErrNoArray)
	}
	if r.size += n + tokenSize; r.size > r.granted {
		for r.granted < r.size {
			r.granted *= 2
		}
		if r.o.Grow != nil {
			if err := r.o.Grow(r.granted); err != nil {
				return r.fail(err)
			}
		}
	}
	if r.writer != nil {
		if err := tell(r.writer); err != nil {
			return r.fail(err)
		}
	}
	if r.tree != nil {
		if err := tell(r.tree); err != nil {
			return r.fail(err)
		}
	}
	return nil
}

// value is token for what may be a whole record.
func (r *Records) value(n int, tell func(Sink) error) error {
	if err := r.token(n, tell); err != nil {
		return err
	}
	if r.depth == 1 {
		return r.record()
	}
	return nil
}

// record hands over the one that has become whole, and makes room for the next.
func (r *Records) record() error {
	var text []byte
	var tree any
	if r.writer != nil {
		text = r.writer.Bytes()
	}
	if r.tree != nil {
		tree = r.tree.Value()
	}
	if err := r.o.Each(text, tree); err != nil {
		return r.fail(err)
	}
	r.size = 0
	if r.writer != nil {
		if r.buf = text[:0]; cap(text) > keptText {
			r.buf = nil
		}
		r.writer.Reset(r.buf, r.o.Limits)
	}
	if r.tree != nil {
		r.tree.reset(r.o.Limits)
	}
	return nil
}

// begin opens an object or array of a record.
func (r *Records) begin(tell func(Sink) error) error {
	if err := r.token(0, tell); err != nil {
		return err
	}
	r.depth++
	return nil
}

// end closes one.
func (r *Records) end(tell func(Sink) error) error {
	if r.err == nil && r.depth <= 1 {
		return r.fail(errOrder)
	}
	r.depth--
	return r.value(0, tell)
}

// BeginArray implements Sink.
func (r *Records) BeginArray() error {
	if r.err == nil && r.depth == 0 {
		if r.done {
			return r.fail(errOrder)
		}
		r.depth = 1
		return nil
	}
	return r.begin(Sink.BeginArray)
}

// EndArray implements Sink.
func (r *Records) EndArray() error {
	if r.err == nil && r.depth == 1 {
		if r.size > 0 {
			return r.fail(errOrder)
		}
		r.depth, r.done = 0, true
		return nil
	}
	return r.end(Sink.EndArray)
}

// BeginObject implements Sink.
func (r *Records) BeginObject() error { return r.begin(Sink.BeginObject) }

// EndObject implements Sink.
func (r *Records) EndObject() error { return r.end(Sink.EndObject) }

// Key implements Sink.
func (r *Records) Key(name string) error {
	if r.err == nil && r.depth == 1 {
		return r.fail(errOrder)
	}
	return r.token(len(name), func(s Sink) error { return s.Key(name) })
}

// String implements Sink.
func (r *Records) String(v string) error {
	return r.value(len(v), func(s Sink) error { return s.String(v) })
}

// Number implements Sink.
func (r *Records) Number(literal string) error {
	return r.value(len(literal), func(s Sink) error { return s.Number(literal) })
}

// Bool implements Sink.
func (r *Records) Bool(b bool) error { return r.value(1, func(s Sink) error { return s.Bool(b) }) }

// Null implements Sink.
func (r *Records) Null() error { return r.value(1, Sink.Null) }

// reset makes t a new Tree. It keeps the memory for what is open, unless a record has made it large.
func (t *Tree) reset(lim Limits) {
	t.guard.reset(lim)
	t.root, t.open = nil, t.open[:0]
	if cap(t.names) > keptNames || cap(t.values) > keptNames {
		t.names, t.values = nil, nil
	}
	clear(t.names[:cap(t.names)])
	clear(t.values[:cap(t.values)])
	clear(t.open[:cap(t.open)])
	t.names, t.values = t.names[:0], t.values[:0]
}

var _ Sink = (*Records)(nil)
