package decode_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/document"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/excerpt"
	"github.com/fairway-gateway/fairway/proxies/decode/lines"
)

func TestLimits(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text string
		lim  decode.Limits
		want string // LimitError.What, "" if accepted
	}{
		{`[[[]]]`, decode.Limits{Depth: 3}, ""},
		{`[[[]]]`, decode.Limits{Depth: 2}, "depth"},
		{`{"a":{"b":1}}`, decode.Limits{Depth: 1}, "depth"},
		{`[1,2]`, decode.Limits{Nodes: 3}, ""},
		{`[1,2]`, decode.Limits{Nodes: 2}, "nodes"},
		{`{"a":1}`, decode.Limits{Nodes: 3}, ""},
		{`{"a":1}`, decode.Limits{Nodes: 2}, "nodes"},
		{strings.Repeat("[", decode.DefaultDepth) + strings.Repeat("]", decode.DefaultDepth), decode.Limits{}, ""},
		{strings.Repeat("[", decode.DefaultDepth+1) + strings.Repeat("]", decode.DefaultDepth+1), decode.Limits{}, "depth"},
		{strings.Repeat("[", 5_000_000), decode.Limits{}, "depth"},
		{strings.Repeat(`{"":`, 1_000_000), decode.Limits{}, "depth"},
		{"[" + strings.Repeat("0,", decode.DefaultNodes) + "0]", decode.Limits{}, "nodes"},
		{strings.Repeat("1", decode.MaxNumber), decode.Limits{}, ""},
		{"-0." + strings.Repeat("1", 10_000_000), decode.Limits{}, "bytes in a number"},
		{"[1e" + strings.Repeat("1", 10_000_000) + "]", decode.Limits{}, "bytes in a number"},
	}
	for _, test := range tests {
		for kind, s := range map[string]decode.Sink{"writer": decode.NewWriter(nil, test.lim), "tree": decode.NewTree(test.lim)} {
			err := new(document.JSON).Decode(t.Context(), &decode.Input{Body: []byte(test.text)}, s)
			got := ""
			if limit, ok := errors.AsType[*decode.LimitError](err); ok {
				got = limit.What
			}
			if got != test.want || err == nil != (test.want == "") {
				t.Errorf("%s: %s with %+v: %v", kind, excerpt.Of(test.text), test.lim, err)
			}
		}
	}
}

func TestWriterReset(t *testing.T) {
	t.Parallel()
	w := decode.NewWriter(nil, decode.Limits{})
	var large strings.Builder
	large.WriteString(`{"n0":0`)
	for i := 1; i < 5000; i++ {
		fmt.Fprintf(&large, `,"n%d":{"n0":[]}`, i)
	}
	large.WriteString("}")
	buf := make([]byte, 0, 64)
	for _, text := range []string{`{"a":1}`, large.String(), `{"a":{"a":[`, `{"a":1,"a":2}`, `[0]`, `{"n0":{"a":1}}`, large.String()} {
		w.Reset(buf, decode.Limits{})
		err := new(document.JSON).Decode(t.Context(), &decode.Input{Body: []byte(text)}, w)
		if json.Valid([]byte(text)) && !strings.HasPrefix(text, `{"a":1,`) {
			if err != nil || string(w.Bytes()) != text {
				t.Errorf("%s: %v, %s", excerpt.Of(text), err, excerpt.Of(string(w.Bytes())))
			}
		} else if err == nil || w.Bytes() != nil {
			t.Errorf("%s: accepted as %s", excerpt.Of(text), w.Bytes())
		}
	}
}

func TestWriterAllocates(t *testing.T) {
	w := decode.NewWriter(nil, decode.Limits{})
	buf := make([]byte, 0, 1024)
	body := &decode.Input{Body: []byte("name: x\nstate: up\nload: 1\n")}
	kv := new(lines.KV)
	got := testing.AllocsPerRun(100, func() {
		w.Reset(buf, decode.Limits{})
		if err := kv.Decode(t.Context(), body, w); err != nil {
			t.Fatal(err)
		}
	})
	if got > 3 {
		t.Errorf("%v allocations for three pairs, want at most 3", got)
	}
}
