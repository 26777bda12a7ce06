package table

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/decodetest"
	"github.com/fairway-gateway/fairway/proxies/decode/typed"
)

func placed(name string, from, to int, kind string) FixedColumn {
	return FixedColumn{Column: Column{Name: name, ValueType: typed.ValueType{Type: kind}}, From: from, To: to}
}

func TestFixed(t *testing.T) {
	t.Parallel()
	df := "Filesystem     1K-blocks    Used Available Use% Mounted on\n/dev/sda1       41152736 9912348  29308256  26% /\n/dev/mapper/x 9876543210       1         2   1% /mnt/my disk\n"
	for name, test := range map[string]struct {
		dec  Fixed
		in   string
		want string // JSON text, or what an error says
	}{
		"ruler":            {in: "ID NAME\n-- ---------\n 7 disk full\n10 x", want: `[{"ID":"7","NAME":"disk full"},{"ID":"10","NAME":"x"}]`},
		"count of DB2":     {in: "ID     NAME\n------ ------\n    10 Ann\n\n  1 record(s) selected.\n", want: `[{"ID":"10","NAME":"Ann"}]`},
		"rows with titles": {dec: Fixed{Layout: "header"}, in: "              total        used\nMem:       16303428     5123044\nSwap:       2097148           0\n", want: `[{"column_1":"Mem:","total":"16303428","used":"5123044"},{"column_1":"Swap:","total":"2097148","used":"0"}]`},
		"right-aligned":    {dec: Fixed{Layout: "header"}, in: "     PID USER\n    1234 root\n12345678 jm\n", want: `[{"PID":"1234","USER":"root"},{"PID":"12345678","USER":"jm"}]`},
		"only a header":    {dec: Fixed{Layout: "header"}, in: "     PID USER\n", want: `[]`},
		"word below":       {dec: Fixed{Layout: "header"}, in: "CMD    TASK        USER FD\nx               messagebus 3u\n", want: `[{"CMD":"x","TASK":"","USER":"messagebus","FD":"3u"}]`},
		"nothing":          {in: "", want: `[]`},
		"blank":            {in: "\n \r\n", want: `[]`},
		"no rows":          {in: "A B\n- -\n", want: `[]`},
		"no ruler":         {in: "A B\n1 2\n", want: `fixed: no line of dashes says where the columns are; say layout header, widths or places at byte 8`},
		"no header":        {in: "-- --\n1  2\n", want: `fixed: a line of dashes without a header above at byte 0`},
		"own names":        {dec: Fixed{Columns: []string{"x", "y"}}, in: "-- --\n1  2\n", want: `[{"x":"1","y":"2"}]`},
		"other count":      {dec: Fixed{Columns: []string{"x"}}, in: "a  b\n-- --\n1  2\n", want: `fixed: the header has 2 columns, not 1 at byte 5`},
		"title":            {in: "Report\n======\n\nA    B\n==== ===\n1    2\n", want: `[{"A":"1","B":"2"}]`},
		"pages":            {in: "A   B\n--- ---\n1   2\n\n\fA   B\n--- ---\n3   4\n\n2 rows selected.\n", want: `[{"A":"1","B":"2"},{"A":"3","B":"4"}]`},
		"row of dashes":    {in: "A   B\n--- ---\n-   -\n--- \n", want: `[{"A":"-","B":"-"}]`},
		"longer number":    {in: "NAME   N\n---- ---\nx 12345\nlongname 1\n", want: `[{"NAME":"x","N":"12345"},{"NAME":"longname","N":"1"}]`},
		"psql":             {in: " id | name  \n----+-------\n  1 | a|b \n 10 | x\n(2 rows)\n\n", want: `[{"id":"1","name":"a|b"},{"id":"10","name":"x"}]`},
		"mysql":            {in: "+----+-----+\n| id | 名  |\n+----+-----+\n|  1 | 値段 |\n|  2 | x   |\n+----+-----+\n2 rows in set (0.00 sec)\n", want: `[{"id":"1","名":"値段"},{"id":"2","名":"x"}]`},
		"markdown":         {in: "| a | b |\n|---|:-:|\n| 1 | 2 |\n", want: `[{"a":"1","b":"2"}]`},
		"markdown, ragged": {in: "Text:\n| a | long |\n| :- | ---: |\n|1|2|\n| longer | x |\n\nEnd | of\n", want: `[{"a":"1","long":"2"},{"a":"longer","long":"x"}]`},
		"box of lines":     {in: " ┌────┬───┐\n │ a  │ b │\n ├────┼───┤\n │ 1  │ 2 │\n └────┴───┘\n", want: `[{"a":"1","b":"2"}]`},
		"header":           {dec: Fixed{Layout: "header"}, in: "NAME   READY  AGE\nweb-1  1/1    5d\ndb     0/1    1h\n", want: `[{"NAME":"web-1","READY":"1/1","AGE":"5d"},{"NAME":"db","READY":"0/1","AGE":"1h"}]`},
		"df":               {dec: Fixed{Layout: "header", Typed: []FixedColumn{placed("Mounted on", 0, 0, ""), placed("Used", 0, 0, "integer")}}, in: df, want: `[{"Filesystem":"/dev/sda1","1K-blocks":"41152736","Used":9912348,"Available":"29308256","Use%":"26%","Mounted on":"/"},{"Filesystem":"/dev/mapper/x","1K-blocks":"9876543210","Used":1,"Available":"2","Use%":"1%","Mounted on":"/mnt/my disk"}]`},
		"gap":              {dec: Fixed{Layout: "header", Gap: 2}, in: "CONTAINER ID   IMAGE\n4c01db0b339c   ubuntu:22.04\n", want: `[{"CONTAINER ID":"4c01db0b339c","IMAGE":"ubuntu:22.04"}]`},
		"header, none":     {dec: Fixed{Layout: "header"}, in: "A B\n", want: `[]`},
		"widths":           {dec: Fixed{Widths: []int{3, 4, 0}}, in: "id name\n  1Zoë rest of it\n 2", want: `[{"id":"1","name":"Zoë","column_3":"rest of it"},{"id":"2","name":"","column_3":""}]`},
		"widths and names": {dec: Fixed{Widths: []int{1, 2}, Columns: []string{"a", "b"}, Numbers: true}, in: "12.x\n3\n", want: `[{"a":1,"b":"2."},{"a":3,"b":""}]`},
		"places":           {dec: Fixed{Typed: []FixedColumn{placed("d", 1, 8, ""), placed("y", 1, 4, "integer"), placed("r", 10, 0, "")}}, in: "20260102 x y\n2025\n", want: `[{"d":"20260102","y":2026,"r":"x y"},{"d":"2025","y":2025,"r":""}]`},
		"places, header":   {dec: Fixed{Header: "first", Typed: []FixedColumn{placed("a", 2, 2, "")}}, in: "xyz\n123\nxyz\n", want: `[{"a":"2"}]`},
		"wrong type":       {dec: Fixed{Typed: []FixedColumn{placed("a", 1, 2, "integer"), placed("n", 3, 4, "integer")}}, in: " 1 2\n\n 1 x\n", want: `fixed: row 2, column "n": "x" is no integer at byte 9`},
		"record, until":    {dec: Fixed{Record: "D", Until: "T", Typed: []FixedColumn{placed("v", 2, 0, "")}}, in: "H1\nD2\nX\nD3\nT2\nD4\n", want: `[{"v":"2"},{"v":"3"}]`},
		"until blank":      {dec: Fixed{Layout: "header", Until: "blank"}, in: "\nA B\n\n1 2\n\nC\n", want: `[{"A":"1","B":"2"}]`},
		"skip, comment":    {dec: Fixed{Layout: "header", Skip: 1, SkipRows: 1, SkipLast: 1, Comment: "#"}, in: "x y z\n#\nA B\nm s\n1 2\n3 4\nsum\n", want: `[{"A":"1","B":"2"},{"A":"3","B":"4"}]`},
		"trim none":        {dec: Fixed{Widths: []int{3, 2}, Columns: []string{"a", "b"}, Trim: "none"}, in: " 1 x\n", want: `[{"a":" 1 ","b":"x"}]`},
		"trim right":       {dec: Fixed{Widths: []int{3, 2}, Columns: []string{"a", "b"}, Trim: "right"}, in: " 1 x\n", want: `[{"a":" 1","b":"x"}]`},
		"characters":       {dec: Fixed{Widths: []int{2, 2}, Columns: []string{"a", "b"}}, in: "東京大阪\n", want: `[{"a":"東京","b":"大阪"}]`},
		"wide":             {dec: Fixed{Widths: []int{4, 5}, Columns: []string{"a", "b"}, Wide: true}, in: "東京大阪\nZoe\u0308 abc\n", want: `[{"a":"東京","b":"大阪"},{"a":"Zoe` + "\u0308" + `","b":"abc"}]`},
		"border in a char": {dec: Fixed{Widths: []int{3, 5}, Columns: []string{"a", "b"}, Wide: true}, in: "東京大\n", want: `[{"a":"東京","b":"大"}]`},
		"tabs":             {dec: Fixed{Layout: "header", Tabs: 8}, in: "NAME    SIZE\nä\t12\n", want: `[{"NAME":"ä","SIZE":"12"}]`},
		"arrays":           {dec: Fixed{Arrays: true}, in: "A B\n- -\n1 2\n", want: `[["1","2"]]`},
		"null, only":       {dec: Fixed{Only: true, Null: []string{"-"}, Typed: []FixedColumn{placed("B", 0, 0, "number")}}, in: "A B\n- -\n1 -\n2 3\n", want: `[{"B":null},{"B":3}]`},
		"not there":        {dec: Fixed{Typed: []FixedColumn{placed("C", 0, 0, "")}}, in: "A B\n- -\n", want: `fixed: there is no column "C", but "A", "B" at byte 0`},
		"page":             {in: "<html>", want: "fixed: a page of HTML instead of a table at byte 0"},
		"one column":       {dec: Fixed{Layout: "header"}, in: "A\nx y\n", want: `[{"A":"x y"}]`},
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
					t.Errorf("%s: got\n%s, want\n%s", way, got, test.want)
				}
			}
		})
	}
}

