// Package export answers with a table as CSV, for people who open it in a spreadsheet.
//
//	rows := func(yield func([]any, error) bool) { … }
//	err := export.Write(w, export.Table{Name: "users", Columns: []string{"id", "email"}, At: time.Now()}, rows)
//
// The file begins with a byte order mark, without which Excel takes it for another charset; its lines end as RFC 4180 has them. A
// text that a spreadsheet would take for a formula has a tab before it. There are 100,000 rows at most.
package export

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// MostRows is how many rows there are at most.
const MostRows = 100_000

// Table is what is exported.
type Table struct {
	// Name is that of the file: <name>_export_<time>.csv. Letters, digits and _.
	Name string
	// Columns are the names in the first line.
	Columns []string
	// At is the time in the file's name, in UTC.
	At time.Time
	// Time writes a cell that is a time. Default: RFC 3339 in UTC, with as many digits as it needs.
	Time func(time.Time) string
}

// FileName is what the file is called: users_export_20260131_123000.csv.
func (t Table) FileName() string {
	safe := strings.Map(func(r rune) rune {
		if r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '_'
	}, t.Name)
	return safe + "_export_" + t.At.UTC().Format("20060102_150405") + ".csv"
}

// Write answers with rows. Where the first row is an error, nothing is written, and the error is for the caller of Write to answer;
// a later one is an error when the answer has begun: then begun is true, and the connection has to be ended (panic with
// http.ErrAbortHandler), so that nobody takes a part for the whole. Rows past MostRows are left out. A cell is a string, bool,
// number, time.Time, fmt.Stringer, something that is written as JSON, or nil, which is empty.
func Write(w http.ResponseWriter, t Table, rows iter.Seq2[[]any, error]) (begun bool, err error) {
	next, stop := iter.Pull2(rows)
	defer stop()
	row, err, more := next()
	if err != nil {
		return false, err
	}
	h := w.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="`+t.FileName()+`"`)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(http.StatusOK)
	if _, err := io.WriteString(w, "\ufeff"); err != nil {
		return true, err
	}
	c := csv.NewWriter(w)
	c.UseCRLF = true
	line := make([]string, len(t.Columns))
	for i, name := range t.Columns {
		line[i] = Guard(name)
	}
	if err := c.Write(line); err != nil {
		return true, err
	}
	for n := 0; more && n < MostRows; n++ {
		if err != nil {
			return true, err
		}
		if len(row) != len(line) {
			return true, fmt.Errorf("a row has %d cells, and there are %d columns", len(row), len(line))
		}
		for i, v := range row {
			if line[i], err = t.cell(v); err != nil {
				return true, err
			}
		}
		if err := c.Write(line); err != nil {
			return true, err
		}
		row, err, more = next()
	}
	c.Flush()
	return true, c.Error()
}

// cell writes a value. Only texts are guarded: a number with a sign is one.
func (t Table) cell(v any) (string, error) {
	switch v := v.(type) {
	case nil:
		return "", nil
	case string:
		return Guard(v), nil
	case *string:
		if v == nil {
			return "", nil
		}
		return Guard(*v), nil
	case bool:
		return strconv.FormatBool(v), nil
	case int:
		return strconv.Itoa(v), nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64), nil
	case time.Time:
		if t.Time != nil {
			return Guard(t.Time(v)), nil
		}
		return v.UTC().Format(time.RFC3339Nano), nil
	case *time.Time:
		if v == nil {
			return "", nil
		}
		return t.cell(*v)
	case fmt.Stringer:
		return Guard(v.String()), nil
	}
	text, err := json.Marshal(v)
	return Guard(string(text)), err
}

// Guard puts a tab before a text that a spreadsheet would take for a formula: one that begins, maybe behind blanks, with = + - @,
// also in full width, or with a tab or the end of a line.
func Guard(text string) string {
	inner := strings.TrimLeft(text, " \u00a0\u200b\ufeff")
	if first, _ := utf8.DecodeRuneInString(inner); inner != "" && strings.ContainsRune("=+-@\t\r\n＝＋－＠", first) {
		return "\t" + text
	}
	return text
}
