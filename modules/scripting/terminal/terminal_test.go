package terminal_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/fairway-gateway/fairway/modules/scripting/terminal"
)

func TestClean(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"plain text\n\tmore": "plain text\n\tmore", "Zoë 日本 ✓": "Zoë 日本 ✓", "a\r\nb": "a\nb", "a\rb": "a\ufffdb",
		"\x1b[31mred\x1b[0m": "red", "\x1b[2J\x1b[Hgone": "gone", "\x1b]0;title\atext": "text", "\x1b]52;c;ZXZpbA==\x1b\\text": "text", "\x1bPdevice\x1b\\x": "x",
		"\x1b(0x": "x", "\x1bcx": "x", "\x1b": "\ufffd", "\x1b[": "\ufffd[", "\x1b[3\x1b[2J": "\ufffd[3", "\x1b]no end\nnext": "\ufffd]no end\nnext",
		"\u009b2Jx": "\ufffd2Jx", "a\u202eb": "a\ufffdb", "a\x00\x07\x08\x7fb": "a\ufffd\ufffd\ufffd\ufffdb", "\xff\xfe": "\ufffd\ufffd", "": "",
	} {
		if got := terminal.Clean(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	// Sequences without an end cost no more than others.
	if got := terminal.Clean(strings.Repeat("\x1b]", 1<<17)); len(got) != 1<<19 {
		t.Errorf("%d bytes", len(got))
	}
	if got := terminal.Line(" a\nb\x1b[2J\tc "); got != "a b c" {
		t.Errorf("%q", got)
	}
	if got := terminal.Cut("日本日本", 3); got != "日本…" {
		t.Errorf("%q", got)
	}
}

// FuzzClean holds that nothing is left which a terminal obeys, and that what is harmless stays.
func FuzzClean(f *testing.F) {
	for _, seed := range []string{"", "\x1b[2J", "\x1b]0;a\a", "\u009b1m", "a\r\nb", "\x1b\x1b[m", "\xc2\x9b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := terminal.Clean(text)
		if !utf8.ValidString(got) {
			t.Fatalf("%q", got)
		}
		for _, r := range got {
			if r != '\n' && r != '\t' && r != utf8.RuneError && !unicode.IsPrint(r) {
				t.Fatalf("%q has %q", got, r)
			}
		}
		if again := terminal.Clean(got); again != got {
			t.Errorf("%q becomes %q", got, again)
		}
		if strings.Count(got, "\n") > strings.Count(text, "\n") {
			t.Errorf("%q has more lines than %q", got, text)
		}
		if len(text) > 4096 {
			return
		}
		var b bytes.Buffer
		w := terminal.Writer{To: &b}
		for i := range len(text) {
			if _, err := w.Write([]byte{text[i]}); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if shown := strings.TrimSuffix(b.String(), "\n"); shown != strings.TrimSuffix(got, "\n") && !strings.Contains(text, "\x1b") {
			t.Errorf("in pieces %q is %q", text, shown)
		}
	})
}

// page is a terminal that knows lines alone.
type page struct {
	lines []string
	last  string
}

func (p *page) Write(b []byte) (int, error) {
	for i := 0; i < len(b); i++ {
		switch {
		case b[i] == '\n':
			p.lines, p.last = append(p.lines, p.last), ""
		case bytes.HasPrefix(b[i:], []byte("\r\x1b[K")):
			p.last = ""
			i += 3
		default:
			p.last += string(b[i])
		}
	}
	return len(b), nil
}

// TestBar holds that lines of a log stand above the bar, and that nothing of it stays.
func TestBar(t *testing.T) {
	t.Parallel()
	p := &page{}
	s := &terminal.Screen{Log: p, Side: p, Bar: true, Columns: 40}
	s.Status("RUNNING")
	s.Progress(0)
	line := func(level, text string) {
		if err := s.Line(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), level, text); err != nil {
			t.Fatal(err)
		}
	}
	line("INFO", "one")
	s.Progress(50)
	if want := "[############------------]  50% RUNNING"; p.last != want || len(p.last) >= 40 {
		t.Errorf("%q, want %q", p.last, want)
	}
	line("ERROR", "two\nthree\x1b[2J\n")
	s.Progress(40) // back
	s.Progress(1000)
	if !strings.Contains(p.last, "100%") || strings.Contains(p.last, "-") {
		t.Errorf("%q", p.last)
	}
	s.Say("a %s", "sentence\nof two")
	s.Close()
	want := "2026-01-02T03:04:05Z INFO one\n2026-01-02T03:04:05Z ERROR two\n    three\na sentence of two\n"
	if got := strings.Join(p.lines, "\n") + "\n"; got != want || p.last != "" {
		t.Errorf("%q and %q", got, p.last)
	}
	for _, columns := range []int{0, 1, 5, 12, 20, 500} {
		p := &page{}
		s := &terminal.Screen{Log: io.Discard, Side: p, Bar: true, Columns: columns}
		s.Progress(33)
		if len(p.last) >= max(columns, 1) || len(p.last) > 60 {
			t.Errorf("in %d columns: %q", columns, p.last)
		}
	}
}

// TestPlain holds that where there is no terminal, there are lines and nothing else.
func TestPlain(t *testing.T) {
	t.Parallel()
	var log, side bytes.Buffer
	s := terminal.NewScreen(&log, &side)
	s.Status("RUNNING")
	s.Progress(0)
	s.Progress(42)
	s.Progress(42)
	if err := s.Line(time.Time{}, "WARNING", "hot"); err != nil {
		t.Fatal(err)
	}
	s.Close()
	if log.String() != "WARNING hot\n" || side.String() != "RUNNING\nprogress 42%\n" {
		t.Errorf("%q %q", log.String(), side.String())
	}
	s = &terminal.Screen{Log: &log, Side: io.Discard, Colour: true}
	log.Reset()
	if err := s.Line(time.Time{}, "ERROR", "x"); err != nil || log.String() != "\x1b[31mERROR\x1b[0m x\n" {
		t.Errorf("%q %v", log.String(), err)
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("broken") }

func TestScreenIsShared(t *testing.T) {
	t.Parallel()
	p := &page{}
	s := &terminal.Screen{Log: p, Side: p, Bar: true, Columns: 80}
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			s.Progress(i)
			_ = s.Line(time.Time{}, "", "line") // to memory
		})
	}
	all.Wait()
	s.Close()
	for _, line := range p.lines {
		if line != "line" {
			t.Errorf("%q", line)
		}
	}
	if err := (&terminal.Screen{Log: broken{}, Side: io.Discard}).Line(time.Time{}, "", "x"); err == nil {
		t.Error("nobody says that it is broken")
	}
}
