package executions_test

import (
	"encoding/csv"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/controltest"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
	"github.com/fairway-gateway/fairway/queries/rows"
)

// moved moves an execution as an administrator would.
func (w *world) moved(t testing.TB, e db.Execution, statuses ...string) {
	t.Helper()
	for _, s := range statuses {
		_, err := w.Store.PatchExecution(t.Context(), controltest.By(), e.ID, queries.ExecutionPatch{Status: &s})
		must(t, err)
	}
}

// TestLists is about who sees what in lists, filters, orders and pages.
func TestLists(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		first, second := w.script(t, "ann", "first", "", ""), w.script(t, "ben", "second", "", "")
		var ids []string
		var made []db.Execution
		for _, c := range []struct {
			who    string
			script uuid.UUID
			to     []string
		}{
			{"ann", first.ID, nil},
			{"ann", second.ID, []string{"RUNNING"}},
			{"ann", first.ID, []string{"RUNNING", "FINISHED"}},
			{"ben", second.ID, []string{"RUNNING", "FAILED"}},
			{"ben", first.ID, []string{"CANCELLED"}},
		} {
			e := w.ran(t, c.who, c.script)
			w.moved(t, e, c.to...)
			made, ids = append(made, e), append(ids, e.ID.String())
		}
		id := func(n ...int) (out []string) {
			out = []string{}
			for _, i := range n {
				out = append(out, ids[i])
			}
			return out
		}
		ann, soon := w.Find(t, "ann").ID.String(), url.QueryEscape(made[3].UpdatedAt.Add(time.Hour).Format(time.RFC3339))
		for _, c := range []struct {
			who   controltest.As
			query string
			want  []string
		}{
			// What has not ended comes first, the newest of it first, and then what ended last.
			{"ann:", "", id(1, 0, 2)},
			{"ben:", "", id(4, 3)},
			{"cid:", "", id()},
			{"boss:", "", id(1, 0, 4, 3, 2)},
			{"boss:", "/user", id()},
			{"ann:", "/user", id(1, 0, 2)},
			{"boss:", "?user_id=" + ann, id(1, 0, 2)},
			{"ann:", "?user_id=" + strings.ToUpper(ann), id(1, 0, 2)},
			{"boss:", "?script_id=" + first.ID.String(), id(0, 4, 2)},
			{"boss:", "?status=failed,RUNNING", id(1, 3)},
			{"boss:", "?status=READY&user_id=" + ann, id(0)},
			{"boss:", "?updated_at=2026-01-01", id(1, 0, 4, 3, 2)},
			{"boss:", "?updated_at=" + soon, id()},
			{"boss:", "?sort=start_date", id(0, 1, 2, 3, 4)},
			{"boss:", "?sort=-start_date&per_page=2&page=2", id(2, 1)},
			{"boss:", "?filter=" + url.QueryEscape("status='FINISHED'"), id(2)},
			{"boss:", "?filter=" + url.QueryEscape("(status='finished' OR script_name like 'sec%'),progress=100"), id(3, 2)},
			{"boss:", "?filter=user_email%3D'BEN@example.org'&sort=start_date&exclude=params,results", id(3, 4)},
			{"boss:", "?filter=end_date%3Dnull", id(1, 0)},
			{"ann:", "?exclude=params,results", id(1, 0, 2)},
		} {
			var out struct {
				Data []struct {
					ID      string
					Params  any
					Results any
				}
				Total *int
			}
			a := w.Want(t, c.who, "GET", all+c.query, "", 200)
			a.JSON(t, &out)
			got := []string{}
			for _, e := range out.Data {
				if got = append(got, e.ID); strings.Contains(c.query, "exclude") == (e.Params != nil) {
					t.Errorf("%s: %s", c.query, a.Body)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("%s %s: %s", c.who, c.query, diff)
			}
			if strings.Contains(c.query, "page") != (out.Total != nil) {
				t.Errorf("%s: %s", c.query, a.Body)
			}
		}
		for query, want := range map[string]int{
			"?user_id=" + w.Find(t, "ben").ID.String(): 403, "?filter=user_name%3D1": 403, "?sort=user_email": 403, "?script_id=1": 400, "?status=": 200, "?status=DONE": 400, "?updated_at=x": 400,
			"?status=" + strings.Repeat("READY,", 100) + "READY": 400, "?filter=nothing%3D1": 400, "?include=results_of_all": 400, "?status=%00": 400, "?script_id=%ff": 400,
		} {
			w.Want(t, "ann:", "GET", all+query, "", want)
		}
		w.Want(t, "boss:", "GET", all+"?user_id=x", "", 400)
		w.Want(t, "", "GET", all, "", 401)
	})
}

