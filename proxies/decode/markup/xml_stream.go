package markup

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/fairway-gateway/fairway/proxies/decode"
)

// xmlChunk is how many bytes a stream is read in at once.
const xmlChunk = 32 << 10

// Stream implements decode.Streamer. Without Records the whole document is one record.
func (d *XML) Stream(ctx context.Context, text io.Reader, _ *decode.Input, out decode.Sink) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	plan, err := d.prepared()
	if err != nil {
		return err
	}
	p := newXMLParser(plan, nil)
	p.more, p.whole = true, false
	return plan.tellAll(ctx, p, &xmlSource{reader: text}, "", out)
}

// Streams says whether the value is an array of records, which Stream can tell one by one.
func (d *XML) Streams() bool { return d.Records != "" }

// xmlSource brings a parser more of its text.
type xmlSource struct {
	reader io.Reader
	at     int64 // where the piece of markup began that was not all there
	failed int   // how often it was not
}

// fill reads until there may be more to parse: a piece of markup or text that is not all there is not looked at again
// before one of the characters that can end it has come.
func (s *xmlSource) fill(ctx context.Context, p *xmlParser) error {
	if at := p.base + int64(p.pos); at != s.at {
		s.at, s.failed = at, 0
	}
	s.failed++
	least := 1
	if s.failed > 64 { // the ends do not end it: look again only when there is much more
		least = (len(p.buf) - p.pos) / 8
	}
	ended := p.pos == len(p.buf)
	for n := 0; n < least || !ended; {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := p.room(); err != nil {
			return err
		}
		from := len(p.buf)
		got, err := s.reader.Read(p.buf[from:min(cap(p.buf), from+xmlChunk)])
		p.buf = p.buf[:from+got]
		n += got
		ended = ended || bytes.ContainsAny(p.buf[from:], "<>")
		if errors.Is(err, io.EOF) {
			p.more = false
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// room makes room to read into, by forgetting what has been told.
func (p *xmlParser) room() error {
	kept := p.pos
	if p.building > 0 {
		kept = p.origin
	}
	if len(p.buf)-kept > decode.MaxRecord {
		return &decode.LimitError{What: "bytes in a record", Limit: decode.MaxRecord}
	}
	if len(p.buf) < cap(p.buf) {
		return nil
	}
	to := p.buf[:0]
	if len(p.buf)-kept > cap(p.buf)/2 || cap(p.buf) == 0 {
		to = make([]byte, 0, max(2*cap(p.buf), 2*xmlChunk))
	}
	p.buf = append(to, p.buf[kept:]...)
	p.base += int64(kept)
	p.pos -= kept
	p.origin -= kept
	return nil
}
