package decode

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestLimits(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text string
		lim  Limits
		want string // LimitError.What, "" if accepted
	}{
		{`[[[]]]`, Limits{Depth: 3}, ""},
		{`[[[]]]`, Limits{Depth: 2}, "depth"},
		{`{"a":{"b":1}}`, Limits{Depth: 1}, "depth"},
		{`[1,2]`, Limits{Nodes: 3}, ""},
		{`[1,2]`, Limits{Nodes: 2}, "nodes"},
		{`{"a":1}`, Limits{Nodes: 3}, ""},
		{`{"a":1}`, Limits{Nodes: 2}, "nodes"},
		{strings.Repeat("[", DefaultDepth) + strings.Repeat("]", DefaultDepth), Limits{}, ""},
		{strings.Repeat("[", DefaultDepth+1) + strings.Repeat("]", DefaultDepth+1), Limits{}, "depth"},
		{strings.Repeat("[", 5_000_000), Limits{}, "depth"},
		{strings.Repeat(`{"":`, 1_000_000), Limits{}, "depth"},
		{"[" + strings.Repeat("0,", DefaultNodes) + "0]", Limits{}, "nodes"},
		{strings.Repeat("1", MaxNumber), Limits{}, ""},
		{"-0." + strings.Repeat("1", 10_000_000), Limits{}, "bytes in a number"},
		{"[1e" + strings.Repeat("1", 10_000_000) + "]", Limits{}, "bytes in a number"},
	}
	for _, test := range tests {
		for kind, s := range map[string]Sink{"writer": NewWriter(nil, test.lim), "tree": NewTree(test.lim)} {
			err := new(JSON).Decode(t.Context(), &Input{Body: []byte(test.text)}, s)
			got := ""
			if limit, ok := errors.AsType[*LimitError](err); ok {
				got = limit.What
			}
			if got != test.want || err == nil != (test.want == "") {
				t.Errorf("%s: %s with %+v: %v", kind, excerpt(test.text), test.lim, err)
			}
		}
	}
}

func TestWriterReset(t *testing.T) {
	t.Parallel()
	w := NewWriter(nil, Limits{})
	var large strings.Builder
	large.WriteString(`{"n0":0`)
	for i := 1; i < 5000; i++ {
		fmt.Fprintf(&large, `,"n%d":{"n0":[]}`, i)
	}
	large.WriteString("}")
	buf := make([]byte, 0, 64)
	for _, text := range []string{`{"a":1}`, large.String(), `{"a":{"a":[`, `{"a":1,"a":2}`, `[0]`, `{"n0":{"a":1}}`, large.String()} {
		w.Reset(buf, Limits{})
		err := new(JSON).Decode(t.Context(), &Input{Body: []byte(text)}, w)
		if json.Valid([]byte(text)) && !strings.HasPrefix(text, `{"a":1,`) {
			if err != nil || string(w.Bytes()) != text {
				t.Errorf("%s: %v, %s", excerpt(text), err, excerpt(string(w.Bytes())))
			}
		} else if err == nil || w.Bytes() != nil {
			t.Errorf("%s: accepted as %s", excerpt(text), w.Bytes())
		}
	}
}

func TestWriterAllocates(t *testing.T) {
	w := NewWriter(nil, Limits{})
	buf := make([]byte, 0, 1024)
	body := &Input{Body: []byte("name: x\nstate: up\nload: 1\n")}
	kv := new(KV)
	got := testing.AllocsPerRun(100, func() {
		w.Reset(buf, Limits{})
		if err := kv.Decode(t.Context(), body, w); err != nil {
			t.Fatal(err)
		}
	})
	if got > 3 {
		t.Errorf("%v allocations for three pairs, want at most 3", got)
	}
}
