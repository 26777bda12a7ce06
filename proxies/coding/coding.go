// Package coding undoes the content encodings of HTTP bodies: gzip, deflate, br and zstd, one over the other, and as far as
// can be told also where a server names another encoding than it uses.
package coding

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// MaxLayers is how many encodings may lie one over the other. More than one is rare, and each multiplies what a small body
// can become.
const MaxLayers = 5

// textHead is how many bytes of a body say whether it is text.
const textHead = 512

// layerSlack is how many bytes an encoded body may be longer than the limit.
const layerSlack = 64 << 10

var (
	// ErrTooLong says that a body is longer than Options.Limit, or that what it is encoded in is longer than can be.
	ErrTooLong = errors.New("the body is longer than the limit")
	// ErrMemory says that Options.Charge has refused.
	ErrMemory = errors.New("the budget is spent")
)

// UnknownError says that a body is in a content encoding that nobody here reads.
type UnknownError struct {
	Encoding string // at most 40 bytes of it
}

func (e *UnknownError) Error() string {
	return fmt.Sprintf("content encoding %q is not supported", e.Encoding)
}

// Options say what is known of a body.
type Options struct {
	// Encoding is the header Content-Encoding; several of them are joined with commas. Default: none.
	Encoding string
	// Unlabelled undoes gzip that no encoding names. Default false.
	Unlabelled bool
	// Limit is the longest body in bytes; what lies between two encodings may be little longer. The reader itself gives as much
	// as there is. Default 0: any.
	Limit int64
	// Charge is asked for the bytes of memory that a decoder may take beside what it gives, before it is made. Nil: any.
	Charge func(n int64) bool
}

// Reader gives a body as it was before it was encoded. It reads nothing by itself, and gives an empty body for an empty one
// whatever its encoding. Errors of the body itself come back unchanged. It is for one goroutine.
//
// An encoding that the body is not in is passed over if the body begins with no sign of it: gzip and zstd by their first bytes,
// deflate and br where it is text that they cannot read.
type Reader struct {
	layers []*layer // in the order in which they are undone
	from   io.Reader
}

// New makes a Reader. An encoding that is not known (*UnknownError), or too many of them, is an error at once; a body that is
// not in its encoding is one when it is read.
//
//	New(body, Options{Encoding: "gzip"})           // what most servers mean
//	New(body, Options{Encoding: "deflate, gzip"})  // gzip is undone first
func New(body io.Reader, o Options) (*Reader, error) {
	r := &Reader{from: body}
	names := strings.Split(o.Encoding, ",")
	if len(names) > MaxLayers {
		return nil, fmt.Errorf("the body has %d content encodings, at most %d are undone", len(names), MaxLayers)
	}
	for _, name := range slices.Backward(names) {
		name = strings.ToLower(strings.Trim(name, " \t\r\n\v\f"))
		if name == "" || name == "identity" {
			continue
		}
		codec, ok := codecOf(name)
		if !ok {
			return nil, &UnknownError{Encoding: strings.ToValidUTF8(name[:min(len(name), 40)], "")}
		}
		r.add(codec, o)
	}
	if o.Unlabelled {
		r.add(codecUnlabelled, o)
	}
	return r, nil
}

func (r *Reader) add(c codec, o Options) {
	from := r.from
	if len(r.layers) > 0 && o.Limit > 0 {
		from = &limited{from: from, left: o.Limit + o.Limit/1000 + layerSlack}
	}
	l := &layer{src: bufio.NewReader(from), codec: c, options: o}
	r.layers, r.from = append(r.layers, l), l
}

// Read implements io.Reader.
func (r *Reader) Read(p []byte) (int, error) {
	return r.from.Read(p) //nolint:wrapcheck // a reader is transparent
}

// Undone names the encodings that were found and undone, in the order of the header: "deflate, gzip"; "" for none. It is whole
// once something was read.
func (r *Reader) Undone() string {
	var names []string
	for _, l := range slices.Backward(r.layers) {
		if l.undone != "" {
			names = append(names, l.undone)
		}
	}
	return strings.Join(names, ", ")
}