// TestFixedOfWritten writes tables at random and reads them in every layout.
func TestFixedOfWritten(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 9))
		words := []string{"x", "Zoë", "a b", "12.50", "東京", "-1", "long name", "|"}
		names := []string{"ID", "Größe", "N", "State"}[:2+rng.IntN(3)]
		widths := make([]int, len(names))
		want := make([][]string, rng.IntN(4))
		for i, name := range names {
			widths[i] = utf8.RuneCountInString(name)
		}
		for i := range want {
			want[i] = make([]string, len(names))
			for j := range want[i] {
				want[i][j] = words[rng.IntN(len(words))]
				widths[j] = max(widths[j], utf8.RuneCountInString(want[i][j]))
			}
		}
		line := func(cells []string, between string) string {
			var b strings.Builder
			for i, c := range cells {
				if i > 0 {
					b.WriteString(between)
				}
				if pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c)); i%2 == 0 {
					b.WriteString(c + pad)
				} else {
					b.WriteString(pad + c)
				}
			}
			return b.String() + "\n"
		}
		dashes := make([]string, len(names))
		for i, w := range widths {
			dashes[i] = strings.Repeat("-", w)
		}
		table := func(between, cross string) string {
			var b strings.Builder
			b.WriteString(line(names, between) + line(dashes, cross))
			for _, row := range want {
				b.WriteString(line(row, between))
			}
			return b.String()
		}
		d := &Fixed{Arrays: true}
		for _, text := range []string{table("  ", "  "), table(" ", " "), table(" | ", "-+-"), table(" │ ", "─┼─")} {
			w := decode.NewWriter(nil, decode.Limits{})
			if err := d.Decode(t.Context(), &decode.Input{Body: []byte(text)}, w); err != nil {
				t.Fatalf("%s%v", text, err)
			}
			var got [][]string
			if err := json.Unmarshal(w.Bytes(), &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("%s(-written +read):\n%s", text, diff)
			}
		}
	}
}

