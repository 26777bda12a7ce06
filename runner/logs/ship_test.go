package logs_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/executor/framed"
	"github.com/fairway-gateway/fairway/runner/logs"
)

// output reads a file of records that is all there, or that grows as the test says.
type output struct {
	*framed.Reader
	grow <-chan struct{} // nil: the file is whole
}

func (o *output) Next(ctx context.Context) (executor.Record, error) {
	for {
		frame, err := o.Reader.Next()
		if errors.Is(err, io.EOF) && o.grow != nil {
			select {
			case _, more := <-o.grow:
				if !more {
					o.grow = nil
				}
				continue
			case <-ctx.Done():
				return executor.Record{}, ctx.Err()
			}
		}
		return executor.Record{Stream: executor.Stream(frame.Stream), Time: time.UnixMicro(frame.Micros).UTC(), Text: frame.Text, Part: frame.Part}, err
	}
}

func (o *output) Close() error { return nil }

// file is what an executor has written.
type file struct {
	mu    sync.Mutex
	bytes []byte
}

func (f *file) ReadAt(b []byte, off int64) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if off >= int64(len(f.bytes)) {
		return 0, io.EOF
	}
	return copy(b, f.bytes[off:]), nil
}

func (f *file) add(stream byte, micros int64, part bool, text string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.bytes = framed.Append(f.bytes, framed.Frame{Stream: stream, Part: part, Micros: micros, Text: []byte(text)})
}

// written is a file of records: "o text" is a line of standard output, "e+text" a part of one of standard error, each a second later than the one before.
func written(records ...string) *file {
	f := new(file)
	for i, r := range records {
		f.add(r[0], int64(i+1)*1e6, r[1] == '+', r[2:])
	}
	return f
}

// kept is a sink that keeps chunks.
type kept struct {
	mu     sync.Mutex
	chunks []logs.Chunk
	fail   func() error // asked before; nil: never fails
	got    chan struct{}
}

func (k *kept) Append(_ context.Context, chunks []logs.Chunk) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.fail != nil {
		if err := k.fail(); err != nil {
			return err
		}
	}
	for _, c := range chunks {
		if c.Seq <= int64(len(k.chunks)) {
			continue
		}
		if c.Seq != int64(len(k.chunks))+1 {
			return fmt.Errorf("chunk %d after %d: %w", c.Seq, len(k.chunks), logs.ErrStop)
		}
		k.chunks = append(k.chunks, c)
	}
	if k.got != nil {
		select {
		case k.got <- struct{}{}:
		default:
		}
	}
	return nil
}

// lines are what is kept, as "INFO 3 text" with the seconds, and where it ends.
func (k *kept) lines(t testing.TB) ([]string, logs.Position) {
	t.Helper()
	k.mu.Lock()
	defer k.mu.Unlock()
	var all []string
	at := logs.Start()
	for _, c := range k.chunks {
		lines, end, err := logs.Unpack(c.Data)
		if err != nil || len(lines) != c.Lines || !lines[0].Time.Equal(c.First) || !lines[len(lines)-1].Time.Equal(c.Last) {
			t.Fatalf("chunk %d: %v, %+v of %+v", c.Seq, err, lines, c)
		}
		at = end
		for _, l := range lines {
			all = append(all, fmt.Sprintf("%s %d %s", l.Level, l.Time.Unix(), l.Text))
		}
	}
	return all, at
}

// forever is longer ago than the times of the records in these files.
const forever = 200 * 365 * 24 * time.Hour

func ship(t testing.TB, f *file, o logs.Options) []string {
	t.Helper()
	k := new(kept)
	o.Hold = forever
	last, err := logs.Ship(t.Context(), &output{Reader: framed.NewReader(f, 0)}, 0, logs.Start(), k, o)
	if err != nil || last != int64(len(k.chunks)) {
		t.Fatalf("%d of %d chunks, %v", last, len(k.chunks), err)
	}
	lines, _ := k.lines(t)
	return lines
}

