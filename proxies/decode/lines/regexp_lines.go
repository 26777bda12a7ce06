package lines

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/linewise"
)

// Stream implements decode.Streamer. Only in mode "lines" there are records; else the whole text is one.
func (d *Regexp) Stream(ctx context.Context, text io.Reader, _ *decode.Input, out decode.Sink) error {
	if d.mode == RegexpLines {
		return d.records(ctx, linewise.Streamed(text), out)
	}
	body, err := io.ReadAll(io.LimitReader(text, decode.MaxRecord+1))
	if err != nil {
		return err
	}
	if len(body) > decode.MaxRecord {
		return &decode.LimitError{What: "bytes in a record", Limit: decode.MaxRecord}
	}
	return d.Decode(ctx, &decode.Input{Body: body}, out)
}

// Streams says whether the value is an array of records, which Stream can tell one by one.
func (d *Regexp) Streams() bool { return d.Mode == RegexpLines || d.Mode == "" && d.Grok != "" }

// records tells what each line, or each group of lines, has.
func (d *Regexp) records(ctx context.Context, l *linewise.Reader, out decode.Sink) error {
	if d.first == nil {
		return errors.New("regexp: used before Check")
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := out.BeginArray(); err != nil {
		return err
	}
	r := regexpRecords{lines: l, begins: d.begins != nil}
	for {
		record, offset, ok, err := r.next(ctx, d)
		if err != nil {
			return err
		}
		if !ok {
			return out.EndArray()
		}
		if err := d.record(record, offset, out); err != nil {
			return err
		}
	}
}

func (d *Regexp) record(text string, offset int64, out decode.Sink) error {
	loc := d.first.FindStringSubmatchIndex(text)
	msg := "no match in the line that starts"
	if loc != nil {
		if d.typed(text, loc) {
			return d.tell(text, loc, out)
		}
		msg = "a group that is not of its type in the line that starts"
	}
	switch d.Unmatched {
	case KVSkip:
		return nil
	case KVNull:
		return out.Null()
	}
	return &decode.SyntaxError{Format: "regexp", Offset: offset, Msg: msg}
}

// regexpRecords puts lines together to records.
type regexpRecords struct {
	lines  *linewise.Reader
	begins bool
	held   linewise.Line // the first line of the next record
	more   bool          // held is there
	buf    bytes.Buffer
}

func (r *regexpRecords) next(ctx context.Context, d *Regexp) (text string, offset int64, ok bool, err error) {
	line := r.held
	if !r.more {
		if err := ctx.Err(); err != nil {
			return "", 0, false, err
		}
		if line, ok, err = r.lines.Next(); err != nil || !ok {
			return "", 0, false, err
		}
	}
	if !r.begins {
		return line.Text, line.Offset, true, nil
	}
	r.more = false
	text, offset = line.Text, line.Offset
	r.buf.Reset()
	for n := 1; ; n++ {
		if err := ctx.Err(); err != nil {
			return "", 0, false, err
		}
		line, ok, err := r.lines.Next()
		if err != nil {
			return "", 0, false, err
		}
		if ok && !d.begins.MatchString(line.Text) {
			if n == 1 {
				r.buf.WriteString(text)
			}
			r.buf.WriteByte('\n')
			r.buf.WriteString(line.Text)
			if r.buf.Len() > decode.MaxRecord {
				return "", 0, false, &decode.LimitError{What: "bytes in a record", Limit: decode.MaxRecord}
			}
			continue
		}
		r.held, r.more = line, ok
		if r.buf.Len() > 0 {
			text = strings.Clone(r.buf.String())
		}
		return text, offset, true, nil
	}
}
