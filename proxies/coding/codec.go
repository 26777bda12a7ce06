package coding

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

// codec is one encoding.
type codec int

const (
	codecPlain      codec = iota
	codecUnlabelled       // gzip if it looks like it
	codecGzip
	codecDeflate
	codecBrotli
	codecZstd
)

// What bodies of some encodings begin with.
const (
	gzipMagic = "\x1f\x8b\x08"
	zstdMagic = "\x28\xb5\x2f\xfd"
)

const (
	// zstdWindow is the largest window that zstd may ask for (RFC 9659).
	zstdWindow = 8 << 20
	// zstdSingle is how long a frame may be that is its own window, where there is no limit.
	zstdSingle = 64 << 20
	// trial is how much of a body is made to see whether it can be made.
	trial = 64 << 10
)

// IsGzip says whether a body begins as gzip does.
func IsGzip(body []byte) bool { return bytes.HasPrefix(body, []byte(gzipMagic)) }

func codecOf(name string) (c codec, ok bool) {
	switch name {
	case "gzip", "x-gzip":
		return codecGzip, true
	case "deflate":
		return codecDeflate, true
	case "br":
		return codecBrotli, true
	case "zstd":
		return codecZstd, true
	}
	return codecPlain, false
}

// String is the name in a header.
func (c codec) String() string {
	switch c {
	case codecGzip, codecUnlabelled:
		return "gzip"
	case codecDeflate:
		return "deflate"
	case codecBrotli:
		return "br"
	case codecZstd:
		return "zstd"
	case codecPlain:
	}
	return "identity"
}

// open makes the decoder.
func (c codec) open(src *bufio.Reader, o Options) (io.Reader, error) {
	switch c {
	case codecGzip, codecUnlabelled:
		r, err := gzip.NewReader(src)
		if err != nil {
			return nil, err
		}
		r.Multistream(false)
		return &members{src: src, gzip: r}, nil
	case codecDeflate:
		if head, err := src.Peek(2); err == nil && isZlib(head) {
			r, err := zlib.NewReader(src)
			return &ended{src: src, r: r}, err
		}
		return &ended{src: src, r: flate.NewReader(src)}, nil
	case codecBrotli:
		return brotli.NewReader(src), nil
	case codecZstd:
		single := o.Limit
		if single <= 0 {
			single = zstdSingle
		}
		return zstd.NewReader(src, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(zstdWindow), zstd.WithDecoderMaxMemory(uint64(max(single, zstdWindow))))
	case codecPlain:
	}
	return src, nil
}

// refuses says that a decoder finds fault with the first bytes of a body.
func (c codec) refuses(head []byte) bool {
	r, err := c.open(bufio.NewReader(bytes.NewReader(head)), Options{Limit: trial})
	if err == nil {
		_, err = io.CopyN(io.Discard, r, trial)
	}
	return err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF)
}

// cost is how many bytes of memory the decoder of a body may take.
func (c codec) cost(src *bufio.Reader) int64 {
	const small = 64 << 10 // window and tables of deflate
	switch c {
	case codecBrotli:
		return small + brotliWindow(src) + brotliWindow(src)/4
	case codecZstd:
		var h zstd.Header
		head, _ := src.Peek(zstd.HeaderMaxSize)
		window := uint64(zstdWindow)
		if h.Decode(head) == nil && !h.Skippable {
			window = min(h.WindowSize, zstdWindow)
			if h.SingleSegment {
				window = min(h.FrameContentSize, zstdSingle)
			}
		}
		return small + 1<<20 + int64(window)
	case codecGzip, codecUnlabelled, codecDeflate, codecPlain:
	}
	return small
}

// brotliWindow reads the size of the window in bytes (RFC 7932, 9.1).
func brotliWindow(src *bufio.Reader) int64 {
	head, err := src.Peek(1)
	if err != nil {
		return 0
	}
	b, bits := head[0], 16
	if b&1 != 0 {
		switch n, m := int(b>>1&7), int(b>>4&7); {
		case n != 0:
			bits = 17 + n
		case m > 1:
			bits = 8 + m
		default:
			bits = 17
		}
	}
	return 1 << bits
}

// isZlib tells deflate in its envelope from deflate without.
func isZlib(head []byte) bool {
	return head[0]&0x0f == 8 && head[0]>>4 <= 7 && (int(head[0])<<8|int(head[1]))%31 == 0
}

// isSkippable says that a body begins with a frame of zstd that holds nothing.
func isSkippable(head []byte) bool {
	return len(head) >= 4 && head[0]&0xf0 == 0x50 && bytes.Equal(head[1:4], []byte("\x2a\x4d\x18"))
}

// members reads one gzip after the other.
type members struct {
	src  *bufio.Reader
	gzip *gzip.Reader
}

func (m *members) Read(p []byte) (int, error) {
	for {
		n, err := m.gzip.Read(p)
		if !errors.Is(err, io.EOF) {
			return n, err //nolint:wrapcheck // the layer does
		}
		if n > 0 {
			return n, nil
		}
		head, _ := m.src.Peek(2)
		if string(head) != gzipMagic[:2] {
			return 0, rest(m.src)
		}
		if err := m.gzip.Reset(m.src); err != nil {
			return 0, cutShort(err)
		}
		m.gzip.Multistream(false)
	}
}

// ended looks at what stands behind the end.
type ended struct {
	src *bufio.Reader
	r   io.Reader
}

func (e *ended) Read(p []byte) (int, error) {
	n, err := e.r.Read(p)
	if !errors.Is(err, io.EOF) {
		return n, err //nolint:wrapcheck // the layer does
	}
	if n > 0 {
		return n, nil
	}
	return 0, rest(e.src)
}

// rest takes what some servers send behind the end: NULs and line breaks. Anything else says that something is wrong.
func rest(src *bufio.Reader) error {
	for {
		c, err := src.ReadByte()
		if err != nil {
			return err //nolint:wrapcheck // the layer does
		}
		switch c {
		case 0, '\r', '\n', ' ':
		default:
			return fmt.Errorf("there is more behind its end, beginning with the byte 0x%02x", c)
		}
	}
}

func cutShort(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Interface guards.
var (
	_ io.Reader = (*members)(nil)
	_ io.Reader = (*ended)(nil)
)
