package executions_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/controltest"
	"github.com/fairway-gateway/fairway/modules/control/executions"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
	"github.com/fairway-gateway/fairway/runner/logs"
)

// started has an attempt at an execution of ann's run, with a token of this hash.
func (w *world) started(t testing.TB, hash []byte) (db.Execution, queries.Holder) {
	t.Helper()
	e := w.ran(t, "ann", w.script(t, "ann", "s"+uuid.NewString(), "", "").ID)
	return e, w.begun(t, e.ID, hash)
}

// begun has the attempt run that an execution waits with.
func (w *world) begun(t testing.TB, execution uuid.UUID, hash []byte) queries.Holder {
	t.Helper()
	got, err := w.Store.Claim(t.Context(), queries.ClaimRequest{Runner: uuid.New(), Queues: []string{queries.DefaultQueue}, Most: 1})
	must(t, err)
	if len(got) != 1 || got[0].Execution != execution {
		t.Fatalf("%+v", got)
	}
	_, err = w.Store.Start(t.Context(), []queries.StartRequest{{Holder: got[0].Holder, Timeout: time.Hour, TokenHash: hash}}, time.Hour)
	must(t, err)
	return got[0].Holder
}

// wrote appends lines to a log as a runner does, a second apart from 2026-01-31T12:00:00 on.
func (w *world) wrote(t testing.TB, h queries.Holder, seq int64, texts ...string) {
	t.Helper()
	w.wroteAt(t, h, seq, time.Date(2026, 1, 31, 12, 0, 0, 123_000_000, time.UTC), texts...)
}

func (w *world) wroteAt(t testing.TB, h queries.Holder, seq int64, at time.Time, texts ...string) {
	t.Helper()
	lines := make([]logs.Line, len(texts))
	for i, text := range texts {
		lines[i] = logs.Line{Level: logs.Info, Time: at.Add(time.Duration(i) * time.Second), Text: text}
	}
	must(t, w.Store.AppendLog(t.Context(), h, []queries.LogChunk{{
		Seq: seq, Lines: len(lines), First: lines[0].Time, Last: lines[len(lines)-1].Time, Data: logs.Pack(logs.Start(), lines),
	}}))
}

func (w *world) finish(t testing.TB, h queries.Holder, o queries.Outcome) {
	t.Helper()
	_, err := w.Store.Finish(t.Context(), []queries.FinishRequest{{Holder: h, Outcome: o}})
	must(t, err)
}

// line is one of a log, as it is answered.
type line struct {
	ID        int64
	Text      string
	Level     string
	At        string `json:"register_date"`
	Execution string `json:"execution_id"`
}

// texts are those of an answer with lines.
func texts(t testing.TB, a controltest.Answer) []string {
	t.Helper()
	var got struct{ Data []line }
	a.JSON(t, &got)
	out := []string{}
	for _, l := range got.Data {
		out = append(out, fmt.Sprint(l.ID, " ", l.Text))
	}
	return out
}

