package table

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/decodetest"
	"github.com/fairway-gateway/fairway/proxies/decode/typed"
)

func TestCSV(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		dec  CSV
		in   string
		want string // JSON text, or what an error says
	}{
		"rows":                         {in: "a,b\n1,2\n3,4\n", want: `[{"a":"1","b":"2"},{"a":"3","b":"4"}]`},
		"no end of line":               {in: "a,b\n1,2", want: `[{"a":"1","b":"2"}]`},
		"CRLF, CR, LF":                 {in: "a,b\r\n1,2\r3,4\n5,6\r\n", want: `[{"a":"1","b":"2"},{"a":"3","b":"4"},{"a":"5","b":"6"}]`},
		"nothing":                      {in: "", want: `[]`},
		"header only":                  {in: "a,b\n", want: `[]`},
		"blank lines":                  {in: "\n\na\n\n1\n\r\n2\n\n", want: `[{"a":"1"},{"a":"2"}]`},
		"quotes":                       {in: "a,b\n\"x,\"\"y\"\"\n z\",\"\"\n", want: `[{"a":"x,\"y\"\n z","b":""}]`},
		"quotes and blanks":            {in: "a,b\n\"x\" ,\"y\"\"\" \t\n", want: `[{"a":"x","b":"y\""}]`},
		"quote in a field":             {in: "a\n5\" pipe\n", want: `[{"a":"5\" pipe"}]`},
		"open quote":                   {in: "a,b\n\"x,1\n", want: `csv: a quote that nothing closes at byte 4`},
		"behind a quote":               {in: "a\n\"x\"y\n", want: `csv: text behind a closing quote at byte 5`},
		"lazy behind a quote":          {dec: CSV{LazyQuotes: true}, in: "a\n\"x\"y\"\n", want: `[{"a":"x\"y"}]`},
		"lazy open quote":              {dec: CSV{LazyQuotes: true}, in: "a\n\"x", want: `[{"a":"x"}]`},
		"other quote":                  {dec: CSV{Quote: "'"}, in: "a\n'x''y\"'\n", want: `[{"a":"x'y\""}]`},
		"no quote":                     {dec: CSV{Quote: "none"}, in: "a\n\"x\n", want: `[{"a":"\"x"}]`},
		"semicolon":                    {dec: CSV{Delimiter: ";"}, in: "a;b\n1,5;2\n", want: `[{"a":"1,5","b":"2"}]`},
		"two bytes":                    {dec: CSV{Delimiter: "||"}, in: "a||b|c\n1||2|\n", want: `[{"a":"1","b|c":"2|"}]`},
		"delimiter outside ASCII":      {dec: CSV{Delimiter: "¦"}, in: "a¦b\n1§¦2\n", want: `[{"a":"1§","b":"2"}]`},
		"sep line":                     {in: "sep=;\r\na;b\r\n1;2\r\n", want: `[{"a":"1","b":"2"}]`},
		"sep line in quotes":           {in: "\"sep=\t\"\na\tb\n1\t2\n", want: `[{"a":"1","b":"2"}]`},
		"sep line overruled":           {dec: CSV{Delimiter: ","}, in: "sep=;\na,b\n1,2\n", want: `[{"a":"1","b":"2"}]`},
		"sep line before auto":         {dec: CSV{Delimiter: "auto"}, in: "SEP=| \na|b;c;d\n1|2;3;4\n", want: `[{"a":"1","b;c;d":"2;3;4"}]`},
		"sep line and skip":            {dec: CSV{Skip: 1}, in: "sep=;\nReport\na;b\n1;2\n", want: `[{"a":"1","b":"2"}]`},
		"sep line of nothing":          {in: "sep=\na;b\n1;2\n", want: `[{"a":"1","b":"2"}]`},
		"no sep line":                  {in: "sep=,x\n1,2\n", want: `[{"sep=":"1","x":"2"}]`},
		"auto semicolon":               {dec: CSV{Delimiter: "auto"}, in: "a;b\n1,5;2\n3,25;4\n", want: `[{"a":"1,5","b":"2"},{"a":"3,25","b":"4"}]`},
		"auto tab":                     {dec: CSV{Delimiter: "auto"}, in: "a\tb\n1\t2,3\n", want: `[{"a":"1","b":"2,3"}]`},
		"auto one column":              {dec: CSV{Delimiter: "auto"}, in: "a\nx\n", want: `[{"a":"x"}]`},
		"names":                        {in: " a ,,a,a\n1,2,3,4\n", want: `[{"a":"1","column_2":"2","a_2":"3","a_3":"4"}]`},
		"names that collide":           {in: "a,a,a_2\n1,2,3\n", want: `[{"a":"1","a_3":"2","a_2":"3"}]`},
		"no header":                    {dec: CSV{Header: "none"}, in: "1,2\n3,4\n", want: `[{"column_1":"1","column_2":"2"},{"column_1":"3","column_2":"4"}]`},
		"columns":                      {dec: CSV{Columns: []string{"x", "y"}}, in: "1,2\n", want: `[{"x":"1","y":"2"}]`},
		"columns for a header":         {dec: CSV{Columns: []string{"x", "y"}, Header: "first"}, in: "a,b\n1,2\n", want: `[{"x":"1","y":"2"}]`},
		"short row":                    {in: "a,b\n1\n", want: `csv: row 1 has 1 field, not 2; see the option ragged at byte 4`},
		"long row":                     {in: "a,b\n1,2\n1,2,3\n", want: `csv: row 2 has 3 fields, not 2; see the option ragged at byte 8`},
		"pad":                          {dec: CSV{Ragged: "pad"}, in: "a,b\n1\n", want: `[{"a":"1","b":null}]`},
		"pad, long":                    {dec: CSV{Ragged: "pad"}, in: "a\n1,2\n", want: `csv: row 1 has 2 fields, not 1 at byte 2`},
		"fit":                          {dec: CSV{Ragged: "fit"}, in: "a,b\n1\n1,2,3\n", want: `[{"a":"1","b":null},{"a":"1","b":"2"}]`},
		"join":                         {dec: CSV{Ragged: "join"}, in: "a,b\n1,x, \"y\", z\n2\n3,\"x\",y\n4,5,,\n", want: `[{"a":"1","b":"x, \"y\", z"},{"a":"2","b":null},{"a":"3","b":"\"x\",y"},{"a":"4","b":"5"}]`},
		"page":                         {in: " <!DOCTYPE HTML>\n<p>x\n", want: `csv: a page of HTML instead of a table at byte 0`},
		"drop":                         {dec: CSV{Ragged: "drop"}, in: "a,b\n1\n1,2\n1,2,3\n", want: `[{"a":"1","b":"2"}]`},
		"skip":                         {dec: CSV{Skip: 2}, in: "Report \"of\r\n,,\r\na\r\n1\r\n", want: `[{"a":"1"}]`},
		"skip all":                     {dec: CSV{Skip: 9}, in: "a\n1", want: `[]`},
		"skip last, not as long":       {dec: CSV{SkipLast: 1}, in: "a|b\n1|2\n(1 row)\n", want: `[{"a":"1","b":"2"}]`},
		"skip last, not of the type":   {dec: CSV{SkipLast: 1, Typed: []Column{{Name: "a", ValueType: typed.ValueType{Type: "integer"}}}}, in: "a\n1\nSum\n", want: `[{"a":1}]`},
		"skip last, short above":       {dec: CSV{SkipLast: 1}, in: "a,b\n1\n1,2\n3,4\n", want: `csv: row 1 has 1 field, not 2; see the option ragged at byte 4`},
		"comma in a name":              {in: "Name;Preis, netto;Menge\nNut;1,50;3\n", want: `[{"Name":"Nut","Preis, netto":"1,50","Menge":"3"}]`},
		"decimal commas, no header":    {dec: CSV{Header: "none", Arrays: true}, in: "10:00;21,5;45;\n10:10;21,6;;\n", want: `[["10:00","21,5","45",""],["10:10","21,6","",""]]`},
		"midnight":                     {dec: CSV{Typed: []Column{{Name: "t", ValueType: typed.ValueType{Type: "date", Layout: "20060102150405"}}}}, in: "t\n20260102000000\n20260102000001\n", want: `[{"t":"2026-01-02T00:00:00Z"},{"t":"2026-01-02T00:00:01Z"}]`},
		"noon":                         {dec: CSV{Typed: []Column{{Name: "t", ValueType: typed.ValueType{Type: "date", Layout: "1/2/2006 3:04 PM"}}}}, in: "t\n12/31/2026 12:00 pm\n", want: `[{"t":"2026-12-31T12:00:00Z"}]`},
		"keep":                         {dec: CSV{Header: "none", Arrays: true, Ragged: "keep", Numbers: true, SkipEmpty: true}, in: "H,2026\nD,1,\"x\",2.50,\n,,\n\nT,2\n\x1a", want: `[["H",2026],["D",1,"x",2.50,""],["T",2]]`},
		"keep, skip last":              {dec: CSV{Header: "none", Arrays: true, Ragged: "keep", SkipLast: 1}, in: "H,2026\nD,1,2\nT,2\n", want: `[["H","2026"],["D","1","2"]]`},
		"skip last":                    {dec: CSV{SkipLast: 2, Ragged: "pad"}, in: "a,b\n1,2\n3,4\nSum\n5,6\n", want: `[{"a":"1","b":"2"},{"a":"3","b":"4"}]`},
		"skip more than all":           {dec: CSV{SkipLast: 5}, in: "a\n1\n2\n", want: `[]`},
		"comma where there is none":    {in: "a;b\n1,5;2\n", want: `[{"a":"1,5","b":"2"}]`},
		"comma where there are quotes": {in: "# x,y\n\n\"a,b\";\"c\"\n1,5;2\n", dec: CSV{Comment: "#"}, want: `[{"a,b":"1,5","c":"2"}]`},
		"comma where there is one":     {in: "a;b,c\n1;2,3\n", want: `[{"a;b":"1;2","c":"3"}]`},
		"comma said":                   {dec: CSV{Delimiter: ","}, in: "a;b\n1;2\n", want: `[{"a;b":"1;2"}]`},
		"comma, no end of line":        {in: "a\tb;c\td", want: `[]`},
		"auto, decimals":               {dec: CSV{Delimiter: "auto"}, in: "a;b\n1,5;2,5\n3,2;4,1\n", want: `[{"a":"1,5","b":"2,5"},{"a":"3,2","b":"4,1"}]`},
		"auto, headless decimals":      {dec: CSV{Delimiter: "auto", Header: "none", Arrays: true}, in: "1,5;2,5\n3,2;4,1\n", want: `[["1,5","2,5"],["3,2","4,1"]]`},
		"auto, inches":                 {dec: CSV{Delimiter: "auto"}, in: "a|b\n5\" pipe|x\n7|y\n", want: `[{"a":"5\" pipe","b":"x"},{"a":"7","b":"y"}]`},
		"delimiter at the end":         {in: "a,b\n1,2,\n3,4,,\n", want: `[{"a":"1","b":"2"},{"a":"3","b":"4"}]`},
		"empty quotes at the end":      {in: "a,b\n1,2,\"\"\n", want: `csv: row 1 has 3 fields, not 2; see the option ragged at byte 4`},
		"delimiter behind the header":  {in: "a,b,\n1,2\n3,4,\n", want: `[{"a":"1","b":"2","column_3":null},{"a":"3","b":"4","column_3":""}]`},
		"blanks and end of file":       {in: "a,b\n  \n1,2\n\x1a", want: `[{"a":"1","b":"2"}]`},
		"skip rows":                    {dec: CSV{SkipRows: 2}, in: "a,b\nm,s\n---\n1,2\n", want: `[{"a":"1","b":"2"}]`},
		"skip rows, more than all":     {dec: CSV{SkipRows: 2}, in: "a,b\n1,2\n", want: `[]`},
		"skip empty":                   {dec: CSV{SkipEmpty: true}, in: "a,b\n,\n\"\", \n1,\n,,,\n", want: `[{"a":"1","b":""}]`},
		"escape":                       {dec: CSV{Escape: "backslash"}, in: "a,b\\,c\n\"say \\\"x\\\", \"\"y\"\"\",1\\\n2\\\\\n\\N,\"\\N\"\n\\t\\q,\\", want: `[{"a":"say \"x\", \"y\"","b,c":"1\n2\\"},{"a":null,"b,c":"N"},{"a":"\tq","b,c":"\\"}]`},
		"escape CRLF":                  {dec: CSV{Escape: "backslash", Header: "none", Arrays: true}, in: "a\\\r\nb,c\r\n", want: `[["a\r\nb","c"]]`},
		"escape and null":              {dec: CSV{Escape: "backslash", Null: []string{`\-`}, Typed: []Column{{Name: "b", ValueType: typed.ValueType{Type: "integer"}}}}, in: "a,b\n\\-,1\n-,\\N\n", want: `[{"a":null,"b":1},{"a":"-","b":null}]`},
		"header found":                 {dec: CSV{Header: "find", Typed: []Column{{Name: "n", ValueType: typed.ValueType{Type: "integer"}}}}, in: "Report;1\nof,May\n\nm;n\nx;1\ny;2\n", want: `[{"m":"x","n":1},{"m":"y","n":2}]`},
		"header not found":             {dec: CSV{Header: "find", Typed: []Column{{Name: "n"}}}, in: "a,b\n1,2\n", want: `csv: no row has the declared columns: "n" at byte 0`},
		"header of nothing":            {dec: CSV{Header: "find", Typed: []Column{{Name: "n"}}}, in: "", want: `[]`},
		"comment":                      {dec: CSV{Comment: "#"}, in: "# x\na\n#,,\"\n1\n#", want: `[{"a":"1"}]`},
		"trim":                         {dec: CSV{Trim: true}, in: "a, b\n 1 , \" 2 \" \n", want: `[{"a":"1","b":" 2 "}]`},
		"null":                         {dec: CSV{Null: []string{"NA", ""}}, in: "a,b,c\nNA,,x\n", want: `[{"a":null,"b":null,"c":"x"}]`},
		"numbers":                      {dec: CSV{Numbers: true}, in: "a,b,c,d,e\n1.50,007,true,\"2\",null\n", want: `[{"a":1.50,"b":"007","c":true,"d":"2","e":null}]`},
		"arrays":                       {dec: CSV{Arrays: true}, in: "a,b\n1,2\n", want: `[["1","2"]]`},
		"arrays of no header":          {dec: CSV{Arrays: true, Header: "none"}, in: "a,a\n1,\n", want: `[["a","a"],["1",""]]`},
		"typed": {
			dec: CSV{Null: []string{"-"}, Typed: []Column{
				{Name: "n", ValueType: typed.ValueType{Type: "integer"}, As: "id"},
				{Name: "p", ValueType: typed.ValueType{Type: "number"}, Decimal: "comma"},
				{Name: "d", ValueType: typed.ValueType{Type: "date", Layout: "02.01.2006"}},
				{Name: "ok", ValueType: typed.ValueType{Type: "bool"}},
			}},
			in:   "n,p,d,ok,s\n007,\"1.234,50\",24.12.2025,yes,-\n-,,-,0,x\n",
			want: `[{"id":7,"p":1234.50,"d":"2025-12-24","ok":true,"s":null},{"id":null,"p":null,"d":null,"ok":false,"s":"x"}]`,
		},
		"typed wrongly": {
			dec: CSV{Typed: []Column{{Name: "n", ValueType: typed.ValueType{Type: "integer"}}}},
			in:  "n\n1\nx\n", want: `csv: row 2, column "n": "x" is no integer at byte 4`,
		},
		"typed and absent": {dec: CSV{Typed: []Column{{Name: "n"}}}, in: "a,b\n", want: `csv: there is no column "n", but "a", "b" at byte 0`},
		"only":             {dec: CSV{Typed: []Column{{Name: "b"}}, Only: true}, in: "a,b,c\n1,2,3\n", want: `[{"b":"2"}]`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := test.dec.Check(); err != nil {
				t.Fatal(err)
			}
			w, s := decode.NewWriter(nil, decode.Limits{}), decode.NewWriter(nil, decode.Limits{})
			tree := decode.NewTree(decode.Limits{})
			in := &decode.Input{Body: []byte(test.in)}
			for way, err := range map[string]error{
				"whole":  test.dec.Decode(t.Context(), in, w),
				"tree":   test.dec.Decode(t.Context(), in, tree),
				"stream": test.dec.Stream(t.Context(), iotest.OneByteReader(strings.NewReader(test.in)), in, s),
			} {
				if err != nil && err.Error() != test.want || err == nil && test.want[0] != '[' {
					t.Errorf("%s: the error is %v, want %s", way, err, test.want)
				}
			}
			if test.want[0] != '[' {
				return
			}
			if diff := cmp.Diff(test.want, string(w.Bytes())); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.want, string(s.Bytes())); diff != "" {
				t.Errorf("as a stream (-want +got):\n%s", diff)
			}
			again, err := json.Marshal(tree.Value())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(decodetest.Value(t, w.Bytes()), decodetest.Value(t, again)); diff != "" {
				t.Errorf("as a tree (-text +tree):\n%s", diff)
			}
		})
	}
}

