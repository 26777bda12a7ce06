package table

import (
	"context"
	"fmt"
	"io"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/excerpt"
)

// TSV decodes tables of fields with a tab between them, text/tab-separated-values: CSV with other defaults. A quote is a
// character like any other unless Quote says otherwise, and the delimiter is always the tab.
//
//	name<tab>size
//	5" pipe<tab>7  ->  [{"name":"5\" pipe","size":"7"}]
type TSV struct {
	// CSV are the options; Delimiter is not among them. Default of Quote: "none".
	CSV
}

// table gives the options of a table of CSV.
func (d *TSV) table() *CSV {
	c := d.CSV
	c.Delimiter = "\t"
	if c.Quote == "" {
		c.Quote = csvNone
	}
	return &c
}

// Check implements the check at load.
func (d *TSV) Check() error {
	if d.Delimiter != "" && d.Delimiter != "\t" {
		return fmt.Errorf("delimiter %q: in tsv it is the tab, csv has others", excerpt.Of(d.Delimiter))
	}
	return d.table().Check()
}

// Decode implements decode.Decoder.
func (d *TSV) Decode(ctx context.Context, in *decode.Input, out decode.Sink) error {
	return d.table().read(ctx, "tsv", nil, in.Body, out)
}

// Stream implements decode.Streamer.
func (d *TSV) Stream(ctx context.Context, text io.Reader, _ *decode.Input, out decode.Sink) error {
	return d.table().read(ctx, "tsv", text, nil, out)
}

var (
	_ decode.Decoder  = (*TSV)(nil)
	_ decode.Streamer = (*TSV)(nil)
)
