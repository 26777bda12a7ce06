package schedules_test

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/modules/control/controltest"
	"github.com/fairway-gateway/fairway/modules/control/schedules"
	"github.com/fairway-gateway/fairway/queries"
)

// TestSchedule holds what a schedule goes through over HTTP.
func TestSchedule(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		sc := w.script(t, "land", schema)
		s := w.made(t, "ann:", `{"script":"land","name":"nightly","cron":" 30  2 * * * ","zone":"Europe/Berlin","params":{"year":2026,"x":null,"z":1e400},"alert_silence":"26h"}`)
		if s.Script != sc.ID.String() || s.Slug != "land" || s.Text != "cron: 30 2 * * *" || s.Effective != "first" || s.Repeated != nil || s.Paused || s.Due == nil || len(s.Next) != 5 ||
			string(s.Params) != `{"year":2026,"x":null,"z":1e400}` || s.CatchUp != "one" || s.Overlap != "skip" || s.Skipped != "later" || s.AlertSilence != "26h" || s.LastOutcome != "" || s.Alert != nil {
			t.Errorf("%+v", s)
		}
		if at, err := time.Parse(time.RFC3339, s.Next[0]); err != nil || at.Format("15:04:05") != "02:30:00" && at.Format("15:04:05") != "03:00:00" || !strings.HasSuffix(s.Next[0], "+01:00") && !strings.HasSuffix(s.Next[0], "+02:00") {
			t.Error(s.Next)
		}
		one := all + "/" + s.ID
		a := w.Want(t, "ann:", "GET", one, "", 200)
		var got schedule
		a.JSON(t, &got)
		if diff := cmp.Diff(s, got.Data); diff != "" {
			t.Error(diff)
		}
		// Changes, and what they are bound to.
		w.patch(t, one, `"7"`, `{"name":"x"}`, 412)
		w.patch(t, one, a.Header.Get("ETag"), `{"cron":null,"every":"1h30m","params":{"year":2027,"x":null},"retries":1,"overlap":"queue"}`, 200)
		w.Want(t, "ann:", "GET", one, "", 200).JSON(t, &got)
		s = got.Data
		if s.Text != "every 1h30m" || string(s.Params) != `{"year":2027,"z":1e400}` || *s.Retries != 1 || s.Overlap != "queue" || s.Cron != nil {
			t.Errorf("%+v, %s", s, s.Params)
		}
		due := *s.Due
		w.patch(t, one, "", `[{"op":"replace","path":"/description","value":"d"},{"op":"add","path":"/params/y","value":null}]`, 200)
		w.Want(t, "ann:", "GET", one, "", 200).JSON(t, &got)
		if string(got.Data.Params) != `{"y":null,"year":2027,"z":1e400}` || *got.Data.Due != due {
			t.Errorf("%+v", got.Data)
		}
		var next struct{ Data []string }
		w.Want(t, "ann:", "GET", one+"/next?count=3", "", 200).JSON(t, &next)
		if len(next.Data) != 3 {
			t.Error(next)
		}
		w.Want(t, "ann:", "GET", one+"/next?count=0", "", 400)
		// Paused and resumed.
		w.Want(t, "ann:", "POST", one+"/pause", "", 200).JSON(t, &got)
		if !got.Data.Paused || got.Data.Due != nil || len(got.Data.Next) != 0 {
			t.Errorf("%+v", got.Data)
		}
		w.Want(t, "ann:", "POST", one+"/resume", "", 200).JSON(t, &got)
		if got.Data.Paused || got.Data.Due == nil {
			t.Errorf("%+v", got.Data)
		}
		// Run now, alone.
		var run struct{ Data schedules.ScheduleRun }
		w.Want(t, "ann:", "POST", one+"/run", "", 200).JSON(t, &run)
		if a := w.Want(t, "ann:", "POST", one+"/run", "", 409); !strings.Contains(a.Body, run.Data.Execution) {
			t.Error(a.Body)
		}
		e, err := w.Store.Execution(t.Context(), uuidOf(t, run.Data.Execution))
		if err != nil || e.UserID == nil || *e.UserID != w.Find(t, "ann").ID || string(e.Params) != `{"y":null,"year":2027,"z":1e400}` || e.MaxAttempts != 2 || e.TimeoutMs != 600_000 {
			t.Errorf("%+v, %v", e, err)
		}
		var history struct{ Data []schedules.ScheduleFiring }
		w.Want(t, "ann:", "GET", one+"/history?filter=outcome%3D%27FIRED%27&per_page=1", "", 200).JSON(t, &history)
		if len(history.Data) != 1 || *history.Data[0].Execution != run.Data.Execution || *history.Data[0].Status != "READY" {
			t.Errorf("%+v", history)
		}
		w.Want(t, "ann:", "DELETE", one, "", 200)
		w.Want(t, "ann:", "GET", one, "", 404)
	})
}

