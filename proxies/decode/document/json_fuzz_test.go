package document

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/ascii"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/decodetest"
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
