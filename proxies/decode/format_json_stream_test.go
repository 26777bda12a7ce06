package decode

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// streamAgrees holds a stream in pieces to what the whole text gives.
func streamAgrees(t *testing.T, d Streamer, body []byte) {
	t.Helper()
	w := NewWriter(nil, Limits{})
	err := d.Decode(t.Context(), &Input{Body: body}, w)
	for _, n := range []int{1, 7, 1 << 20} {
		again := NewWriter(nil, Limits{})
		streamErr := d.Stream(t.Context(), &pieces{bytes.NewReader(body), n}, &Input{}, again)
		if string(w.Bytes()) != string(again.Bytes()) || (err == nil) != (streamErr == nil) {
			t.Fatalf("%#v in pieces of %d: %s (%v)\nas a whole: %s (%v)\nof %q", d, n, again.Bytes(), streamErr, w.Bytes(), err, body)
		}
		if syntax, ok := errors.AsType[*SyntaxError](err); ok {
			if other, ok := errors.AsType[*SyntaxError](streamErr); !ok || *other != *syntax {
				t.Fatalf("%#v in pieces of %d: %v\nas a whole: %v\nof %q", d, n, streamErr, err, body)
			}
		}
	}
}

func jsonBodies() []string {
	return []string{
		"", " ", "[]", "[1,\"a\\n\",{\"b\":[null]}] \n", "{\"a\":[1]}", "7", "\"x", "[1,2", "[1] x", "[1][2]", ")]}'\n[1]", " )]}',\n\n{\"a\":1}", "while(1);[]", "for(;;);[]x", "for(;)[]", ")]}", ")", "w",
		"{\"data\":{\"x\":[{\"rows\":[9]}],\"rows\":[{\"rows\":[1]},2],\"y\":{\"rows\":3}},\"rows\":[4]}", "{\"data\":{\"rows\":null}}", "{\"data\":{\"rows\":{}}}", "{\"data\":[]}", "{\"data\":{\"rows\":1}}",
		"{\"data\":null}", "{\"data\":{}}", "{\"data\":{\"rows\":[1],\"rows\":[2]}}", "{\"data\":{\"rows\":[1,{\"a\":1,\"a\":2}]}}", "{\"data\":{\"rows\":[1]},\"x\":", "{\"\\u0064ata\":{\"rows\":[1]},\"a\":1,\"a\":2}", "\xff", "[\"\xff\"]",
	}
}

func TestJSONStream(t *testing.T) {
	t.Parallel()
	for _, d := range []*JSON{{}, {Items: "data.rows"}, {Items: "data"}} {
		for _, body := range jsonBodies() {
			streamAgrees(t, d, []byte(body))
		}
	}
}

func TestLinesStream(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"", "\n", "a", "a\r", "a\r\n\n b \r\r\n#c\n", strings.Repeat("long ", lineWindow) + "\n\nx", "1\n\n{\"a\":\n", "{}\n[1, 2]\r\n 3\n", "1 2\n3", "{\"a\":1,\"a\":2}\n[]"} {
		for _, d := range []Streamer{new(Lines), &Lines{SkipEmpty: true, Trim: true, Comment: "#"}, new(NDJSON), &NDJSON{BadLines: "skip"}} {
			streamAgrees(t, d, []byte(body))
		}
	}
}

func TestJSONItems(t *testing.T) {
	t.Parallel()
	rows := &JSON{Items: "data.rows"}
	runDecodeTests(t, []decodeTest{
		{name: "rows", dec: rows, in: `{"n":2,"data":{"a":{"rows":0},"rows":[{"id":1.0},[2]],"z":1},"rows":9}`, want: `[{"id":1.0},[2]]`},
		{name: "one name", dec: &JSON{Items: "value"}, in: `{"@odata.context":"x","value":[]}`, want: `[]`},
		{name: "null", dec: rows, in: `{"data":{"rows":null}}`, want: `[]`},
		{name: "absent", dec: rows, in: `{"data":{}}`, fail: "json: there is no array at items data.rows", at: 0},
		{name: "an object", dec: rows, in: `{"data":{"rows":{}}}`, fail: "no array but an object", at: 0},
		{name: "an array on the way", dec: rows, in: `{"data":[]}`, fail: "no object on the way", at: 0},
		{name: "twice", dec: rows, in: `{"data":{"rows":[],"rows":[]}}`, fail: "twice", at: -1},
		{name: "prefix", dec: new(JSON), in: ")]}',\n{\"a\":1}", want: `{"a":1}`},
		{name: "prefix and an error", dec: new(JSON), in: ")]}'\n{\"a\":x}", fail: "invalid character 'x'", at: 10},
		{name: "loop", dec: new(JSON), in: " while(1);[1]", want: `[1]`},
		{name: "several values", dec: new(JSON), in: "{}\n{}", fail: "decode ndjson", at: 3},
	})
}

