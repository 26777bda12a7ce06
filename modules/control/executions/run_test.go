package executions_test

import (
	"bytes"
	"compress/gzip"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/modules/control/controltest"
	"github.com/fairway-gateway/fairway/modules/control/executions"
	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

const ofScript = "/api/v1/script/"

// schema is that of the parameters of most scripts here.
const schema = `{"type":"object","properties":{"year":{"type":"integer","minimum":2000},"areas":{"type":"array","items":{"type":"string","maxLength":3}},"deep":{"type":"object"},
	"name":{"type":"string"},"sure":{"type":"boolean"},"any":{}},"required":["year"]}`

func TestRun(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		s := w.script(t, "boss", "land", schema, "")
		_, err := w.Store.PublishScript(t.Context(), controltest.By(), s.ID, true)
		must(t, err)
		run := ofScript + "land/run"
		ann := w.token(t, "ann")
		for _, c := range []struct{ method, query, body, params string }{
			{"POST", "", `{"year":2026}`, `{"year":2026}`},
			{"POST", "", "{\"year\":2026.0, \"deep\":{\"z\":1e400,\"a\":[1, 2]}}", `{"deep":{"z":1e400,"a":[1,2]},"year":2026.0}`},
			{"POST", "?year=2026&name=5&sure=true&other=7", "", `{"name":"5","other":"7","sure":true,"year":2026}`},
			{"POST", "?year=1&name=a+b%3C", `{"year":2026,"token":"secret"}`, `{"name":"a b\u003c","year":2026}`},
			{"POST", "?year=2026&areas=a&areas=b", "", `{"areas":["a","b"],"year":2026}`},
			{"POST", `?year=2026&areas=%5B%22a%22%5D&deep=%7B%7D`, "\ufeff{}", `{"areas":["a"],"deep":{},"year":2026}`},
			{"GET", "?year=2026", "", `{"year":2026}`},
		} {
			e := read(t, w.Want(t, ann, c.method, run+c.query, c.body, 200))
			if string(e.Data.Params) != c.params || e.Data.User != w.Find(t, "ann").ID.String() || e.Data.Script != s.ID.String() || e.Data.Status != "READY" || e.Data.End != nil {
				t.Errorf("%s %s: %s, %+v", c.query, c.body, e.Data.Params, e.Data)
			}
		}
		for _, c := range []struct{ query, body, want string }{
			{"", "", "/: missing property 'year'"},
			{"?year=x", "", "/year: "},
			{"", `{"year":1999}`, "/year: "},
			{"", `{"year":"x","areas":["a","long","b",7],"deep":1}`, "/areas/1: "},
			{"", `{"year":"x","areas":["a","long","b",7],"deep":1}`, "/areas/3: "},
			{"", `{"year":"x","areas":["a","long","b",7],"deep":1}`, "/deep: "},
			{"?year=2026&token=x", "", "token: "},
			{"?year=2026&year=2027", "", "year: it is there twice"},
			{"?%zz", "", "the query is none"},
			{"?%ff=1", "", "no text"},
			{"?a=%00", "", "no text"},
			{"", "[]", "must be a JSON object"},
			{"", `{"year":2026,"\u0079ear":2027}`, "twice"},
			{"", "null", "must be a JSON object"},
			{"", `{"year":2026`, "must be a JSON object"},
			{"", "{\"year\":\"\xff\"}", "UTF-8"},
			{"", `{"year":2026,"any":` + strings.Repeat("[", 1100) + strings.Repeat("]", 1100) + "}", "nested"},
			{"", `{"year":2026,"any":` + strings.Repeat("[", 20000), "must be a JSON object"},
		} {
			if a := w.Want(t, ann, "POST", run+c.query, c.body, 400); !strings.Contains(said(t, a), c.want) {
				t.Errorf("%s %s: %s", c.query, c.body, a.Body)
			}
		}
	})
}

