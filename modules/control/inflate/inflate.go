// Package inflate reads bodies of requests that are compressed, within limits.
//
//	a.Handle("user.create", inflate.Handler(h, inflate.Options{Fail: func(w http.ResponseWriter, r *http.Request, err error) { … }}))
//
// A compressed body is inflated as a whole before the handler runs, so that one that is too large is a 413 and no half of anything
// is done. It stands behind the enforcement: whoever may not do the operation has nothing inflated.
package inflate

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// Options say how much there may be.
type Options struct {
	// Compressed is how long a compressed body may be, in bytes. Default 25 MiB.
	Compressed int64
	// Inflated is how long a body may be when it is not compressed (any more), in bytes. Default 5 MiB.
	Inflated int64
	// Fail answers with an error: a *TooLargeError, *EncodingError or *BrokenError, or what reading has met. It must be given.
	Fail func(w http.ResponseWriter, r *http.Request, err error)
}

func (o Options) complete() Options {
	if o.Compressed <= 0 {
		o.Compressed = 25 << 20
	}
	if o.Inflated <= 0 {
		o.Inflated = 5 << 20
	}
	return o
}

// TooLargeError says that a body is too large. It is a 413.
type TooLargeError struct {
	// Most is how many bytes it may have.
	Most int64
	// Compressed says that this is about the body as it was sent.
	Compressed bool
}

func (e *TooLargeError) Error() string {
	if e.Compressed {
		return fmt.Sprintf("a compressed body has at most %d bytes", e.Most)
	}
	return fmt.Sprintf("a body has at most %d bytes", e.Most)
}

// Status is 413.
func (e *TooLargeError) Status() int { return http.StatusRequestEntityTooLarge }

// EncodingError says that a body has another coding than gzip. It is a 415.
type EncodingError struct{}

func (e *EncodingError) Error() string { return "a body is compressed by gzip, once, or not at all" }

// Status is 415.
func (e *EncodingError) Status() int { return http.StatusUnsupportedMediaType }

// Header tells which codings there are.
func (e *EncodingError) Header() http.Header { return http.Header{"Accept-Encoding": {"gzip"}} }

// BrokenError says that a body is not what its coding says. It is a 400.
type BrokenError struct{ cause error }

func (e *BrokenError) Error() string { return "the body is no gzip, or not whole" }

// Unwrap gives the cause.
func (e *BrokenError) Unwrap() error { return e.cause }

// Status is 400.
func (e *BrokenError) Status() int { return http.StatusBadRequest }

// Handler has next see bodies inflated: without Content-Encoding, and with their length. Those that are not compressed are passed
// as they come; reading one past the limit is a *http.MaxBytesError, and one that says so before is refused here.
func Handler(next http.Handler, o Options) http.Handler {
	o = o.complete()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch coding := strings.ToLower(strings.TrimSpace(strings.Join(r.Header["Content-Encoding"], ","))); coding {
		case "", "identity":
			if r.ContentLength > o.Inflated {
				o.Fail(w, r, &TooLargeError{Most: o.Inflated})
				return
			}
			out := *r
			out.Body = http.MaxBytesReader(w, r.Body, o.Inflated)
			next.ServeHTTP(w, &out)
		case "gzip", "x-gzip":
			if r.ContentLength > o.Compressed {
				o.Fail(w, r, &TooLargeError{Most: o.Compressed, Compressed: true})
				return
			}
			body, err := Gzip(r.Body, o.Compressed, o.Inflated)
			if err != nil {
				o.Fail(w, r, err)
				return
			}
			out := *r
			out.Header = r.Header.Clone()
			out.Header.Del("Content-Encoding")
			out.Header.Del("Content-Length")
			out.Body, out.ContentLength, out.TransferEncoding = io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
			next.ServeHTTP(w, &out)
		default:
			o.Fail(w, r, &EncodingError{})
		}
	})
}

// Gzip inflates a body of at most compressed bytes to at most inflated ones. The error is a *TooLargeError, a *BrokenError, or that
// of the reader.
func Gzip(body io.Reader, compressed, inflated int64) ([]byte, error) {
	in := &counted{reader: body, left: compressed}
	z, err := gzip.NewReader(in)
	var out []byte
	if err == nil {
		out, err = io.ReadAll(io.LimitReader(z, inflated+1))
	}
	switch {
	case in.tooLong:
		return nil, &TooLargeError{Most: compressed, Compressed: true}
	case in.err != nil:
		return nil, in.err
	case err != nil:
		return nil, &BrokenError{cause: err}
	case int64(len(out)) > inflated:
		return nil, &TooLargeError{Most: inflated}
	}
	return out, nil
}

// errTooLong ends the inflating.
var errTooLong = errors.New("the body is too long")

// counted reads at most so many bytes, and remembers what ended it.
type counted struct {
	reader  io.Reader
	left    int64
	tooLong bool
	err     error
}

// Read implements io.Reader.
func (c *counted) Read(p []byte) (int, error) {
	if c.left < 0 {
		c.tooLong = true
		return 0, errTooLong
	}
	n, err := c.reader.Read(p[:min(int64(len(p)), c.left+1)])
	if c.left -= int64(n); c.left < 0 {
		c.tooLong = true
		return 0, errTooLong
	}
	if err != nil && !errors.Is(err, io.EOF) {
		c.err = err
	}
	return n, err
}