func TestNDJSONBadLines(t *testing.T) {
	t.Parallel()
	runDecodeTests(t, []decodeTest{
		{name: "skip", dec: &NDJSON{BadLines: "skip"}, in: "{\"a\":1}\nERROR\n{\"a\":\n{\"a\":1,\"a\":2}\n2 3\n[4]", want: `[{"a":1},[4]]`},
		{name: "fail", dec: &NDJSON{BadLines: "fail"}, in: "1\nERROR\n", fail: "ndjson: ", at: 2},
	})
	if err := (&NDJSON{BadLines: "drop"}).Check(); err == nil {
		t.Error("bad_lines drop is accepted")
	}
	for _, items := range []string{".", "a..b", "a."} {
		if err := (&JSON{Items: items}).Check(); err == nil {
			t.Errorf("items %s is accepted", items)
		}
	}
}

func TestStreamsOfLargeRecords(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", MaxRecord)
	for i, test := range []struct {
		dec  Streamer
		body string
	}{
		{new(Lines), "a\n" + long + "xxx\n"},
		{new(NDJSON), "\"" + long + "\"\n"},
		{new(JSON), "[1,\"" + long + long + "\"]"},
		{new(JSON), "[" + strings.Repeat("[0],", MaxRecord/4) + "[" + strings.Repeat("0,", MaxRecord) + "0]]"},
		{new(JSON), "{\"a\":[" + strings.Repeat("0,", MaxRecord) + "0]}"},
		{&JSON{Items: "b"}, "{\"a\":\"" + long + long + "\",\"b\":[]}"},
	} {
		r := NewRecords(RecordsOptions{Each: func([]byte, any) error { return nil }, Limits: Limits{Nodes: 1 << 30}})
		var out Sink = r
		if i == 4 {
			out = NewTree(Limits{Nodes: 1 << 30})
		}
		err := test.dec.Stream(t.Context(), strings.NewReader(test.body), &Input{}, out)
		if limit, ok := errors.AsType[*LimitError](err); !ok || limit.Limit != MaxRecord {
			t.Errorf("%d: %v", i, err)
		}
	}
}

// TestStreamsTellAtOnce reads no further than the end of a record before it tells it.
func TestStreamsTellAtOnce(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		dec         Streamer
		head, piece string
		tail        string
	}{
		"json":   {new(JSON), "[{\"a\":0}", ",{\"a\":1}", "]"},
		"items":  {&JSON{Items: "d.r"}, "{\"n\":{},\"d\":{\"r\":[1", ",{\"a\":1}", "],\"x\":1}}"},
		"ndjson": {new(NDJSON), "0\n", "{\"a\":1}\n", ""},
		"lines":  {new(Lines), "0\n", "{\"a\":1}\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := 0
			records := NewRecords(RecordsOptions{Text: true, Each: func([]byte, any) error { n++; return nil }})
			pr, pw := io.Pipe()
			done := make(chan error, 1)
			go func() { done <- test.dec.Stream(t.Context(), pr, &Input{}, records) }()
			write := func(s string) {
				if _, err := io.WriteString(pw, s); err != nil {
					t.Error(err)
				}
			}
			write(test.head)
			for i := range 3 {
				write(test.piece)
				write(" ") // is read when the piece has been told
				if n < i+1 {
					t.Errorf("%d records are told of %d", n, i+2)
				}
			}
			write(test.tail)
			if err := pw.Close(); err != nil {
				t.Error(err)
			}
			if err := <-done; err != nil || n != 4+min(1, strings.Count(name, "lines")) {
				t.Errorf("%d records, %v", n, err)
			}
		})
	}
}

func TestStreamsGiveErrorsUnchanged(t *testing.T) {
	t.Parallel()
	for _, d := range []Streamer{new(JSON), new(NDJSON), new(Lines), &JSON{Items: "a"}} {
		for _, head := range []string{"", "{\"a\":[1", "{\"a\":[\"x"} {
			broken := io.MultiReader(strings.NewReader(head), iotest.ErrReader(io.ErrUnexpectedEOF))
			if err := d.Stream(t.Context(), broken, &Input{}, NewWriter(nil, Limits{})); err != io.ErrUnexpectedEOF { //nolint:errorlint // unchanged
				t.Errorf("%T %s: %v", d, head, err)
			}
		}
		err := d.Stream(&endless{Context: t.Context(), n: 3}, strings.NewReader("["+strings.Repeat("0,\n", 50_000)), &Input{}, NewWriter(nil, Limits{}))
		if fmt.Sprint(err) != "context canceled" && !badLine(err) {
			t.Errorf("%T: %v", d, err)
		}
	}
}
