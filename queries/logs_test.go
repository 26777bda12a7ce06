package queries

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries/db"
)

// TestLogs holds that chunks are kept once and in order, and are found by line, by time and from the end.
func TestLogs(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		h := newHands()
		s := openAt(t, dsn, h)
		sc := aScript(t, s, create(t, s, aUser("a@x.org")).ID, "one")
		e := run1(t, s, Limits{}, execution(sc))
		if id, err := s.AddNotice(t.Context(), e.ID, "INFO", "it waits"); id != 1 || err != nil {
			t.Error(id, err)
		}
		c := claim1(t, s, fresh())
		chunk := func(seq int64) LogChunk {
			at := h.now().Add(time.Duration(seq) * time.Second)
			return LogChunk{Seq: seq, Lines: 10, First: at, Last: at, Data: fmt.Append(nil, "chunk\x00", seq)}
		}
		add := func(seqs ...int64) error {
			var all []LogChunk
			for _, seq := range seqs {
				all = append(all, chunk(seq))
			}
			return s.AppendLog(t.Context(), c.Holder, all)
		}
		for _, seqs := range [][]int64{{1}, {1}, {1, 2}, {2, 3, 4}, {1, 2, 3}, {5}} {
			if err := add(seqs...); err != nil {
				t.Error(seqs, err)
			}
		}
		if err, want := add(7), (&SequenceError{Last: 5}); !cmp.Equal(err, error(want)) {
			t.Errorf("a chunk was left out: %v", err)
		}
		for n := range 15 {
			if err := add(int64(6 + n)); err != nil {
				t.Error(err)
			}
		}
		read := func(after int64, since time.Time, most int) (seqs []int64) {
			t.Helper()
			all, err := s.ReadLog(t.Context(), e.ID, after, since, most)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range all {
				seqs = append(seqs, c.Seq)
				if c.Notice == "" && (c.LastID-c.FirstID != 9 || c.FirstID != 2+10*(c.Seq-1) || string(c.Data) != fmt.Sprint("chunk\x00", c.Seq) || c.Attempt != 1) {
					t.Errorf("%+v", c)
				}
			}
			return seqs
		}
		for _, one := range []struct{ got, want []int64 }{
			{read(0, time.Time{}, 3), []int64{1, 1, 2}},
			{read(1, time.Time{}, 2), []int64{1, 2}},
			{read(10, time.Time{}, 1), []int64{1}},
			{read(11, time.Time{}, 1), []int64{2}},
			{read(200, time.Time{}, 5), []int64{20}},
			{read(201, time.Time{}, 5), nil},
			{read(0, h.now().Add(18*time.Second), 5), []int64{19, 20}},
		} {
			if !slices.Equal(one.got, one.want) {
				t.Errorf("%v, want %v", one.got, one.want)
			}
		}
		for lines, want := range map[int]int{0: 0, 1: 1, 10: 1, 11: 2, 195: 20, 200: 20, 201: 21, 1000: 21} {
			tail, err := s.TailLog(t.Context(), e.ID, lines)
			if err != nil || len(tail) != want || want > 0 && tail[want-1].LastID != 201 || !slices.IsSortedFunc(tail, func(a, b db.LogChunk) int { return int(a.LastID - b.LastID) }) {
				t.Errorf("the last %d lines are %d chunks, %v", lines, len(tail), err)
			}
		}
		if now := run1Execution(t, s, e.ID); now.LastLog != 201 || now.LogBytes == 0 {
			t.Errorf("%+v", now)
		}
		if _, err := s.AddNotice(t.Context(), fresh(), "INFO", "x"); !errors.Is(err, sql.ErrNoRows) {
			t.Error(err)
		}
	})
}

func run1Execution(t testing.TB, s *Store, id uuid.UUID) db.Execution {
	t.Helper()
	e, err := s.Execution(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return e
}
