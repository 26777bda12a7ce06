package far

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/runner/executor"
)

func TestParseLine(t *testing.T) {
	t.Parallel()
	const at = "2026-11-20T10:00:00.123456789Z "
	for text, want := range map[string]string{
		at + "0 o hello there": "0 o false hello there",
		at + "17 e+ ":          "17 e true ",
		at + "3 n  x ":         "3 n false  x ",
		at + "9 x ":            "9 x false ",
		at + "9 x":             "", at + "-1 o x": "", at + "a o x": "", at + "1 q x": "", at + "1 o- x": "", at + "1  x": "", at: "", "": "", "0 o x": "", at + "99999999999999999999 o x": "",
	} {
		got := ""
		if line := parseLine([]byte(text)); line != nil {
			got = fmt.Sprintf("%d %c %v %s", line.number, line.record.Stream, line.record.Part, line.record.Text)
			if line.record.Time.Year() != 2026 {
				t.Errorf("%q: %s", text, line.record.Time)
			}
		}
		if got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}

// FuzzParseLine: what is taken for a line of an agent can be written again as it was.
func FuzzParseLine(f *testing.F) {
	f.Add([]byte("2026-11-20T10:00:00.123456789Z 0 o hello"))
	f.Add([]byte("2026-11-20T10:00:00Z 1 e+ \x00\xff"))
	f.Fuzz(func(t *testing.T, text []byte) {
		line := parseLine(text)
		if line == nil {
			return
		}
		part := ""
		if line.record.Part {
			part = "+"
		}
		again := fmt.Appendf(nil, "%s %d %c%s %s", line.record.Time.Format(time.RFC3339Nano), line.number, line.record.Stream, part, line.record.Text)
		second := parseLine(again)
		if second == nil || second.number != line.number || second.record.Stream != line.record.Stream || !bytes.Equal(second.record.Text, line.record.Text) || line.number < 0 || line.record.Stream == executor.Stream(0) {
			t.Errorf("%q is %q", text, again)
		}
	})
}
