package control_test

import (
	"context"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/e2e/gateway"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/runner/logs"
	"github.com/fairway-gateway/fairway/runner/ticket"
)

// running has {execution} be one of a user's, of which {attempt} runs here, whose script has {token}. No gateway takes it.
func running(who string) act {
	return func(s *scene) {
		s.t.Helper()
		ctx, owner := context.Background(), uuid.MustParse(s.value(who+".id"))
		made, err := s.store.CreateExecution(ctx, queries.Limits{}, queries.NewExecution{Script: s.insertScript(owner), Version: 1, User: owner, Queue: "nobody", Params: []byte(`{"year":2026}`)})
		if err != nil {
			s.t.Fatal(err)
		}
		attempts, err := s.store.Attempts(ctx, made.ID)
		if err != nil || len(attempts) != 1 {
			s.t.Fatal(attempts, err)
		}
		got, err := s.store.Claim(ctx, queries.ClaimRequest{Runner: uuid.New(), Attempts: []uuid.UUID{attempts[0].ID}, Most: 1, Lease: time.Hour})
		if err != nil || len(got) != 1 {
			s.t.Fatal(got, err)
		}
		token, hash := ticket.New()
		if _, err := s.store.Start(ctx, []queries.StartRequest{{Holder: got[0].Holder, Timeout: time.Hour, TokenHash: hash}}, time.Hour); err != nil {
			s.t.Fatal(err)
		}
		s.vars["execution"], s.vars["attempt"], s.vars["token"] = made.ID.String(), got[0].Attempt.String(), token
	}
}

// holder is who has {attempt}.
func (s *scene) holder() queries.Holder {
	s.t.Helper()
	attempts, err := s.store.Attempts(context.Background(), uuid.MustParse(s.value("execution")))
	if err != nil || len(attempts) == 0 {
		s.t.Fatal(err)
	}
	a := attempts[len(attempts)-1]
	return queries.Holder{Attempt: a.ID, Execution: a.ExecutionID, Fence: a.Fence}
}

// printed has the script print lines, now.
func printed(texts ...string) act {
	return func(s *scene) {
		s.t.Helper()
		lines := make([]logs.Line, len(texts))
		for i, text := range texts {
			lines[i] = logs.Line{Level: logs.Info, Time: time.Now(), Text: text}
		}
		if err := s.store.AppendLog(context.Background(), s.holder(), []queries.LogChunk{{
			Seq: 1, Lines: len(lines), First: lines[0].Time, Last: lines[len(lines)-1].Time, Data: logs.Pack(logs.Start(), lines),
		}}); err != nil {
			s.t.Fatal(err)
		}
	}
}

// ends has the runner say that the script ended.
func ends(o queries.Outcome) act {
	return func(s *scene) {
		s.t.Helper()
		done, err := s.store.Finish(context.Background(), []queries.FinishRequest{{Holder: s.holder(), Outcome: o}})
		if err != nil || done[0].Status == "" {
			s.t.Fatal(done, err)
		}
	}
}

