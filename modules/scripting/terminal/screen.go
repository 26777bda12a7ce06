package terminal

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"
)

// Is says whether something is a terminal.
func Is(v any) bool {
	f, ok := v.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// Width is how many columns a terminal has; 80 if it does not say.
func Width(v any) int {
	if f, ok := v.(*os.File); ok {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
			return width
		}
	}
	return 80
}

// Screen shows a log, and beside it how far something is: on a terminal as a bar below the log, elsewhere as lines.
type Screen struct {
	// Log is where lines of the log go, Side where the rest does.
	Log, Side io.Writer
	// Bar says that Side is a terminal, Columns how wide it is, and Colour that levels have colours.
	Bar, Colour bool
	Columns     int

	mu       sync.Mutex
	drawn    bool
	progress int
	status   string
}

// NewScreen makes one. What is a terminal has a bar and, unless the environment has NO_COLOR, colours.
func NewScreen(log, side io.Writer) *Screen {
	return &Screen{Log: log, Side: side, Bar: Is(side) && os.Getenv("TERM") != "dumb", Columns: Width(side), Colour: Is(log) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb", progress: -1}
}

// Line shows a line of a log. A text of several lines has its others begin with blanks, so that none is taken for another's.
func (s *Screen) Line(at time.Time, level, text string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	if !at.IsZero() {
		b.WriteString(at.UTC().Format("2006-01-02T15:04:05Z") + " ")
	}
	if level != "" {
		level = Cut(level, 10)
		if colour := colourOf(level); s.Colour && colour != "" {
			level = "\x1b[" + colour + "m" + level + "\x1b[0m"
		}
		b.WriteString(level + " ")
	}
	b.WriteString(strings.ReplaceAll(strings.TrimRight(Clean(text), "\n"), "\n", "\n    ") + "\n")
	s.clear()
	_, err := io.WriteString(s.Log, b.String())
	s.draw()
	return err
}

func colourOf(level string) string {
	switch level {
	case "WARNING":
		return "33"
	case "ERROR", "CRITICAL":
		return "31"
	case "DEBUG":
		return "2"
	}
	return ""
}

// Status shows what state something is in.
func (s *Screen) Status(status string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status = Cut(status, 20)
	if s.Bar {
		s.draw()
		return
	}
	fmt.Fprintln(s.Side, s.status)
}

// Progress shows how far something is, in percent.
func (s *Screen) Progress(percent int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	percent = min(max(percent, 0), 100)
	if percent == s.progress {
		return
	}
	s.progress = percent
	if s.Bar {
		s.draw()
		return
	}
	if percent > 0 {
		fmt.Fprintf(s.Side, "progress %d%%\n", percent)
	}
}

// Say shows a sentence beside the log.
func (s *Screen) Say(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clear()
	fmt.Fprintln(s.Side, Line(fmt.Sprintf(format, args...)))
	s.draw()
}

// Close takes the bar away.
func (s *Screen) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clear()
	s.Bar, s.drawn = false, false
}

// clear empties the line of the bar.
func (s *Screen) clear() {
	if s.drawn {
		_, _ = io.WriteString(s.Side, "\r\x1b[K") // it is a decoration
		s.drawn = false
	}
}

// draw draws the bar anew: as wide as there is room, never as wide as the line, which would begin another.
func (s *Screen) draw() {
	if !s.Bar || s.progress < 0 && s.status == "" {
		return
	}
	const least, most = 10, 40
	percent := max(s.progress, 0)
	text := fmt.Sprintf("%3d%% %s", percent, s.status)
	width := min(most, s.Columns-len(text)-4)
	line := text
	if width >= least {
		full := width * percent / 100
		line = "[" + strings.Repeat("#", full) + strings.Repeat("-", width-full) + "] " + text
	}
	if len(line) >= s.Columns {
		line = line[:max(s.Columns-1, 0)]
	}
	_, _ = io.WriteString(s.Side, "\r\x1b[K"+line) // as above
	s.drawn = true
}
