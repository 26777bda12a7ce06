package table

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/decodetest"
	"github.com/fairway-gateway/fairway/proxies/decode/typed"
)

// csvPeer reads texts with Python's csv module, strictly: null where it refuses one. Rows it writes, in the same dialects.
const csvPeer = `
import csv, io, json, sys
dialects = [dict(delimiter=",", quotechar='"'), dict(delimiter=";", quotechar="'"), dict(delimiter="\t", quoting=csv.QUOTE_NONE, quotechar=None),
  dict(delimiter=",", quotechar='"', escapechar="\\"), dict(delimiter="|", quotechar='"', doublequote=False, escapechar="\\", quoting=csv.QUOTE_ALL)]
def read(text, dialect):
    try: return [r for r in csv.reader(io.StringIO(text, newline=""), strict=True, **dialect) if r]
    except csv.Error: return None
def write(rows, dialect):
    out = io.StringIO(newline="")
    try: csv.writer(out, **dialect).writerows(rows)
    except csv.Error: return None
    return out.getvalue()
work = json.load(sys.stdin)
json.dump({"read": [[read(t, d) for t in work["texts"]] for d in dialects], "written": [[write(r, d) for r in work["tables"]] for d in dialects]}, sys.stdout)
`

// csvDialects are those of csvPeer.
func csvDialects() []CSV {
	return []CSV{
		{Delimiter: ","},
		{Delimiter: ";", Quote: "'"},
		{Delimiter: "\t", Quote: "none"},
		{Delimiter: ",", Escape: "backslash"},
		{Delimiter: "|", Escape: "backslash"},
	}
}

// TestCSVAgainstPython holds the reader to Python's csv module: what that reads of any text we read alike, and what it
// writes, too.
func TestCSVAgainstPython(t *testing.T) {
	t.Parallel()
	python := decodetest.Peer(t, "python3")
	rng := rand.New(rand.NewPCG(3, 4))
	text := func(from string, n int) string {
		letters := []rune(from)
		var b strings.Builder
		for range rng.IntN(n) {
			b.WriteRune(letters[rng.IntN(len(letters))])
		}
		return b.String()
	}
	var work struct {
		Texts  []string     `json:"texts"`
		Tables [][][]string `json:"tables"`
	}
	for i := range 4000 {
		work.Texts = append(work.Texts, text("xyé,;\t|\"\"'' \n\n\\"+strings.Repeat("\r", i%2), 24))
	}
	for range 500 {
		rows := make([][]string, 1+rng.IntN(5))
		for i := range rows {
			rows[i] = []string{"x"}
			for range rng.IntN(4) {
				rows[i] = append(rows[i], text("xyz,;\t|\"'é \n\\", 6))
			}
		}
		work.Tables = append(work.Tables, rows)
	}
	in, err := json.Marshal(work)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), python, "-c", csvPeer)
	cmd.Stdin = bytes.NewReader(in)
	raw, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var want struct {
		Read    [][][][]string `json:"read"`
		Written [][]*string    `json:"written"`
	}
	if err := json.Unmarshal(raw, &want); err != nil {
		t.Fatal(err)
	}
	read, written := 0, 0
	for i, d := range csvDialects() {
		for j, rows := range want.Read[i][:len(work.Texts)*min(1, 4-i)] { // the last is for writing
			// Python ends a line behind an escaped CR, and then goes on with the field.
			if rows == nil || d.Escape != "" && strings.Contains(work.Texts[j], "\\\r") {
				continue
			}
			read++
			got, err := csvRecords(t, d, work.Texts[j])
			if diff := cmp.Diff(rows, got, cmpopts.EquateEmpty()); diff != "" || err != nil {
				t.Fatalf("%q as %+v: %v (-python +ours):\n%s", work.Texts[j], d, err, diff)
			}
		}
		for j, text := range want.Written[i] {
			if text == nil {
				continue
			}
			written++
			got, err := csvRecords(t, d, *text)
			if diff := cmp.Diff(work.Tables[j], got); diff != "" || err != nil {
				t.Fatalf("%q as %+v: %v (-written +read):\n%s", *text, d, err, diff)
			}
		}
	}
	if read < 5000 || written < 1000 {
		t.Errorf("Python read %d texts and wrote %d", read, written)
	}
}

