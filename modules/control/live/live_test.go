package live_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/controltest"
	"github.com/fairway-gateway/fairway/modules/control/live"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
	"github.com/fairway-gateway/fairway/runner"
	"github.com/fairway-gateway/fairway/runner/logs"
	"github.com/fairway-gateway/fairway/runner/noop"
	"github.com/fairway-gateway/fairway/runner/runnertest"
)

func TestMain(m *testing.M) { runnertest.Main(m) }

var must = controltest.Must

// open makes a hub of a store.
func open(t testing.TB, s live.Store, o live.Options) *live.Hub {
	t.Helper()
	h := live.New(s, o)
	t.Cleanup(h.Close)
	return h
}

// another opens the store of a site once more, as another gateway does.
func another(t testing.TB, s *runnertest.Site) *queries.Store {
	t.Helper()
	store, err := queries.Open(t.Context(), queries.Config{DSN: s.DSN})
	must(t, err)
	t.Cleanup(store.Close)
	return store
}

// reader collects events.
type reader struct {
	*live.Watch
	events []live.Event
}

func watch(t testing.TB, h *live.Hub, id uuid.UUID, from string) *reader {
	t.Helper()
	c, err := live.ParseCursor(from)
	must(t, err)
	w, err := h.Watch(t.Context(), id, "test", c)
	must(t, err)
	t.Cleanup(w.Close)
	return &reader{Watch: w}
}

// until reads until there is what done wants.
func (r *reader) until(t testing.TB, done func(live.Event) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), runnertest.Patience)
	defer cancel()
	for {
		got, more, err := r.Poll(ctx)
		if err != nil {
			t.Error(err)
			return
		}
		r.events = append(r.events, got...)
		if slices.ContainsFunc(got, done) {
			return
		}
		if more {
			continue
		}
		select {
		case <-r.Changed():
		case <-ctx.Done():
			t.Errorf("it does not come; there are %v", r.told(t))
			return
		}
	}
}

func isEnd(e live.Event) bool { return e.Name == live.EventEnd }

// told is what events say, in short.
func (r *reader) told(t testing.TB) []string {
	t.Helper()
	var out []string
	for _, e := range r.events {
		switch e.Name {
		case live.EventStatus:
			var m live.Move
			must(t, json.Unmarshal(e.Data, &m))
			out = append(out, strings.TrimSpace(m.To+" "+m.Reason))
		case live.EventLog:
			var lines []live.LogLine
			must(t, json.Unmarshal(e.Data, &lines))
			for _, l := range lines {
				out = append(out, fmt.Sprint(l.ID, " ", l.Level, " ", l.Text))
			}
		case live.EventProgress:
			out = append(out, string(e.Data))
		case live.EventEnd:
			var end live.End
			must(t, json.Unmarshal(e.Data, &end))
			out = append(out, "end "+end.Status)
		}
	}
	return out
}

// claimed is an attempt that runs, of an execution that was made.
func claimed(t testing.TB, s *runnertest.Site) (uuid.UUID, queries.Holder) {
	t.Helper()
	id := s.Execute(t, 1, `{}`, nil)[0]
	got, err := s.Store.Claim(t.Context(), queries.ClaimRequest{Runner: uuid.New(), Queues: []string{queries.DefaultQueue}, Most: 1})
	must(t, err)
	_, err = s.Store.Start(t.Context(), []queries.StartRequest{{Holder: got[0].Holder, Timeout: time.Hour}}, time.Hour)
	must(t, err)
	return id, got[0].Holder
}

// wrote is a chunk of lines.
func wrote(t testing.TB, s *runnertest.Site, h queries.Holder, seq int64, texts ...string) {
	t.Helper()
	lines := make([]logs.Line, len(texts))
	for i, text := range texts {
		lines[i] = logs.Line{Level: logs.Info, Time: time.Now(), Text: text}
	}
	must(t, s.Store.AppendLog(t.Context(), h, []queries.LogChunk{{Seq: seq, Lines: len(lines), First: lines[0].Time, Last: lines[len(lines)-1].Time, Data: logs.Pack(logs.Start(), lines)}}))
}

