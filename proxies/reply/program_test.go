package reply

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/itchyny/gojq"
)

func TestRun(t *testing.T) {
	t.Parallel()
	input := map[string]any{"a": []any{1, 2}, "n": json.Number("12345678901234567890.5")}
	for _, c := range []struct {
		source string
		want   string
		err    error
	}{
		{source: `.`, want: `{"a":[1,2],"n":12345678901234567890.5}`},
		{source: `{z: 1, b: $x, a: $y}`, want: `{"a":"why","b":"ex","z":1}`},
		{source: `.a | add`, want: `3`},
		{source: `.missing`, want: `null`},
		{source: `"<&>é"`, want: `"<&>é"`},
		{source: `empty`, err: ErrNoValue},
		{source: `.a[] | select(. > 5)`, err: ErrNoValue},
		{source: `.a[]`, err: ErrManyValues},
		{source: `1, 2, 3`, err: ErrManyValues},
	} {
		p, err := Compile(c.source, []string{"x", "y"})
		if err != nil {
			t.Errorf("%s: %v", c.source, err)
			continue
		}
		v, err := p.Run(t.Context(), input, "ex", "why")
		if !errors.Is(err, c.err) {
			t.Errorf("%s: error %v, want %v", c.source, err, c.err)
		}
		if err != nil {
			continue
		}
		got, err := Marshal(v)
		if err != nil || string(got) != c.want {
			t.Errorf("%s: %s, %v; want %s", c.source, got, err, c.want)
		}
		if p.String() != c.source {
			t.Errorf("the source is %q, want %q", p.String(), c.source)
		}
	}
}

func TestRunLeavesInputAndVariablesAlone(t *testing.T) {
	t.Parallel()
	p, err := Compile(`.a[0] = 9 | del(.b) | .c = ($v | .x = 1)`, []string{"v"})
	if err != nil {
		t.Fatal(err)
	}
	input := map[string]any{"a": []any{1}, "b": "kept"}
	variable := map[string]any{"x": 0}
	if _, err := p.Run(t.Context(), input, variable); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]any{"a": []any{1}, "b": "kept"}, input); diff != "" {
		t.Error("the input changed:", diff)
	}
	if diff := cmp.Diff(map[string]any{"x": 0}, variable); diff != "" {
		t.Error("the variable changed:", diff)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	t.Parallel()
	p, err := Compile(`last(range(infinite))`, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = p.Run(ctx, nil)
	if _, ok := errors.AsType[*RuntimeError](err); !ok || !errors.Is(err, context.Canceled) {
		t.Errorf("a program without end ended with %v", err)
	}
}

// TestRuntimeErrorHidesValues fails programs in every way on an input that nobody may read in a log.
func TestRuntimeErrorHidesValues(t *testing.T) {
	t.Parallel()
	for _, source := range []string{
		`error`,
		`error(.)`,
		`error("(" + .)`,
		`error("error: " + .)`,
		`error({detail: .})`,
		`error([.])`,
		`.x`,
		`.[]`,
		`{a: .} | .a.b`,
		`{(.): 1} | .[0]`,
		`tonumber`,
		`fromjson`,
		`"[" + . | fromjson`,
		`keys`,
		`has("x")`,
		`{} | has([1])`,
		`. - 1`,
		`[.] - .`,
		`-(.)`,
		`. * {}`,
		`. / 1`,
		`@base64d`,
		`strptime("%Y")`,
		`fromdate`,
		`mktime`,
		`implode`,
		`test("(" + .)`,
		`. as $s | "x" | test($s + "[")`,
		`. as $s | "x" | test("x"; $s)`,
		`{} | .[[1]]`,
		`[.] | getpath(["a", "b"])`,
		`[.] | .[{}] = 1`,
		`halt_error`,
		`{a: .} | halt_error`,
		`ltrimstr(1) | error`,
		`. as [$a] | $a`,
		`. as {a: $a} | $a`,
		`limit(.; 1)`,
		`range(.)`,
		`splits(1)`,
		`[.] | flatten(.)`,
		`to_entries`,
		`[.] | from_entries`,
		`tojson | error`,
		`try error(.) catch error(.)`,
		`label $f | error(.)`,
		`env[.] | error("s3cret-value")`,
		`[.] | implode`,
		`@json "x\(.)" | error`,
		`group_by(.x)`,
		`min_by(.x)`,
		`walk(error)`,
		`setpath("s3cret-value"; 1)`,
		`delpaths(.)`,
		`todate`,
		`strftime(.)`,
		`splits(.; "q")`,
		`@sh "\([.])" | error`,
		`[[.]] | @csv`,
		`[[.]] | @sh`,
		`{x: .} | @tsv`,
		`tojson | tonumber`,
	} {
		p, err := Compile(source, nil)
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		_, err = p.Run(t.Context(), "s3cret-value")
		failed, ok := errors.AsType[*RuntimeError](err)
		if !ok {
			t.Errorf("%s did not fail: %v", source, err)
			continue
		}
		if strings.Contains(failed.Error(), "cret-") {
			t.Errorf("%s: the message holds the value: %s", source, failed)
		}
		if !strings.HasPrefix(failed.Error(), "jq: ") || errors.Unwrap(failed) == nil {
			t.Errorf("%s: %q does not say that jq failed, or not why", source, failed)
		}
	}
}

func TestSyntaxErrorSaysWhere(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		source   string
		offset   int
		variable string
		says     string
	}{
		{source: `{a: $nope}`, offset: 4, variable: "$nope", says: "nothing binds the variable $nope"},
		{source: `.a | ]`, offset: 5, says: "unexpected token"},
		{source: `{a: 1`, offset: 5, says: "unexpected EOF"},
		{source: `"é" | ]`, offset: 7, says: "unexpected token"},
		{source: `.a | nofunction(1)`, offset: -1, says: "function not defined: nofunction/1"},
		{source: `import "x" as x; .`, offset: -1, says: "jq: "},
	} {
		_, err := Compile(c.source, []string{"query"})
		e, ok := errors.AsType[*SyntaxError](err)
		if !ok {
			t.Errorf("%s: %v is no SyntaxError", c.source, err)
			continue
		}
		if e.Offset != c.offset || e.Variable != c.variable || !strings.Contains(e.Msg, c.says) {
			t.Errorf("%s: offset %d, variable %q, %q", c.source, e.Offset, e.Variable, e.Msg)
		}
	}
}