// csvRecords reads all records of a text.
func csvRecords(t *testing.T, d CSV, text string) ([][]string, error) {
	t.Helper()
	if err := d.Check(); err != nil {
		t.Fatal(err)
	}
	r := csvReader{format: "csv"}
	r.start(t.Context(), nil, []byte(text))
	if err := d.open(&r); err != nil {
		return nil, err
	}
	var rows [][]string
	for {
		if err := r.next(); errors.Is(err, io.EOF) {
			return rows, nil
		} else if err != nil {
			return rows, err
		}
		rows = append(rows, d.raw(&r))
		r.forget()
	}
}

// TestFactorCSV measures the rows that are smallest, and usual ones.
func TestFactorCSV(t *testing.T) { //nolint:paralleltest // it measures memory
	const size = 256 << 10
	fill := func(head, s string) string { return head + strings.Repeat(s, size/len(s)) }
	for name, dec := range map[string]*CSV{
		"csv":        new(CSV),
		"csv arrays": {Arrays: true},
		"csv keep":   {Header: csvNone, Arrays: true, Ragged: RaggedKeep},
		"csv typed":  {Typed: []Column{{Name: "a", ValueType: typed.ValueType{Type: "integer"}}}, Ragged: "fit", SkipLast: 100},
		"csv escape": {Escape: "backslash", Numbers: true, Trim: true},
	} {
		decodetest.CheckFactor(t, name, dec, []string{
			fill("a\n", "1\n"), fill("a,b\n", ",\n"), fill("a,b,c\n", ",,\n"), fill("a,b,c,d,e,f,g,h,i\n", ",,,,,,,,\n"), fill("a\n", "\"\"\n"), fill("", "a\n"), fill("", "a,"),
			fill("a\n", "a\\n\n"), fill("a,id,name,state\n", "1,12345,\"a name, long\",RUNNING\n"), fill("a,"+strings.Repeat(",", 999)+"\n", strings.Repeat(",", 1000)+"\n"), fill("", "\n"),
			fill("a,b,c\n", "1,2,3\n"), fill("a,b\n", "1,2\n"), fill("a,b,c,d,e,f,g,h,i\n", "1,2,3,4,5,6,7,8,9\n"), fill("a,b,c\n", "1,2,\n"),
			fill(strings.Repeat(",", 14)+"\n", ",,,,,,,,,,,,,,\n"), fill(strings.Repeat(",", 15000)+"\n", "\n"),
		})
	}
}

// TestCSVRoom has a little text become much, which must end soon, and not where nothing is kept.
func TestCSVRoom(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"a long name above short rows": strings.Repeat("n", 100_000) + "\n" + strings.Repeat("1\n", 100_000),
		"a million columns":            strings.Repeat(",", 1_000_000),
	} {
		var limit *decode.LimitError
		in := &decode.Input{Body: []byte(text)}
		if err := new(CSV).Decode(t.Context(), in, decode.NewWriter(nil, decode.Limits{Nodes: 1 << 30})); !errors.As(err, &limit) {
			t.Errorf("%s: %v", name, err)
		}
	}
	text := "a\n" + strings.Repeat("1\n", 100_000)
	var limit *decode.LimitError
	if err := new(CSV).Decode(t.Context(), &decode.Input{Body: []byte(text)}, decode.NewTree(decode.Limits{})); !errors.As(err, &limit) {
		t.Errorf("a tree of short rows: %v", err)
	}
	if err := new(CSV).Decode(t.Context(), &decode.Input{Body: []byte(text)}, decode.NewWriter(nil, decode.Limits{})); err != nil {
		t.Error(err)
	}
	records := decode.NewRecords(decode.RecordsOptions{Tree: true, Each: func([]byte, any) error { return nil }})
	if err := new(CSV).Stream(t.Context(), strings.NewReader(text), &decode.Input{}, records); err != nil {
		t.Error(err)
	}
}