// TestRunIsForWhoSeesTheScript is about other people's scripts, those that cannot be run, and nobody.
func TestRunIsForWhoSeesTheScript(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		s := w.script(t, "ann", "mine", "", "")
		for who, want := range map[controltest.As]int{"ann:": 200, "boss:": 200, "ben:": 404, "": 401} {
			w.Want(t, who, "POST", ofScript+"mine/run", "", want)
			w.Want(t, who, "POST", ofScript+s.ID.String()+"/run/", "", want)
			w.Want(t, who, "POST", ofScript+"none/run", "", map[bool]int{true: 401, false: 404}[who == ""])
		}
		_, err := w.Store.UploadScript(t.Context(), controltest.By(), s.ID, s.UserID, queries.VersionUpload{BlobKey: "k", BlobSHA256: make([]byte, 32), BlobSize: 1})
		must(t, err)
		if a := w.Want(t, "ann:", "POST", ofScript+"mine/run", "", 400); said(t, a) != "Script with id "+s.ID.String()+" is not BUILT" {
			t.Error(a.Body)
		}
	})
}

// TestRunByGet is about what a page of another site could do.
func TestRunByGet(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		w.script(t, "ann", "mine", "", "")
		ann := w.token(t, "ann")
		count := func() int { return len(w.list(t, "ann:", "")) }
		w.Want(t, "ann:", "GET", ofScript+"mine/run", "", 403)
		w.Want(t, ann, "HEAD", ofScript+"mine/run", "", 405)
		w.Want(t, "ann:", "HEAD", ofScript+"mine/run", "", 405)
		if a := w.Send(t, "ann:", "POST", ofScript+"mine/run", "text/plain", "{}", "Sec-Fetch-Site", "cross-site"); a.Status != 403 {
			t.Error(a)
		}
		if n := count(); n != 0 {
			t.Errorf("%d executions were made", n)
		}
		if a := w.Want(t, ann, "GET", ofScript+"mine/run", "", 200); a.Header.Get("Cache-Control") != "no-store" {
			t.Error(a.Header)
		}
		if n := count(); n != 1 {
			t.Errorf("%d executions were made", n)
		}
	})
}

// list gives the ids of a list.
func (w *world) list(t testing.TB, who controltest.As, query string) []string {
	t.Helper()
	var out struct{ Data []struct{ ID string } }
	w.Want(t, who, "GET", all+query, "", 200).JSON(t, &out)
	ids := make([]string, len(out.Data))
	for i, e := range out.Data {
		ids[i] = e.ID
	}
	return ids
}

// TestRunOnce is about idempotency keys, also of those who ask at once.
func TestRunOnce(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		s := w.script(t, "ann", "mine", "", "")
		_, err := w.Store.PublishScript(t.Context(), controltest.By(), s.ID, true)
		must(t, err)
		long := `{"x":"` + strings.Repeat("x", 100_000) + `"}`
		post := func(who controltest.As, body, key string) controltest.Answer {
			return w.Send(t, who, "POST", ofScript+"mine/run", "application/json", body, "Idempotency-Key", key)
		}
		ids, mu, all := map[string]int{}, sync.Mutex{}, sync.WaitGroup{}
		for range 8 {
			all.Go(func() {
				a := post("ann:", long, "k")
				mu.Lock()
				defer mu.Unlock()
				if a.Status != 200 {
					t.Errorf("%d %s", a.Status, a.Body)
					return
				}
				if a.Header.Get("Idempotency-Replayed") != "true" {
					ids["new"]++
				}
				ids[read(t, a).Data.ID]++
			})
		}
		all.Wait()
		if len(ids) != 2 || ids["new"] != 1 {
			t.Errorf("%v", ids)
		}
		if n := w.blobs.Kept(t); n != 1 {
			t.Errorf("%d blobs are kept", n)
		}
		if a := post("ann:", "{}", "k"); a.Status != 422 {
			t.Error(a)
		}
		if a := post("ben:", "{}", "k"); a.Status != 200 || ids[read(t, a).Data.ID] > 0 {
			t.Error(a)
		}
		// What is made is told whatever became of the script.
		_, err = w.Store.UploadScript(t.Context(), controltest.By(), s.ID, s.UserID, queries.VersionUpload{BlobKey: "k", BlobSHA256: make([]byte, 32), BlobSize: 1})
		must(t, err)
		if a := post("ann:", long, "k"); a.Status != 200 || ids[read(t, a).Data.ID] == 0 {
			t.Error(a)
		}
		for _, key := range []string{"", strings.Repeat("k", 256), "é"} {
			if a := post("ann:", "{}", key); a.Status != 400 {
				t.Errorf("%q: %v", key, a)
			}
		}
		if a := w.Send(t, "ann:", "POST", ofScript+"mine/run", "", "", "Idempotency-Key", "a", "Idempotency-Key", "b"); a.Status != 400 {
			t.Error(a)
		}
	})
}

