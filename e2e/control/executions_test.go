package control_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/e2e/gateway"
	"github.com/fairway-gateway/fairway/queries"
)

// building has one row at a time build what waits.
var building sync.Mutex //nolint:gochecknoglobals // of the rows of executions

// scripted has {script}, with the slug {slug}, be a script of a user's that is built, and {name.execution} nothing yet. What runs it takes
// from the queue nobody, of which there are no runners, so that it waits until somebody says something else.
func scripted(who, parameters string) act {
	return func(s *scene) {
		s.t.Helper()
		slug := "s" + strings.ReplaceAll(uuid.NewString(), "-", "")[:12]
		by := queries.By{Actor: "test"}
		made, err := s.store.CreateScript(context.Background(), by, queries.ScriptUpload{
			Slug: slug, Name: slug, User: uuid.MustParse(s.value(who + ".id")),
			Version: queries.VersionUpload{
				BlobKey: "scripts/" + slug, BlobSHA256: make([]byte, 32), BlobSize: 8,
				Configuration: json.RawMessage(`{"name":"` + slug + `","labels":["nobody"]}`), Parameters: json.RawMessage(parameters),
			},
		})
		if err != nil {
			s.t.Fatal(err)
		}
		s.vars["script"], s.vars["slug"] = made.ID.String(), slug
	}
}

// built has all scripts be built.
func built() act {
	return func(s *scene) {
		s.t.Helper()
		building.Lock()
		defer building.Unlock()
		for {
			b, ok, err := s.store.ClaimBuild(context.Background(), uuid.New(), queries.DefaultLease)
			if err == nil && ok {
				err = s.store.FinishBuild(context.Background(), b, queries.Built{OK: true})
			}
			if err != nil {
				s.t.Fatal(err)
			}
			if !ok {
				return
			}
		}
	}
}

// public has everybody see the script.
func public() act {
	return func(s *scene) {
		s.t.Helper()
		if _, err := s.store.PublishScript(context.Background(), queries.By{Actor: "test"}, uuid.MustParse(s.value("script")), true); err != nil {
			s.t.Fatal(err)
		}
	}
}

// claimed has a runner run the execution.
func claimed() act {
	return func(s *scene) {
		s.t.Helper()
		ctx, id := context.Background(), uuid.MustParse(s.value("execution"))
		attempts, err := s.store.Attempts(ctx, id)
		if err != nil || len(attempts) == 0 {
			s.t.Fatal(attempts, err)
		}
		got, err := s.store.Claim(ctx, queries.ClaimRequest{Runner: uuid.New(), Attempts: []uuid.UUID{attempts[0].ID}, Most: 1})
		if err == nil && len(got) == 1 {
			_, err = s.store.Start(ctx, []queries.StartRequest{{Holder: got[0].Holder, Timeout: queries.DefaultTimeout}}, queries.DefaultLease)
		}
		if err != nil || len(got) != 1 {
			s.t.Fatal(got, err)
		}
	}
}

// toldOfEnd waits for the letter of the end of {execution} to somebody, of which there is one.
func toldOfEnd(who, status string) act {
	return func(s *scene) {
		s.t.Helper()
		await(s, 20*time.Millisecond, func() error {
			n := 0
			all := s.mail.of(s.value(who + ".email"))
			for _, l := range all {
				if strings.Contains(l.text, s.value("slug")+": "+status) && strings.Contains(l.text, "https://gateway.example.org/api/v1/execution/"+s.value("execution")) {
					n++
				}
			}
			if n != 1 {
				return fmt.Errorf("%d letters tell of %s, of %v", n, s.value("execution"), all)
			}
			return nil
		})
	}
}

// notTold holds that nobody was told of {quiet}.
func notTold() act {
	return func(s *scene) {
		s.t.Helper()
		for _, l := range s.mail.of(s.value("user.email")) {
			if strings.Contains(l.text, s.value("quiet")) {
				s.t.Error("there is a letter:", l.subject)
			}
		}
	}
}