// FuzzCSV holds the reader to encoding/csv wherever that accepts a text, and the stream to the whole.
func FuzzCSV(f *testing.F) {
	f.Add("a,b\n1,2\n")
	f.Add("a,b\r\n\"x\"\"y\",\"\n\"\r\n")
	f.Add("sep=;\na;b\n")
	f.Add("\"a\" ,b\n\r\r\n,\n")
	f.Add("a\\,b\\\r\n,\\N\n\"\\\"\",\n")
	f.Add("x\n#a|b\n\nm;n\n1.5,0;-3-\n \n\x1a")
	f.Fuzz(func(t *testing.T, text string) {
		in := &decode.Input{Body: []byte(text)}
		number := typed.ValueType{Type: typed.Number}
		for _, dec := range []*CSV{
			{Escape: "backslash", LazyQuotes: true, Trim: true, Ragged: RaggedJoin, SkipLast: 1, Comment: "#"},
			{Delimiter: DelimiterAuto, Header: csvFind, Typed: []Column{{Name: "n", ValueType: number, Decimal: "comma", Null: []string{"-"}}}, Ragged: RaggedPad, SkipEmpty: true},
			{Header: csvNone, Numbers: true, SkipRows: 1, Ragged: RaggedDrop},
			{Header: csvNone, Arrays: true, Ragged: RaggedKeep, SkipLast: 1},
		} {
			wholeAndStream(t, dec, text)
		}
		dec := &CSV{Delimiter: ",", Header: "none", Arrays: true, Ragged: RaggedFit}
		w, s := decode.NewWriter(nil, decode.Limits{}), decode.NewWriter(nil, decode.Limits{})
		err := dec.Decode(t.Context(), in, w)
		streamErr := dec.Stream(t.Context(), iotest.HalfReader(strings.NewReader(text)), in, s)
		if (err == nil) != (streamErr == nil) || !bytes.Equal(w.Bytes(), s.Bytes()) {
			t.Fatalf("as a whole %s, %v; as a stream %s, %v", w.Bytes(), err, s.Bytes(), streamErr)
		}
		if err == nil && !json.Valid(w.Bytes()) {
			t.Fatalf("no JSON: %s", w.Bytes())
		}
		if isPage([]byte(text)) {
			return
		}
		// The library takes a lone CR for a character and CRLF in quotes for LF, and knows no line sep=.
		if strings.Contains(text, "\r") || strings.HasPrefix(strings.ToLower(strings.TrimLeft(text, "\"")), "sep=") {
			return
		}
		peer := csv.NewReader(strings.NewReader(text))
		rows, peerErr := peer.ReadAll()
		if peerErr != nil || err != nil {
			if peerErr == nil && !errors.Is(err, decode.ErrUTF8) {
				t.Fatalf("encoding/csv reads %q, and we say %v", rows, err)
			}
			return
		}
		if rows == nil {
			rows = [][]string{}
		}
		var want bytes.Buffer
		e := json.NewEncoder(&want)
		e.SetEscapeHTML(false)
		if err := e.Encode(rows); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(decodetest.Value(t, want.Bytes()), decodetest.Value(t, w.Bytes())); diff != "" {
			t.Errorf("(-encoding/csv +got):\n%s", diff)
		}
	})
}

// wholeAndStream decodes a text in both ways, which must give the same.
func wholeAndStream(t *testing.T, dec interface {
	decodetest.Checked
	decode.Streamer
}, text string,
) {
	t.Helper()
	if err := dec.Check(); err != nil {
		t.Fatal(err)
	}
	w, s := decode.NewWriter(nil, decode.Limits{}), decode.NewWriter(nil, decode.Limits{})
	err := dec.Decode(t.Context(), &decode.Input{Body: []byte(text)}, w)
	if _, limited := errors.AsType[*decode.LimitError](err); limited {
		return
	}
	streamErr := dec.Stream(t.Context(), iotest.HalfReader(strings.NewReader(text)), &decode.Input{}, s)
	if !bytes.Equal(w.Bytes(), s.Bytes()) || fmt.Sprint(err) != fmt.Sprint(streamErr) {
		t.Fatalf("as a whole %s, %v; as a stream %s, %v", w.Bytes(), err, s.Bytes(), streamErr)
	}
	if err == nil && !json.Valid(w.Bytes()) {
		t.Fatalf("no JSON: %s", w.Bytes())
	}
}