// TestInclude is about what an answer has if it is asked for.
func TestInclude(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		s := w.script(t, "boss", "first", "", "")
		e := w.ran(t, "ann", s.ID)
		w.moved(t, e, "RUNNING", "FINISHED")
		for i := range 1100 {
			_, err := w.Store.AddNotice(t.Context(), e.ID, "INFO", fmt.Sprint("line ", i))
			must(t, err)
		}
		const include = "?include=logs,duration,user,user_name,user_email,script,script_name"
		type extra struct {
			Duration   *float64
			Logs       []struct{ Text string }
			UserName   *string `json:"user_name"`
			UserEmail  *string `json:"user_email"`
			ScriptName *string `json:"script_name"`
			User       *struct{ ID, Name, Email string }
			Script     *struct{ ID, Name, Slug string }
		}
		for _, who := range []controltest.As{"ann:", "boss:"} {
			var one struct{ Data extra }
			var list struct{ Data []extra }
			w.Want(t, who, "GET", path(e, include), "", 200).JSON(t, &one)
			w.Want(t, who, "GET", all+include+"&per_page=1", "", 200).JSON(t, &list)
			if a, b := one.Data.Logs, list.Data[0].Logs; len(a) != 1000 || a[0].Text != "line 100" || len(b) != 100 || b[99].Text != "line 1099" {
				t.Errorf("%d and %d lines", len(a), len(b))
			}
			for _, got := range []extra{one.Data, list.Data[0]} {
				if got.Duration == nil || *got.Duration < 0 || got.User == nil || got.User.Email != "ann@example.org" || got.Script == nil || got.Script.Slug != "first" || *got.ScriptName != "first" {
					t.Errorf("%s: %+v", who, got)
				}
				if (got.UserName != nil) != (who == "boss:") || (got.UserEmail != nil) != (who == "boss:") {
					t.Errorf("%s: %+v", who, got)
				}
			}
		}
		a := w.Want(t, "ann:", "GET", path(e, "?exclude=params,results,status,reason"), "", 200)
		for _, name := range []string{`"params"`, `"results"`, `"status"`, `"reason"`} {
			if strings.Contains(a.Body, name) {
				t.Errorf("%s is in %s", name, a.Body)
			}
		}
		w.Want(t, "ann:", "GET", path(e, "?include=secrets"), "", 400)
	})
}

// TestETag is about 304.
func TestETag(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		e := w.ran(t, "ann", w.script(t, "ann", "first", "", "").ID)
		tag := w.Want(t, "ann:", "GET", path(e, ""), "", 200).Header.Get("ETag")
		if a := w.Send(t, "ann:", "GET", path(e, ""), "", "", "If-None-Match", tag); a.Status != 304 || a.Body != "" {
			t.Error(a)
		}
		w.moved(t, e, "RUNNING")
		if a := w.Send(t, "ann:", "GET", path(e, ""), "", "", "If-None-Match", tag); a.Status != 200 || a.Header.Get("ETag") == tag {
			t.Error(a)
		}
		if a := w.Send(t, "ben:", "GET", path(e, ""), "", "", "If-None-Match", "*"); a.Status != 404 {
			t.Error(a)
		}
	})
}