// patch sends a PATCH as ann.
func (w *world) patch(t testing.TB, target, tag, body string, status int) controltest.Answer {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), "PATCH", target, strings.NewReader(body))
	r.SetBasicAuth("ann@example.org", "ann")
	r.Header.Set("Content-Type", "application/json")
	if tag != "" {
		r.Header.Set("If-Match", tag)
	}
	a := w.Do(r)
	if a.Status != status {
		t.Errorf("%s: %d %s", body, a.Status, a.Body)
	}
	return a
}

// TestMistakes holds that each mistake is told by its member.
func TestMistakes(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		w.script(t, "land", schema)
		hidden, err := w.Store.CreateScript(t.Context(), controltest.By(), queries.ScriptUpload{Slug: "hidden", Name: "h", User: w.Find(t, "ben").ID, Version: w.version("null")})
		must(t, err)
		with := func(more string) string {
			return `{"script":"land","name":"n","cron":"@daily","params":{"year":1},` + more + `}`
		}
		for body, want := range map[string]string{
			`{"name":"n","cron":"@daily"}`:                                                 "script: ",
			`{"script":"land","cron":"@daily","params":{"year":1}}`:                        "name: ",
			`{"script":"nothing","name":"n","cron":"@daily"}`:                              "script: there is no such script",
			`{"script":"hidden","name":"n","cron":"@daily"}`:                               "script: there is no such script",
			`{"script":"` + hidden.ID.String() + `","name":"n","cron":"@daily"}`:           "script: there is no such script",
			`{"script":"land\u0000","name":"n","cron":"@daily"}`:                           "NUL",
			`{"script":"land","name":"n","params":{"year":1}}`:                             "one of cron, every and at",
			with(`"every":"1h"`):                                                           "one of cron, every and at",
			`{"script":"land","name":"n","cron":"@daily"}`:                                 "missing property 'year'",
			`{"script":"land","name":"n","cron":"@daily","params":{"year":"x"}}`:           "/year: ",
			`{"script":"land","name":"n","cron":"@daily","params":[1]}`:                    "params: they are an object",
			`{"script":"land","name":"n","cron":"61 * * * *","params":{"year":1}}`:         "cron: ",
			`{"script":"land","name":"n","cron":"0 0 30 2 *","params":{"year":1}}`:         "never comes",
			`{"script":"land","name":"n","every":"10s","params":{"year":1}}`:               "every: it is a length of time, as 15m or 6h, from 1m to 8784h",
			`{"script":"land","name":"n","every":"-1h","params":{"year":1}}`:               "every: ",
			`{"script":"land","name":"n","at":"2020-01-01T00:00:00Z","params":{"year":1}}`: "at: it is not to come",
			`{"script":"land","name":"n","at":"2099-01-01T00:00:00","params":{"year":1}}`:  "at: it is a time with its offset",
			with(`"zone":"Mars/Olympus"`):                                                  "zone: ",
			with(`"zone":"Local"`):                                                         "zone: ",
			with(`"skipped":"never"`):                                                      "skipped: ",
			with(`"repeated":"thrice"`):                                                    "repeated: ",
			with(`"catch_up":"some"`):                                                      "catch_up: ",
			with(`"catch_up":"all","catch_up_most":1000`):                                  "catch_up_most: ",
			with(`"overlap":"allow"`):                                                      "overlap: it is one of skip, queue, replace",
			with(`"timeout":"1h"`):                                                         "may run for 10m",
			with(`"timeout":"x"`):                                                          "timeout: ",
			with(`"retries":11`):                                                           "retries: ",
			with(`"queue":"Q!"`):                                                           "queue: ",
			with(`"queue":"elsewhere"`):                                                    "no runner takes from this queue",
			with(`"alert_failures":-1`):                                                    "alert_failures: ",
			with(`"alert_silence":"1s"`):                                                   "alert_silence: ",
			with(`"script_version":2`):                                                     "script_version: the script has no version 2",
			with(`"description":"a\u0000"`):                                                "NUL",
			with(`"name":"` + strings.Repeat("x", 200) + `"`):                              "twice",
			`{"script":"land","name":"n","cron":"@daily","params":{"year":1,"big":"` + strings.Repeat("x", 70_000) + `"}}`: "params: they have more than 65536 bytes",
		} {
			if a := w.Want(t, "ann:", "POST", all, body, 400); !strings.Contains(a.Body, want) {
				t.Errorf("%.200s: %s, want %s", body, a.Body, want)
			}
		}
		w.Want(t, "ann:", "POST", all, with(`"priority":1`), 403)
		w.Want(t, "ann:", "POST", all, with(`"crn":"x"`), 422)
		w.Want(t, "ann:", "POST", all, with(`"retries":"x"`), 422)
		w.Want(t, "boss:", "POST", all, with(`"priority":1`), 200)
		w.Want(t, "boss:", "POST", all, `{"script":"land","name":"n","every":"1s","params":{"year":1}}`, 200)
		// So many, and no more.
		for range 5 {
			w.made(t, "ann:", with(`"paused":true`))
		}
		w.Want(t, "ann:", "POST", all, with(`"paused":true`), 409)
	})
}