func TestLines(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ä", 5000)
	for name, c := range map[string]struct {
		records []string
		want    []string
	}{
		"streams":         {[]string{"o a", "e b", "n c"}, []string{"INFO 1 a", "ERROR 2 b", "WARNING 3 c"}},
		"empty lines":     {[]string{"o ", "o a", "o "}, []string{"INFO 1 ", "INFO 2 a", "INFO 3 "}},
		"parts":           {[]string{"o+a", "e+x", "o+b", "o c", "e y"}, []string{"INFO 1 abc", "ERROR 2 xy"}},
		"no end":          {[]string{"o a", "o+half"}, []string{"INFO 1 a", "INFO 2 half"}},
		"carriage return": {[]string{"o a\r"}, []string{"INFO 1 a"}},
		"progress":        {[]string{"o ::fairway progress 40", "o ::fairway progress 41 tiles", "o ::fairway progress many"}, []string{"INFO 2 tiles", "INFO 3 ::fairway progress many"}},
		"level":           {[]string{"e ::fairway log WARN a%0Ab"}, []string{"WARNING 1 a\nb"}},
		"no text":         {[]string{"o a\xff\x00b"}, []string{"INFO 1 a\ufffd\ufffdb"}},
		"long":            {[]string{"o " + long}, []string{"INFO 1 " + long[:8192], "INFO 1 " + long[8192:]}},
		"long, in parts":  {[]string{"o+" + long, "o+::fairway progress 5", "o "}, []string{"INFO 1 " + long[:8192], "INFO 1 " + long[8192:], "INFO 2 ::fairway progress 5"}},
		"nothing":         {nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(c.want, ship(t, written(c.records...), logs.Options{})); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestProgress(t *testing.T) {
	t.Parallel()
	var got []int
	ship(t, written("o ::fairway progress 0", "o ::fairway progress 99.9 x", "e ::fairway progress 100"), logs.Options{Progress: func(n int) { got = append(got, n) }})
	if diff := cmp.Diff([]int{0, 99, 100}, got); diff != "" {
		t.Error(diff)
	}
}

// TestFirstLineAtOnce waits for lines of a script that has not ended.
func TestFirstLineAtOnce(t *testing.T) {
	t.Parallel()
	f, grow, k := new(file), make(chan struct{}), &kept{got: make(chan struct{}, 1)}
	done := make(chan error, 1)
	go func() { // ends with the file
		_, err := logs.Ship(t.Context(), &output{Reader: framed.NewReader(f, 0), grow: grow}, 0, logs.Start(), k, logs.Options{Every: time.Hour, Hold: forever})
		done <- err
	}()
	f.add('o', 1e6, false, "first")
	grow <- struct{}{}
	<-k.got // an hour before its time
	f.add('o', 2e6, false, "second")
	grow <- struct{}{}
	f.add('o', 3e6, false, "third")
	close(grow)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(2, len(k.chunks)); diff != "" {
		t.Errorf("%s", diff)
	}
	if lines, _ := k.lines(t); len(lines) != 3 {
		t.Errorf("%q", lines)
	}
}

// TestUnfinishedLineIsShown waits for a prompt, which has no end.
func TestUnfinishedLineIsShown(t *testing.T) {
	t.Parallel()
	f, grow, k := written("o+how many? "), make(chan struct{}), &kept{got: make(chan struct{}, 1)}
	done := make(chan error, 1)
	go func() { // ends with the file
		_, err := logs.Ship(t.Context(), &output{Reader: framed.NewReader(f, 0), grow: grow}, 0, logs.Start(), k, logs.Options{Hold: time.Millisecond, Every: time.Millisecond})
		done <- err
	}()
	<-k.got
	f.add('o', 2e6, false, "seven")
	close(grow)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	lines, _ := k.lines(t)
	if diff := cmp.Diff([]string{"INFO 1 how many? ", "INFO 2 seven"}, lines); diff != "" {
		t.Error(diff)
	}
}

func TestLimit(t *testing.T) {
	t.Parallel()
	var progress int
	got := ship(t, written("o 1234", "o 1234", "o 1", "o 2", "o ::fairway progress 7"), logs.Options{Most: 10, Progress: func(n int) { progress = n }})
	if diff := cmp.Diff([]string{"INFO 1 1234", "INFO 2 1234", "WARNING 3 The log was cut here: it has more than 10 bytes."}, got); diff != "" || progress != 7 {
		t.Errorf("progress %d, -want +got:\n%s", progress, diff)
	}
}

// TestSinkFails has a sink fail now and then: nothing is lost, and nothing is there twice.
func TestSinkFails(t *testing.T) {
	t.Parallel()
	f := new(file)
	var want []string
	for i := range 5000 {
		f.add('o', int64(i)*1e6, false, fmt.Sprint(i))
		want = append(want, fmt.Sprintf("INFO %d %d", i, i))
	}
	random := rand.New(rand.NewPCG(1, 2))
	k := &kept{fail: func() error {
		if random.IntN(3) == 0 {
			return errors.New("the store is away")
		}
		return nil
	}}
	if _, err := logs.Ship(t.Context(), &output{Reader: framed.NewReader(f, 0)}, 0, logs.Start(), k, logs.Options{Bytes: 1000, Hold: forever, Retry: time.Microsecond}); err != nil {
		t.Fatal(err)
	}
	got, _ := k.lines(t)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestStops(t *testing.T) {
	t.Parallel()
	gone := fmt.Errorf("fenced: %w", logs.ErrStop)
	endless := &output{Reader: framed.NewReader(written("o a"), 0), grow: make(chan struct{})}
	if _, err := logs.Ship(t.Context(), endless, 0, logs.Start(), &kept{fail: func() error { return gone }}, logs.Options{}); !errors.Is(err, logs.ErrStop) {
		t.Errorf("the sink said stop: %v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	over := errors.New("over")
	endless = &output{Reader: framed.NewReader(written("o a"), 0), grow: make(chan struct{})}
	_, err := logs.Ship(ctx, endless, 0, logs.Start(), &kept{fail: func() error { cancel(over); return errors.New("away") }}, logs.Options{})
	if !errors.Is(err, over) {
		t.Errorf("it was cancelled: %v", err)
	}
	damaged := &output{Reader: framed.NewReader(&file{bytes: []byte("no records at all")}, 0)}
	if _, err := logs.Ship(t.Context(), damaged, 0, logs.Start(), new(kept), logs.Options{}); !errors.Is(err, framed.ErrCorrupt) {
		t.Errorf("a damaged file: %v", err)
	}
}

// TestGoesOn stops shipping after any number of chunks and goes on where the last one ends, as a runner does that was killed.
func TestGoesOn(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 7))
		f := new(file)
		for i := range 60 {
			part := random.IntN(3) == 0
			f.add("oe"[random.IntN(2)], int64(i)*1e6, part, strings.Repeat(string(rune('a'+i%26)), random.IntN(20)))
		}
		f.add('o', 61e6, false, "end")
		f.add('e', 62e6, false, "end")
		whole := new(kept)
		o := logs.Options{Bytes: 1 + random.IntN(60), Retry: time.Hour, Hold: forever, Secrets: logs.NewSecrets("aaaaaa", "bbbccc")}
		if _, err := logs.Ship(t.Context(), &output{Reader: framed.NewReader(f, 0)}, 0, logs.Start(), whole, o); err != nil {
			t.Fatal(err)
		}
		want, _ := whole.lines(t)
		k := new(kept)
		for rounds := 0; ; rounds++ {
			left := random.IntN(3)
			k.fail = func() error {
				if left--; left < 0 {
					return logs.ErrStop
				}
				return nil
			}
			_, at := k.lines(t)
			_, err := logs.Ship(t.Context(), &output{Reader: framed.NewReader(f, logs.From(at))}, int64(len(k.chunks)), at, k, o)
			if err == nil {
				break
			}
			if rounds > 1000 || !errors.Is(err, logs.ErrStop) {
				t.Fatalf("after %d rounds: %v", rounds, err)
			}
		}
		if got, _ := k.lines(t); !cmp.Equal(want, got) {
			t.Fatalf("seed %d (-want +got):\n%s", seed, cmp.Diff(want, got))
		}
	}
}

func FuzzUnpack(f *testing.F) {
	f.Add([]byte{})
	f.Add(logs.Pack(logs.Position{Offset: 7, Open: [2]int64{3, -1}}, []logs.Line{{Level: logs.Error, Time: time.Unix(1, 0), Text: "a"}, {Time: time.Unix(0, 0)}}))
	f.Fuzz(func(t *testing.T, data []byte) {
		lines, at, err := logs.Unpack(data)
		if err != nil {
			return
		}
		again, atAgain, err := logs.Unpack(logs.Pack(at, lines))
		if err != nil || at != atAgain || !cmp.Equal(lines, again) {
			t.Fatalf("%v: %+v %+v\n%s", err, at, atAgain, cmp.Diff(lines, again))
		}
	})
}

func BenchmarkShip(b *testing.B) {
	f := new(file)
	const lines = 100_000
	for i := range lines {
		f.add('o', int64(i), false, strings.Repeat("0123456789", 10))
	}
	for _, secrets := range []*logs.Secrets{logs.NewSecrets(), logs.NewSecrets("a-token-of-an-attempt", "another-secret", "5-times-the-same", "hunter2-hunter2", "x9x9x9x9x9")} {
		b.Run(fmt.Sprintf("%p", secrets), func(b *testing.B) {
			for b.Loop() {
				if _, err := logs.Ship(b.Context(), &output{Reader: framed.NewReader(f, 0)}, 0, logs.Start(), nowhere{}, logs.Options{}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)*lines/b.Elapsed().Seconds(), "lines/s")
		})
	}
}

type nowhere struct{}

func (nowhere) Append(context.Context, []logs.Chunk) error { return nil }
