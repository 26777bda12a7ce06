package hooks_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/controltest"
	"github.com/fairway-gateway/fairway/modules/control/executions"
	"github.com/fairway-gateway/fairway/modules/control/hooks"
	"github.com/fairway-gateway/fairway/modules/control/live"
	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/modules/control/typed"
	"github.com/fairway-gateway/fairway/modules/control/webhooks"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
	"github.com/fairway-gateway/fairway/runner/blobs"
)

var engines = controltest.NewEngines()

func TestMain(m *testing.M) { os.Exit(engines.Main(m)) }

var must = controltest.Must

// world is the API of hooks over a store with the users root, ann and ben, and ann's script land.
type world struct {
	*controltest.Gateway
	ann db.User
	now func() time.Time
}

const schema = `{"type":"object","properties":{"year":{"type":"integer"}},"additionalProperties":true}`

func both(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	engines.Both(t, func(t *testing.T, dsn string) {
		t.Helper()
		w := &world{now: time.Now}
		w.Gateway = controltest.Open(t, dsn, func(g *controltest.Gateway) {
			hub := live.New(g.Store, live.Options{})
			t.Cleanup(hub.Close)
			away := func(context.Context) (*blobs.Blobs, error) { return nil, errors.New("there are none") }
			runs, err := executions.New(g.Store, executions.Options{Blobs: away, Live: hub, Rates: []executions.Rate{{Most: 60, Per: time.Hour}}})
			must(t, err)
			one, err := hooks.New(g.Store, hooks.Options{Keys: [][]byte{make([]byte, 32)}, Starter: runs, PublicURL: "https://gateway.example.org", Most: 3})
			must(t, err)
			one.Register(g.API, typed.New(g.API, ""))
		})
		w.User(t, "root", permit.Admin)
		w.ann = w.User(t, "ann", permit.User)
		w.User(t, "ben", permit.User)
		w.script(t, "land", schema)
		test(t, w)
	})
}

func (w *world) script(t testing.TB, slug, schema string) db.Script {
	t.Helper()
	sc, err := w.Store.CreateScript(t.Context(), controltest.By(), queries.ScriptUpload{Slug: slug, Name: slug, User: w.ann.ID, Version: queries.VersionUpload{BlobKey: "k", BlobSHA256: make([]byte, 32), Parameters: json.RawMessage(schema)}})
	must(t, err)
	b, ok, err := w.Store.ClaimBuild(t.Context(), uuid.New(), time.Hour)
	if !ok || err != nil {
		t.Fatal(ok, err)
	}
	must(t, w.Store.FinishBuild(t.Context(), b, queries.Built{OK: true}))
	return sc
}

// ask sends a request of somebody's, and gives the data of the answer.
func (w *world) ask(t testing.TB, who, method, path, body string, status int) (data hooks.Hook) {
	t.Helper()
	a := w.Want(t, controltest.As(who+":"), method, "/api/v1/hook"+path, body, status)
	var of struct{ Data json.RawMessage }
	if status == http.StatusOK {
		a.JSON(t, &of)
		_ = json.Unmarshal(of.Data, &data) // a list is none
	}
	return data
}

// message is one to a hook.
type message struct {
	hook, secret, id, body string
	at                     time.Time
	change                 func(*http.Request)
}

func (w *world) send(t testing.TB, m message) controltest.Answer {
	t.Helper()
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(m.secret, "whsec_"))
	must(t, err)
	if m.at.IsZero() {
		m.at = w.now()
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/api/v1/hook/"+m.hook+"/message", strings.NewReader(m.body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set(webhooks.HeaderID, m.id)
	r.Header.Set(webhooks.HeaderTimestamp, fmt.Sprint(m.at.Unix()))
	r.Header.Set(webhooks.HeaderSignature, "v1,other "+webhooks.Sign(key, m.id, m.at, []byte(m.body)))
	if m.change != nil {
		m.change(r)
	}
	return w.Do(r)
}

// params are those of the execution that an answer names.
func (w *world) params(t testing.TB, a controltest.Answer) string {
	t.Helper()
	e, err := w.Store.Execution(t.Context(), w.execution(t, a))
	must(t, err)
	if *e.UserID != w.ann.ID {
		t.Error("it is another's:", e.UserID)
	}
	return string(e.Params)
}