func finish(t testing.TB, s *runnertest.Site, h queries.Holder, o queries.Outcome) {
	t.Helper()
	_, err := s.Store.Finish(t.Context(), []queries.FinishRequest{{Holder: h, Outcome: o, Reason: "so it is"}})
	must(t, err)
}

// TestFollows follows an execution through all that happens to it, at two gateways, and from each event on.
func TestFollows(t *testing.T) {
	t.Parallel()
	runnertest.Sites(t, func(t *testing.T, s *runnertest.Site) {
		t.Helper()
		here, there := open(t, s.Store, live.Options{}), open(t, another(t, s), live.Options{})
		id, h := claimed(t, s)
		readers := []*reader{watch(t, here, id, ""), watch(t, there, id, "")}
		step := func(done func(live.Event) bool) {
			t.Helper()
			for _, r := range readers {
				r.until(t, done)
			}
		}
		step(func(e live.Event) bool { return strings.Contains(string(e.Data), "RUNNING") })
		wrote(t, s, h, 1, "one", "two")
		step(func(e live.Event) bool { return strings.Contains(string(e.Data), "two") })
		must(t, s.Store.Progress(t.Context(), h, 40))
		step(func(e live.Event) bool { return e.Name == live.EventProgress })
		_, err := s.Store.AddNotice(t.Context(), id, "WARNING", "three")
		must(t, err)
		step(func(e live.Event) bool { return strings.Contains(string(e.Data), "three") })
		wrote(t, s, h, 2, "four")
		finish(t, s, h, queries.OutcomeFailed)
		step(isEnd)
		want := []string{
			"PENDING", "READY", "RUNNING", "1 INFO one", "2 INFO two", `{"progress":40}`, "3 WARNING three", "4 INFO four",
			"5 ERROR Attempt 1 ended: FAILED: so it is. The execution has failed.", "FAILED so it is", `{"progress":100}`, "end FAILED",
		}
		for _, r := range readers {
			if d := cmp.Diff(want, r.told(t)); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		}
		// Who comes again behind any of them gets all of the others, once, but what was said of progress in between.
		all := readers[0].events
		for i, e := range all {
			again := watch(t, there, id, e.ID)
			if !isEnd(e) {
				again.until(t, isEnd)
			}
			rest := reader{events: all[i+1:]}
			if d := cmp.Diff(passing(rest.told(t)), passing(again.told(t))); d != "" {
				t.Errorf("behind %s: -want +got:\n%s", e.ID, d)
			}
		}
		if events, more, err := watch(t, here, id, all[len(all)-1].ID).Poll(t.Context()); len(events) > 0 || more || err != nil {
			t.Error(events, more, err)
		}
	})
}

// passing is what was told without progress that was passed.
func passing(told []string) []string {
	return slices.DeleteFunc(slices.Clone(told), func(s string) bool { return s == `{"progress":40}` })
}

// TestFollowsARunner follows what a runner runs, with another try.
func TestFollowsARunner(t *testing.T) {
	t.Parallel()
	runnertest.Sites(t, func(t *testing.T, s *runnertest.Site) {
		t.Helper()
		hub := open(t, another(t, s), live.Options{})
		id := s.Execute(t, 1, `{"exit_code":3,"lines":300}`, func(n *queries.NewExecution) {
			n.MaxAttempts, n.RetryOn = 2, []queries.Outcome{queries.OutcomeFailed}
		})[0]
		r := watch(t, hub, id, "")
		s.Start(t, runner.Config{Executor: noop.New(noop.Plan{})}, 0)
		r.until(t, isEnd)
		told := r.told(t)
		var statuses []string
		line := 0
		for _, one := range told {
			word, rest, _ := strings.Cut(one, " ")
			switch {
			case word != "" && word[0] >= '0' && word[0] <= '9':
				if line++; word != fmt.Sprint(line) {
					t.Fatalf("line %d is %s", line, one)
				}
			case word == strings.ToUpper(word) && word[0] != '{':
				statuses = append(statuses, word)
			default:
				_ = rest
			}
		}
		if d := cmp.Diff([]string{"PENDING", "READY", "RUNNING", "READY", "RUNNING", "FAILED"}, statuses); d != "" {
			t.Error(d)
		}
		e, err := s.Store.Execution(t.Context(), id)
		if err != nil || int64(line) != e.LastLog || line < 600 {
			t.Errorf("%d lines of %d, %v", line, e.LastLog, err)
		}
	})
}

