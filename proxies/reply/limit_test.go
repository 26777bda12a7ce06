package reply

import (
	"context"
	"encoding/json"
	"runtime/metrics"
	"testing"
	"time"
)

// dangers are programs that explode, each with an input as small as a backend's may be.
func dangers() map[string]any {
	many := make([]any, 20_000)
	for i := range many {
		many[i] = "x"
	}
	return map[string]any{
		`def f: f; f`:                                                nil,
		`def f: . + 1 | f; 0 | f`:                                    nil,
		`def f: f + 1; f`:                                            nil,
		`def f: [f]; f`:                                              nil,
		`def f: {a: f}; f`:                                           nil,
		`last(repeat(1))`:                                            nil,
		`until(false; .)`:                                            1,
		`last(range(infinite))`:                                      nil,
		`[range(.n)]`:                                                map[string]any{"n": 1_000_000_000},
		`[repeat("x")]`:                                              nil,
		`[limit(.n; repeat({a: {b: 1}}))]`:                           map[string]any{"n": 1_000_000_000},
		`[recurse(. + 1)]`:                                           1,
		`"x" * .n`:                                                   map[string]any{"n": 1_000_000_000},
		`.n * "xyz"`:                                                 map[string]any{"n": json.Number("700000000")},
		`.s *= .n`:                                                   map[string]any{"s": "x", "n": 1_000_000_000},
		`reduce range(.n) as $i ("x"; . + .)`:                        map[string]any{"n": 100},
		`reduce range(.n) as $i ([1]; . + .)`:                        map[string]any{"n": 100},
		`reduce range(.n) as $i ("x"; . += .)`:                       map[string]any{"n": 100},
		`reduce range(.n) as $i ("x"; "\(.)\(.)")`:                   map[string]any{"n": 100},
		`reduce range(.n) as $i ("x"; @sh "\(.)" | @sh)`:             map[string]any{"n": 100},
		`reduce range(.n) as $i ("\""; tojson)`:                      map[string]any{"n": 100},
		`reduce range(.n) as $i ("x"; @base64)`:                      map[string]any{"n": 200},
		`reduce range(.n) as $i ("x"; [., .])`:                       map[string]any{"n": 100},
		`reduce range(.n) as $i ("x"; {a: ., b: .})`:                 map[string]any{"n": 100},
		`reduce range(.n) as $i ("x"; [., .]) | tojson`:              map[string]any{"n": 60},
		`reduce range(.n) as $i ("x"; {a: ., b: .}) | . == .`:        map[string]any{"n": 60},
		`reduce range(.n) as $i ("x"; [., .]) | flatten`:             map[string]any{"n": 60},
		`reduce range(.n) as $i (0; [.])`:                            map[string]any{"n": 1_000_000_000},
		`reduce range(.n) as $i (2; . * .)`:                          map[string]any{"n": 100},
		`.a[.i] = 1`:                                                 map[string]any{"i": 500_000_000},
		`.a[.i] |= 1`:                                                map[string]any{"i": 500_000_000},
		`.a[.i] += 1`:                                                map[string]any{"i": 500_000_000},
		`.a[500000000] = 1`:                                          nil,
		`def p: .a[.i]; p = 1`:                                       map[string]any{"i": 500_000_000},
		`setpath(.p; 1)`:                                             map[string]any{"p": []any{"a", 500_000_000}},
		`getpath(.p) = 1`:                                            map[string]any{"p": []any{"a", 500_000_000}},
		`fromstream(.[])`:                                            []any{[]any{[]any{500_000_000}, 1}, []any{[]any{500_000_000}}},
		`[range(1000) as $i | [] | .[4000000] = 1]`:                  nil,
		`[range(.n) | "x" * 10000000]`:                               map[string]any{"n": 1000},
		`("x" * 8000000) as $s | [range(.n) | $s | ascii_upcase]`:    map[string]any{"n": 1000},
		`("x" * 8000000) as $s | [range(.n) | $s | explode]`:         map[string]any{"n": 1000},
		`("x" * 8000000) as $s | [limit(.n; repeat($s))] | add`:      map[string]any{"n": 10_000},
		`("x" * 8000000) as $s | [limit(.n; repeat(""))] | join($s)`: map[string]any{"n": 10_000},
		`("x" * 8000000) as $s | $s | split("")`:                     nil,
		`("x" * 8000000) / ""`:                                       nil,
		`("x" * 1000000) | gsub("x"; "x" * 100000)`:                  nil,
		`("x" * 1000000) | [match(""; "g")]`:                         nil,
		`("x" * 1000000) | indices("x" * 500000)`:                    nil,
		`([range(.n)] | map(1)) as $a | $a | .[$a]`:                  map[string]any{"n": 100_000},
		`. as $a | [range(20000)] | . - $a | length | range(1e9)`:    many,
		`[[range(.n)], (range(.n) | [])] | transpose`:                map[string]any{"n": 50_000},
		`[range(.n)] | [combinations(3)]`:                            map[string]any{"n": 2000},
		`map([.]) | [combinations] | length`:                         many,
		`"1" * 200000 | tonumber`:                                    nil,
		`.w as $w | 0 | strftime("%" + $w + "d")`:                    map[string]any{"w": "999999999"},
		`join_on(.; "x"; "x")`:                                       many,
		`path(def r: .a | r; r)`:                                     nil,
	}
}