func TestLog(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		e, h := w.started(t, nil)
		w.wrote(t, h, 1, "one", "two", "three")
		w.wrote(t, h, 2, "four")
		a := w.Want(t, "ann:", "GET", path(e, "/log"), "", 200)
		var got struct{ Data []line }
		a.JSON(t, &got)
		if d := cmp.Diff(line{2, "two", "INFO", "2026-01-31T12:00:01.123000", e.ID.String()}, got.Data[1]); d != "" {
			t.Error(d)
		}
		for query, want := range map[string][]string{
			"":                                    {"1 one", "2 two", "3 three", "4 four"},
			"last-id=0":                           {"1 one", "2 two", "3 three", "4 four"},
			"last-id=1":                           {"2 two", "3 three", "4 four"},
			"last-id=4":                           {},
			"last-id=99999999":                    {},
			"start=2026-01-31T12:00:00.123":       {"2 two", "3 three"},
			"start=2026-01-31T12:00:01":           {"2 two", "3 three"},
			"start=2026-01-31T13:00:01+01:00":     {"2 two", "3 three"}, // the + is a blank here
			"start=2026-01-31T13:00:01%2B01:00":   {"2 two", "3 three"},
			"start=2026-01-31T12:00:01&last-id=2": {"3 three"},
			"start=2026-02-01":                    {},
			"start=1970-01-01":                    {"1 one", "2 two", "3 three", "4 four"},
			"start=0001-01-02":                    {"1 one", "2 two", "3 three", "4 four"},
		} {
			if d := cmp.Diff(want, texts(t, w.Want(t, "boss:", "GET", path(e, "/log?"+query), "", 200))); d != "" {
				t.Errorf("%s: %s", query, d)
			}
		}
		for _, query := range []string{"last-id=-1", "last-id=x", "last-id=9223372036854775808", "start=yesterday", "start=%00", "start=" + strings.Repeat("1", 5000)} {
			w.Want(t, "ann:", "GET", path(e, "/log?"+query), "", 400)
		}
		for _, more := range []string{"/log", "/log.txt", "/events", "/params", "/docker-logs"} {
			want := 404
			if more == "/docker-logs" {
				want = 403
			}
			w.Want(t, "ben:", "GET", path(e, more), "", want)
			w.Want(t, "", "GET", path(e, more), "", 401)
			w.Want(t, "boss:", "GET", base+uuid.NewString()+more, "", 404)
		}
		a = w.Want(t, "boss:", "GET", path(e, "/docker-logs?last-id=3"), "", 200)
		if want := `{"data":[{"id":4,"created_at":"2026-01-31T12:00:00.123000","text":"four"}]}`; strings.TrimSpace(a.Body) != want {
			t.Error(a.Body)
		}
		if a = w.Want(t, "boss:", "GET", path(e, "/batch-logs"), "", 200); strings.TrimSpace(a.Body) != `{"data":[]}` {
			t.Error(a.Body)
		}
		if a = w.Want(t, "ann:", "GET", path(e, "/params"), "", 200); a.Body != `{"year":2026}` || a.Header.Get("Content-Type") != "application/json" {
			t.Error(a.Body, a.Header)
		}
	})
}

// TestLongLog is told in parts, and as a whole in text.
func TestLongLog(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		e, h := w.started(t, nil)
		long := make([]string, 60)
		for i := range long {
			long[i] = strings.Repeat("ä", 500)
		}
		const chunks = 150 // 9 MB
		for seq := range int64(chunks) {
			w.wrote(t, h, seq+1, long...)
		}
		seen := 0
		for parts := 1; ; parts++ {
			var got struct{ Data []line }
			w.Want(t, "ann:", "GET", path(e, fmt.Sprint("/log?last-id=", seen)), "", 200).JSON(t, &got)
			for _, l := range got.Data {
				if seen++; l.ID != int64(seen) {
					t.Fatalf("%d is %d", seen, l.ID)
				}
			}
			if len(got.Data) == 0 {
				if parts != 3 {
					t.Errorf("%d parts", parts)
				}
				break
			}
		}
		if seen != chunks*len(long) {
			t.Errorf("%d lines", seen)
		}
		a := w.Want(t, "ann:", "GET", path(e, "/log.txt"), "", 200)
		if n := strings.Count(a.Body, "\n"); n != seen || !strings.HasPrefix(a.Body, "2026-01-31T12:00:00.123Z INFO     ää") {
			t.Errorf("%d lines: %.80q", n, a.Body)
		}
	})
}