// TestRunHow is about the headers by which somebody says how something is run, and what the script says.
func TestRunHow(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		_, err := w.Store.Register(t.Context(), queries.RunnerInfo{Name: "big", Queues: []string{"gpu"}, Slots: 1}, time.Hour)
		must(t, err)
		w.script(t, "ann", "mine", "", `{"name":"mine","timeout":"2h","retries":3}`)
		w.script(t, "ann", "plain", "", "")
		w.script(t, "ann", "labelled", "", `{"name":"labelled","labels":["gpu","big","gpu"],"timeout":"90h"}`)
		w.script(t, "ann", "odd", "", `{"name":"odd","labels":["Big GPU"]}`)
		type want struct {
			status            int
			queue             string
			priority, attempt int64
			timeout           float64
		}
		for _, c := range []struct {
			who    controltest.As
			script string
			header []string
			want   want
		}{
			{"ann:", "plain", nil, want{200, "default", 0, 1, 86400}},
			{"ann:", "mine", nil, want{200, "default", 0, 4, 7200}},
			{"ann:", "labelled", nil, want{200, "big-gpu", 0, 1, 86400}},
			{"ann:", "labelled", []string{"Fairway-Queue", "gpu"}, want{status: 400}},
			{"ann:", "odd", nil, want{status: 400}},
			{"ann:", "mine", []string{"Fairway-Timeout", "90s", "Fairway-Retries", "0", "Fairway-Queue", "gpu", "Fairway-Priority", "-3"}, want{200, "gpu", -3, 1, 90}},
			{"ann:", "mine", []string{"Fairway-Timeout", "0.5"}, want{200, "default", 0, 4, 0.5}},
			{"ann:", "mine", []string{"Fairway-Timeout", "3h"}, want{status: 400}},
			{"ann:", "mine", []string{"Fairway-Timeout", "-1s"}, want{status: 400}},
			{"ann:", "mine", []string{"Fairway-Timeout", "NaN"}, want{status: 400}},
			{"ann:", "mine", []string{"Fairway-Timeout", "1e300"}, want{status: 400}},
			{"ann:", "mine", []string{"Fairway-Retries", "11"}, want{status: 400}},
			{"ann:", "mine", []string{"Fairway-Queue", "nobody"}, want{status: 400}},
			{"ann:", "mine", []string{"Fairway-Queue", "a b"}, want{status: 400}},
			{"ann:", "mine", []string{"Fairway-Priority", "1"}, want{status: 403}},
			{"ann:", "mine", []string{"Fairway-Priority", "1.5"}, want{status: 400}},
			{"boss:", "mine", []string{"Fairway-Priority", "1000"}, want{200, "default", 1000, 4, 7200}},
			{"boss:", "mine", []string{"Fairway-Priority", "1001"}, want{status: 400}},
		} {
			a := w.Send(t, c.who, "POST", ofScript+c.script+"/run", "", "", c.header...)
			got := want{status: a.Status}
			if a.Status == 200 {
				e := read(t, w.Want(t, c.who, "GET", base+read(t, a).Data.ID, "", 200)).Data
				got = want{200, e.Queue.Name, e.Priority, e.MaxAttempts, e.Timeout}
			}
			if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(want{})); diff != "" {
				t.Errorf("%v: %s\n%s", c, diff, a.Body)
			}
		}
		a := w.Send(t, "ann:", "POST", ofScript+"plain/run", "", "", "X-TE-Client", "type=qgis_plugin; version=2.2.4")
		if !read(t, a).Data.Plugin {
			t.Error(a.Body)
		}
	})
}