// TestUndefinedIsWordedAsHere holds our constant to gojq, which exports no type for this mistake.
func TestUndefinedIsWordedAsHere(t *testing.T) {
	t.Parallel()
	query, err := gojq.Parse("$nope")
	if err != nil {
		t.Fatal(err)
	}
	if _, err = gojq.Compile(query); err == nil || err.Error() != undefined+"$nope" {
		t.Errorf("gojq says %v, want %s$nope", err, undefined)
	}
}

func TestUses(t *testing.T) {
	t.Parallel()
	names := []string{"a", "ab", "query"}
	for _, c := range []struct {
		source string
		want   []string
	}{
		{source: `.`},
		{source: `.a | ab`},
		{source: `$a`, want: []string{"a"}},
		{source: `$ab.a`, want: []string{"ab"}},
		{source: `{$a, b: $query.x}`, want: []string{"a", "query"}},
		{source: `"\($ab)"`, want: []string{"ab"}},
		{source: `$a_b`},
		{source: `$a-$ab`, want: []string{"a", "ab"}},
	} {
		if diff := cmp.Diff(c.want, Uses(c.source, names)); diff != "" {
			t.Errorf("%s: %s", c.source, diff)
		}
	}
}

// FuzzCompile compiles anything: an error is a SyntaxError inside the source, and Uses never leaves out a variable.
func FuzzCompile(f *testing.F) {
	for _, seed := range []string{``, `.`, `$a`, `{$ab}`, `"\($a)"`, `$nope`, `. as $a | $a`, `$ a`, `$a::b`, `[`, `"é`, `#$a`, "\x00\xff"} {
		f.Add(seed)
	}
	names := []string{"a", "ab", "query"}
	f.Fuzz(func(t *testing.T, source string) {
		used := Uses(source, names)
		_, err := Compile(source, used)
		if err == nil {
			return
		}
		e, ok := errors.AsType[*SyntaxError](err)
		if !ok {
			t.Fatalf("%T is no SyntaxError", err)
		}
		if e.Offset < -1 || e.Offset > len(source) {
			t.Errorf("offset %d is outside of %d bytes", e.Offset, len(source))
		}
		if slices.Contains(names, strings.TrimPrefix(e.Variable, "$")) {
			t.Errorf("Uses left out %s", e.Variable)
		}
	})
}

func TestEach(t *testing.T) {
	t.Parallel()
	stop := errors.New("stop")
	for source, want := range map[string]string{
		`.`: "3", `empty`: "", `., . + 1`: "3 4", `range(.)`: "0 1 2", `$x`: "7", `1, error("no")`: "1 jq: error", `range(1e9)`: "0 1 2 3 4 5 6 7 8 9 stop",
	} {
		p, err := Compile(source, []string{"x"})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		err = p.Each(t.Context(), 3, func(v any) error {
			if len(got) == 10 {
				return stop
			}
			got = append(got, fmt.Sprint(v))
			return nil
		}, 7)
		if err != nil {
			got = append(got, err.Error())
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", source, got, want)
		}
	}
}