// TestTextOfALog shows what a terminal would obey.
func TestTextOfALog(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		e, h := w.started(t, nil)
		w.wrote(t, h, 1, "\x1b[2J\x07ü\t\u009b1m\r", "a\n2026-01-31T12:00:00.000Z CRITICAL forged", "")
		a := w.Want(t, "ann:", "GET", path(e, "/log.txt"), "", 200)
		want := "2026-01-31T12:00:00.123Z INFO     ␛[2J␇ü\t\ufffd1m␍\n" +
			"2026-01-31T12:00:01.123Z INFO     a\n\t2026-01-31T12:00:00.000Z CRITICAL forged\n" +
			"2026-01-31T12:00:02.123Z INFO     \n"
		if d := cmp.Diff(want, a.Body); d != "" || a.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
			t.Error(d, a.Header)
		}
		if a := w.Do(asked(t, "HEAD", path(e, "/log.txt"))); a.Status != 200 || a.Body != "" {
			t.Error(a)
		}
	})
}

// asked is a request of ann's.
func asked(t testing.TB, method, target string) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, target, nil)
	r.SetBasicAuth("ann@example.org", "ann")
	return r
}

func TestAddLine(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		e, h := w.started(t, nil)
		for _, one := range []struct{ sent, text, level string }{
			{`{"text":"a","level":"INFO"}`, "a", "INFO"},
			{`{"text":"a","level":"WARN","more":1}`, "a", "WARNING"},
			{`{"text":"a","level":"critical"}`, "a", "CRITICAL"},
			{`{"text":"<b>bold</b> 1 < 2 <module> \u001b","level":"DEBUG"}`, "bold 1 < 2 <module> \x1b", "DEBUG"},
			{`{"text":"` + strings.Repeat("ä", 10000) + `","level":"ERROR"}`, strings.Repeat("ä", 10000), "ERROR"},
			{`text=a+form&level=INFO`, "a form", "INFO"},
		} {
			var got struct{ Data line }
			w.Want(t, "boss:", "POST", path(e, "/log"), one.sent, 200).JSON(t, &got)
			if got.Data.Text != one.text || got.Data.Level != one.level || got.Data.Execution != e.ID.String() {
				t.Errorf("%.100s: %+v", one.sent, got)
			}
		}
		for _, sent := range []string{"", "{}", `{"text":"a"}`, `{"level":"INFO"}`, `{"text":"","level":"INFO"}`, `{"text":null,"level":"INFO"}`} {
			a := w.Want(t, "boss:", "POST", path(e, "/log"), sent, 400)
			if !strings.Contains(a.Body, `"detail":"Text and level are required"`) {
				t.Errorf("%s: %s", sent, a.Body)
			}
		}
		for _, sent := range []string{`{"text":"a","level":"LOUD"}`, `{"text":"` + strings.Repeat("a", 10001) + `","level":"INFO"}`, `{"text":["a"],"level":"INFO"}`, `{"text":"\u0000","level":"INFO"}`, `{"text":"a","level":"INFO"`, `[]`} {
			w.Want(t, "boss:", "POST", path(e, "/log"), sent, 400)
		}
		if a := w.Ask(t, "boss:", "POST", path(e, "/log"), `{"text":"`+strings.Repeat("a", 2<<20)+`","level":"INFO"}`); a.Status != 413 {
			t.Errorf("%d %.200s", a.Status, a.Body)
		}
		w.Want(t, "ann:", "POST", path(e, "/log"), `{"text":"a","level":"INFO"}`, 403)
		w.finish(t, h, queries.OutcomeSucceeded)
		w.Want(t, "boss:", "POST", path(e, "/log"), `{"text":"a word after the end","level":"INFO"}`, 200)
		all := texts(t, w.Want(t, "ann:", "GET", path(e, "/log"), "", 200))
		for i, l := range all {
			if !strings.HasPrefix(l, fmt.Sprint(i+1, " ")) {
				t.Errorf("line %d is %.40s", i+1, l)
			}
		}
		if len(all) != 7 {
			t.Errorf("%d lines", len(all))
		}
	})
}

// sse is an event of a stream.
type sse struct{ id, name, data string }

// stream reads a stream of events.
type stream struct {
	*http.Response
	text   strings.Builder
	events []sse
}

// serve has the API answer on a port, whose answers may take a millisecond.
func (w *world) serve(t testing.TB) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(w.Gateway)
	s.Config.WriteTimeout = time.Millisecond
	s.Start()
	t.Cleanup(s.Close)
	return s
}