// TestLongParameters are among the blobs, and are told as others are.
func TestLongParameters(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		w.script(t, "ann", "mine", "", "")
		text := `{"x":"` + strings.Repeat("x", 5<<20-10) + `"}`
		var z bytes.Buffer
		packed := gzip.NewWriter(&z)
		_, _ = packed.Write([]byte(text)) // to memory
		_ = packed.Close()
		e := read(t, w.Want(t, "ann:", "POST", ofScript+"mine/run", text, 200))
		if e = read(t, w.Want(t, "ann:", "GET", base+e.Data.ID, "", 200)); string(e.Data.Params) != text {
			t.Errorf("%d bytes", len(e.Data.Params))
		}
		var list struct{ Data []struct{ Params any } }
		if w.Want(t, "ann:", "GET", all, "", 200).JSON(t, &list); len(list.Data) != 1 || list.Data[0].Params != nil {
			t.Errorf("%+v", list)
		}
		again := read(t, w.Want(t, "ann:", "POST", base+e.Data.ID+"/rerun", "", 200))
		if again = read(t, w.Want(t, "ann:", "GET", base+again.Data.ID, "", 200)); string(again.Data.Params) != text || *again.Data.RerunOf != e.Data.ID {
			t.Errorf("%d bytes", len(again.Data.Params))
		}
		w.Want(t, "ann:", "POST", ofScript+"mine/run", `{"x":"`+strings.Repeat("x", 5<<20)+`"}`, 413)
		w.blobs.Away = true
		if a := w.Want(t, "ann:", "POST", ofScript+"mine/run", text, 503); a.Header.Get("Retry-After") == "" {
			t.Error(a.Header)
		}
		// Its status is told all the same.
		if e = read(t, w.Want(t, "ann:", "GET", base+e.Data.ID, "", 200)); string(e.Data.Params) != "null" || e.Data.Status != "READY" {
			t.Errorf("%+v", e)
		}
		if n := len(w.list(t, "ann:", "")); n != 2 {
			t.Errorf("%d executions", n)
		}
		if w.blobs.Away = false; w.blobs.Kept(t) != 1 {
			t.Errorf("%d blobs are kept", w.blobs.Kept(t))
		}
	})
}

// TestTooMany is about how many of a user run and wait, and how fast they may be asked for.
func TestTooMany(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		s := w.script(t, "boss", "mine", "", "")
		_, err := w.Store.PublishScript(t.Context(), controltest.By(), s.ID, true)
		must(t, err)
		var statuses []string
		for range 5 {
			e := read(t, w.Want(t, "ann:", "POST", ofScript+"mine/run", "", 200)).Data
			e = read(t, w.Want(t, "ann:", "GET", base+e.ID, "", 200)).Data
			statuses = append(statuses, fmt.Sprint(e.Status, " ", e.Queue.Ahead))
		}
		if diff := cmp.Diff([]string{"READY 0", "READY 1", "PENDING 0", "PENDING 1", "PENDING 2"}, statuses); diff != "" {
			t.Error(diff)
		}
		a := w.Want(t, "ann:", "POST", ofScript+"mine/run", `{"x":"`+strings.Repeat("x", 100_000)+`"}`, 429)
		if a.Header.Get("Retry-After") != "30" || w.blobs.Kept(t) != 0 {
			t.Errorf("%v, %d blobs are kept", a.Header, w.blobs.Kept(t))
		}
		w.Want(t, "ann:", "POST", base+w.list(t, "ann:", "")[0]+"/rerun", "", 429)
		w.Want(t, "ben:", "POST", ofScript+"mine/run", "", 200)
		for range 7 {
			w.Want(t, "boss:", "POST", ofScript+"mine/run", "", 200)
		}
	}, func(o *executions.Options) { o.Limits = queries.Limits{PerUser: 2, Waiting: 3} })
}

func TestRates(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		w.script(t, "ann", "mine", "", "")
		for range 3 {
			w.Send(t, "ann:", "POST", ofScript+"mine/run", "", "", "Idempotency-Key", "one")
		}
		w.Want(t, "ann:", "POST", ofScript+"mine/run", "", 200)
		a := w.Want(t, "ann:", "POST", ofScript+"mine/run", "", 429)
		var told struct {
			Code string `json:"error_code"`
		}
		if a.JSON(t, &told); told.Code != "RATE_LIMIT_EXCEEDED" || a.Header.Get("Retry-After") == "" {
			t.Error(a)
		}
		for range 4 {
			w.Want(t, "boss:", "POST", ofScript+"mine/run", "", 200)
		}
	}, func(o *executions.Options) {
		o.Rates = []executions.Rate{{Most: 10, Per: time.Hour}, {Most: 2, Per: 24 * time.Hour}}
	})
}