// peak says how much the heap grew at most while f ran.
func peak(f func()) uint64 {
	read := func() uint64 {
		sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		metrics.Read(sample)
		return sample[0].Value.Uint64()
	}
	before, most := read(), uint64(0)
	done, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for tick := time.NewTicker(2 * time.Millisecond); ; {
			most = max(most, read())
			select {
			case <-done:
				tick.Stop()
				return
			case <-tick.C:
			}
		}
	}()
	f()
	close(done)
	<-stopped
	return most - min(before, most)
}

// TestDangersAreEnded runs one after the other, since it looks at the memory of the process.
func TestDangersAreEnded(t *testing.T) { //nolint:paralleltest // see above
	for source, input := range dangers() {
		p, err := Compile(source, nil)
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		start := time.Now()
		grown := peak(func() {
			var v any
			if v, err = p.Run(ctx, input); err == nil {
				_, err = Marshal(v)
			}
		})
		took := time.Since(start)
		cancel()
		t.Logf("%-70s %6d MiB %8s %v", source, grown>>20, took.Round(time.Millisecond), err)
		if err == nil {
			t.Errorf("%s: it gave a value", source)
		}
		if grown > 6*Memory { // what is kept, what a step makes, and what is garbage already
			t.Errorf("%s: the heap grew by %d MiB", source, grown>>20)
		}
		if took > 10*time.Second {
			t.Errorf("%s: it took %s", source, took)
		}
	}
}

// TestEachRunHasItsOwnTime: a program that ran long ago has time again.
func TestEachRunHasItsOwnTime(t *testing.T) {
	t.Parallel()
	p, err := Compile(`[range(5000)] | length`, nil)
	if err != nil {
		t.Fatal(err)
	}
	spent, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Hour))
	defer cancel()
	for range 3 {
		if _, err := p.Run(pastDeadline{Context: t.Context(), end: time.Now().Add(-time.Hour)}, nil); Limited(err) == nil {
			t.Fatalf("a run whose time is over gave %v", err)
		}
		if _, err := p.Run(spent, nil); err == nil {
			t.Fatal("a run whose context is over gave a value")
		}
		if _, err := p.Run(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
	}
}

// pastDeadline has a deadline and is not over.
type pastDeadline struct {
	context.Context //nolint:containedctx // it is one
	end             time.Time
}

func (d pastDeadline) Deadline() (time.Time, bool) { return d.end, true }
