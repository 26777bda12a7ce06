package kubernetes

import (
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/runner/executor"
)

func pemOf(server *httptest.Server) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
}

// TestJudge is what is said of the ends that there are, by what the cluster says of Job and pod.
func TestJudge(t *testing.T) {
	t.Parallel()
	const ran = `"startedAt":"2026-11-20T10:00:00Z","finishedAt":"2026-11-20T10:00:05Z"`
	script := func(code int, more string) string {
		return fmt.Sprintf(`{"metadata":{"name":"p"},"status":{"phase":"Failed","containerStatuses":[{"name":"script","state":{"terminated":{"exitCode":%d,%s%s}}}]}}`, code, ran, more)
	}
	message := func(text string) string {
		quoted, _ := json.Marshal(text)
		return `,"message":` + string(quoted)
	}
	const (
		failed    = `{"status":{"conditions":[{"type":"Failed","status":"True","reason":"BackoffLimitExceeded","message":"it failed"}]}}`
		late      = `{"status":{"conditions":[{"type":"Failed","status":"True","reason":"DeadlineExceeded"}]}}`
		suspended = `{"metadata":{"annotations":{"fairway.end":"{\"outcome\":\"CANCELLED\",\"reason\":\"it was cancelled\"}"}},"status":{"conditions":[{"type":"Suspended","status":"True"}]}}`
		cancelled = `{"metadata":{"annotations":{"fairway.end":"{\"outcome\":\"CANCELLED\",\"reason\":\"it was cancelled\"}"}}}`
		spoilt    = `{"metadata":{"annotations":{"fairway.end":"{"}}}`
		killed    = `{"metadata":{"annotations":{"fairway.end":"{\"outcome\":\"LOST\",\"reason\":\"r\",\"kill\":true}"}},"status":{"conditions":[{"type":"Failed","status":"True"}]}}`
	)
	for name, test := range map[string]struct {
		job, pod string
		want     string // outcome, code, signal, reason; empty: it has not ended
	}{
		"well":                         {"{}", script(0, ""), "SUCCEEDED 0  "},
		"a code":                       {"{}", script(3, message(`{"code":3}`)), "FAILED 3  it exited with 3"},
		"a signal":                     {"{}", script(139, message(`{"code":139,"signal":"SIGSEGV"}`)), "FAILED 139 SIGSEGV it was ended by SIGSEGV"},
		"too long":                     {"{}", script(143, message(`{"code":143,"signal":"SIGTERM","verdict":"TIMEOUT","reason":"it took longer than 1s"}`)), "TIMEOUT 143 SIGTERM it took longer than 1s"},
		"too long, then cancelled":     {cancelled, script(143, message(`{"code":143,"verdict":"TIMEOUT","reason":"it took longer than 1s"}`)), "TIMEOUT 143  it took longer than 1s"},
		"cancelled":                    {cancelled, script(7, message(`{"code":7,"asked":true}`)), "CANCELLED 7  it was cancelled"},
		"cancelled, nobody knows why":  {spoilt, script(7, ""), "LOST 7  it was ended, and nobody knows why"},
		"memory, says the agent":       {"{}", script(137, message(`{"code":137,"signal":"SIGKILL","verdict":"OOM","reason":"too much"}`)), "OOM 137 SIGKILL too much"},
		"memory, says the kubelet":     {"{}", script(137, `,"reason":"OOMKilled"`), "OOM 137 SIGKILL it took more memory than its limit; what it writes to files counts, too"},
		"refused":                      {"{}", script(125, message(`{"code":-1,"verdict":"REFUSED","reason":"no such file"}`)), "REFUSED -1  no such file"},
		"the agent was killed":         {failed, script(137, ""), "LOST 137 SIGKILL the cluster ended it"},
		"evicted":                      {failed, strings.Replace(script(143, message(`{"code":143,"signal":"SIGTERM","asked":true}`)), `"phase":"Failed"`, `"phase":"Failed","reason":"Evicted","message":"The node was low on memory"`, 1), "LOST 143 SIGTERM the cluster ended it: Evicted: The node was low on memory"},
		"past the deadline of the Job": {late, script(143, message(`{"code":143,"asked":true}`)), "TIMEOUT 143  it took longer than the cluster was told that it may"},
		"success cannot be forged":     {"{}", script(1, message(`{"code":0,"verdict":"SUCCEEDED"}`)), "LOST 1  the cluster ended it"},
		"nor can what is no verdict":   {"{}", script(1, message(`{"code":1,"verdict":"CANCELLED","reason":"x"}`)), "FAILED 1  it exited with 1"},
		"a message that is none":       {"{}", script(3, message("{")), "LOST 3  the cluster ended it"},
		"it runs":                      {"{}", `{"metadata":{"name":"p","deletionTimestamp":"2999-11-20T10:00:00Z"},"status":{"phase":"Running"}}`, ""},
		"its node is gone":             {"{}", `{"metadata":{"name":"p","deletionTimestamp":"2026-01-20T10:00:00Z"},"spec":{"nodeName":"n7"},"status":{"phase":"Running"}}`, "LOST -1  its node n7 does not answer"},
		"no files":                     {failed, `{"status":{"phase":"Failed","initContainerStatuses":[{"name":"files","state":{"terminated":{"exitCode":125,"message":"{\"code\":-1,\"verdict\":\"REFUSED\",\"reason\":\"fetch: 404\"}"}}}]}}`, "REFUSED -1  fetch: 404"},
		"files, and no agent":          {failed, `{"status":{"phase":"Failed","initContainerStatuses":[{"name":"files","state":{"terminated":{"exitCode":127,"message":"no such program"}}}]}}`, "REFUSED -1  what it needs could not be fetched: no such program"},
		"it never began":               {late, `{"status":{"phase":"Failed"}}`, "TIMEOUT -1  it could not begin in the time that the cluster was told"},
		"ended before it began":        {cancelled, `{"status":{"phase":"Failed"}}`, "CANCELLED -1  it was cancelled"},
		"rejected by its node":         {failed, `{"status":{"phase":"Failed","reason":"OutOfcpu"}}`, "LOST -1  the cluster ended it before it began: OutOfcpu"},
		"no pod yet":                   {"{}", "", ""},
		"no pod yet, to be cancelled":  {cancelled, "", ""},
		"no pod ever":                  {suspended, "", "CANCELLED -1  it was cancelled"},
		"no pod any more":              {failed, "", "LOST -1  its pod is gone: it failed"},
		"no pod any more, late":        {late, "", "TIMEOUT -1  it took longer than the cluster was told that it may"},
		"no pod any more, killed":      {killed, "", "LOST 137 SIGKILL r"},
		"no pod any more, well":        {`{"status":{"conditions":[{"type":"Complete","status":"True"}]}}`, "", "SUCCEEDED 0  "},
	} {
		var j job
		if err := json.Unmarshal([]byte(test.job), &j); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var s seen
		if test.pod != "" {
			s.pod = new(pod)
			if err := json.Unmarshal([]byte(test.pod), s.pod); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		s.judge(&j, time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC))
		got := ""
		if s.ended {
			got = fmt.Sprintf("%s %d %s %s", s.exit.Outcome, s.exit.Code, s.exit.Signal, s.exit.Reason)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if s.ended && (s.exit.Ended.IsZero() || s.exit.Code == -1 && !s.exit.Started.IsZero()) {
			t.Errorf("%s: %+v", name, s.exit)
		}
	}
}

// FuzzReport: what a script writes in place of the agent says nothing but how its own exit code is meant.
func FuzzReport(f *testing.F) {
	f.Add(`{"code":3,"verdict":"OOM","results":"over"}`, 3)
	f.Add(`{"code":-1,"verdict":"SUCCEEDED"}`, 1)
	f.Fuzz(func(t *testing.T, message string, code int) {
		at := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
		s := seen{pod: &pod{Status: podStatus{Phase: "Failed", ContainerStatuses: []containerStatus{{Name: containerScript, State: containerState{Terminated: &terminated{ExitCode: code, Message: message, StartedAt: &at}}}}}}}
		s.judge(new(job), at)
		if got := s.exit.Outcome; !s.ended || got == executor.Cancelled || got == executor.Succeeded && code != 0 || got == "" {
			t.Errorf("%+v", s.exit)
		}
	})
}

func TestNames(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, id := range []string{
		"019a0000-0000-7000-8000-000000000001", "a", "ab", "A", "a_b", "a-", "-a", "a--b", strings.Repeat("a", 64), strings.Repeat("a", 63), strings.Repeat("A", 64), "x0123456789abcdef0123456789abcdef",
	} {
		name := jobName(id)
		if len(name) > 52 || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || strings.HasSuffix(name, "-") {
			t.Errorf("%s: %s", id, name)
		}
		if other, is := seen[name]; is {
			t.Errorf("%s and %s are both %s", id, other, name)
		}
		seen[name] = id
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	good := Options{Directory: "/d", Image: "python:3.13", Agent: "fairway:1", Gateway: "http://fairway.fairway.svc"}
	o, err := good.complete()
	if err != nil || o.Program != "/usr/bin/fairway" || o.Pull != "missing" || o.Wait != 15*time.Minute || o.Keep != 24*time.Hour || o.Python != "python3" {
		t.Errorf("%+v %v", o, err)
	}
	if user, group, err := (Options{User: "7:8"}).user(); user != 7 || group != 8 || err != nil {
		t.Error(user, group, err)
	}
	if user, group, err := (Options{User: "7"}).user(); user != 7 || group != 7 || err != nil {
		t.Error(user, group, err)
	}
	for want, change := range map[string]func(*Options){
		"absolute path":   func(o *Options) { o.Directory = "d" },
		"image or env":    func(o *Options) { o.Image = "" },
		"agent has to":    func(o *Options) { o.Agent = "" },
		"gateway has to":  func(o *Options) { o.Gateway = "" },
		"gateway is":      func(o *Options) { o.Gateway = "ftp://x" },
		"no namespace":    func(o *Options) { o.Namespace = "../x" },
		"pull \"often\"":  func(o *Options) { o.Pull = "often" },
		"wait has":        func(o *Options) { o.Wait = time.Second },
		"keep has":        func(o *Options) { o.Keep = time.Second },
		"not root's":      func(o *Options) { o.User = "1:0" },
		"agent: image":    func(o *Options) { o.Agent = "A B" },
		"image \"A B\"":   func(o *Options) { o.Image = "A B" },
		"program of the":  func(o *Options) { o.Program = "fairway" },
		"environment x: ": func(o *Options) { o.Environments = map[string]string{"x": "{version}"} },
	} {
		bad := good
		change(&bad)
		if _, err := bad.complete(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// TestAway: a cluster that is away, or has just begun, is asked again by whoever runs attempts; what it says of a request is final.
func TestAway(t *testing.T) {
	t.Parallel()
	e := &Executor{api: &api{access: &access{server: "https://cluster"}}}
	for status, want := range map[int]bool{0: true, 401: true, 403: true, 408: true, 429: true, 500: true, 503: true, 400: false, 404: false, 409: false, 422: false} {
		err := error(&apiError{status: status})
		if status == 0 {
			err = io.ErrUnexpectedEOF
		}
		said := e.explain(err)
		if errors.Is(said, executor.ErrAway) != want || !errors.Is(said, err) || !strings.Contains(said.Error(), "https://cluster") {
			t.Errorf("%d: %v", status, said)
		}
	}
}