// layer undoes one encoding. It opens its body at the first read, so that nothing is read before the caller asks.
type layer struct {
	src     *bufio.Reader
	codec   codec
	options Options
	undone  string
	r       io.Reader
	err     error
}

func (l *layer) Read(p []byte) (int, error) {
	if l.err != nil {
		return 0, l.err
	}
	if l.r == nil {
		if l.err = l.open(); l.err != nil {
			return 0, l.err
		}
	}
	n, err := l.r.Read(p)
	if err != nil {
		l.err = l.failed(err)
	}
	return n, l.err
}

// failed says whose error it is.
func (l *layer) failed(err error) error {
	if l.undone == "" || errors.Is(err, io.EOF) {
		return err
	}
	return fmt.Errorf("content encoding %s: %w", l.undone, err)
}

func (l *layer) open() error {
	if _, err := l.src.Peek(1); err != nil {
		return err // an empty body is empty in every encoding
	}
	found := l.find()
	if found == codecPlain {
		l.r = l.src
		return nil
	}
	l.undone = found.String()
	if l.options.Charge != nil && !l.options.Charge(found.cost(l.src)) {
		return ErrMemory
	}
	r, err := found.open(l.src, l.options)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF // cut inside its header
	}
	if err != nil {
		return l.failed(err)
	}
	l.r = r
	return nil
}

// find says what the body is really in, by its first bytes.
func (l *layer) find() codec {
	switch {
	case l.codec == codecUnlabelled:
		if head, _ := l.src.Peek(1); head[0] != gzipMagic[0] {
			return codecPlain
		}
		if head, _ := l.src.Peek(len(gzipMagic)); IsGzip(head) {
			return codecGzip
		}
		return codecPlain
	case l.codec == codecBrotli: // has no sign, and may begin like the others
		if head := l.text(); head != nil && l.codec.refuses(head) {
			return codecPlain
		}
		return l.codec
	case l.begins(gzipMagic[:2]):
		return codecGzip
	case l.begins(zstdMagic):
		return codecZstd
	}
	switch l.codec {
	case codecGzip:
		if _, err := l.src.Peek(2); err != nil && l.begins(gzipMagic[:1]) {
			return codecGzip // cut
		}
		return codecPlain
	case codecZstd:
		if head, _ := l.src.Peek(4); isSkippable(head) || strings.HasPrefix(zstdMagic, string(head)) {
			return codecZstd
		}
		return codecPlain
	case codecDeflate:
		if head := l.text(); head != nil && l.codec.refuses(head) {
			return codecPlain
		}
	case codecPlain, codecUnlabelled, codecBrotli:
	}
	return l.codec
}

// text gives the beginning of the body if it is text, in whatever charset: without control characters but white space. It
// waits only as long as that may be.
func (l *layer) text() []byte {
	for n := 1; ; n = min(max(n+1, l.src.Buffered()), textHead) {
		head, err := l.src.Peek(n)
		switch {
		case slices.ContainsFunc(head, isControl):
			return nil
		case err != nil || n == textHead:
			return head
		}
	}
}

func isControl(c byte) bool { return c < ' ' && (c < '\t' || c > '\r') || c == 0x7f }

// begins says whether the body begins with a magic number. It waits for no more than it takes to say that it does not.
func (l *layer) begins(magic string) bool {
	for n := 1; n <= len(magic); n++ {
		head, err := l.src.Peek(n)
		if err != nil || head[n-1] != magic[n-1] {
			return false
		}
	}
	return true
}

// limited ends with ErrTooLong.
type limited struct {
	from io.Reader
	left int64
}

func (l *limited) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, ErrTooLong
	}
	n, err := l.from.Read(p[:min(int64(len(p)), l.left)])
	l.left -= int64(n)
	return n, err //nolint:wrapcheck // a reader is transparent
}

// Interface guards.
var (
	_ io.Reader = (*Reader)(nil)
	_ io.Reader = (*layer)(nil)
	_ io.Reader = (*limited)(nil)
)
