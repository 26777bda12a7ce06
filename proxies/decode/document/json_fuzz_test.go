package document

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/ascii"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/decodetest"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/interrupt"
)

func FuzzJSON(f *testing.F) {
	j := new(JSON)
	for _, s := range []string{
		`{"a":[1,-0.5e+10,"\u00e9\ud83d\ude00"],"b":{"":null}}`, ` true `, `"x"`, `[[[[]]]]`, `{"a":1,"a":2}`, `[1,]`, `{"a":`, "\xff", `"\ud800"`, `{"a":{"a":"a"},"b":["a",{}]}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		text, err := decodetest.Both(t, j, body)
		if err != nil {
			return
		}
		// The standard library takes more than we do, so what we take it must take, and alike.
		if diff := cmp.Diff(decodetest.Parse(t, body), decodetest.Parse(t, text)); diff != "" {
			t.Fatal(diff)
		}
		again, err := decodetest.Both(t, j, text)
		if err != nil || !bytes.Equal(again, text) {
			t.Fatalf("%s decodes to %s (%v)", text, again, err)
		}
	})
}

// FuzzWhole holds what reads whole texts to the JSON library, which reads streams: both tell the same, or refuse.
func FuzzWhole(f *testing.F) {
	for _, s := range []string{
		`{"a":[1,-0.5e+10,"\u00e9\ud83d\ude00"],"b":{"":null}}`, ` true `, `"x\n\"y"`, `[[[[]]]]`, `[1,]`, `{"a":1,}`, `{"a" : {} , "b" :[ ]}`, `{"a":`, "\"\xff\"", `"\ud800"`, `"é\u0001"`,
		"\"\x01\"", `01`, `-`, `1.`, `1e`, `+1`, `nul`, `truefalse`, `{}{}`, `[}`, `{1:2}`, `{"a" 1}`, `[1 2]`, "\x00", "[1,\x0b2]", "\"a", `"\`, `"\"`, "1\x00",
	} {
		f.Add(s)
	}
	f.Fuzz(wholeAndTokens)
}

// TestWholeDepth is where the library refuses to go deeper.
func TestWholeDepth(t *testing.T) {
	t.Parallel()
	for _, depth := range []int{jsonDepth, jsonDepth + 1} {
		wholeAndTokens(t, strings.Repeat("[", depth)+strings.Repeat("]", depth))
	}
}

func wholeAndTokens(t *testing.T, text string) {
	t.Helper()
	var got, want events
	whole := wholeReader{text: text, out: &got, poll: &interrupt.Poll{Ctx: t.Context()}}
	ok, err := whole.document()
	if err != nil {
		t.Fatal(err)
	}
	library := jsonReader{text: text, poll: interrupt.Poll{Ctx: t.Context()}}
	library.dec = jsontext.NewDecoder(strings.NewReader(text), jsontext.AllowDuplicateNames(true))
	if err := library.tokens(&want); (err == nil) != ok {
		t.Fatalf("%q: the whole text is read: %t, the tokens: %v", text, ok, err)
	}
	if ok && !slices.Equal(got, want) {
		t.Fatalf("%q: %q, the library tells %q", text, got, want)
	}
}

// events are what a sink was told.
type events []string

func (e *events) add(s string) error {
	*e = append(*e, s)
	return nil
}

func (e *events) BeginObject() error    { return e.add("{") }
func (e *events) Key(s string) error    { return e.add("key " + s) }
func (e *events) EndObject() error      { return e.add("}") }
func (e *events) BeginArray() error     { return e.add("[") }
func (e *events) EndArray() error       { return e.add("]") }
func (e *events) String(s string) error { return e.add("string " + s) }
func (e *events) Number(s string) error { return e.add("number " + s) }
func (e *events) Bool(b bool) error     { return e.add(strconv.FormatBool(b)) }
func (e *events) Null() error           { return e.add("null") }

func FuzzNDJSON(f *testing.F) {
	d := new(NDJSON)
	for _, s := range []string{"1\n{\"a\":[]}\r\n\n\"x\"", "[1\n]", "1 2", "{}\n{", "\n \n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		text, err := decodetest.Both(t, d, body)
		// The array of what JSON makes of each line, and an error if one of them is.
		var want []json.RawMessage
		var bad error
		for line := range strings.SplitSeq(string(body), "\n") {
			if line = strings.TrimPrefix(line, recordSeparator); strings.Trim(line, ascii.Space) == "" {
				continue
			}
			w := decode.NewWriter(nil, decode.Limits{Depth: decode.DefaultDepth - 1})
			if e := new(JSON).Decode(t.Context(), &decode.Input{Body: []byte(line)}, w); e != nil {
				bad = e
				break
			}
			want = append(want, w.Bytes())
		}
		if (err == nil) != (bad == nil) {
			t.Fatalf("%q: %v, its lines: %v", body, err, bad)
		}
		if err != nil {
			return
		}
		joined := append(append([]byte("["), bytes.Join(rawBytes(want), []byte(","))...), ']')
		if !bytes.Equal(joined, text) {
			t.Fatalf("got %s, want %s", text, joined)
		}
	})
}

func rawBytes(raw []json.RawMessage) [][]byte {
	b := make([][]byte, len(raw))
	for i := range raw {
		b[i] = raw[i]
	}
	return b
}

func FuzzForm(f *testing.F) {
	decodetest.Fuzz(f, []string{"", "a=1&b=x+%C3%A9&a=2\n", "%", "a=%4", "%ff", "&&=&"},
		new(Form), &Form{Repeated: "error"}, &Form{Repeated: "first"}, &Form{Repeated: "last"})
}