func TestFixedRefuses(t *testing.T) {
	t.Parallel()
	for name, d := range map[string]Fixed{
		"layout":                {Layout: "x"},
		"two ways":              {Layout: "ruler", Widths: []int{1}},
		"widths and places":     {Widths: []int{1}, Typed: []FixedColumn{placed("a", 1, 2, "")}},
		"one without a place":   {Typed: []FixedColumn{placed("a", 1, 2, ""), placed("b", 0, 0, "")}},
		"backwards":             {Typed: []FixedColumn{placed("a", 3, 2, "")}},
		"too far":               {Typed: []FixedColumn{placed("a", 3, 1<<30, "")}},
		"rest in the middle":    {Widths: []int{0, 1}},
		"negative":              {Widths: []int{-1, 1}},
		"more names":            {Widths: []int{1}, Columns: []string{"a", "b"}},
		"header of a ruler":     {Header: "first"},
		"header":                {Widths: []int{1}, Header: "find"},
		"gap":                   {Gap: 2},
		"tabs":                  {Tabs: 100},
		"trim":                  {Trim: "left"},
		"until":                 {Until: "a\nb"},
		"only of places":        {Only: true, Typed: []FixedColumn{placed("a", 3, 4, "")}},
		"skip last":             {SkipLast: 1001},
		"type":                  {Typed: []FixedColumn{placed("a", 3, 4, "int")}},
		"name twice":            {Typed: []FixedColumn{placed("a", 3, 4, ""), placed("a", 3, 4, "")}},
		"typed none of columns": {Columns: []string{"x"}, Typed: []FixedColumn{placed("a", 0, 0, "")}},
	} {
		if d.Check() == nil {
			t.Errorf("%s passes", name)
		}
	}
}