// TestRerun is about who may run what again.
func TestRerun(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		s := w.script(t, "boss", "mine", "", "")
		_, err := w.Store.PublishScript(t.Context(), controltest.By(), s.ID, true)
		must(t, err)
		e := w.ran(t, "ann", s.ID)
		again := read(t, w.Want(t, "ann:", "POST", path(e, "/rerun"), "", 200)).Data
		if again.ID == e.ID.String() || *again.RerunOf != e.ID.String() || string(again.Params) != `{"year":2026}` || again.Version != 1 {
			t.Errorf("%+v", again)
		}
		if other := read(t, w.Want(t, "boss:", "POST", path(e, "/rerun"), "", 200)).Data; other.User != w.Find(t, "boss").ID.String() {
			t.Errorf("%+v", other)
		}
		w.Want(t, "ben:", "POST", path(e, "/rerun"), "", 404)
		w.Want(t, "", "POST", path(e, "/rerun"), "", 401)
		one := w.Send(t, "ann:", "POST", path(e, "/rerun"), "", "", "Idempotency-Key", "k")
		two := w.Send(t, "ann:", "POST", path(e, "/rerun"), "", "", "Idempotency-Key", "k")
		if read(t, one).Data.ID != read(t, two).Data.ID || two.Header.Get("Idempotency-Replayed") != "true" {
			t.Error(one, two)
		}
		if a := w.Send(t, "ann:", "POST", path(e, "/rerun?version=2"), "", "", "Idempotency-Key", "k"); a.Status != 422 {
			t.Error(a)
		}
		for _, v := range []string{"0", "-1", "x", "1.5", "99", "1&version=1", "%00", "99999999999999999999"} {
			w.Want(t, "ann:", "POST", path(e, "/rerun?version="+v), "", 400)
		}
		_, err = w.Store.UploadScript(t.Context(), controltest.By(), s.ID, s.UserID, queries.VersionUpload{
			BlobKey: "k", BlobSHA256: make([]byte, 32), BlobSize: 1, Parameters: []byte(`{"properties":{"year":{"maximum":2000}}}`),
		})
		must(t, err)
		w.Want(t, "ann:", "POST", path(e, "/rerun?version=2"), "", 400) // it is not built
		w.built(t, s.ID)
		if a := w.Want(t, "ann:", "POST", path(e, "/rerun?version=2"), "", 400); !strings.Contains(said(t, a), "/year") {
			t.Error(a.Body)
		}
		w.Want(t, "ann:", "POST", path(e, "/rerun"), "", 200)
		if a := w.Send(t, "ann:", "POST", path(e, "/rerun"), "", "", "Fairway-Timeout", "90s", "Fairway-Retries", "2"); read(t, a).Data.Timeout != 90 || read(t, a).Data.MaxAttempts != 3 {
			t.Error(a)
		}
		// The script is not for her any more.
		_, err = w.Store.PublishScript(t.Context(), controltest.By(), s.ID, false)
		must(t, err)
		w.Want(t, "ann:", "POST", path(e, "/rerun"), "", 404)
		w.Want(t, "boss:", "POST", path(e, "/rerun"), "", 200)
		_, err = w.Store.DeleteScript(t.Context(), controltest.By(), s.ID)
		must(t, err)
		w.Want(t, "boss:", "POST", path(e, "/rerun"), "", 404)
	})
}

// TestRunOfSomebodyWhoIsGone is about users who are deleted while they ask.
func TestRunOfSomebodyWhoIsGone(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		s := w.script(t, "boss", "mine", "", "")
		_, err := w.Store.DeleteUser(t.Context(), controltest.By(), w.Find(t, "ann").ID)
		must(t, err)
		w.Want(t, "ann:", "POST", ofScript+"mine/run", "", 401)
		var u db.User
		if u, err = w.Store.FindUser(t.Context(), "ann@example.org"); !errors.Is(err, sql.ErrNoRows) {
			t.Errorf("%v %v", u, err)
		}
		w.Role(t, w.Find(t, "boss").ID, permit.User)
		w.Want(t, "boss:", "POST", ofScript+s.ID.String()+"/run", "", 200)
	})
}
