package command

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
)

// Report is what a command has to say: text for people, itself as JSON for programs.
type Report interface{ Text(w io.Writer) error }

func write(w io.Writer, r Report, asJSON bool) error {
	if !asJSON {
		return r.Text(w)
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(r)
}

// Table writes aligned columns under a heading.
func Table(w io.Writer, heading []string, rows [][]string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range append([][]string{heading}, rows...) {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = oneLine(cell)
			if cell == "" {
				cells[i] = "-"
			}
		}
		fmt.Fprintln(t, strings.Join(cells, "\t"))
	}
	return t.Flush()
}

// Time is a time as tables have it; nil: never.
func Time(at *time.Time) string {
	if at == nil || at.IsZero() {
		return ""
	}
	return at.UTC().Format(time.RFC3339)
}

// oneLine makes text of others harmless on a terminal: it begins no line, and gives no orders.
func oneLine(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\n' || r == '\t':
			b.WriteByte(' ')
		case unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			b.WriteRune(unicode.ReplacementChar)
		}
	}
	return strings.TrimSpace(b.String())
}

// Line writes a line, whose arguments may be text of others.
func Line(w io.Writer, format string, args ...any) error {
	_, err := fmt.Fprintln(w, oneLine(fmt.Sprintf(format, args...)))
	return err
}
