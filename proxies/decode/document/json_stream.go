package document

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"

	"github.com/fairway-gateway/fairway/proxies/decode"
)

// recordWindow reads a text of which only one record may be kept: whoever reads says where the record began.
type recordWindow struct {
	ctx  context.Context
	src  io.Reader
	kept []byte // read already, to be given first
	read int64  // given so far
	from int64  // where the record began
	err  error  // of src; what comes back through a library is wrapped
}

// Read implements io.Reader.
func (w *recordWindow) Read(p []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	if w.err = w.ctx.Err(); w.err != nil {
		return 0, w.err
	}
	if w.read-w.from > decode.MaxRecord {
		w.err = &decode.LimitError{What: "bytes in a record", Limit: decode.MaxRecord}
		return 0, w.err
	}
	if len(w.kept) > 0 {
		n := copy(p, w.kept)
		w.kept = w.kept[n:]
		w.read += int64(n)
		return n, nil
	}
	n, err := w.src.Read(p)
	w.read += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		w.err = err
	}
	return n, err
}

// rest gives the text that has not been given, without a limit.
func (w *recordWindow) rest() io.Reader {
	return io.MultiReader(bytes.NewReader(w.kept), w.src)
}

// jsonPrefixes stand before JSON so that no browser runs it as a script.
func jsonPrefixes() []string {
	return []string{")]}',", ")]}'", "while(1);", "while (1);", "for(;;);", "for (;;);"}
}

// jsonPrefix gives the length of such a prefix, with the white space before it; 0 if there is none.
func jsonPrefix(text []byte) int {
	rest := bytes.TrimLeft(text, jsonSpace)
	if len(rest) == 0 || rest[0] != ')' && rest[0] != 'w' && rest[0] != 'f' {
		return 0
	}
	for _, p := range jsonPrefixes() {
		if bytes.HasPrefix(rest, []byte(p)) {
			return len(text) - len(rest) + len(p)
		}
	}
	return 0
}

// skipPrefix leaves out white space and a prefix. It reads no further than it must to know.
func (w *recordWindow) skipPrefix() error {
	one := make([]byte, 1)
	var seen []byte
	for {
		n, err := w.Read(one)
		ended := errors.Is(err, io.EOF)
		if err != nil && !ended {
			return err
		}
		if n == 1 && len(seen) == 0 && strings.IndexByte(jsonSpace, one[0]) >= 0 {
			w.from = w.read
			continue
		}
		seen = append(seen, one[:n]...)
		if ended || !w.mayBePrefix(string(seen)) {
			break
		}
	}
	n := jsonPrefix(seen)
	w.kept = seen[n:]
	w.read -= int64(len(w.kept))
	return nil
}

// mayBePrefix says whether more text may make a prefix, or a longer one, of it.
func (w *recordWindow) mayBePrefix(seen string) bool {
	for _, p := range jsonPrefixes() {
		if len(seen) < len(p) && strings.HasPrefix(p, seen) {
			return true
		}
	}
	return false
}