// counting counts what is asked of a store.
type counting struct {
	live.Store
	reads, states, watches atomic.Int64
}

func (c *counting) ReadLog(ctx context.Context, id uuid.UUID, after int64, since time.Time, most int) ([]db.LogChunk, error) {
	c.reads.Add(1)
	return c.Store.ReadLog(ctx, id, after, since, most)
}

func (c *counting) States(ctx context.Context, ids []uuid.UUID) ([]db.ListStatesRow, error) {
	c.states.Add(1)
	return c.Store.States(ctx, ids)
}

func (c *counting) WatchExecutions(ctx context.Context, every time.Duration) <-chan struct{} {
	c.watches.Add(1)
	return c.Store.WatchExecutions(ctx, every)
}

// TestManyFollowOne: what is read is read once for all.
func TestManyFollowOne(t *testing.T) {
	t.Parallel()
	runnertest.Sites(t, func(t *testing.T, s *runnertest.Site) {
		t.Helper()
		const many = 50
		store := &counting{Store: s.Store}
		hub := open(t, store, live.Options{PerCaller: many})
		id, h := claimed(t, s)
		all := make([]*reader, many)
		for i := range all {
			all[i] = watch(t, hub, id, "")
			all[i].until(t, func(e live.Event) bool { return strings.Contains(string(e.Data), "RUNNING") })
			for more := true; more; {
				var err error
				_, more, err = all[i].Poll(t.Context())
				must(t, err)
			}
		}
		if n, executions := hub.Watched(); n != many || executions != 1 || store.watches.Load() != 1 {
			t.Error(n, executions, store.watches.Load())
		}
		for seq := range int64(5) {
			store.reads.Store(0)
			wrote(t, s, h, seq+1, fmt.Sprint("line ", seq))
			var done sync.WaitGroup
			for _, r := range all {
				done.Go(func() {
					r.until(t, func(e live.Event) bool { return strings.Contains(string(e.Data), fmt.Sprint("line ", seq)) })
				})
			}
			done.Wait()
			if n := store.reads.Load(); n > 4 {
				t.Errorf("the log was read %d times for %d readers", n, many)
			}
		}
		for _, r := range all {
			r.Close()
			r.Close()
		}
		if n, executions := hub.Watched(); n != 0 || executions != 0 {
			t.Error(n, executions)
		}
	})
}

// TestSlow: who reads slowly gets all, and nobody keeps it for him.
func TestSlow(t *testing.T) {
	t.Parallel()
	runnertest.Sites(t, func(t *testing.T, s *runnertest.Site) {
		t.Helper()
		hub := open(t, s.Store, live.Options{})
		id, h := claimed(t, s)
		slow := watch(t, hub, id, "")
		long := strings.Repeat("x", 700)
		const chunks, each = 40, 90
		for i := range int64(chunks) {
			wrote(t, s, h, i+1, slices.Repeat([]string{long}, each)...)
		}
		finish(t, s, h, queries.OutcomeSucceeded)
		lines, polls := 0, 0
		for !slow.Cursor().Ended {
			events, _, err := slow.Poll(t.Context())
			must(t, err)
			size := 0
			for _, e := range events {
				size += len(e.Data)
				if e.Name == live.EventLog {
					var some []live.LogLine
					must(t, json.Unmarshal(e.Data, &some))
					for _, l := range some {
						if lines++; l.ID != int64(lines) || l.Text != long {
							t.Fatalf("line %d is %d", lines, l.ID)
						}
					}
				}
			}
			if size > 256<<10 {
				t.Errorf("%d bytes at once", size)
			}
			polls++
		}
		if lines != chunks*each || polls < 10 {
			t.Errorf("%d lines in %d", lines, polls)
		}
	})
}