// executionRows are executions over HTTP.
func executionRows() []row {
	const all = "/api/v1/execution"
	const one, run = all + "/{execution}", "/api/v1/script/{script}/run"
	by := func(who string, a *ask) *ask { return a.bearer("{" + who + ".access}") }
	says := func(status int, text string) string {
		return fmt.Sprintf(`{"status":%d,"detail":"<has:%s>","...":0}`, status, text)
	}
	const id = `{"data":{"id":"<text:execution>","...":0}}`
	const date = `<re:[0-9-]+T[0-9:]+\\.[0-9]{6}>`
	ran := func(who string) *ask {
		return by(who, post(run).json(`{"year":2026,"task_name":"mine"}`)).gives(200, id)
	}
	ready := func(who string) act {
		return func(s *scene) {
			s.t.Helper()
			for _, m := range []move{scripted(who, "null"), built(), ran(who)} {
				m.do(s)
			}
		}
	}
	whole := `{"data":{"id":"<text:execution>","script_id":"{script}","user_id":"{user.id}","start_date":"` + date + `","end_date":null,"status":"READY","progress":0,"params":{"a":"1","b":2,"year":2026},"results":null,"queued_at":"` + date + `","dispatched_at":"` + date + `","...":0}}`
	file := func(text string) func(*scene, gateway.Answer) {
		return func(s *scene, a gateway.Answer) {
			s.t.Helper()
			if a.Body != text {
				s.t.Errorf("%s", a.Body)
			}
		}
	}
	return []row{
		{"POST /script/<id|slug>/run: query and JSON merged, the body wins, the key token is taken out; 200 with the execution", does(scripted("user", "null"), built(),
			by("user", post(run+"?a=1&b=1").json(`{"b":2,"year":2026,"token":"secret"}`)).gives(200, whole), by("user", post("/api/v1/script/{slug}/run/")).gives(200, `{"data":{"params":{},"...":0}}`))},
		{"GET /script/<script>/run (seed README): the query alone; here: with a Bearer token, never with a password, never by HEAD", does(scripted("user", "null"), built(),
			by("user", get(run+"?year=2026")).gives(200, `{"data":{"params":{"year":"2026"},"...":0}}`), get(run).basic("{user.email}", "{user.password}").gives(403), get(run).gives(401), by("user", get(all+"?script_id={script}")).gives(200, `{"data":["<any>"]}`))},
		{"run: 400 for ?token=", does(scripted("user", "null"), built(), by("user", post(run+"?token=x")).gives(400, says(400, "token")))},
		{"run: 400 Script with id X is not BUILT when its status is not SUCCESS", does(scripted("user", "null"), act(func(s *scene) {
			if got := s.send(by("user", post(run))); got.Status == 400 && !strings.Contains(got.Body, "Script with id "+s.value("script")+" is not BUILT") {
				s.t.Errorf("%s", got)
			}
		}), built(), by("user", post(run)).gives(200))},
		{"run: as GET of the script: 404 where it is not to be seen; any who may see it", does(scripted("user", "null"), built(), by("other", post(run)).gives(404), by("admin", post(run)).gives(200), public(), by("other", post(run)).gives(200), by("other", post("/api/v1/script/nothing/run")).gives(404), post(run).gives(401))},
		{"run: parameters by the JSON Schema of the script, each mistake by its place", does(scripted("user", `{"properties":{"year":{"type":"integer","minimum":2000},"areas":{"items":{"type":"string"}}},"required":["year"]}`), built(),
			by("user", post(run).json(`{"year":"x","areas":["a",2]}`)).gives(400, `{"messages":{"/year":["<text>"],"/areas/1":["<text>"]},"...":0}`), by("user", post(run)).gives(400, `{"messages":{"/":["<has:year>"]},"...":0}`),
			by("user", get(run+"?year=2026")).gives(200, `{"data":{"params":{"year":2026},"...":0}}`))},
		{"run: 10 in a minute, then 429 with Retry-After; administrators any number", does(scripted("user", "null"), built(), act(func(s *scene) {
			for range 10 {
				by("user", post(run)).gives(200).do(s)
			}
			for range 12 {
				by("admin", post(run)).gives(200).do(s)
			}
		}), by("user", post(run)).gives(429, `{"status":429,"error_code":"RATE_LIMIT_EXCEEDED","...":0}`).with("Retry-After", "[0-9]+"))},
		{"run: 3 of a user at once, others PENDING with their place; administrators exempt", does(scripted("user", "null"), built(), act(func(s *scene) {
			for range 3 {
				by("user", post(run)).gives(200, `{"data":{"status":"READY","...":0}}`).do(s)
			}
			for range 5 {
				by("admin", post(run)).gives(200, `{"data":{"status":"READY","...":0}}`).do(s)
			}
		}), by("user", post(run)).gives(200, `{"data":{"id":"<text:first>","status":"PENDING","dispatched_at":null,"...":0}}`), by("user", post(run)).gives(200, id),
			by("user", get(one)).gives(200, `{"data":{"status":"PENDING","queue":{"name":"nobody","ahead":"<int>","of_user":1},"...":0}}`))},
		{"run: once for each Idempotency-Key", does(scripted("user", "null"), built(), by("user", post(run)).header("Idempotency-Key", "k").gives(200, id), by("user", post(run)).header("Idempotency-Key", "k").gives(200, `{"data":{"id":"{execution}","...":0}}`).with("Idempotency-Replayed", "true"),
			by("user", post(run+"?a=1")).header("Idempotency-Key", "k").gives(422))},
		{"GET /execution: administrators all, others own; user_id for administrators; script_id, status, updated_at; exclude=params,results; paged only with page or per_page", does(ready("user"),
			by("user", get(all)).gives(200, `{"data":[{"id":"{execution}","params":{"task_name":"mine","year":2026},"...":0}]}`), by("other", get(all)).gives(200, `{"data":[]}`), by("admin", get(all+"?user_id={user.id}")).gives(200, `{"data":[{"id":"{execution}","...":0}]}`),
			by("user", get(all+"?user_id={admin.id}")).gives(403), by("admin", get(all+"?script_id={script}&status=READY&updated_at=2020-01-01&exclude=params,results&page=1&per_page=5")).gives(200, `{"data":[{"id":"{execution}","!params":0,"!results":0,"...":0}],"page":1,"per_page":5,"total":1}`),
			by("user", get(all+"?status=FAILED")).gives(200, `{"data":[]}`), by("user", get(all+"?updated_at=2999-01-01")).gives(200, `{"data":[]}`), by("admin", get(all+"?user_id=x")).gives(400), get(all).gives(401))},
		{"GET /execution: filter and sort by id, status, progress, start_date, end_date, script_id, script_name; by the user for administrators, others 403", does(ready("user"),
			by("user", get(all+"?filter=id%3D'{execution}',status%3DREADY,progress%3D0,start_date%3E2020-01-01,end_date%3Dnull,script_id%3D'{script}',script_name%3D'{slug}'&sort=status,-progress,start_date+desc,end_date,script_name")).gives(200, `{"data":[{"id":"{execution}","...":0}]}`),
			by("admin", get(all+"?filter=user_email%3D'{user.email}',user_name%3D'{user.name}',user_id%3D'{user.id}'&sort=user_name")).gives(200, `{"data":[{"id":"{execution}","...":0}]}`), by("user", get(all+"?filter=user_email%3D'x'")).gives(403), by("user", get(all+"?sort=user_id")).gives(403))},
		{"GET /execution/user: the caller's own, of administrators too", does(ready("user"), by("user", get(all+"/user")).gives(200, `{"data":[{"id":"{execution}","...":0}]}`), by("admin", get(all+"/user")).gives(200, `{"data":[]}`))},
		{"GET /execution/<id>: owner or ADMIN+; 404 Ticket Not Found for others; here: 404 for what is no uuid, too", does(ready("user"), by("user", get(one)).gives(200, `{"data":{"id":"{execution}","...":0}}`).with("ETag", `".+"`), by("super", get(one)).gives(200),
			by("other", get(one)).gives(404, says(404, "Ticket Not Found")), by("admin", get(all+"/019a0000-0000-7000-8000-000000000001")).gives(404, says(404, "Ticket Not Found")), by("admin", get(all+"/nothing")).gives(404, says(404, "Ticket Not Found")), get(one).gives(401))},
		{"include=duration,logs,user,user_name,user_email,script,script_name; the last two of the user are for administrators; exclude=params,results", does(ready("user"),
			by("admin", get(one+"?include=duration,logs,user,user_name,user_email,script,script_name&exclude=params,results")).gives(200, `{"data":{"duration":0,"logs":[],"user":{"id":"{user.id}","name":"{user.name}","email":"{user.email}"},"user_name":"{user.name}","user_email":"{user.email}",`+
				`"script":{"id":"{script}","name":"{slug}","slug":"{slug}"},"script_name":"{slug}","!params":0,"!results":0,"...":0}}`), by("user", get(one+"?include=user_name,user_email,script_name")).gives(200, `{"data":{"!user_name":0,"!user_email":0,"script_name":"{slug}","...":0}}`))},
		{"PATCH /execution/<id>: ADMIN+; at least one of status, progress, results: 400 Status, progress or results are required; 403 for others", does(ready("user"), by("admin", patch(one).json(`{}`)).gives(400, says(400, "Status, progress or results are required")),
			by("user", patch(one).json(`{"progress":1}`)).gives(403), by("other", patch(one).json(`{"progress":1}`)).gives(403),
			by("admin", patch(one).json(`{"status":"RUNNING"}`)).gives(200, `{"data":{"status":"RUNNING","...":0}}`), by("admin", patch(one).json(`{"progress":40}`)).gives(200, `{"data":{"progress":40,"...":0}}`),
			by("admin", patch(one).json(`{"status":"FINISHED","results":{"a":[1]}}`)).gives(200, `{"data":{"status":"FINISHED","progress":100,"results":{"a":[1]},"end_date":"<text>","...":0}}`))},
		{"PATCH: 400 for a bad status, progress outside 0..100, results of more than 1,200,000 bytes compressed", does(ready("user"), by("admin", patch(one).json(`{"status":"DONE"}`)).gives(400, says(400, "status")), by("admin", patch(one).json(`{"progress":101}`)).gives(400, says(400, "progress")),
			by("admin", patch(one).json(`{"progress":-1}`)).gives(400), by("admin", patch(one).json(`{"status":"RUNNING"}`)).gives(200), act(func(s *scene) {
				text, _ := json.Marshal([]byte(noise(2 << 20))) // in base64
				by("admin", patch(one).json(`{"results":`+string(text)+`}`)).gives(400, says(400, "results")).do(s)
			}))},
		{"PATCH checks transitions: 409 that names both; a late runner overwrites nothing", does(ready("user"), by("admin", patch(one).json(`{"status":"FINISHED"}`)).gives(409, says(409, "from READY to FINISHED")), by("user", post(one+"/cancel")).gives(202),
			by("admin", patch(one).json(`{"status":"FINISHED","results":{}}`)).gives(409, says(409, "from CANCELLED to FINISHED")), by("admin", get(one)).gives(200, `{"data":{"status":"CANCELLED","results":null,"...":0}}`))},
		{"Terminal: end_date, progress 100, mail when email_notifications_enabled: to the owner, once, whoever ended it", does(ready("user"), by("admin", patch(one).json(`{"status":"RUNNING"}`)).gives(200), by("admin", patch(one).json(`{"status":"FINISHED","results":{}}`)).gives(200), toldOfEnd("user", "FINISHED"),
			ran("user"), by("user", post(one+"/cancel")).gives(202), toldOfEnd("user", "CANCELLED"), ran("user"), by("admin", patch(one).json(`{"status":"RUNNING"}`)).gives(200), by("admin", patch(one).json(`{"status":"FAILED"}`)).gives(200), toldOfEnd("user", "FAILED"))},
		{"no mail when email_notifications_enabled is false, which its owner sets by PATCH /user/me", does(ready("user"), by("user", patch("/api/v1/user/me").json(`{"email_notifications_enabled":false}`)).gives(200, `{"data":{"email_notifications_enabled":false,"...":0}}`),
			by("user", post(one+"/cancel")).gives(202, `{"data":{"execution":{"id":"<text:quiet>","...":0},"...":0}}`), ran("admin"), by("admin", post(one+"/cancel")).gives(202), toldOfEnd("admin", "CANCELLED"), notTold())},
		{"each change of status is kept, with its reason", does(ready("user"), by("user", post(one+"/cancel")).gives(202), by("user", get(one+"/history")).gives(200,
			`{"data":[{"id":"<int>","status_from":"","status_to":"PENDING","reason":"","attempt":0,"timestamp":"<text>"},{"status_to":"READY","...":0},{"status_to":"CANCELLING","...":0},{"status_to":"CANCELLED","reason":"its owner wished so","...":0}]}`), by("other", get(one+"/history")).gives(404))},
		{"POST cancel: owner or ADMIN+; 202 {execution, cancellation_details}; 400 Cannot cancel execution in X state; 404 for others", does(ready("user"), by("other", post(one+"/cancel")).gives(404),
			by("user", post(one+"/cancel")).gives(202, `{"data":{"execution":{"id":"{execution}","status":"CANCELLED","progress":100,"...":0},"cancellation_details":{"execution_id":"{execution}","previous_status":"READY","new_status":"CANCELLED","queued":false,"task_id":null,"errors":[]}}}`),
			by("admin", post(one+"/cancel")).gives(400, says(400, "Cannot cancel execution in CANCELLED state")))},
		{"POST cancel of what a runner has: CANCELLING until that has ended it; 409 already CANCELLING", does(ready("user"), claimed(), by("admin", post(one+"/cancel")).gives(202, `{"data":{"execution":"<any>","cancellation_details":{"previous_status":"RUNNING","new_status":"CANCELLING","queued":true,"...":0}}}`),
			by("user", post(one+"/cancel")).gives(409, says(409, "CANCELLING")), by("user", get(one)).gives(200, `{"data":{"status":"CANCELLING","...":0}}`))},
		{"GET download-results: owner or ADMIN+; text/plain, attachment results.json, the raw results; here: not for others, and null before there are any", does(ready("user"), by("user", get(one+"/download-results")).gives(200).then(file("null")),
			by("admin", patch(one).json(`{"status":"RUNNING"}`)).gives(200), by("admin", patch(one).json(`{"status":"FINISHED","results":{"a":1.50}}`)).gives(200),
			by("user", get(one+"/download-results")).gives(200).with("Content-Type", "text/plain.*").with("Content-Disposition", `attachment; filename="results\.json"`).then(file(`{"a":1.50}`)), by("user", get(one+"/results")).gives(200).with("Content-Type", "application/json"),
			by("other", get(one+"/download-results")).gives(404), get(one+"/download-results").gives(401))},
		{"GET export: ADMIN+; date_field start_date or end_date, date_from, date_to; CSV", does(ready("user"), by("admin", get(all+"/export?date_field=start_date&date_from=2020-01-01&filter=id%3D'{execution}'")).gives(200).with("Content-Type", "text/csv.*").
			with("Content-Disposition", `attachment; filename="executions_export_[0-9_]+\.csv"`).then(func(s *scene, a gateway.Answer) {
			if strings.Count(a.Body, "\r\n") != 2 || !strings.Contains(a.Body, s.value("execution")) {
				s.t.Errorf("%s", a.Body)
			}
		}), by("user", get(all+"/export")).gives(403), by("admin", get(all+"/export?date_field=name")).gives(400))},
		{"DELETE /execution/<id> (1.9): soft; 200 data with deleted; here: the owner's and administrators', of what has ended, and nobody sees it any more", does(ready("user"), by("user", remove(one)).gives(409), by("other", remove(one)).gives(404), by("user", post(one+"/cancel")).gives(202),
			by("user", remove(one)).gives(200, `{"data":{"id":"{execution}","deleted":true,"is_plugin_execution":false,"...":0}}`), by("user", get(one)).gives(404), by("admin", get(one)).gives(404), by("admin", get(all+"?script_id={script}")).gives(200, `{"data":[]}`))},
		{"POST rerun: the same version with the same parameters, for who asks", does(ready("user"), by("user", post(one+"/rerun")).gives(200, `{"data":{"id":"<text:second>","rerun_of":"{execution}","params":{"task_name":"mine","year":2026},"script_version":1,"...":0}}`), by("other", post(one+"/rerun")).gives(404))},
		{"GET attempts: how each ended", does(ready("user"), claimed(), by("user", get(one+"/attempts")).gives(200, `{"data":[{"number":1,"state":"RUNNING","outcome":null,"exit_code":null,"started_at":"<text>","...":0}]}`), by("other", get(one+"/attempts")).gives(404))},
		{"what a user has run is cancelled when he is deleted", does(ready("user"), deleted("user"), by("admin", get(one)).gives(200, `{"data":{"status":"CANCELLED","reason":"its user was deleted","...":0}}`))},
		{"gzip bodies", does(scripted("user", "null"), built(), act(func(s *scene) {
			a := by("user", post(run).json(gzipped(s.t, `{"x":"`+strings.Repeat("x", 100_000)+`"}`)))
			a.header("Content-Encoding", "gzip").gives(200, id).do(s)
		}))},
	}
}
