package table

import (
	"strings"
	"testing"
	"testing/iotest"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/decodetest"
	"github.com/fairway-gateway/fairway/proxies/decode/typed"
)

func TestTSV(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		dec  TSV
		in   string
		want string // JSON text, or what an error says
	}{
		"rows":        {in: "a\tb\r\n1\t\"2,\n", want: `[{"a":"1","b":"\"2,"}]`},
		"no tab":      {in: "a,b\n1,2\n", want: `[{"a,b":"1,2"}]`},
		"quotes":      {dec: TSV{CSV{Quote: `"`}}, in: "a\n\"x\ty\nz\"\n", want: `[{"a":"x\ty\nz"}]`},
		"escape":      {dec: TSV{CSV{Escape: "backslash"}}, in: "a\tb\nx\\ty\\n\\\\\t\\N\n", want: `[{"a":"x\ty\n\\","b":null}]`},
		"short":       {in: "a\tb\n1\n", want: `tsv: row 1 has 1 field, not 2; see the option ragged at byte 4`},
		"typed":       {dec: TSV{CSV{Typed: []Column{{Name: "b", ValueType: typed.ValueType{Type: "integer"}}}, Only: true}}, in: "a\tb\n1\t2\n", want: `[{"b":2}]`},
		"not there":   {dec: TSV{CSV{Typed: []Column{{Name: "c"}}}}, in: "a\tb\n1\t2\n", want: `tsv: there is no column "c", but "a", "b" at byte 0`},
		"page":        {in: "<html>", want: "tsv: a page of HTML instead of a table at byte 0"},
		"blank field": {in: "a\tb\n\t\n", want: `[{"a":"","b":""}]`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := test.dec.Check(); err != nil {
				t.Fatal(err)
			}
			w, s := decode.NewWriter(nil, decode.Limits{}), decode.NewWriter(nil, decode.Limits{})
			err := test.dec.Decode(t.Context(), &decode.Input{Body: []byte(test.in)}, w)
			streamErr := test.dec.Stream(t.Context(), iotest.OneByteReader(strings.NewReader(test.in)), &decode.Input{}, s)
			for way, got := range map[string]string{"whole": orError(w, err), "stream": orError(s, streamErr)} {
				if got != test.want {
					t.Errorf("%s: got %s, want %s", way, got, test.want)
				}
			}
		})
	}
	for name, d := range map[string]TSV{"delimiter": {CSV{Delimiter: ","}}, "lazy": {CSV{LazyQuotes: true}}, "ragged": {CSV{Ragged: "x"}}} {
		if d.Check() == nil {
			t.Errorf("%s passes", name)
		}
	}
}

func orError(w *decode.Writer, err error) string {
	if err != nil {
		return err.Error()
	}
	return string(w.Bytes())
}

func TestCorpusTSV(t *testing.T) {
	t.Parallel()
	decodetest.Corpus(t, "tsv", 8, func() decodetest.Checked { return new(TSV) })
}

func TestFactorTSV(t *testing.T) { //nolint:paralleltest // it measures memory
	const size = 256 << 10
	fill := func(head, s string) string { return head + strings.Repeat(s, size/len(s)) }
	decodetest.CheckFactor(t, "tsv", new(TSV), []string{fill("a\n", "1\n"), fill("a\tb\n", "\t\n"), fill("a\tb\tc\n", "1\t2\t3\n"), fill("", "a\t"), fill("id\tname\n", "12345\ta usual name\n")})
}

func FuzzTSV(f *testing.F) {
	for _, s := range []string{"a\tb\n1\t2\n", "a\\\tb\t\\N\r\n\\\r\n\tx", "\"a\"\t\"b\n\n\t\"", "# x\ta\n\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, dec := range []*TSV{new(TSV), {CSV{Escape: "backslash", Ragged: RaggedFit, Comment: "#"}}, {CSV{Quote: `"`, Header: "none", Trim: true}}} {
			wholeAndStream(t, dec, text)
		}
		// Without escapes there is nothing to it.
		w := decode.NewWriter(nil, decode.Limits{})
		if err := (&TSV{CSV{Header: "none", Arrays: true, Ragged: RaggedPad}}).Decode(t.Context(), &decode.Input{Body: []byte(text)}, w); err != nil {
			return
		}
		var rows []string
		for line := range strings.FieldsFuncSeq(text, func(c rune) bool { return c == '\n' || c == '\r' }) {
			rows = append(rows, line)
		}
		if got := len(decodetest.Parse(t, w.Bytes()).([]any)); got > len(rows) || got == 0 && len(rows) > 0 {
			t.Fatalf("%d rows of %d lines", got, len(rows))
		}
	})
}
