package queries

import (
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
)

// TestMaintain holds that the partitions of weeks to come are made once, however many try, and that what was kept for long enough is
// gone, but for what belongs to an execution that has not ended.
func TestMaintain(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		h := newHands()
		h.at = time.Now().UTC().Truncate(time.Microsecond) // ids begin with the time that it is
		s := openAt(t, dsn, h)
		sc := aScript(t, s, create(t, s, aUser("a@x.org")).ID, "one")
		ended := run1(t, s, Limits{}, execution(sc))
		if _, err := s.Cancel(t.Context(), by(), ended.ID, "enough"); err != nil {
			t.Fatal(err)
		}
		// These are in the default partition, since none was made.
		r := Retention{Logs: 30 * 24 * time.Hour, StatusLog: 60 * 24 * time.Hour, Audit: 90 * 24 * time.Hour}
		made := make(chan int)
		for range 4 {
			go func() {
				n := 0
				for range 3 { // who comes while another is at it does nothing
					done, err := s.Maintain(t.Context(), r)
					if err != nil || done.Dropped > 0 || done.Deleted > 0 {
						t.Error(done, err)
					}
					n += done.Made
				}
				made <- n
			}()
		}
		n := 0
		for range 4 {
			n += <-made
		}
		more, err := s.Maintain(t.Context(), r) // nobody else is at it
		if err != nil {
			t.Fatal(err)
		}
		if want := 6*(partitionsAhead+1) - 1; IsPostgres(dsn) && n+more.Made != want {
			t.Errorf("%d partitions are made, want %d", n+more.Made, want)
		}
		counts := func(logs, moves, audit int) {
			t.Helper()
			for table, want := range map[string]int{"log_chunks": logs, "status_log": moves, "audit_log": audit} {
				if got := count(t, s, table); got != want {
					t.Errorf("%s has %d rows, want %d", table, got, want)
				}
			}
			if IsPostgres(dsn) && scalar(t, s, "select (select count(*) from only log_chunks_rest) + (select count(*) from status_log_rest) + (select count(*) from audit_log_rest)") != 0 {
				t.Error("the default partitions have rows")
			}
		}
		running := run1(t, s, Limits{}, execution(sc))
		c := claim1(t, s, fresh())
		if err := s.AppendLog(t.Context(), c.Holder, []LogChunk{{Seq: 1, Lines: 1, First: h.now(), Last: h.now(), Data: []byte("x")}}); err != nil {
			t.Fatal(err)
		}
		// A user, a script, a cancelled execution; the execution is made, admitted, being cancelled, cancelled; the other one is made and admitted.
		counts(2, 6, 3)
		h.turn(29 * 24 * time.Hour)
		if done, err := s.Maintain(t.Context(), r); err != nil || done.Dropped > 0 || done.Deleted > 0 {
			t.Error(done, err)
		}
		counts(2, 6, 3)
		h.turn(9 * 24 * time.Hour)
		maintain := func() {
			t.Helper()
			if _, err := s.Maintain(t.Context(), r); err != nil {
				t.Error(err)
			}
		}
		maintain()
		if IsPostgres(dsn) {
			counts(2, 6, 3) // the other one runs, and is of the same week
		} else {
			counts(1, 6, 3)
		}
		finish1(t, s, c.Holder, OutcomeFailed, StatusFailed)
		maintain()
		counts(0, 7, 3)
		h.turn(30 * 24 * time.Hour)
		maintain()
		counts(0, 0, 3)
		if err := execute(t, s, "delete from audit_log"); err == nil {
			t.Error("the audit log can be deleted")
		}
		h.turn(30 * 24 * time.Hour)
		maintain()
		counts(0, 0, 0)
		if statusOf(t, s, running.ID) != StatusFailed {
			t.Error("executions are gone")
		}
	})
}

// TestMaintainsItself holds that a store that is told to makes partitions when it is opened, and one without the right says so and works.
func TestMaintainsItself(t *testing.T) {
	t.Parallel()
	dsn := postgresDSN(t)
	r := DefaultRetention()
	open := func(dsn string) *Store {
		t.Helper()
		s, err := Open(t.Context(), Config{DSN: dsn, Retention: &r})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
		return s
	}
	s := open(dsn)
	end := time.Now().Add(time.Minute)
	for scalar(t, s, "select count(*) from pg_inherits where inhparent in ('log_chunks'::regclass, 'status_log'::regclass, 'audit_log'::regclass, 'events'::regclass, 'schedule_firings'::regclass, 'arrivals'::regclass)") != 6*(partitionsAhead+2) {
		if time.Now().After(end) {
			t.Fatal("there are none")
		}
	}
	role := "kept" + strconv.FormatInt(time.Now().UnixNano(), 10)
	command(t, dsn, "create role "+role+" login; grant select, insert, update, delete on all tables in schema public to "+role+"; grant usage on all sequences in schema public to "+role)
	modest := open(strings.Replace(dsn, "postgres@", role+"@", 1))
	if _, err := modest.Maintain(t.Context(), Retention{Logs: time.Nanosecond}); err != nil {
		t.Error(err) // there is nothing to do
	}
	sc := aScript(t, modest, create(t, modest, aUser("a@x.org")).ID, "one")
	run1(t, modest, Limits{}, execution(sc))
	h := modest.clock.Now().Add(60 * 24 * time.Hour)
	for { // another may be at it
		done, err := modest.maintain(t.Context(), h, r)
		if codeOf(err) == "42501" {
			break
		}
		if err != nil || done.Made > 0 || time.Now().After(end) {
			t.Fatal("who has no right makes partitions:", done, err)
		}
	}
}

func TestIDAt(t *testing.T) {
	t.Parallel()
	id := uuid.Must(uuid.NewV7())
	at := time.Unix(id.Time().UnixTime())
	before, after := idAt(at.Add(-time.Millisecond)), idAt(at.Add(2*time.Millisecond))
	if before.String() >= id.String() || after.String() <= id.String() {
		t.Error(before, id, after)
	}
}

// TestPartitionsBeforeUse has a store that keeps what it says have its partitions before somebody writes.
func TestPartitionsBeforeUse(t *testing.T) {
	t.Parallel()
	dsn := shared.Database(t)
	keep := DefaultRetention()
	s, err := Open(t.Context(), Config{DSN: dsn, Retention: &keep})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	run1(t, s, Limits{}, execution(aScript(t, s, create(t, s, aUser("a@x.org")).ID, "one")))
	for _, table := range keep.tables() {
		var n int
		if err := s.engine.(*server).pool.QueryRow(t.Context(), "select count(*) from "+table.name+"_rest").Scan(&n); err != nil || n > 0 {
			t.Errorf("%d rows of %s are in no week, %v", n, table.name, err)
		}
	}
}

// TestPartitionsBeside makes partitions while executions are made, whose rows are in the default ones until then.
func TestPartitionsBeside(t *testing.T) {
	t.Parallel()
	s := openStore(t, shared.Database(t))
	sc := aScript(t, s, create(t, s, aUser("a@x.org")).ID, "one")
	var all sync.WaitGroup
	begun := make(chan struct{}, 4)
	for range 4 {
		all.Go(func() {
			for i := range 100 {
				if _, err := s.CreateExecution(t.Context(), Limits{}, execution(sc)); err != nil {
					t.Error(err)
				}
				if i == 10 {
					begun <- struct{}{}
				}
			}
		})
	}
	for range 4 {
		<-begun
	}
	if _, err := s.Maintain(t.Context(), DefaultRetention()); err != nil {
		t.Error(err)
	}
	all.Wait()
}