// liveRows are logs and events of executions, and what their scripts say.
func liveRows() []row {
	const one = "/api/v1/execution/{execution}"
	by := func(who string, a *ask) *ask { return a.bearer("{" + who + ".access}") }
	script := func(a *ask) *ask { return a.bearer("{token}") }
	line := func(text, level string) string { return `{"text":"` + text + `","level":"` + level + `"}` }
	login := func(email, password string) *ask {
		return post("/auth").json(`{"email":"` + email + `","password":"` + password + `"}`)
	}
	bad := func(text string) string { return `{"status":400,"msg":"` + text + `","detail":"` + text + `","...":0}` }
	return []row{
		{"GET /execution/<id>/log: none may be asked for a login; here: owner or ADMIN+, for others there is none", does(running("user"), printed("one"), get(one+"/log").gives(401), by("user", get(one+"/log")).gives(200), by("admin", get(one+"/log")).gives(200),
			by("other", get(one+"/log")).gives(404, `{"detail":"Ticket Not Found","...":0}`), by("other", get(one+"/log.txt")).gives(404), by("other", get(one+"/events")).gives(404), by("other", get(one+"/params")).gives(404), by("admin", get("/api/v1/execution/019a0000-0000-7000-8000-000000000001/log")).gives(404))},
		{"GET log: data [{id,text,level,register_date,execution_id}], in their order; start, last-id strictly greater", does(running("user"), printed("one", "two"), by("admin", post(one+"/log").json(line("three", "WARN"))).gives(200),
			by("user", get(one+"/log")).gives(200, `{"data":[{"id":1,"text":"one","level":"INFO","register_date":"<re:[0-9-]+T[0-9:]+\\.[0-9]{6}>","execution_id":"{execution}"},{"id":2,"text":"two","...":0},{"id":3,"text":"three","level":"WARNING","register_date":"<text:last>","...":0}]}`),
			by("user", get(one+"/log?last-id=1")).gives(200, `{"data":[{"id":2,"...":0},{"id":3,"...":0}]}`), by("user", get(one+"/log?last-id=3")).gives(200, `{"data":[]}`), by("user", get(one+"/log?start={last}")).gives(200, `{"data":[]}`),
			by("user", get(one+"/log?start=2001-01-01")).gives(200, `{"data":["<any>","<any>","<any>"]}`), by("user", get(one+"/log?last-id=x")).gives(400), by("user", get(one+"/log?start=yesterday")).gives(400))},
		{"GET log: start with a plus that was not escaped is that time and not midnight", does(running("user"), printed("one"), by("user", get(one+"/log")).gives(200, `{"data":[{"register_date":"<text:last>","...":0}]}`), act(func(s *scene) {
			by("user", get(one+"/log?start="+s.value("last")+"+00:00")).gives(200, `{"data":[]}`).do(s)
			by("user", get(one+"/log?start="+s.value("last")[:10]+"T00:00:00.000+00:00")).gives(200, `{"data":["<any>"]}`).do(s)
		}))},
		{"POST /execution/<id>/log: ADMIN or gef; 400 Text and level are required", does(running("user"), by("admin", post(one+"/log").json(line("a", "INFO"))).gives(200, `{"data":{"id":1,"text":"a","level":"INFO","...":0}}`), by("user", post(one+"/log").json(line("a", "INFO"))).gives(403), post(one+"/log").json(line("a", "INFO")).gives(401),
			by("admin", post(one+"/log").json(`{"text":"a"}`)).gives(400, bad("Text and level are required")), by("admin", post(one+"/log").json(`{"level":"INFO"}`)).gives(400, bad("Text and level are required")), by("admin", post(one+"/log")).gives(400, bad("Text and level are required")))},
		{"POST log: text <= 10000, HTML stripped; level DEBUG|INFO|WARNING|ERROR|CRITICAL, and WARN", does(running("user"), by("admin", post(one+"/log").json(line(strings.Repeat("x", 10000), "DEBUG"))).gives(200), by("admin", post(one+"/log").json(line(strings.Repeat("x", 10001), "DEBUG"))).gives(400),
			by("admin", post(one+"/log").json(line("<p>1 < 2 in <module></p><scr<b>ipt>", "CRITICAL"))).gives(200, `{"data":{"text":"1 < 2 in <module>","level":"CRITICAL","...":0}}`), by("admin", post(one+"/log").json(line("a", "WARN"))).gives(200, `{"data":{"level":"WARNING","...":0}}`), by("admin", post(one+"/log").json(line("a", "LOUD"))).gives(400))},
		{"GET docker-logs, batch-logs: ADMIN+; data [{id,created_at,text}]", does(running("user"), printed("one"), by("admin", get(one+"/docker-logs")).gives(200, `{"data":[{"id":1,"created_at":"<text>","text":"one"}]}`), by("admin", get(one+"/batch-logs")).gives(200, `{"data":[]}`), by("user", get(one+"/docker-logs")).gives(403), by("user", get(one+"/batch-logs")).gives(403))},
		{"the whole log as text", does(running("user"), printed("one\ntwo", "\x1b[31mred"), by("user", get(one+"/log.txt")).gives(200).with("Content-Type", "text/plain; charset=utf-8").then(func(s *scene, a gateway.Answer) {
			if strings.Count(a.Body, "\n") != 3 || !strings.Contains(a.Body, "Z INFO     one\n\ttwo\n") || !strings.Contains(a.Body, "␛[31mred") {
				s.t.Error(a.Body)
			}
		}))},
		{"the runner: login POST /auth as API_USER, PATCH status RUNNING, parameters, progress, results and FINISHED", does(running("user"),
			login("{attempt}", "{token}").gives(200, `{"access_token":"{token}","token":"{token}","user_id":"{attempt}","expires_in":"<int>"}`), script(patch(one).json(`{"status":"RUNNING"}`)).gives(200), script(get(one+"/params")).gives(200, `{"year":2026}`),
			script(patch(one).json(`{"progress":30}`)).gives(200, `{"data":{"progress":30,"status":"RUNNING","...":0}}`), script(post(one+"/log").json(line("Working", "INFO"))).gives(200), script(patch(one).json(`{"results":{"a":[1]},"status":"FINISHED"}`)).gives(200), ends(queries.OutcomeSucceeded),
			by("user", get(one)).gives(200, `{"data":{"status":"FINISHED","progress":100,"results":{"a":[1]},"...":0}}`), by("user", get(one+"/results")).gives(200, `{"a":[1]}`))},
		{"the runner: exception: POST log with traceback, PATCH status FAILED; here: the runner says how it ended, and heeds that", does(running("user"), script(post(one+"/log").json(line("Traceback: in <module>", "ERROR"))).gives(200), script(patch(one).json(`{"status":"FAILED"}`)).gives(200),
			by("user", get(one)).gives(200, `{"data":{"status":"RUNNING","...":0}}`), ends(queries.OutcomeSucceeded), by("user", get(one)).gives(200, `{"data":{"status":"FAILED","reason":"the script said that it failed","...":0}}`))},
		{"one shared admin account for every script; here: a token of the attempt, good for nothing else", does(running("user"), act(func(s *scene) { s.vars["mine"], s.vars["first"] = s.value("token"), s.value("execution") }), running("user"),
			get("/api/v1/user/me").bearer("{mine}").gives(403), get("/api/v1/user").bearer("{mine}").gives(403), get("/api/v1/script").bearer("{mine}").gives(403), get("/api/v1/execution").bearer("{mine}").gives(403), get("/api/v1/execution/{first}").bearer("{mine}").gives(403),
			get("/api/v1/execution/{first}/events").bearer("{mine}").gives(403), post("/api/v1/execution/{first}/cancel").bearer("{mine}").gives(403), patch(one).bearer("{mine}").json(`{"status":"FAILED"}`).gives(404), post(one+"/log").bearer("{mine}").json(line("a", "INFO")).gives(404),
			get(one+"/params").bearer("{mine}").gives(404), post("/auth/refresh").json(`{"refresh_token":"{mine}"}`).gives(403), post("/auth/logout").bearer("{mine}").gives(403), login("{user.email}", "{mine}").gives(401), login("{attempt}", "{mine}").gives(401), get("/api/v1/user/me").basic("{attempt}", "{mine}").gives(401))},
		{"a late runner can overwrite CANCELLED; here: what is over says nothing more", does(running("user"), ends(queries.OutcomeFailed), script(patch(one).json(`{"status":"FINISHED","results":1}`)).gives(401), script(post(one+"/log").json(line("late", "INFO"))).gives(401), script(get(one+"/params")).gives(401),
			login("{attempt}", "{token}").gives(401), by("user", get(one)).gives(200, `{"data":{"status":"FAILED","results":null,"...":0}}`))},
		{"events: what happened, and what is behind one of them", does(running("user"), printed("one"), ends(queries.OutcomeSucceeded),
			by("user", get(one+"/events?wait=0s")).gives(200, `{"data":[{"id":"<text>","event":"status","data":{"from":"","to":"PENDING","...":0}},{"id":"<text:ready>","event":"status","data":{"to":"READY","...":0}},{"event":"status","data":{"to":"RUNNING","...":0},"...":0},{"event":"log","data":[{"id":1,"text":"one","...":0}],"...":0},`+
				`{"event":"status","data":{"from":"RUNNING","to":"FINISHED","...":0},"...":0},{"event":"progress","data":{"progress":100},"...":0},{"id":"<text:end>","event":"end","data":{"status":"FINISHED","...":0}}]}`),
			by("user", get(one+"/events?wait=0s")).header("Last-Event-ID", "{ready}").gives(200, `{"data":[{"data":{"to":"RUNNING","...":0},"...":0},"<any>","<any>","<any>","<any>"]}`), by("user", get(one+"/events?last_event_id={end}&wait=30s")).gives(200, `{"data":[]}`), by("user", get(one+"/events?last_event_id=x")).gives(400),
			by("user", get(one+"/events")).header("Last-Event-ID", "{end}").nothing(204), by("user", get(one+"/events")).header("Accept", "text/event-stream").gives(200).with("Content-Type", "text/event-stream").with("Cache-Control", "no-store, no-transform").then(func(s *scene, a gateway.Answer) {
				if !strings.HasPrefix(a.Body, "retry: 2000\n\nid: ") || strings.Count(a.Body, "\nevent: ") != 7 || !strings.HasSuffix(a.Body, "\n\n") {
					s.t.Error(a.Body)
				}
			}))},
	}
}
