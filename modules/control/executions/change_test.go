package executions_test

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries"
)

// TestChange is about what administrators say of an execution that they run themselves, in the order of the cases.
func TestChange(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		e := w.ran(t, "ann", w.script(t, "ann", "first", "", "").ID)
		const operations, merge = "application/json-patch+json", "application/merge-patch+json"
		for _, c := range []struct {
			kind, body string
			status     int
			want       string
		}{
			{"", `{}`, 400, "Status, progress or results are required"},
			{"", `{"name":"x"}`, 400, "Status, progress or results are required"},
			{"", ``, 400, ""},
			{"", `{"status":"DONE"}`, 400, "status: "},
			{"", `{"status":"SUBMITTED"}`, 400, "status: "},
			{"", `{"status":7}`, 400, "status: "},
			{"", `{"status":null}`, 422, ""},
			{"", `{"progress":101}`, 400, "progress: "},
			{"", `{"progress":-1}`, 400, "progress: "},
			{"", `{"progress":1.5}`, 400, "progress: "},
			{"", `{"progress":"5"}`, 400, "progress: "},
			{"", `{"progress":5}`, 409, "Execution is READY"},
			{"", `{"results":{"a":1}}`, 409, "Execution is READY"},
			{"", `{"status":"FINISHED"}`, 409, "An execution does not go from READY to FINISHED"},
			{"", `{"status":"PENDING"}`, 409, "An execution does not go from READY to PENDING"},
			{"", `{"status":"READY"}`, 200, `"READY"`},
			{"", `{"status":"RUNNING"}`, 200, `"RUNNING"`},
			{"", `{"status":"RUNNING"}`, 200, `"RUNNING"`},
			{"", `{"progress":50.0,"other":1}`, 200, `"progress":50`},
			{"", `{"results":{"a":1,"b":{"c":[1]}}}`, 200, `"results":{"a":1,"b":{"c":[1]}}`},
			{merge, `{"results":{"a":2}}`, 200, `"results":{"a":2,"b":{"c":[1]}}`},
			{"application/json", `{"results":{"d":3}}`, 200, `"results":{"d":3}`},
			{operations, `[{"op":"test","path":"/status","value":"RUNNING"},{"op":"add","path":"/results/e","value":null},{"op":"replace","path":"/progress","value":60}]`, 200, `"results":{"d":3,"e":null}`},
			{operations, `[{"op":"test","path":"/status","value":"READY"},{"op":"replace","path":"/progress","value":70}]`, 409, ""},
			{operations, `[{"op":"replace","path":"/user_id","value":"x"}]`, 422, ""},
			{operations, `[{"op":"replace","path":"/status","value":"READY"}]`, 409, "from RUNNING to READY"},
			{operations, `{}`, 422, ""},
			{"text/csv", `{"progress":1}`, 415, ""},
			{"", `{"status":"FINISHED","results":null,"progress":70}`, 200, `"results":null`},
			{"", `{"status":"FINISHED"}`, 200, `"progress":100`},
			{"", `{"status":"FAILED"}`, 409, "An execution does not go from FINISHED to FAILED"},
			{"", `{"results":1}`, 409, "Execution is FINISHED"},
			{"", `{"progress":1}`, 409, "Execution is FINISHED"},
		} {
			a := w.Send(t, "boss:", "PATCH", path(e, ""), c.kind, c.body)
			if a.Status != c.status || !strings.Contains(a.Body, c.want) {
				t.Errorf("%s: %d %s, not %d %s", c.body, a.Status, a.Body, c.status, c.want)
			}
		}
		w.Want(t, "ann:", "PATCH", path(e, ""), `{"progress":1}`, 403)
		w.Want(t, "ben:", "PATCH", path(e, ""), `{"progress":1}`, 403)
		w.Want(t, "", "PATCH", path(e, ""), `{"progress":1}`, 401)
		w.Want(t, "boss:", "PATCH", base+uuid.NewString(), `{"progress":1}`, 404)
	})
}

// TestIfMatch is about changes that are bound to what an execution is.
func TestIfMatch(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		e := w.ran(t, "ann", w.script(t, "ann", "first", "", "").ID)
		tag := w.Want(t, "boss:", "GET", path(e, ""), "", 200).Header.Get("ETag")
		for _, c := range []struct {
			match string
			want  int
		}{{`"1"`, 412}, {tag, 200}, {tag, 412}, {"*", 200}} {
			status := `{"status":"RUNNING"}`
			if c.match == "*" {
				status = `{"status":"FAILED"}`
			}
			if a := w.Send(t, "boss:", "PATCH", path(e, ""), "", status, "If-Match", c.match); a.Status != c.want {
				t.Errorf("%s: %d %s", c.match, a.Status, a.Body)
			}
		}
		if a := w.Send(t, "boss:", "DELETE", path(e, ""), "", "", "If-Match", tag); a.Status != 412 {
			t.Error(a)
		}
	})
}