func (w *world) execution(t testing.TB, a controltest.Answer) uuid.UUID {
	t.Helper()
	var of struct{ Data hooks.Delivered }
	if a.Status != http.StatusAccepted {
		t.Fatal(a.Status, a.Body)
	}
	a.JSON(t, &of)
	id, err := uuid.Parse(of.Data.ExecutionID)
	must(t, err)
	return id
}

// TestHooks makes, shows, rotates and deletes hooks, as owners, administrators and others.
func TestHooks(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		for _, wrong := range []string{
			`{}`, `{"script":"nothing"}`, `{"script":"land","params":[1]}`, `{"script":"land","params":{"a":1,"a":2}}`, `{"script":"land","params":{"event":1},"into":"event"}`, `{"script":"land","secret":"x"}`, `{"script":"land","script":"land"}`,
			`{"script":"land","name":"a\nb"}`, `{"script":"land","into":"\u0000"}`, `{"script":"land","params":{"a":"` + strings.Repeat("x", 70_000) + `"}}`,
		} {
			if a := w.Ask(t, "ann:", "POST", "/api/v1/hook", wrong); a.Status != http.StatusBadRequest && a.Status != http.StatusUnprocessableEntity {
				t.Errorf("%.80s: %d %s", wrong, a.Status, a.Body)
			}
		}
		w.ask(t, "ben", "POST", "", `{"script":"land"}`, http.StatusBadRequest) // it is not for him
		made := w.ask(t, "ann", "POST", "", `{"script":"land","params":{"b":2}}`, http.StatusOK)
		if !strings.HasPrefix(made.Secret, "whsec_") || len(made.Secret) != 50 || made.Name != "land" || made.URL != "https://gateway.example.org/api/v1/hook/"+made.ID+"/message" || string(made.Params) != `{"b":2}` {
			t.Errorf("%+v", made)
		}
		one := "/" + made.ID
		if got := w.ask(t, "ann", "GET", one, "", http.StatusOK); got.Secret != "" || got.OldUntil != nil {
			t.Errorf("%+v", got)
		}
		for _, of := range []string{"GET ", "DELETE ", "GET /history", "POST /rotate"} {
			method, path, _ := strings.Cut(of, " ")
			w.ask(t, "ben", method, one+path, "", http.StatusNotFound)
		}
		w.ask(t, "root", "GET", one, "", http.StatusOK)
		rotated := w.ask(t, "ann", "POST", one+"/rotate", "", http.StatusOK)
		if rotated.Secret == made.Secret || rotated.OldUntil == nil {
			t.Errorf("%+v", rotated)
		}
		for i, secret := range []string{made.Secret, rotated.Secret} {
			if a := w.send(t, message{hook: made.ID, secret: secret, id: fmt.Sprint("r", i)}); w.params(t, a) != `{"b":2}` {
				t.Error(a.Body)
			}
		}
		last := w.ask(t, "ann", "POST", one+"/rotate?now=true", "", http.StatusOK)
		for i, secret := range []string{made.Secret, rotated.Secret, last.Secret} {
			if a := w.send(t, message{hook: made.ID, secret: secret, id: fmt.Sprint("s", i)}); a.Status != []int{401, 401, 202}[i] {
				t.Error(i, a.Status, a.Body)
			}
		}
		w.ask(t, "ann", "POST", "", `{"script":"land"}`, http.StatusOK)
		w.ask(t, "ann", "POST", "", `{"script":"land"}`, http.StatusOK)
		w.ask(t, "ann", "POST", "", `{"script":"land"}`, http.StatusConflict)
		var all struct{ Data []hooks.Hook }
		for who, n := range map[string]int{"ann": 3, "ben": 0, "root": 3} {
			w.Want(t, controltest.As(who+":"), "GET", "/api/v1/hook", "", http.StatusOK).JSON(t, &all)
			if len(all.Data) != n || strings.Contains(fmt.Sprint(all.Data), "whsec_") {
				t.Errorf("%s: %v", who, all.Data)
			}
		}
		w.ask(t, "ann", "DELETE", one, "", http.StatusOK)
		w.ask(t, "ann", "GET", one, "", http.StatusNotFound)
		if a := w.send(t, message{hook: made.ID, secret: last.Secret, id: "t"}); a.Status != http.StatusUnauthorized {
			t.Error(a.Status, a.Body)
		}
	})
}

