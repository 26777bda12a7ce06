package decode

import (
	"slices"
	"unicode/utf8"
)

// Writer is a Sink that makes compact JSON text. Names keep their order and numbers their digits. A name that
// occurs twice in one object is a *DuplicateError, too large a document a *LimitError.
//
// A Writer may be used again after Reset. It is for one goroutine.
type Writer struct {
	guard guard
	buf   []byte
	names []string // of all open objects, the innermost last
	open  []names
	spare []map[string]struct{}
}

// names are the names of one open object.
type names struct {
	start  int    // of its names in Writer.names
	filter uint64 // one bit for each name seen; a name whose bit is unset is new
	set    map[string]struct{}
}

const (
	// linearNames is up to how many names a scan is cheaper than a map.
	linearNames = 16
	// keptNames is the size up to which memory for names is kept for the next document.
	keptNames = 1024
)

// NewWriter makes a Writer that appends to dst, which may be nil. Limits that are 0 are the defaults.
func NewWriter(dst []byte, lim Limits) *Writer {
	w := new(Writer)
	w.Reset(dst, lim)
	return w
}

// Reset makes w a new Writer that appends to dst. It keeps no reference to anything told before.
func (w *Writer) Reset(dst []byte, lim Limits) {
	w.guard.reset(lim)
	w.buf = dst
	w.open = w.open[:0]
	if cap(w.names) > keptNames {
		w.names = nil
	}
	clear(w.names[:cap(w.names)])
	w.names = w.names[:0]
	clear(w.open[:cap(w.open)])
}

// Bytes is dst followed by the JSON text. It is nil unless exactly one whole value was told.
// It is valid until Reset is called with the same memory.
func (w *Writer) Bytes() []byte {
	if !w.guard.complete() {
		return nil
	}
	return w.buf
}

// Buffer is the memory that w has appended to, whether or not it holds a whole value: to be used again with Reset.
func (w *Writer) Buffer() []byte { return w.buf }

// Complete says whether exactly one whole value was told without an error.
func (w *Writer) Complete() bool { return w.guard.complete() }

func (w *Writer) value() error {
	comma, err := w.guard.value()
	if err != nil {
		return err
	}
	if comma {
		w.buf = append(w.buf, ',')
	}
	return nil
}

func (w *Writer) begin(object bool, c byte) error {
	comma, err := w.guard.begin(object)
	if err != nil {
		return err
	}
	if comma {
		w.buf = append(w.buf, ',')
	}
	w.buf = append(w.buf, c)
	return nil
}

// BeginObject implements Sink.
func (w *Writer) BeginObject() error {
	if err := w.begin(true, '{'); err != nil {
		return err
	}
	w.open = append(w.open, names{start: len(w.names)})
	return nil
}

// Key implements Sink.
func (w *Writer) Key(name string) error {
	comma, err := w.guard.key()
	if err != nil {
		return err
	}
	if !w.add(name) {
		return w.guard.fail(duplicate(name))
	}
	if comma {
		w.buf = append(w.buf, ',')
	}
	if err := w.quote(name); err != nil {
		return err
	}
	w.buf = append(w.buf, ':')
	return nil
}

// add notes a name of the innermost object and says whether it is new there.
func (w *Writer) add(name string) bool {
	o := &w.open[len(w.open)-1]
	if o.set != nil {
		before := len(o.set)
		o.set[name] = struct{}{}
		return len(o.set) > before
	}
	own := w.names[o.start:]
	bit := filterBit(name)
	if o.filter&bit != 0 {
		if slices.Contains(own, name) {
			return false
		}
	}
	o.filter |= bit
	if len(own) < linearNames {
		w.names = append(w.names, name)
		return true
	}
	o.set = w.newSet()
	for _, n := range own {
		o.set[n] = struct{}{}
	}
	o.set[name] = struct{}{}
	w.names = w.names[:o.start]
	return true
}

func filterBit(name string) uint64 {
	if name == "" {
		return 1
	}
	return 1 << ((uint(len(name)) + 7*uint(name[0]) + 31*uint(name[len(name)-1])) & 63)
}