func follow(t testing.TB, s *httptest.Server, target string, header ...string) *stream {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+target, nil)
	must(t, err)
	r.SetBasicAuth("ann@example.org", "ann")
	for pair := range slices.Chunk(header, 2) {
		r.Header.Set(pair[0], pair[1])
	}
	answer, err := s.Client().Do(r)
	must(t, err)
	t.Cleanup(func() { _ = answer.Body.Close() })
	return &stream{Response: answer}
}

// until reads until the text has something, or the end of the stream.
func (s *stream) until(t testing.TB, what string) {
	t.Helper()
	b := make([]byte, 4096)
	for what == "" || !strings.Contains(s.text.String(), what) {
		n, err := s.Body.Read(b)
		s.text.Write(b[:n])
		if err == io.EOF && what == "" {
			break
		}
		if err != nil && !(what != "" && strings.Contains(s.text.String(), what)) {
			t.Fatalf("%q does not come: %v, %s", what, err, s.text.String())
		}
	}
	s.events = nil
	for block := range strings.SplitSeq(s.text.String(), "\n\n") {
		var e sse
		for one := range strings.Lines(block) {
			name, value, _ := strings.Cut(strings.TrimSuffix(one, "\n"), ": ")
			switch name {
			case "id":
				e.id = value
			case "event":
				e.name = value
			case "data":
				e.data += value
			}
		}
		if e.name != "" {
			s.events = append(s.events, e)
		}
	}
}

func names(events []sse) string {
	var out []string
	for _, e := range events {
		out = append(out, e.name)
	}
	return strings.Join(out, " ")
}

func TestEvents(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		server := w.serve(t)
		e, h := w.started(t, nil)
		s := follow(t, server, path(e, "/events"))
		if s.StatusCode != http.StatusOK || s.Header.Get("Content-Type") != "text/event-stream" || s.Header.Get("Cache-Control") != "no-store, no-transform" || s.Header.Get("X-Accel-Buffering") != "no" {
			t.Fatal(s.Status, s.Header)
		}
		s.until(t, `"RUNNING"`)
		w.wroteAt(t, h, 1, time.Now(), "one", "two\nlines")
		s.until(t, "two")
		must(t, w.Store.Progress(t.Context(), h, 50))
		s.until(t, `{"progress":50}`)
		w.finish(t, h, queries.OutcomeSucceeded)
		s.until(t, "")
		if got := names(s.events); got != strings.Repeat("status ", 3)+"log progress status progress end" || !strings.HasPrefix(s.text.String(), "retry: 2000\n\n") {
			t.Errorf("%s: %s", got, s.text.String())
		}
		var lines []line
		must(t, json.Unmarshal([]byte(s.events[3].data), &lines))
		if len(lines) != 2 || lines[1].Text != "two\nlines" || lines[1].ID != 2 || lines[1].Execution != e.ID.String() {
			t.Errorf("%+v", lines)
		}
		for i, one := range s.events {
			for _, again := range []*stream{
				follow(t, server, path(e, "/events"), "Last-Event-ID", one.id),
				follow(t, server, path(e, "/events?last_event_id="+one.id), "Accept", "text/event-stream"),
			} {
				if one.name == "end" {
					if again.StatusCode != http.StatusNoContent {
						t.Error(again.Status)
					}
					continue
				}
				again.until(t, "")
				want := passed(s.events[i+1:])
				if got := passed(again.events); names(got) != names(want) || got[len(got)-1] != want[len(want)-1] {
					t.Errorf("behind %s: %s, not %s", one.id, names(got), names(want))
				}
			}
			listed := w.Do(withHeader(asked(t, "GET", path(e, "/events?wait=0s")), "Last-Event-ID", one.id))
			var got struct {
				Data []struct{ ID, Event string }
			}
			listed.JSON(t, &got)
			if want := passed(s.events[i+1:]); len(got.Data) != len(want) || len(want) > 0 && got.Data[len(want)-1].ID != want[len(want)-1].id {
				t.Errorf("behind %s: %s", one.id, listed.Body)
			}
		}
		for _, bad := range []string{"x", "1", "1.2.3.4.5", "-1.0.0", strings.Repeat("1", 10000)} {
			w.Want(t, "ann:", "GET", path(e, "/events?last_event_id="+url.QueryEscape(bad)), "", 400)
		}
		for _, bad := range []string{"x", "-1s", "61s", "1h", "99999999999999999999"} {
			w.Want(t, "ann:", "GET", path(e, "/events?wait="+bad), "", 400)
		}
		if a := w.Do(asked(t, "HEAD", path(e, "/events"))); a.Status != 200 || a.Body != "" {
			t.Error(a)
		}
	})
}