// TestMessages holds what a message becomes, that it is taken once, and what is refused.
func TestMessages(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		plain := w.ask(t, "ann", "POST", "", `{"script":"land","params":{"b":2}}`, http.StatusOK)
		whole := w.ask(t, "ann", "POST", "", `{"script":"land","into":"event"}`, http.StatusOK)
		to := func(h hooks.Hook, id, body string) message {
			return message{hook: h.ID, secret: h.Secret, id: id, body: body}
		}
		cloud := to(plain, "m4", `{"specversion":"1.0","id":"9","source":"/x","type":"t","data":{"year":7}}`)
		cloud.change = func(r *http.Request) { r.Header.Set("Content-Type", "application/cloudevents+json; charset=utf-8") }
		for _, one := range []struct {
			message
			want string
		}{
			{to(plain, "m1", `{"year":2026,"b":3}`), `{"b":2,"year":2026}`},
			{to(plain, "m2", ""), `{"b":2}`},
			{to(whole, "m1", `[1,{"a":2}]`), `{"event":[1,{"a":2}]}`},
			{cloud, `{"b":2,"year":7}`},
		} {
			first := w.send(t, one.message)
			if got := w.params(t, first); got != one.want || first.Header.Get("Idempotency-Replayed") != "" {
				t.Errorf("%s: %s", one.body, got)
			}
			again := w.send(t, one.message)
			if again.Body != first.Body || again.Status != first.Status || again.Header.Get("Idempotency-Replayed") != "true" {
				t.Errorf("again: %d %s, not %s", again.Status, again.Body, first.Body)
			}
		}
		for says, one := range map[string]struct {
			message
			status int
		}{
			"not what the script takes": {to(plain, "x1", `{"year":"x"}`), 400},
			"The body must be":          {to(plain, "x2", `[1]`), 400},
			"must be":                   {to(plain, "x3", `{"a":1`), 400},
			"twice":                     {to(whole, "x4", `{"a":1,"a":2}`), 400},
		} {
			if a := w.send(t, one.message); a.Status != one.status || !strings.Contains(a.Body, says) {
				t.Errorf("%s: %d %s", says, a.Status, a.Body)
			}
		}
		late, early, other, swapped, compressed, long := to(plain, "y", "{}"), to(plain, "y", "{}"), to(plain, "y", "{}"), to(plain, "y", "{}"), to(plain, "y", "{}"), to(plain, strings.Repeat("y", 300), "{}")
		late.at, early.at, other.secret = w.now().Add(-6*time.Minute), w.now().Add(6*time.Minute), whole.Secret
		swapped.change = func(r *http.Request) { r.Header.Set(webhooks.HeaderID, "z") }
		compressed.change = func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") }
		dotted, unsigned, nobody := to(plain, "y.1", "{}"), to(plain, "y", "{}"), to(plain, "y", "{}")
		unsigned.change = func(r *http.Request) { r.Header.Del(webhooks.HeaderSignature) }
		nobody.hook = uuid.NewString()
		for _, m := range []message{late, early, other, swapped, long, dotted, unsigned, nobody} {
			if a := w.send(t, m); a.Status != http.StatusUnauthorized || !strings.Contains(a.Body, "The signature is not right, or too old.") {
				t.Errorf("%.20s: %d %s", m.id, a.Status, a.Body)
			}
		}
		if a := w.send(t, compressed); a.Status != http.StatusUnsupportedMediaType {
			t.Error(a.Status, a.Body)
		}
		if a := w.send(t, to(plain, "y", strings.Repeat(" ", 1<<20+1))); a.Status != http.StatusRequestEntityTooLarge {
			t.Error(a.Status, a.Body)
		}
		var all struct{ Data []hooks.Arrival }
		w.Want(t, "ann:", "GET", "/api/v1/hook/"+plain.ID+"/history", "", http.StatusOK).JSON(t, &all)
		outcomes := map[string]int{}
		for _, a := range all.Data {
			outcomes[a.Event+" "+a.Outcome]++
			if (a.Outcome == "STARTED") != (a.ExecutionID != nil) || (a.Outcome == "STARTED") != (a.Reason == "") {
				t.Errorf("%+v", a)
			}
		}
		if diff := cmp.Diff(map[string]int{"m1 STARTED": 1, "m2 STARTED": 1, "m4 STARTED": 1, "x1 REFUSED": 1, "x2 REFUSED": 1, "x3 REFUSED": 1}, outcomes); diff != "" {
			t.Error(diff)
		}
		for who, n := range map[string]int{"ann": 8, "ben": 0, "root": 8} {
			if w.Want(t, controltest.As(who+":"), "GET", "/api/v1/arrival", "", http.StatusOK).JSON(t, &all); len(all.Data) != n {
				t.Errorf("%s: %d", who, len(all.Data))
			}
		}
	})
}

