package reply

import (
	"context"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/document"
)

// FuzzProgram runs whatever is a program over whatever is JSON: it ends in time, with a value that can be written or an error.
func FuzzProgram(f *testing.F) {
	for source, input := range map[string]string{
		`.a[.i] += 1 | tojson`: `{"a":[1],"i":3}`, `"x" * .n`: `{"n":1e9}`, `[.[] | "\(.)"] | join(",")`: `[1,"a",null]`,
		`reduce .[] as $x (0; . + $x)`: `[1,2]`, `group_rows(.k) | map(.key)`: `[{"k":1}]`, `join_on(.; .a; .a)`: `[{"a":1}]`,
		`round(2), parse_date("%Y"; "UTC")?`: `1.005`, `gsub("(?<x>a)"; .x + "b")`: `"aaa"`, `def f: [f]; f`: `1`, `path(..)`: `[[1]]`,
		`with_query({a: .})`: `"x"`, `label $f | .[] | ., break $f`: `[1]`, `try error catch .`: `{}`, `. as [$a] ?// $a | $a`: `[[1]]`,
	} {
		f.Add(source, input)
	}
	f.Fuzz(func(t *testing.T, source, input string) {
		tree := decode.NewTree(decode.Limits{})
		if new(document.JSON).Decode(t.Context(), &decode.Input{Body: []byte(input)}, tree) != nil {
			return
		}
		p, err := Compile(source, nil)
		if err != nil {
			return
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		v, err := p.Run(ctx, tree.Value())
		if err == nil {
			_, _ = Marshal(v)
		} else {
			_ = err.Error()
		}
		_, _ = MarshalXML(v)
	})
}