func (w *Writer) newSet() map[string]struct{} {
	n := len(w.spare)
	if n == 0 {
		return make(map[string]struct{}, 4*linearNames)
	}
	set := w.spare[n-1]
	w.spare = w.spare[:n-1]
	return set
}

// EndObject implements Sink.
func (w *Writer) EndObject() error {
	if err := w.guard.end(true); err != nil {
		return err
	}
	o := w.open[len(w.open)-1]
	w.open = w.open[:len(w.open)-1]
	w.names = w.names[:o.start]
	// Emptying a map takes time by the size it once had, so a large one is not used again for small objects.
	if o.set != nil && len(o.set) <= keptNames && len(w.spare) < linearNames {
		clear(o.set)
		w.spare = append(w.spare, o.set)
	}
	w.buf = append(w.buf, '}')
	return nil
}

// BeginArray implements Sink.
func (w *Writer) BeginArray() error { return w.begin(false, '[') }

// EndArray implements Sink.
func (w *Writer) EndArray() error {
	if err := w.guard.end(false); err != nil {
		return err
	}
	w.buf = append(w.buf, ']')
	return nil
}

// String implements Sink.
func (w *Writer) String(s string) error {
	if err := w.value(); err != nil {
		return err
	}
	return w.quote(s)
}

// Number implements Sink. A literal that is no JSON number or longer than MaxNumber is refused.
func (w *Writer) Number(literal string) error {
	if err := w.value(); err != nil {
		return err
	}
	if err := w.guard.number(literal); err != nil {
		return err
	}
	w.buf = append(w.buf, literal...)
	return nil
}

// Bool implements Sink.
func (w *Writer) Bool(b bool) error {
	if err := w.value(); err != nil {
		return err
	}
	if b {
		w.buf = append(w.buf, "true"...)
	} else {
		w.buf = append(w.buf, "false"...)
	}
	return nil
}

// Null implements Sink.
func (w *Writer) Null() error {
	if err := w.value(); err != nil {
		return err
	}
	w.buf = append(w.buf, "null"...)
	return nil
}

func (w *Writer) quote(s string) error {
	b, ok := appendString(w.buf, s)
	w.buf = b
	if !ok {
		return w.guard.fail(ErrUTF8)
	}
	return nil
}

// appendString appends s as a JSON string and escapes only what RFC 8259 requires. It stops at a byte that is
// not UTF-8 and says so.
func appendString(b []byte, s string) ([]byte, bool) {
	b, ok := appendEscaped(append(b, '"'), s)
	if !ok {
		return b, false
	}
	return append(b, '"'), true
}

// appendEscaped is appendString without the quotes.
func appendEscaped[T string | []byte](b []byte, s T) ([]byte, bool) {
	const hex = "0123456789abcdef"
	start := 0
	for i := 0; i < len(s); {
		if i+8 <= len(s) && plainEight(s[i:i+8]) {
			i += 8
			continue
		}
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(string(s[i:min(i+utf8.UTFMax, len(s))]))
			if r == utf8.RuneError && size == 1 {
				return b, false
			}
			i += size
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' {
			i++
			continue
		}
		b = append(b, s[start:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		case '\b':
			b = append(b, '\\', 'b')
		case '\f':
			b = append(b, '\\', 'f')
		default:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		i++
		start = i
	}
	return append(b, s[start:]...), true
}

// plainEight says whether eight bytes are ASCII that stands in a JSON string as it is, all at once: a byte of x that is over
// 0x7f, under a space, a quote or a backslash has its highest bit set in one of the terms. A borrow may set one too many,
// then the bytes are looked at one by one.
func plainEight[T string | []byte](s T) bool {
	const (
		ones = 0x0101010101010101
		high = 0x8080808080808080
	)
	_ = s[7]
	x := uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
	quote, backslash := x^(ones*'"'), x^(ones*'\\')
	return (x|(x-ones*' ')|(quote-ones)|(backslash-ones))&high == 0
}

var _ Sink = (*Writer)(nil)