// TestMessagesAtOnce sends one message many times at once: one execution is made.
func TestMessagesAtOnce(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		h := w.ask(t, "ann", "POST", "", `{"script":"land"}`, http.StatusOK)
		answers := make([]controltest.Answer, 12)
		var under sync.WaitGroup
		for i := range answers {
			under.Go(func() { answers[i] = w.send(t, message{hook: h.ID, secret: h.Secret, id: "m", body: "{}"}) })
		}
		under.Wait()
		fresh := 0
		for _, a := range answers {
			if a.Status != http.StatusAccepted || a.Body != answers[0].Body {
				t.Errorf("%d %s", a.Status, a.Body)
			}
			if a.Header.Get("Idempotency-Replayed") == "" {
				fresh++
			}
		}
		if fresh != 1 {
			t.Errorf("%d say that they are the first", fresh)
		}
	})
}

// TestOwners holds that a hook may what its owner may, now.
func TestOwners(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		sc := w.script(t, "sea", "null")
		_, err := w.Store.PublishScript(t.Context(), controltest.By(), sc.ID, true)
		must(t, err)
		h := w.ask(t, "ben", "POST", "", `{"script":"sea"}`, http.StatusOK)
		send := func(id string, status int) {
			t.Helper()
			if a := w.send(t, message{hook: h.ID, secret: h.Secret, id: id, body: "{}"}); a.Status != status {
				t.Errorf("%s: %d %s, not %d", id, a.Status, a.Body, status)
			}
		}
		send("1", http.StatusAccepted)
		_, err = w.Store.PublishScript(t.Context(), controltest.By(), sc.ID, false)
		must(t, err)
		send("2", http.StatusNotFound)
		_, err = w.Store.PublishScript(t.Context(), controltest.By(), sc.ID, true)
		must(t, err)
		_, err = w.Store.UploadScript(t.Context(), controltest.By(), sc.ID, w.ann.ID, queries.VersionUpload{BlobKey: "k2", BlobSHA256: make([]byte, 32)})
		must(t, err)
		send("3", http.StatusAccepted) // the version before is built
		ben, err := w.Store.FindUser(t.Context(), "ben@example.org")
		must(t, err)
		_, err = w.Store.ChangeUser(t.Context(), controltest.By(), ben.ID, func(u *db.User) error { u.IsActive = false; return nil })
		must(t, err)
		send("4", http.StatusForbidden)
		send("3", http.StatusAccepted) // as before
		_, err = w.Store.ChangeUser(t.Context(), controltest.By(), ben.ID, func(u *db.User) error { u.IsActive = true; return nil })
		must(t, err)
		status := 0
		for i := 0; i < 80 && status != http.StatusTooManyRequests; i++ {
			status = w.send(t, message{hook: h.ID, secret: h.Secret, id: fmt.Sprint("many", i), body: "{}"}).Status
		}
		if status != http.StatusTooManyRequests {
			t.Error("the rates of its owner do not count:", status)
		}
		_, err = w.Store.DeleteScript(t.Context(), controltest.By(), sc.ID)
		must(t, err)
		send("5", http.StatusNotFound)
	})
}
