package wrap

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/transform"

	"github.com/fairway-gateway/fairway/proxies/decode"
)

// charsetPrefix is how much of a stream decides about its charset at most, in bytes.
const charsetPrefix = 4 << 10

// textReader gives a body as UTF-8 without byte order mark while it comes, and the charset it is read in, decided by the
// rules of decode.Text over its beginning.
func textReader(body io.Reader, o decode.TextOptions) (io.Reader, decode.Charset, error) {
	in := bufio.NewReaderSize(body, charsetPrefix)
	prefix, err := beginning(in, o)
	if err != nil {
		return nil, decode.Charset{}, err
	}
	_, charset, err := decode.Text(whole(prefix), o)
	if _, undecodable := errors.AsType[*decode.CharsetError](err); err != nil && !undecodable {
		return nil, charset, err
	}
	if charset.Source == "bom" {
		mark := 2
		if charset.Name == "utf-8" {
			mark = 3
		}
		_, _ = in.Discard(mark) // it is there
	}
	if charset.Name == "utf-8" {
		return in, charset, nil // what tells the records looks at every text
	}
	enc, err := htmlindex.Get(charset.Name)
	if err != nil {
		return nil, charset, err
	}
	return &strict{from: transform.NewReader(in, enc.NewDecoder()), charset: charset.Name}, charset, nil
}

// beginning gives what has come of a body, without waiting for more than it takes to decide: whoever sends a row now and
// then wants it answered now and then. A document that may declare its charset is waited for until it has.
func beginning(in *bufio.Reader, o decode.TextOptions) ([]byte, error) {
	const mark = 3 // bytes of the longest byte order mark
	for n := 1; ; n = in.Buffered() + 1 {
		_, err := in.Peek(n)
		prefix, _ := in.Peek(in.Buffered())
		declares := o.Option == "" && o.Header == "" && o.Document != nil && len(prefix) < charsetPrefix && !bytes.ContainsAny(prefix, ">\n")
		switch {
		case errors.Is(err, io.EOF):
			return prefix, nil
		case err != nil:
			return nil, err
		case len(prefix) >= mark && !declares:
			return prefix, nil
		}
	}
}

// whole takes a character that is cut off the end.
func whole(prefix []byte) []byte {
	for n := 1; n < utf8.UTFMax && n <= len(prefix); n++ {
		if c := prefix[len(prefix)-n]; utf8.RuneStart(c) {
			if c >= utf8.RuneSelf && !utf8.FullRune(prefix[len(prefix)-n:]) {
				return prefix[:len(prefix)-n]
			}
			break
		}
	}
	return prefix
}

// strict refuses what a decoder has replaced.
type strict struct {
	from    io.Reader
	charset string
	tail    []byte // the last two bytes, where a U+FFFD may begin
}

func (s *strict) Read(p []byte) (int, error) {
	n, err := s.from.Read(p)
	seen := append(s.tail, p[:n]...)
	if bytes.Contains(seen, []byte("\uFFFD")) {
		return 0, fmt.Errorf("a byte is not valid %s", s.charset)
	}
	s.tail = append(s.tail[:0], seen[max(0, len(seen)-2):]...)
	return n, err //nolint:wrapcheck // a reader is transparent
}
