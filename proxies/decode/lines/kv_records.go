package lines

import (
	"context"
	"errors"
	"strings"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/ascii"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/interrupt"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/linewise"
)

// KVBlank is the value of the option Records of KV.
const KVBlank = "blank"

// tellRecords tells an object for the lines between blank ones.
func (d *KV) tellRecords(ctx context.Context, text string, out decode.Sink) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := out.BeginArray(); err != nil {
		return err
	}
	l := linewise.Lines{Text: text}
	p := interrupt.Poll{Ctx: ctx}
	look := d.reader(p, "")
	// An object of a few bytes takes hundreds, and more where its members are collected first.
	const few = 2000
	dense := 8
	if !d.streams() {
		dense = 32
	}
	from, objects := 0, 0
	filled := false
	for {
		line, offset, ok := l.Cut()
		if err := p.Err(); err != nil {
			return err
		}
		if ok && strings.Trim(line, ascii.Space) != "" {
			filled = true
			continue
		}
		if ok && !filled {
			from = offset
			continue
		}
		filled = false
		look.lines = linewise.Lines{Text: text[from:offset]}
		told, err := d.tellRecord(ctx, look, out)
		if err != nil {
			return within(err, int64(from))
		}
		if told {
			if objects++; objects > few+len(text)/dense {
				return &decode.LimitError{What: "objects for its length", Limit: few + len(text)/dense}
			}
		}
		if !ok {
			return out.EndArray()
		}
		from = offset
	}
}

// tellRecord tells a record unless it has no pair.
func (d *KV) tellRecord(ctx context.Context, look *kvReader, out decode.Sink) (told bool, err error) {
	_, ok, err := look.next()
	if !ok || err != nil {
		return false, err
	}
	return true, d.tell(ctx, look.lines.Text, out)
}

// within makes the place in a record one in the text.
func within(err error, from int64) error {
	if syntax, ok := errors.AsType[*decode.SyntaxError](err); ok {
		moved := *syntax
		moved.Offset += from
		return &moved
	}
	return err
}