// TestLongResults are among the blobs, within bounds.
func TestLongResults(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		e := w.ran(t, "ann", w.script(t, "ann", "first", "", "").ID)
		noise := make([]byte, 3<<19)
		random := rand.NewChaCha8([32]byte{})
		for i := range noise {
			noise[i] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_"[random.Uint64()%64]
		}
		w.Want(t, "boss:", "PATCH", path(e, ""), `{"status":"RUNNING"}`, 200)
		if a := w.Want(t, "boss:", "PATCH", path(e, ""), `{"results":"`+string(noise[:len(noise)-1])+string(noise)+`"}`, 400); !strings.Contains(said(t, a), "results: they have") {
			t.Error(a.Body)
		}
		w.Want(t, "boss:", "PATCH", path(e, ""), `{"results":"`+strings.Repeat("x", 5<<20)+`"}`, 413)
		long := `{"x":"` + strings.Repeat("x", 100_000) + `"}`
		w.blobs.Away = true
		w.Want(t, "boss:", "PATCH", path(e, ""), `{"status":"FINISHED","results":`+long+`}`, 503)
		w.blobs.Away = false
		got := read(t, w.Want(t, "boss:", "PATCH", path(e, ""), `{"status":"FINISHED","results":`+long+`}`, 200)).Data
		if string(got.Results) != "null" || got.ResultsURL != path(e, "/results") || got.ResultsSize != int64(len(long)) {
			t.Errorf("%+v", got)
		}
		if got = read(t, w.Want(t, "ann:", "GET", path(e, ""), "", 200)).Data; string(got.Results) != long {
			t.Errorf("%d bytes", len(got.Results))
		}
		a := w.Want(t, "ann:", "GET", path(e, "/results"), "", 200)
		if a.Body != long || a.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%d bytes, %v", len(a.Body), a.Header)
		}
		if a := w.Send(t, "ann:", "GET", path(e, "/results"), "", "", "If-None-Match", a.Header.Get("ETag")); a.Status != 304 || a.Body != "" {
			t.Error(a.Status)
		}
		if a := w.Want(t, "ann:", "HEAD", path(e, "/results"), "", 200); a.Body != "" || a.Header.Get("Content-Length") != "100008" {
			t.Error(a.Header)
		}
		w.Want(t, "boss:", "PATCH", path(e, ""), `{"status":"FAILED","results":`+long+`}`, 409)
		if n := w.blobs.Kept(t); n != 1 {
			t.Errorf("%d blobs are kept", n)
		}
		w.blobs.Away = true
		w.Want(t, "ann:", "GET", path(e, "/results"), "", 503)
	})
}

func TestResults(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		e := w.ran(t, "ann", w.script(t, "ann", "first", "", "").ID)
		for _, more := range []string{"/results", "/download-results"} {
			if a := w.Want(t, "ann:", "GET", path(e, more), "", 200); a.Body != "null" {
				t.Error(a.Body)
			}
		}
		w.Want(t, "boss:", "PATCH", path(e, ""), `{"status":"RUNNING"}`, 200)
		w.Want(t, "boss:", "PATCH", path(e, ""), `{"status":"FINISHED","results":{"a":"<b>","n":1.50}}`, 200)
		a := w.Want(t, "ann:", "GET", path(e, "/results"), "", 200)
		var got struct{ A string }
		if a.JSON(t, &got); got.A != "<b>" || !strings.Contains(a.Body, "1.50") || a.Header.Get("Content-Type") != "application/json" || a.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s %v", a.Body, a.Header)
		}
		tag := a.Header.Get("ETag")
		if a := w.Send(t, "ann:", "GET", path(e, "/results"), "", "", "If-None-Match", tag); a.Status != 304 || a.Body != "" {
			t.Error(a)
		}
		if b := w.Send(t, "ann:", "GET", path(e, "/results"), "", "", "Range", "bytes=0-4"); b.Status != 206 || b.Body != a.Body[:5] {
			t.Error(b)
		}
		b := w.Want(t, "boss:", "GET", path(e, "/download-results"), "", 200)
		if b.Body != a.Body || b.Header.Get("Content-Type") != "text/plain; charset=utf-8" || b.Header.Get("Content-Disposition") != `attachment; filename="results.json"` {
			t.Errorf("%s %v", b.Body, b.Header)
		}
		for _, more := range []string{"/results", "/download-results"} {
			w.Want(t, "ben:", "GET", path(e, more), "", 404)
			w.Want(t, "", "GET", path(e, more), "", 401)
		}
	})
}

// cancellation is what a cancel gives.
type cancellation struct {
	Data struct {
		Execution struct{ ID, Status, Reason string }
		Details   struct {
			ID     string          `json:"execution_id"`
			Was    string          `json:"previous_status"`
			Now    string          `json:"new_status"`
			Queued bool            `json:"queued"`
			Task   json.RawMessage `json:"task_id"`
			Errors []string        `json:"errors"`
		} `json:"cancellation_details"`
	}
}

