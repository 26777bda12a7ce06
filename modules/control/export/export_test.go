package export_test

import (
	"encoding/csv"
	"errors"
	"iter"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/export"
)

func of(rows ...[]any) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		for _, r := range rows {
			if !yield(r, nil) {
				return
			}
		}
	}
}

func TestWrite(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 31, 13, 30, 5, 0, time.FixedZone("", 3600))
	name, none := "=1+1", (*time.Time)(nil)
	w := httptest.NewRecorder()
	begun, err := export.Write(w, export.Table{Name: `us"ers/é`, Columns: []string{"a", "=b", "c", "d"}, At: at}, of(
		[]any{"Ann, \"the\" first\nline", -5, true, nil},
		[]any{&name, -2.5, at, none},
		[]any{"-5", uuid.UUID{}, &at, map[string]int{"x": 1}},
	))
	if err != nil || !begun {
		t.Fatal(err)
	}
	want := "\ufeff" + `a,"	=b",c,d` + "\r\n" +
		"\"Ann, \"\"the\"\" first\r\nline\",-5,true,\r\n" +
		"\"\t=1+1\",-2.5,2026-01-31T12:30:05Z,\r\n" +
		"\"\t-5\",00000000-0000-0000-0000-000000000000,2026-01-31T12:30:05Z,\"{\"\"x\"\":1}\"\r\n"
	if diff := cmp.Diff(want, w.Body.String()); diff != "" {
		t.Error(diff)
	}
	for name, want := range map[string]string{
		"Content-Type": "text/csv; charset=utf-8", "Cache-Control": "no-store",
		"Content-Disposition": `attachment; filename="us_ers___export_20260131_123005.csv"`,
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func TestNoRows(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	if _, err := export.Write(w, export.Table{Name: "users", Columns: []string{"id"}}, of()); err != nil || w.Body.String() != "\ufeffid\r\n" {
		t.Errorf("%q, %v", w.Body, err)
	}
}

func TestTooMany(t *testing.T) {
	t.Parallel()
	w, given := httptest.NewRecorder(), 0
	_, err := export.Write(w, export.Table{Name: "users", Columns: []string{"n"}}, func(yield func([]any, error) bool) {
		for given = range 200_000 {
			if !yield([]any{given}, nil) {
				return
			}
		}
	})
	if lines := strings.Count(w.Body.String(), "\r\n"); err != nil || lines != export.MostRows+1 || given > export.MostRows+1 {
		t.Errorf("%d lines of %d, %v", lines, given, err)
	}
	if !strings.HasSuffix(w.Body.String(), "\r\n"+strconv.Itoa(export.MostRows-1)+"\r\n") {
		t.Error("the last row is another")
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	gone := errors.New("gone")
	for name, c := range map[string]struct {
		rows  iter.Seq2[[]any, error]
		begun bool
	}{
		"at once": {func(yield func([]any, error) bool) { yield(nil, gone) }, false},
		"later": {func(yield func([]any, error) bool) {
			if yield([]any{1}, nil) {
				yield(nil, gone)
			}
		}, true},
		"a row of another width": {of([]any{1, 2}), true},
		"no cell":                {of([]any{func() {}}), true},
	} {
		w := httptest.NewRecorder()
		begun, err := export.Write(w, export.Table{Name: "x", Columns: []string{"a"}}, c.rows)
		if err == nil || begun != c.begun || begun != (w.Body.Len() > 0) {
			t.Errorf("%s: %v %v", name, begun, err)
		}
	}
}

// FuzzCells holds that what comes out is CSV with the texts that went in, and that none begins as a formula does.
func FuzzCells(f *testing.F) {
	for _, seed := range []string{"", "=1", " =1", "\t=1", "\r\n=1", "＝1", "a,b\"c", "@x", "\ufeff+1", "-5", " "} {
		f.Add(seed, "x")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		w := httptest.NewRecorder()
		if _, err := export.Write(w, export.Table{Name: "x", Columns: []string{"a", "b"}}, of([]any{a, b})); err != nil {
			t.Fatal(err)
		}
		all, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(w.Body.String(), "\ufeff"))).ReadAll()
		if err != nil || len(all) != 2 || len(all[1]) != 2 {
			t.Fatalf("%q: %v", w.Body, err)
		}
		for i, in := range []string{a, b} {
			out := all[1][i]
			if first, _ := utf8.DecodeRuneInString(strings.TrimLeft(out, " ")); strings.ContainsRune("=+-@＝＋－＠", first) {
				t.Errorf("%q begins a formula", out)
			}
			// A reader of CSV makes one end of a line of both.
			same := func(s string) string { return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "") }
			if same(out) != same(in) && same(out) != "\t"+same(in) {
				t.Errorf("%q became %q", in, out)
			}
		}
	})
}