func TestCorpusFixed(t *testing.T) {
	t.Parallel()
	decodetest.Corpus(t, "fixed", 8, func() decodetest.Checked { return new(Fixed) })
}

func TestFactorFixed(t *testing.T) { //nolint:paralleltest // it measures memory
	const size = 256 << 10
	fill := func(head, s string) string { return head + strings.Repeat(s, size/len(s)) }
	ruled := "a b c\n- - -\n"
	decodetest.CheckFactor(t, "fixed ruler", new(Fixed), []string{fill(ruled, "1 2 3\n"), fill(ruled, "1\n"), fill(ruled, "11111\n"), fill(ruled, "ä ö ü\n"), fill("", "- "), fill("", "\n"), fill("a b\n-+-\n", "1|2\n"), fill(strings.Repeat("a ", 9000)+"\n"+strings.Repeat("- ", 9000)+"\n", "1\n")})
	decodetest.CheckFactor(t, "fixed header", &Fixed{Layout: "header", Tabs: 8, Wide: true}, []string{fill("a b\n", "1 2\n"), fill("a b\n", "\t\n"), fill("a b\n", "東\n"), fill("", "a "), fill("a\n", "\t"), fill("id name\n", "12 a usual name\n")})
	decodetest.CheckFactor(t, "fixed places", &Fixed{Typed: []FixedColumn{placed("a", 1, 0, ""), placed("b", 1, 0, ""), placed("c", 1, 0, "")}}, []string{fill("", "1\n"), fill("", "123456\n"), fill("", "12345678 a usual line\n")})
}

func FuzzFixed(f *testing.F) {
	for _, s := range []string{
		"ID NAME\n-- ---------\n 7 disk full\n10 x", " id | name  \n----+-------\n  1 | a|b \n(1 row)\n", "+--+--+\n|a |b |\n+--+--+\n| 1|東 |\n+--+--+\n", "A  B\tC\n1234 5\n\n\f1\t2\n",
		"| a | b |\n|---|:-:|\n|x|\n", "─ ─\n", "a b\n- -\n東京\u0308 x\xff\n",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, dec := range []*Fixed{
			new(Fixed),
			{Columns: []string{"a", "b"}, Wide: true, SkipLast: 1},
			{Layout: "header", Tabs: 8, Until: "blank"},
			{Layout: "header", Gap: 2, Wide: true, Trim: "right", Numbers: true},
			{Widths: []int{2, 3, 0}, Wide: true, Comment: "#"},
			{Typed: []FixedColumn{placed("a", 2, 3, "integer"), placed("b", 1, 0, "")}, Record: "1", Trim: "none"},
		} {
			wholeAndStream(t, dec, text)
		}
	})
}