// TestCancel is about one that waits, one that runs, and what cannot be cancelled.
func TestCancel(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		s := w.script(t, "ann", "first", "", "")
		waits := w.ran(t, "ann", s.ID)
		w.Want(t, "ben:", "POST", path(waits, "/cancel"), "", 404)
		w.Want(t, "", "POST", path(waits, "/cancel"), "", 401)
		var got cancellation
		w.Want(t, "ann:", "POST", path(waits, "/cancel"), "", 202).JSON(t, &got)
		if d := got.Data; d.Details.Was != "READY" || d.Details.Now != "CANCELLED" || d.Details.Queued || d.Execution.Status != "CANCELLED" || d.Details.ID != waits.ID.String() || d.Details.Errors == nil || d.Execution.Reason != "its owner wished so" {
			t.Errorf("%+v", d)
		}
		if a := w.Want(t, "ann:", "POST", path(waits, "/cancel"), "", 400); said(t, a) != "Cannot cancel execution in CANCELLED state" {
			t.Error(a.Body)
		}
		runs := w.ran(t, "ann", s.ID)
		claimed, err := w.Store.Claim(t.Context(), queries.ClaimRequest{Runner: uuid.New(), Queues: []string{"default"}, Most: 1})
		must(t, err)
		_, err = w.Store.Start(t.Context(), []queries.StartRequest{{Holder: claimed[0].Holder, Timeout: time.Hour}}, time.Hour)
		must(t, err)
		// Of those who cancel at once one does.
		statuses, mu, all := map[int]int{}, sync.Mutex{}, sync.WaitGroup{}
		for range 6 {
			all.Go(func() {
				a := w.Ask(t, "boss:", "POST", path(runs, "/cancel"), "")
				mu.Lock()
				defer mu.Unlock()
				statuses[a.Status]++
			})
		}
		all.Wait()
		if statuses[202] != 1 || statuses[409] != 5 {
			t.Errorf("%v", statuses)
		}
		if a := w.Want(t, "ann:", "POST", path(runs, "/cancel"), "", 409); !strings.Contains(said(t, a), "already CANCELLING") {
			t.Error(a.Body)
		}
		w.Want(t, "ann:", "DELETE", path(runs, ""), "", 409)
		// It is not lost: its runner is told, and ends it.
		verdicts, err := w.Store.Renew(t.Context(), []queries.Holder{claimed[0].Holder}, time.Hour)
		must(t, err)
		if verdicts[0].Stop != queries.OutcomeCancelled {
			t.Errorf("%+v", verdicts)
		}
		_, err = w.Store.Finish(t.Context(), []queries.FinishRequest{{Holder: claimed[0].Holder, Outcome: queries.OutcomeSucceeded}})
		must(t, err)
		if e := read(t, w.Want(t, "ann:", "GET", path(runs, ""), "", 200)).Data; e.Status != "CANCELLED" || e.Progress != 100 || e.End == nil {
			t.Errorf("%+v", e)
		}
	})
}

// TestDelete is about what is shown of it afterwards: nothing.
func TestDelete(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		s := w.script(t, "ann", "first", "", "")
		e := w.ran(t, "ann", s.ID)
		if a := w.Want(t, "ann:", "DELETE", path(e, ""), "", 409); said(t, a) != "Execution is READY: cancel it first" {
			t.Error(a.Body)
		}
		w.moved(t, e, "CANCELLED")
		w.Want(t, "ben:", "DELETE", path(e, ""), "", 404)
		w.Want(t, "", "DELETE", path(e, ""), "", 401)
		statuses, mu, wait := map[int]int{}, sync.Mutex{}, sync.WaitGroup{}
		for range 4 {
			wait.Go(func() {
				a := w.Ask(t, "ann:", "DELETE", path(e, ""), "")
				mu.Lock()
				defer mu.Unlock()
				if statuses[a.Status]++; a.Status == 200 && !read(t, a).Data.Deleted {
					t.Error(a.Body)
				}
			})
		}
		wait.Wait()
		if statuses[200] != 1 || statuses[404] != 3 {
			t.Errorf("%v", statuses)
		}
		for _, c := range []struct{ method, more string }{
			{"GET", ""}, {"PATCH", ""}, {"DELETE", ""}, {"POST", "/cancel"}, {"POST", "/rerun"}, {"GET", "/results"}, {"GET", "/download-results"}, {"GET", "/history"}, {"GET", "/attempts"},
		} {
			w.Want(t, "boss:", c.method, path(e, c.more), `{"progress":1}`, 404)
		}
		if n := len(w.list(t, "boss:", "")); n != 0 {
			t.Errorf("%d are listed", n)
		}
		one := w.Send(t, "ann:", "POST", ofScript+"first/run", "", "", "Idempotency-Key", "k")
		w.Want(t, "ann:", "POST", base+read(t, one).Data.ID+"/cancel", "", 202)
		w.Want(t, "ann:", "DELETE", base+read(t, one).Data.ID, "", 200)
		if a := w.Send(t, "ann:", "POST", ofScript+"first/run", "", "", "Idempotency-Key", "k"); a.Status != 409 {
			t.Error(a)
		}
	})
}