// TestWhose holds that a schedule is its owner's, that administrators see all, and that it runs as its owner.
func TestWhose(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		w.script(t, "land", "null")
		s := w.made(t, "ann:", `{"script":"land","name":"hers","cron":"0 0 * * 7"}`)
		one := all + "/" + s.ID
		for _, c := range [][2]string{{"GET", ""}, {"PATCH", ""}, {"DELETE", ""}, {"POST", "/pause"}, {"POST", "/resume"}, {"POST", "/run"}, {"GET", "/next"}, {"GET", "/history"}} {
			w.Want(t, "ben:", c[0], one+c[1], "{}", 404)
			w.Want(t, "", c[0], one+c[1], "{}", 401)
		}
		names := func(who controltest.As, query string) (out []string) {
			var list struct {
				Data  []schedules.Schedule
				Total *int64
			}
			w.Want(t, who, "GET", all+query, "", 200).JSON(t, &list)
			for _, one := range list.Data {
				out = append(out, one.Name+one.UserEmail)
			}
			return out
		}
		w.made(t, "ben:", `{"script":"land","name":"his","every":"1h"}`)
		for _, c := range []struct {
			who   controltest.As
			query string
			want  []string
		}{
			{"ann:", "", []string{"hers"}},
			{"ben:", "", []string{"his"}},
			{"boss:", "", []string{"hers", "his"}},
			{"boss:", "?filter=user_email%3D%27ben%40example.org%27&include=user_email", []string{"hisben@example.org"}},
			{"boss:", "?sort=-name&page=1&per_page=1", []string{"his"}},
			{"ann:", "?filter=script%3D%27land%27&exclude=params", []string{"hers"}},
		} {
			if diff := cmp.Diff(c.want, names(c.who, c.query)); diff != "" {
				t.Errorf("%s %s: %s", c.who, c.query, diff)
			}
		}
		w.Want(t, "ann:", "GET", all+"?filter=user_email%3D%27x%27", "", 403)
		var run struct{ Data schedules.ScheduleRun }
		w.Want(t, "boss:", "POST", one+"/run", "", 200).JSON(t, &run)
		e, err := w.Store.Execution(t.Context(), uuidOf(t, run.Data.Execution))
		if err != nil || e.UserID == nil || *e.UserID != w.Find(t, "ann").ID {
			t.Errorf("%+v, %v", e, err)
		}
	})
}

// TestResume holds that what the gateway has paused is resumed only when it can run, and that its script's versions are followed.
func TestResume(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		sc := w.script(t, "land", "null")
		s := w.made(t, "ann:", `{"script":"land","name":"n","every":"1m","params":{"year":"x"}}`)
		one := all + "/" + s.ID
		_, err := w.Store.UploadScript(t.Context(), controltest.By(), sc.ID, w.Find(t, "boss").ID, w.version(schema))
		must(t, err)
		w.build(t)
		now := w.Store.Now()
		_, err = w.Store.ChangeSchedule(t.Context(), controltest.By(), "", uuidOf(t, s.ID), rowDue(now))
		must(t, err)
		w.fire(t)
		var got schedule
		w.Want(t, "ann:", "GET", one, "", 200).JSON(t, &got)
		if !got.Data.Paused || !strings.Contains(got.Data.PausedReason, "/year") || got.Data.LastOutcome != "PAUSED" {
			t.Fatalf("%+v", got.Data)
		}
		if a := w.Want(t, "ann:", "POST", one+"/resume", "", 400); !strings.Contains(a.Body, "/year") {
			t.Error(a.Body)
		}
		w.patch(t, one, "", `{"params":{"year":1}}`, 200)
		w.Want(t, "ann:", "POST", one+"/resume", "", 200).JSON(t, &got)
		if got.Data.Paused || got.Data.PausedReason != "" {
			t.Errorf("%+v", got.Data)
		}
		_, err = w.Store.PublishScript(t.Context(), controltest.By(), sc.ID, false)
		must(t, err)
		w.Want(t, "ann:", "POST", one+"/run", "", 400)
		w.Want(t, "ann:", "POST", one+"/pause", "", 200)
		w.Want(t, "ann:", "POST", one+"/resume", "", 400)
		if n, err := queries.CountOf(t.Context(), w.Store, queries.Audit(), auditOf(t, fmt.Sprintf("schedule:%s", s.ID))); err != nil || n != 5 {
			t.Errorf("%d rows of the audit log, %v", n, err) // made, paused, changed, resumed, paused
		}
	})
}
