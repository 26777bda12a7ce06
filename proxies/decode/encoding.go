package decode

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// maxEncodings is how many encodings may lie one over the other. More than one is rare, and each multiplies what a
// small body can become.
const maxEncodings = 3

// EncodingError says that a body is in a content encoding that nobody here reads.
type EncodingError struct {
	Encoding string // at most 40 bytes of it
}

func (e *EncodingError) Error() string {
	return fmt.Sprintf("content encoding %q is not supported", e.Encoding)
}

// Inflate undoes the content encodings of a body, named as in the header Content-Encoding. An encoding that is not
// known, or too many of them, is an error at once (*EncodingError); a body that is not in its encoding is an error
// when it is read. An empty body is empty in every encoding.
//
// The result is as large as the body pleases: the caller limits what it reads. Inflate reads nothing by itself.
func Inflate(body io.Reader, contentEncoding string) (io.Reader, error) {
	if contentEncoding == "" {
		return body, nil
	}
	names := strings.Split(contentEncoding, ",")
	if len(names) > maxEncodings {
		return nil, fmt.Errorf("the body has %d content encodings, at most %d are read", len(names), maxEncodings)
	}
	for _, name := range slices.Backward(names) {
		open, err := inflater(strings.ToLower(strings.Trim(name, asciiSpace)))
		if err != nil {
			return nil, err
		}
		if open != nil {
			body = &inflated{src: bufio.NewReader(body), open: open}
		}
	}
	return body, nil
}

// inflater is the table of encodings. It gives nil for those that change nothing.
func inflater(name string) (func(io.Reader) (io.Reader, error), error) {
	switch name {
	case "", "identity":
		return nil, nil
	case "gzip", "x-gzip":
		return openGzip, nil
	}
	return nil, &EncodingError{Encoding: excerpt(name)}
}

func openGzip(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }

// inflated opens its body at the first read, so that nothing is read before the caller asks and an empty body is
// no error.
type inflated struct {
	src  *bufio.Reader
	open func(io.Reader) (io.Reader, error)
	r    io.Reader
	err  error
}

func (f *inflated) Read(p []byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	if f.r == nil {
		f.err = f.start()
		if f.err != nil {
			return 0, f.err
		}
	}
	n, err := f.r.Read(p)
	if err != nil {
		f.err = inflateError(err)
	}
	return n, f.err
}

func (f *inflated) start() error {
	if _, err := f.src.Peek(1); err != nil {
		return err
	}
	r, err := f.open(f.src)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF // cut inside its header
	}
	if err != nil {
		return inflateError(err)
	}
	f.r = r
	return nil
}

func inflateError(err error) error {
	if errors.Is(err, io.EOF) {
		return err
	}
	return fmt.Errorf("content encoding: %w", err)
}
