package decode

import (
	"errors"
	"strings"
	"testing"
)

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

func TestNDJSONStream(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"", "\n", "a", "a\r", "a\r\n\n b \r\r\n#c\n", strings.Repeat("long ", lineWindow) + "\n\nx", "1\n\n{\"a\":\n", "{}\n[1, 2]\r\n 3\n", "1 2\n3", "{\"a\":1,\"a\":2}\n[]"} {
		for _, d := range []Streamer{new(NDJSON), &NDJSON{BadLines: "skip"}} {
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
		{new(NDJSON), "\"" + long + "\"\n"},
		{new(JSON), "[1,\"" + long + long + "\"]"},
		{new(JSON), "[" + strings.Repeat("[0],", MaxRecord/4) + "[" + strings.Repeat("0,", MaxRecord) + "0]]"},
		{new(JSON), "{\"a\":[" + strings.Repeat("0,", MaxRecord) + "0]}"},
		{&JSON{Items: "b"}, "{\"a\":\"" + long + long + "\",\"b\":[]}"},
	} {
		r := NewRecords(RecordsOptions{Each: func([]byte, any) error { return nil }, Limits: Limits{Nodes: 1 << 30}})
		var out Sink = r
		if i == 3 {
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
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tellsAtOnce(t, test.dec, test.head, test.piece, test.tail, 4)
		})
	}
}

func TestStreamsGiveErrorsUnchanged(t *testing.T) {
	t.Parallel()
	for _, d := range []Streamer{new(JSON), new(NDJSON), &JSON{Items: "a"}} {
		givesErrorsUnchanged(t, d)
	}
}

func TestContextEnds(t *testing.T) {
	t.Parallel()
	many := func(s string) string { return strings.Repeat(s, 50_000) }
	runEndTests(t, map[string]endTest{
		"json":         {new(JSON), "[" + many("0,") + "0]"},
		"ndjson":       {new(NDJSON), many("0\n")},
		"ndjson blank": {new(NDJSON), many(" \n")},
		"form":         {new(Form), many("a&")},
	})
}
