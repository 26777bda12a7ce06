package queries

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/queries/db"
)

// reporting is an execution whose attempt runs.
func reporting(t *testing.T, s *Store, retries int) (db.Execution, Claimed) {
	t.Helper()
	sc := aScript(t, s, create(t, s, aUser("a@x.org")).ID, "one")
	n := execution(sc)
	n.MaxAttempts, n.RetryOn = retries, []Outcome{OutcomeFailed}
	e := run1(t, s, Limits{}, n)
	c := claim1(t, s, fresh())
	begun(t, s, c)
	return e.Execution, c
}

func begun(t *testing.T, s *Store, c Claimed) {
	t.Helper()
	v, err := s.Start(t.Context(), []StartRequest{{Holder: c.Holder, Timeout: time.Hour}}, 0)
	if err != nil || !v[0].Held {
		t.Fatal(v, err)
	}
}

// TestReports is about what scripts say of themselves: it is kept, and the runner says how it ended.
func TestReports(t *testing.T) {
	t.Parallel()
	for _, one := range []struct {
		name         string
		reports      []Report
		outcome      Outcome
		file         string
		status       string
		results, why string
	}{
		{name: "finished", reports: []Report{{Said: StatusRunning}, {Said: StatusFinished, Results: json.RawMessage(`{"a":1}`)}}, outcome: OutcomeSucceeded, status: StatusFinished, results: `{"a":1}`},
		{name: "a file wins", reports: []Report{{Said: StatusFinished, Results: json.RawMessage(`{"a":1}`)}}, file: `{"b":2}`, outcome: OutcomeSucceeded, status: StatusFinished, results: `{"b":2}`},
		{name: "failed by its own word", reports: []Report{{Said: StatusFailed}}, outcome: OutcomeSucceeded, status: StatusFailed, results: "null", why: "the script said that it failed"},
		{name: "the last word counts", reports: []Report{{Said: StatusFailed}, {Said: StatusFinished}}, outcome: OutcomeSucceeded, status: StatusFinished, results: "null"},
		{name: "nothing said leaves it", reports: []Report{{Said: StatusFailed}, {}}, outcome: OutcomeSucceeded, status: StatusFailed, results: "null", why: "the script said that it failed"},
		{name: "the runner knows better", reports: []Report{{Said: StatusFinished, Results: json.RawMessage(`1`)}}, outcome: OutcomeOOM, status: StatusFailed, results: "1"},
	} {
		t.Run(one.name, func(t *testing.T) {
			t.Parallel()
			both(t, func(t *testing.T, dsn string) {
				t.Helper()
				s := openAt(t, dsn, newHands())
				e, c := reporting(t, s, 1)
				for _, r := range one.reports {
					if _, err := s.Report(t.Context(), c.Holder, r); err != nil {
						t.Fatal(err)
					}
				}
				f := FinishRequest{Holder: c.Holder, Outcome: one.outcome}
				if one.file != "" {
					f.Results = json.RawMessage(one.file)
				}
				for range 2 { // who did not hear the answer asks again
					done, err := s.Finish(t.Context(), []FinishRequest{f})
					if err != nil || done[0].Status != one.status {
						t.Fatal(done, err)
					}
				}
				got, err := s.Execution(t.Context(), e.ID)
				if err != nil || string(got.Results) != one.results || got.Reason != one.why {
					t.Errorf("%s %q %v", got.Results, got.Reason, err)
				}
			})
		})
	}
}

// TestReportsAreFenced has an attempt report that runs no more, or is another's.
func TestReportsAreFenced(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := openAt(t, dsn, newHands())
		e, c := reporting(t, s, 2)
		progress := 40
		refused := func(h Holder) {
			t.Helper()
			if _, err := s.Report(t.Context(), h, Report{Said: StatusFailed, Progress: &progress, Results: json.RawMessage(`"forged"`)}); !errors.Is(err, ErrFenced) {
				t.Error(err)
			}
			if _, err := s.AddLine(t.Context(), h, "INFO", "forged", 1<<20); !errors.Is(err, ErrFenced) {
				t.Error(err)
			}
		}
		stale := c.Holder
		stale.Fence--
		refused(stale)
		if _, err := s.Report(t.Context(), c.Holder, Report{Said: StatusFailed, Progress: &progress, Results: json.RawMessage(`"first"`)}); err != nil {
			t.Fatal(err)
		}
		for i, key := range []string{"results/one", "results/two"} {
			was, err := s.Report(t.Context(), c.Holder, Report{ResultsKey: key, ResultsSize: 7})
			if want := []string{"", "results/one"}[i]; was != want || err != nil {
				t.Error(was, err)
			}
		}
		if was, err := s.Report(t.Context(), c.Holder, Report{Results: json.RawMessage(`"first"`)}); was != "results/two" || err != nil {
			t.Error(was, err)
		}
		if got, err := s.Execution(t.Context(), e.ID); err != nil || got.Progress != 40 || string(got.Results) != `"first"` {
			t.Errorf("%+v, %v", got, err)
		}
		if _, err := s.Finish(t.Context(), []FinishRequest{{Holder: c.Holder, Outcome: OutcomeSucceeded}}); err != nil {
			t.Fatal(err)
		}
		refused(c.Holder)
		next := claim1(t, s, fresh())
		refused(next.Holder) // it does not run yet
		begun(t, s, next)
		refused(c.Holder)
		got, err := s.Execution(t.Context(), e.ID)
		if err != nil || got.Said != "" || string(got.Results) != "null" || got.Progress != 0 || got.Status != StatusRunning {
			t.Errorf("the second attempt has something of the first: %+v, %v", got, err)
		}
	})
}

// TestLinesHaveAnEnd fills a log.
func TestLinesHaveAnEnd(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := openAt(t, dsn, newHands())
		e, c := reporting(t, s, 1)
		const most = 2000
		n := 0
		for ; n < 100; n++ {
			id, err := s.AddLine(t.Context(), c.Holder, "INFO", "", most)
			if errors.Is(err, ErrLogFull) {
				break
			}
			if err != nil || id != int64(n+1) {
				t.Fatal(id, err)
			}
		}
		if n != most/lineCost {
			t.Errorf("%d empty lines", n)
		}
		if _, err := s.AddLine(t.Context(), c.Holder, "INFO", "a\x00", most); err == nil || !strings.Contains(err.Error(), "NUL") {
			t.Error(err)
		}
		// What the gateway has to say has room still.
		if _, err := s.AddNotice(t.Context(), e.ID, "WARNING", "the end"); err != nil {
			t.Error(err)
		}
	})
}