// TestBounds is about who watches too much, and what is not there.
func TestBounds(t *testing.T) {
	t.Parallel()
	runnertest.Sites(t, func(t *testing.T, s *runnertest.Site) {
		t.Helper()
		hub := open(t, s.Store, live.Options{PerCaller: 2, All: 3})
		id, h := claimed(t, s)
		var all []*live.Watch
		for _, one := range []struct {
			who  string
			want error
		}{{"ann", nil}, {"ann", nil}, {"ann", live.ErrTooMany}, {"ben", nil}, {"cid", live.ErrCrowded}} {
			w, err := hub.Watch(t.Context(), id, one.who, live.Cursor{})
			if !errors.Is(err, one.want) {
				t.Errorf("%s: %v", one.who, err)
			}
			if w != nil {
				all = append(all, w)
			}
		}
		for _, w := range all[1:] {
			w.Close()
		}
		gone, err := hub.Watch(t.Context(), uuid.New(), "ann", live.Cursor{})
		must(t, err)
		if _, _, err := gone.Poll(t.Context()); !errors.Is(err, live.ErrGone) {
			t.Error(err)
		}
		gone.Close()
		finish(t, s, h, queries.OutcomeSucceeded)
		must(t, s.Store.DeleteExecution(t.Context(), queries.By{Actor: "test"}, id))
		r := &reader{Watch: all[0]}
		for ctx, cancel := context.WithTimeout(t.Context(), runnertest.Patience); ; {
			_, more, err := r.Poll(ctx)
			if errors.Is(err, live.ErrGone) {
				cancel()
				break
			}
			must(t, err)
			if !more {
				select {
				case <-r.Changed():
				case <-ctx.Done():
					t.Fatal("it is not gone")
				}
			}
		}
		hub.Close()
		if _, err := hub.Watch(t.Context(), id, "ann", live.Cursor{}); !errors.Is(err, live.ErrHubClosed) {
			t.Error(err)
		}
	})
}

// TestPosition: who waits is told where.
func TestPosition(t *testing.T) {
	t.Parallel()
	runnertest.Sites(t, func(t *testing.T, s *runnertest.Site) {
		t.Helper()
		hub := open(t, s.Store, live.Options{})
		made, err := s.Store.CreateExecutions(t.Context(), queries.Limits{PerUser: 1}, slices.Repeat([]queries.NewExecution{{Script: s.Script.ID, Version: 1, User: s.Script.UserID, Params: []byte(`{}`)}}, 3))
		must(t, err)
		waits := 0
		for i := range made {
			r := watch(t, hub, made[i].ID, "")
			r.until(t, func(e live.Event) bool { return strings.Contains(string(e.Data), `"position"`) })
			if last := string(r.events[len(r.events)-1].Data); strings.Contains(last, `"to":"PENDING"`) {
				if waits++; !strings.Contains(last, `"position":{"ahead":`) {
					t.Error(last)
				}
			}
		}
		if waits != 2 {
			t.Errorf("%d wait", waits)
		}
	})
}

func TestCursor(t *testing.T) {
	t.Parallel()
	for _, c := range []live.Cursor{{}, {Move: 17, Line: 1204, Progress: 40}, {Move: 1<<63 - 1, Line: 1<<63 - 1, Progress: 100, Ended: true}} {
		if got, err := live.ParseCursor(c.String()); err != nil || got != c {
			t.Errorf("%s: %+v, %v", c, got, err)
		}
	}
	for _, text := range []string{
		"1", "1.2", "1.2.3.4", "1.2.101", "-1.2.3", "+1.2.3", "01.2.3", "1.2.3.", ".1.2", "a.b.c", "1.2.3.End", "1.2.3.end.end", " 1.2.3", "1.2.3\n", "9223372036854775808.1.1", "1.2.３",
	} {
		if c, err := live.ParseCursor(text); err == nil {
			t.Errorf("%q is %+v", text, c)
		}
	}
}

func FuzzCursor(f *testing.F) {
	f.Add("17.1204.40")
	f.Add("0.0.0.end")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := live.ParseCursor(text)
		if err == nil && text != "" && c.String() != text {
			t.Errorf("%q is %s", text, c)
		}
	})
}

// TestSSE: nothing in an event ends it.
func TestSSE(t *testing.T) {
	t.Parallel()
	got := string(live.AppendSSE(nil, live.Event{ID: "1.2.3", Name: "log", Data: json.RawMessage("[\"a\",\r\n\n\"b\"]")}))
	if want := "id: 1.2.3\nevent: log\ndata: [\"a\",\ndata: \"b\"]\n\n"; got != want {
		t.Errorf("%q", got)
	}
}