func withHeader(r *http.Request, name, value string) *http.Request {
	r.Header.Set(name, value)
	return r
}

// passed are events without progress that was passed by when they were asked for again.
func passed(all []sse) []sse {
	var out []sse
	for _, e := range all {
		if e.data != `{"progress":50}` {
			out = append(out, e)
		}
	}
	return out
}

// TestStreamsEnd is about streams whose reader may not read any more, and about a gateway that ends.
func TestStreamsEnd(t *testing.T) {
	t.Parallel()
	ending := make(chan struct{})
	end := sync.OnceFunc(func() { close(ending) })
	t.Cleanup(end)
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		server := w.serve(t)
		e, h := w.started(t, nil)
		s := follow(t, server, path(e, "/events"))
		s.until(t, `: ping`) // there is nobody who cannot wait
		u := w.Find(t, "ann")
		change := func(active bool) {
			t.Helper()
			_, err := w.Store.ChangeUser(t.Context(), controltest.By(), u.ID, func(u *db.User) error { u.IsActive = active; return nil })
			must(t, err)
		}
		change(false)
		s.until(t, "")
		change(true)
		if strings.Contains(s.text.String(), "event: end") {
			t.Error("it has an end")
		}
		w.wroteAt(t, h, 1, time.Now(), "later")
		w.finish(t, h, queries.OutcomeSucceeded)
		last := s.events[len(s.events)-1].id
		rest := follow(t, server, path(e, "/events"), "Last-Event-ID", last)
		rest.until(t, "")
		if got := names(rest.events); got != "log status progress end" {
			t.Errorf("behind %s: %s", last, got)
		}
	}, func(o *executions.Options) { o.Ping, o.Recheck = time.Millisecond, 10*time.Millisecond })
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		server := w.serve(t)
		e, h := w.started(t, nil)
		s := follow(t, server, path(e, "/events"))
		s.until(t, `"RUNNING"`)
		waits, waiting := asked(t, "GET", path(e, "/events?wait=60s&last_event_id="+s.events[len(s.events)-1].id)), make(chan int, 1)
		go func() { waiting <- w.Do(waits).Status }() // ends with the answer
		end()
		s.until(t, "")
		if status := <-waiting; status != 200 {
			t.Error(status)
		}
		w.wroteAt(t, h, 1, time.Now(), "later")
		w.finish(t, h, queries.OutcomeSucceeded)
		a := w.Want(t, "ann:", "GET", path(e, "/events?wait=60s&last_event_id="+s.events[len(s.events)-1].id), "", 200)
		if !strings.Contains(a.Body, "later") || !strings.Contains(a.Body, `"event":"end"`) {
			t.Error(a.Body)
		}
	}, func(o *executions.Options) { o.Ending = ending })
}