// TestExport is about the CSV of all, which only administrators get, and which is audited.
func TestExport(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		s := w.script(t, "boss", "first", "", "")
		e := w.ran(t, "ann", s.ID)
		w.moved(t, e, "RUNNING", "FINISHED")
		w.ran(t, "ben", s.ID)
		read := func(query string) [][]string {
			a := w.Want(t, "boss:", "GET", all+"/export"+query, "", 200)
			if !strings.HasPrefix(a.Header.Get("Content-Type"), "text/csv") || !strings.Contains(a.Header.Get("Content-Disposition"), `filename="executions_export_`) {
				t.Error(a.Header)
			}
			lines, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(a.Body, "\ufeff"))).ReadAll()
			must(t, err)
			return lines
		}
		if got := read("?sort=start_date"); len(got) != 3 || got[1][0] != e.ID.String() || got[1][2] != "first" || got[1][5] != "ann@example.org" || got[1][6] != "FINISHED" {
			t.Errorf("%q", got)
		}
		for query, want := range map[string]int{
			"?date_field=end_date&date_from=2020-01-01": 1, "?date_from=2020-01-01&date_to=2020-01-31": 0, "?date_to=2999-12-31": 2, "?filter=status%3D'READY'": 1,
		} {
			if got := read(query); len(got) != 1+want {
				t.Errorf("%s: %q", query, got)
			}
		}
		for _, query := range []string{"?date_field=x", "?date_from=x", "?page=1"} {
			w.Want(t, "boss:", "GET", all+"/export"+query, "", 400)
		}
		w.Want(t, "ann:", "GET", all+"/export", "", 403)
		w.Want(t, "", "GET", all+"/export", "", 401)
		is, err := rows.Compare(rows.NewColumn("action", rows.Word), rows.Equal, "execution.export")
		must(t, err)
		if n, err := queries.CountOf(t.Context(), w.Store, queries.Audit(), is); err != nil || n != 5 {
			t.Errorf("%d were audited: %v", n, err)
		}
	})
}

// TestPast is about what an execution went through.
func TestPast(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		e := w.ran(t, "ann", w.script(t, "ann", "first", "", "").ID)
		runner := uuid.New()
		_, err := w.Store.Register(t.Context(), queries.RunnerInfo{ID: runner, Name: "big one", Queues: []string{"default"}, Slots: 1}, time.Hour)
		must(t, err)
		claimed, err := w.Store.Claim(t.Context(), queries.ClaimRequest{Runner: runner, Queues: []string{"default"}, Most: 1})
		must(t, err)
		_, err = w.Store.Start(t.Context(), []queries.StartRequest{{Holder: claimed[0].Holder, Timeout: time.Hour}}, time.Hour)
		must(t, err)
		code := int64(3)
		_, err = w.Store.Finish(t.Context(), []queries.FinishRequest{{Holder: claimed[0].Holder, Outcome: queries.OutcomeFailed, Reason: "it exited with 3", ExitCode: &code}})
		must(t, err)
		var moves struct {
			Data []struct {
				From   string `json:"status_from"`
				To     string `json:"status_to"`
				Reason string
			}
		}
		w.Want(t, "ann:", "GET", path(e, "/history"), "", 200).JSON(t, &moves)
		var to []string
		for _, m := range moves.Data {
			to = append(to, m.To)
		}
		if diff := cmp.Diff([]string{"PENDING", "READY", "RUNNING", "FAILED"}, to); diff != "" || !strings.Contains(moves.Data[3].Reason, "it exited with 3") {
			t.Errorf("%s %+v", diff, moves)
		}
		var attempts struct {
			Data []struct {
				Number                 int
				State, Outcome, Reason string
				Runner                 *string
				ExitCode               *int    `json:"exit_code"`
				Ended                  *string `json:"ended_at"`
			}
		}
		a := w.Want(t, "ann:", "GET", path(e, "/attempts"), "", 200)
		if a.JSON(t, &attempts); len(attempts.Data) != 1 || attempts.Data[0].Outcome != "FAILED" || *attempts.Data[0].ExitCode != 3 || *attempts.Data[0].Runner != "big one" || attempts.Data[0].Ended == nil {
			t.Error(a.Body)
		}
		if strings.Contains(a.Body, "fence") || strings.Contains(a.Body, "token") {
			t.Error(a.Body)
		}
		for _, more := range []string{"/history", "/attempts"} {
			w.Want(t, "boss:", "GET", path(e, more), "", 200)
			w.Want(t, "ben:", "GET", path(e, more), "", 404)
			w.Want(t, "", "GET", path(e, more), "", 401)
		}
	})
}
