package document

import (
	"errors"
	"strings"
	"testing"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/decodetest"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/linewise"
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
			decodetest.StreamAgrees(t, d, []byte(body))
		}
	}
}

func TestNDJSONStream(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"", "\n", "a", "a\r", "a\r\n\n b \r\r\n#c\n", strings.Repeat("long ", linewise.Window) + "\n\nx", "1\n\n{\"a\":\n", "{}\n[1, 2]\r\n 3\n", "1 2\n3", "{\"a\":1,\"a\":2}\n[]"} {
		for _, d := range []decode.Streamer{new(NDJSON), &NDJSON{BadLines: "skip"}} {
			decodetest.StreamAgrees(t, d, []byte(body))
		}
	}
}

func TestJSONItems(t *testing.T) {
	t.Parallel()
	rows := &JSON{Items: "data.rows"}
	decodetest.Run(t, []decodetest.Test{
		{Name: "rows", Dec: rows, In: `{"n":2,"data":{"a":{"rows":0},"rows":[{"id":1.0},[2]],"z":1},"rows":9}`, Want: `[{"id":1.0},[2]]`},
		{Name: "one name", Dec: &JSON{Items: "value"}, In: `{"@odata.context":"x","value":[]}`, Want: `[]`},
		{Name: "null", Dec: rows, In: `{"data":{"rows":null}}`, Want: `[]`},
		{Name: "absent", Dec: rows, In: `{"data":{}}`, Fail: "json: there is no array at items data.rows", At: 0},
		{Name: "an object", Dec: rows, In: `{"data":{"rows":{}}}`, Fail: "no array but an object", At: 0},
		{Name: "an array on the way", Dec: rows, In: `{"data":[]}`, Fail: "no object on the way", At: 0},
		{Name: "twice", Dec: rows, In: `{"data":{"rows":[],"rows":[]}}`, Fail: "twice", At: -1},
		{Name: "prefix", Dec: new(JSON), In: ")]}',\n{\"a\":1}", Want: `{"a":1}`},
		{Name: "prefix and an error", Dec: new(JSON), In: ")]}'\n{\"a\":x}", Fail: "invalid character 'x'", At: 10},
		{Name: "loop", Dec: new(JSON), In: " while(1);[1]", Want: `[1]`},
		{Name: "several values", Dec: new(JSON), In: "{}\n{}", Fail: "decode ndjson", At: 3},
	})
}

func TestNDJSONBadLines(t *testing.T) {
	t.Parallel()
	decodetest.Run(t, []decodetest.Test{
		{Name: "skip", Dec: &NDJSON{BadLines: "skip"}, In: "{\"a\":1}\nERROR\n{\"a\":\n{\"a\":1,\"a\":2}\n2 3\n[4]", Want: `[{"a":1},[4]]`},
		{Name: "fail", Dec: &NDJSON{BadLines: "fail"}, In: "1\nERROR\n", Fail: "ndjson: ", At: 2},
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
	long := strings.Repeat("x", decode.MaxRecord)
	for i, test := range []struct {
		dec  decode.Streamer
		body string
	}{
		{new(NDJSON), "\"" + long + "\"\n"},
		{new(JSON), "[1,\"" + long + long + "\"]"},
		{new(JSON), "[" + strings.Repeat("[0],", decode.MaxRecord/4) + "[" + strings.Repeat("0,", decode.MaxRecord) + "0]]"},
		{new(JSON), "{\"a\":[" + strings.Repeat("0,", decode.MaxRecord) + "0]}"},
		{&JSON{Items: "b"}, "{\"a\":\"" + long + long + "\",\"b\":[]}"},
	} {
		r := decode.NewRecords(decode.RecordsOptions{Each: func([]byte, any) error { return nil }, Limits: decode.Limits{Nodes: 1 << 30}})
		var out decode.Sink = r
		if i == 3 {
			out = decode.NewTree(decode.Limits{Nodes: 1 << 30})
		}
		err := test.dec.Stream(t.Context(), strings.NewReader(test.body), &decode.Input{}, out)
		if limit, ok := errors.AsType[*decode.LimitError](err); !ok || limit.Limit != decode.MaxRecord {
			t.Errorf("%d: %v", i, err)
		}
	}
}

// TestStreamsTellAtOnce reads no further than the end of a record before it tells it.
func TestStreamsTellAtOnce(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		dec         decode.Streamer
		head, piece string
		tail        string
	}{
		"json":   {new(JSON), "[{\"a\":0}", ",{\"a\":1}", "]"},
		"items":  {&JSON{Items: "d.r"}, "{\"n\":{},\"d\":{\"r\":[1", ",{\"a\":1}", "],\"x\":1}}"},
		"ndjson": {new(NDJSON), "0\n", "{\"a\":1}\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			decodetest.TellsAtOnce(t, test.dec, test.head, test.piece, test.tail, 4)
		})
	}
}

func TestStreamsGiveErrorsUnchanged(t *testing.T) {
	t.Parallel()
	for _, d := range []decode.Streamer{new(JSON), new(NDJSON), &JSON{Items: "a"}} {
		decodetest.GivesErrorsUnchanged(t, d)
	}
}

func TestContextEnds(t *testing.T) {
	t.Parallel()
	many := func(s string) string { return strings.Repeat(s, 50_000) }
	decodetest.RunEnds(t, map[string]decodetest.EndTest{
		"json":         {Dec: new(JSON), In: "[" + many("0,") + "0]"},
		"ndjson":       {Dec: new(NDJSON), In: many("0\n")},
		"ndjson blank": {Dec: new(NDJSON), In: many(" \n")},
		"form":         {Dec: new(Form), In: many("a&")},
	})
}
