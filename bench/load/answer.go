package load

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// ErrAnswer tells that what came is not an HTTP/1 answer this package understands.
var ErrAnswer = errors.New("malformed answer")

// maxBody is the longest body in bytes that is read.
const maxBody = 16 << 20

// Answer is what of a response is checked.
type Answer struct {
	Status int
	// Body is only valid until the next answer is read.
	Body []byte
}

// readAnswer reads one HTTP/1.1 response with a Content-Length or in chunks; body is reused. last tells that the server closes the connection.
// An error wraps ErrAnswer or is that of the reader; io.EOF means that not one byte came.
func readAnswer(in *bufio.Reader, body []byte) (answer Answer, last bool, err error) {
	line, err := readLine(in)
	if err != nil {
		return Answer{}, false, err
	}
	answer.Status, err = parseStatus(line)
	if err != nil {
		return Answer{}, false, err
	}

	head, err := readHead(in)
	if err != nil {
		return Answer{}, false, err
	}
	switch {
	case head.chunked:
		answer.Body, err = readChunks(in, body[:0])
	case head.length >= 0:
		answer.Body, err = appendBytes(in, body[:0], head.length)
	default:
		err = fmt.Errorf("neither length nor chunks: %w", ErrAnswer)
	}
	if err != nil {
		return Answer{}, false, truncated(err)
	}
	return answer, head.last, nil
}

func parseStatus(line []byte) (int, error) {
	rest, ok := bytes.CutPrefix(line, []byte("HTTP/1.1 "))
	if !ok || len(rest) < 3 {
		return 0, fmt.Errorf("status line %.40q: %w", line, ErrAnswer)
	}
	status, err := strconv.ParseUint(string(rest[:3]), 10, 16)
	if err != nil || status < 200 {
		return 0, fmt.Errorf("status line %.40q: %w", line, ErrAnswer)
	}
	return int(status), nil
}

// head is what of a response's header fields says where it ends.
type head struct {
	length  int // bytes, -1 without a Content-Length
	chunked bool
	last    bool
}

func readHead(in *bufio.Reader) (head, error) {
	found := head{length: -1}
	for {
		line, err := readLine(in)
		if err != nil {
			return head{}, truncated(err)
		}
		if len(line) == 0 {
			return found, nil
		}
		name, value, ok := bytes.Cut(line, []byte(":"))
		if !ok {
			return head{}, fmt.Errorf("header line %.40q: %w", line, ErrAnswer)
		}
		value = bytes.TrimSpace(value)
		switch len(name) { // the lengths differ: only then is the name compared
		case len("Content-Length"):
			if !bytes.EqualFold(name, []byte("Content-Length")) {
				continue
			}
			length, err := strconv.ParseUint(string(value), 10, 31)
			if err != nil || length > maxBody {
				return head{}, fmt.Errorf("length %.20q: %w", value, ErrAnswer)
			}
			found.length = int(length)
		case len("Transfer-Encoding"):
			if bytes.EqualFold(name, []byte("Transfer-Encoding")) {
				found.chunked = bytes.EqualFold(value, []byte("chunked"))
			}
		case len("Connection"):
			if bytes.EqualFold(name, []byte("Connection")) {
				found.last = bytes.EqualFold(value, []byte("close"))
			}
		}
	}
}

func readChunks(in *bufio.Reader, body []byte) ([]byte, error) {
	for {
		line, err := readLine(in)
		if err != nil {
			return nil, err
		}
		digits, _, _ := bytes.Cut(line, []byte(";"))
		size, err := strconv.ParseUint(string(bytes.TrimSpace(digits)), 16, 31)
		if err != nil || len(body)+int(size) > maxBody {
			return nil, fmt.Errorf("chunk %.20q: %w", line, ErrAnswer)
		}
		if size == 0 {
			_, err := readHead(in) // trailers
			return body, err
		}
		if body, err = appendBytes(in, body, int(size)); err != nil {
			return nil, err
		}
		if line, err = readLine(in); err != nil {
			return nil, err
		}
		if len(line) > 0 {
			return nil, fmt.Errorf("%.20q after a chunk: %w", line, ErrAnswer)
		}
	}
}

// appendBytes appends the next n bytes of in to body.
func appendBytes(in *bufio.Reader, body []byte, n int) ([]byte, error) {
	for n > 0 {
		part, err := in.Peek(min(n, in.Size()))
		if err != nil {
			return nil, err
		}
		body = append(body, part...)
		n -= len(part)
		if _, err := in.Discard(len(part)); err != nil {
			return nil, err
		}
	}
	return body, nil
}

// readLine returns the next line without its end, valid until the next read.
func readLine(in *bufio.Reader) ([]byte, error) {
	line, err := in.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return nil, fmt.Errorf("line longer than %d bytes: %w", in.Size(), ErrAnswer)
	case errors.Is(err, io.EOF) && len(line) > 0:
		return nil, io.ErrUnexpectedEOF
	case err != nil:
		return nil, err
	}
	return bytes.TrimSuffix(line[:len(line)-1], []byte("\r")), nil
}

// truncated turns an end that comes too early into io.ErrUnexpectedEOF.
func truncated(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