// TestLongPoll waits for what happens.
func TestLongPoll(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		server := w.serve(t)
		e, h := w.started(t, nil)
		var got struct {
			Data []struct {
				ID, Event string
				Data      json.RawMessage
			}
		}
		r := withHeader(asked(t, "GET", path(e, "/events")), "Accept", "application/json")
		w.Do(r).JSON(t, &got)
		if len(got.Data) != 3 {
			t.Fatalf("%+v", got)
		}
		last := got.Data[2].ID
		if a := w.Want(t, "ann:", "GET", path(e, "/events?wait=0&last_event_id="+last), "", 200); strings.TrimSpace(a.Body) != `{"data":[]}` {
			t.Error(a.Body)
		}
		waits := make(chan string, 1)
		go func() { // ends with the answer
			s := follow(t, server, path(e, "/events?wait=60&last_event_id="+last))
			b, err := io.ReadAll(s.Body)
			if err != nil {
				t.Error(err)
			}
			waits <- string(b)
		}()
		w.wroteAt(t, h, 1, time.Now(), "here")
		if body := <-waits; !strings.Contains(body, `"text":"here"`) {
			t.Error(body)
		}
	})
}

// TestTooManyStreams has somebody follow more than he may.
func TestTooManyStreams(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		server := w.serve(t)
		e, _ := w.started(t, nil)
		for range 32 {
			follow(t, server, path(e, "/events")).until(t, `"RUNNING"`)
		}
		if a := w.Ask(t, "ann:", "GET", path(e, "/events"), ""); a.Status != 429 || a.Header.Get("Retry-After") != "5" || !strings.Contains(a.Body, "RATE_LIMIT_EXCEEDED") {
			t.Errorf("%d %s", a.Status, a.Body)
		}
		w.Want(t, "boss:", "GET", path(e, "/events?wait=0"), "", 200)
	})
}

func TestStripHTML(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                                   "",
		"plain":                              "plain",
		"<b>bold</b>":                        "bold",
		"a < b > c, 1<2":                     "a < b > c, 1<2",
		`File "x.py", in <module>`:           `File "x.py", in <module>`,
		"<lambda> <listcomp> <class 'int'>":  "<lambda> <listcomp> <class 'int'>",
		"<SCRIPT src=x>alert(1)</Script\n>":  "alert(1)",
		"<scr<b>ipt>alert(1)</scr</b>ipt>":   "alert(1)",
		"<scr<scr<b>ipt>ipt>x":               "x",
		"<img <x> onerror=y>z":               " onerror=y>z",
		"<!-- hidden -->seen<!DOCTYPE html>": "seen",
		"<br/><hr />":                        "",
		"<title><img src=x></title>":         "",
		"<":                                  "<",
		">>><<<":                             ">>><<<",
		"<blockquotes>":                      "<blockquotes>",
		"<ä>":                                "<ä>",
		"<a":                                 "<a",
	} {
		if got := executions.StripHTML(text); got != want {
			t.Errorf("%q: %q, not %q", text, got, want)
		}
	}
	// What is nested as deep as it may be takes no time that grows faster than it.
	executions.StripHTML(strings.Repeat("<b", 2<<20) + strings.Repeat(">", 2<<20))
}

func FuzzStripHTML(f *testing.F) {
	f.Add("<scr<b>ipt>x</script>")
	f.Add("<<a>b>")
	f.Fuzz(func(t *testing.T, text string) {
		once := executions.StripHTML(text)
		if len(once) > len(text) || executions.StripHTML(once) != once {
			t.Errorf("%q: %q, then %q", text, once, executions.StripHTML(once))
		}
	})
}

// FuzzWished: whatever is asked for is refused, or within bounds.
func FuzzWished(f *testing.F) {
	f.Add("17.1204.40", "30s", "application/json", "2026-01-31T12:30:00 00:00", "17")
	f.Add("1.2.3.end", "", "text/event-stream", "", "")
	f.Add("", "60", "*/*", "2026-01-31", "0")
	f.Fuzz(func(t *testing.T, behind, wait, accept, start, last string) {
		at, waits, streams, after, err := executions.Wished(behind, wait, accept, start, last)
		if err != nil {
			return
		}
		if waits < 0 || waits > time.Minute || after < 0 || streams && wait != "" || behind != "" && at != behind {
			t.Errorf("%q %q %q %q %q: %s %s %t %d", behind, wait, accept, start, last, at, waits, streams, after)
		}
	})
}
