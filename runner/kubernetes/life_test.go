//go:build linux

package kubernetes_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/internal/required"
	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/executor/executortest"
	"github.com/fairway-gateway/fairway/runner/kubernetes"
	"github.com/fairway-gateway/fairway/runner/kubernetes/kubetest"
)

// patient is a script that goes on until it is asked to end, which it then does well.
func patient() executor.Script {
	return executortest.Script("patient", map[string]string{"main.sh": `#!/bin/sh
trap 'echo two; cat >$FAIRWAY_RESULTS <$FAIRWAY_PARAMS; exit 0' TERM
echo one
while :; do sleep 0.05; done
`})
}

// told is what a process that is a runner is to do.
type told struct {
	Options kubernetes.Options
	ID      string
	Cancel  bool
}

// runner is a process of its own that starts an attempt, asks it to end if it is told to, and does nothing more.
func runner(text string) {
	var do told
	ctx := context.Background()
	err := json.Unmarshal([]byte(text), &do)
	if err != nil {
		panic(err)
	}
	e, err := kubernetes.New(ctx, do.Options, kubetest.NewGateway())
	if err == nil {
		if err = e.Prepare(ctx, patient(), nil); err == nil {
			var run executor.Run
			run, err = e.Start(ctx, attemptOf(do.ID, `{"a":1}`))
			if err == nil && do.Cancel {
				err = run.Cancel(ctx, executor.CauseCancel)
			}
		}
	}
	fmt.Println("started", err)
	select {}
}

func attemptOf(id, params string) executor.Attempt {
	return executor.Attempt{ID: id, Execution: "x", Script: patient(), Params: []byte(params), Token: kubetest.Token(id), Limits: executor.Limits{Grace: 2 * time.Second}}
}

// elsewhere has another process do what runner does, and kills it: as soon as it has, or, if there is a moment, then.
func (s *site) elsewhere(t *testing.T, do told, moment time.Duration) {
	t.Helper()
	// What it makes ready this gateway has to know.
	e := s.open(t, s.options(t))
	if err := e.Prepare(t.Context(), patient(), nil); err != nil {
		t.Fatal(err)
	}
	s.gateway.Know(attemptOf(do.ID, `{"a":1}`))
	text, err := json.Marshal(do)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe")
	cmd.Env = append(os.Environ(), "FAIRWAY_TEST_RUNNER="+string(text))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line := "started <nil>\n"
	if moment == 0 {
		line, err = bufio.NewReader(stdout).ReadString('\n')
	} else {
		time.Sleep(moment)
	}
	killed := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	_ = cmd.Wait()
	if killed != nil || err != nil || line != "started <nil>\n" {
		t.Fatalf("%q %v %v", line, err, killed)
	}
}

func TestRunnerIsKilled(t *testing.T) {
	t.Parallel()
	s := use(t)
	o := s.options(t)
	s.elsewhere(t, told{Options: o, ID: "killed-runner"}, 0)
	e := s.opened(t, o)
	ids, err := e.Attempts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"killed-runner"}, ids); diff != "" {
		t.Error(diff)
	}
	if others, err := s.opened(t, s.options(t)).Attempts(t.Context()); err != nil || len(others) > 0 {
		t.Errorf("%q %v", others, err)
	}
	run, err := e.Attach(t.Context(), "killed-runner")
	if err != nil {
		t.Fatal(err)
	}
	executortest.Says(t, run, "one")
	if err := run.Cancel(t.Context(), executor.CauseTimeout); err != nil {
		t.Fatal(err)
	}
	if exit, text := executortest.End(t, run); exit.Outcome != executor.TimedOut || exit.Code != 0 || !strings.Contains(text, "two\n") || executortest.Results(t, run) != `{"a":1}` {
		t.Errorf("%+v %s", exit, text)
	}
}

func TestRunnerIsKilledInTheGrace(t *testing.T) {
	t.Parallel()
	s := use(t)
	o := s.options(t)
	s.elsewhere(t, told{Options: o, ID: "killed-in-grace", Cancel: true}, 0)
	run, err := s.opened(t, o).Attach(t.Context(), "killed-in-grace")
	if err != nil {
		t.Fatal(err)
	}
	// Nobody asks again: the cluster does it.
	if exit, text := executortest.End(t, run); exit.Outcome != executor.Cancelled || exit.Reason != "it was cancelled" {
		t.Errorf("%+v %s", exit, text)
	}
}

// The log breaks off again and again: each line is read once.
func TestLogBreaksOff(t *testing.T) {
	t.Parallel()
	s := use(t)
	e := s.opened(t, s.options(t))
	run := begin(t, e, executor.Attempt{ID: "broken-log", Script: executortest.Script("broken-log", map[string]string{
		"main.sh": "#!/bin/sh\ni=0; while [ $i -lt 300 ]; do echo n$i; [ $((i % 10)) -ne 0 ] || sleep 0.05; i=$((i+1)); done\n",
	})})
	output, err := run.Output(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer output.Close()
	for i := range 300 {
		record, err := output.Next(t.Context())
		if err != nil || string(record.Text) != fmt.Sprint("n", i) || output.Offset() != int64(i)+1 {
			t.Fatalf("%d: %q, %d, %v", i, record.Text, output.Offset(), err)
		}
		if i%50 == 20 {
			s.node.BreakLogs()
		}
	}
	if record, err := output.Next(t.Context()); err == nil {
		t.Errorf("%q", record.Text)
	}
}

// What the kubelet has thrown away is missed, and told.
func TestLogIsRotated(t *testing.T) {
	t.Parallel()
	s := use(t)
	e := s.opened(t, s.options(t))
	run := begin(t, e, executor.Attempt{ID: "rotated-log", Script: executortest.Script("rotated-log", map[string]string{"main.sh": "#!/bin/sh\nfor i in 0 1 2 3 4 5 6 7 8 9; do echo n$i; done\nexit 0\n"})})
	if exit, _ := executortest.End(t, run); exit.Outcome != executor.Succeeded {
		t.Fatalf("%+v", exit)
	}
	s.node.Rotate(kubernetes.JobName("rotated-log"), 4) // and the end
	said := executortest.Said(t, run)
	if !strings.HasPrefix(said, "n:7 lines are missing here") || !strings.HasSuffix(said, "\nn7\nn8\nn9\n") || strings.Count(said, "\n") != 4 {
		t.Errorf("%q", said)
	}
	// Who has read further misses nothing.
	output, err := run.Output(t.Context(), 8)
	if err != nil {
		t.Fatal(err)
	}
	defer output.Close()
	if record, err := output.Next(t.Context()); err != nil || string(record.Text) != "n8" {
		t.Errorf("%q %v", record.Text, err)
	}
}

// A pod that has no image is cancelled, and nothing of it is left.
func TestCancelBeforeItBegins(t *testing.T) {
	t.Parallel()
	s := use(t)
	e := s.opened(t, s.options(t))
	script := executortest.Script("away", map[string]string{"main.sh": "#!/bin/sh\n", "configuration.json": `{"environment":"away"}`})
	run := begin(t, e, executor.Attempt{ID: "no-image", Script: script})
	if err := run.Cancel(t.Context(), executor.CauseCancel); err != nil {
		t.Fatal(err)
	}
	exit, said := executortest.End(t, run)
	if exit.Outcome != executor.Cancelled || exit.Code != -1 || said != "" || !exit.Started.IsZero() {
		t.Errorf("%+v %q", exit, said)
	}
	if err := e.Forget(t.Context(), "no-image"); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"/api/v1/namespaces/default/secrets/", "/apis/batch/v1/namespaces/default/jobs/"} {
		s.wantGone(t, kind+kubernetes.JobName("no-image"))
	}
}

// wantGone waits until something is there no more.
func (s *site) wantGone(t *testing.T, path string) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), kubetest.Patience)
	defer stop()
	for {
		err := s.cluster.Call(ctx, http.MethodGet, path, nil, nil)
		if status, is := errors.AsType[*kubetest.StatusError](err); is && status.Status == http.StatusNotFound {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("%s is there: %v", path, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// A start that was cut off between its two requests is gone on with by who starts the attempt, and unknown to who only looks for it.
func TestStartThatWasCutOff(t *testing.T) {
	t.Parallel()
	s := use(t)
	e := s.opened(t, s.options(t))
	const id = "cut-off"
	attempt := attemptOf(id, `{"b":2}`)
	begin(t, e, attempt)
	if err := s.cluster.Call(t.Context(), http.MethodDelete, "/api/v1/namespaces/default/secrets/"+kubernetes.JobName(id), nil, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Attach(t.Context(), id); !errors.Is(err, executor.ErrUnknown) {
		t.Errorf("got %v", err)
	}
	run, err := e.Start(t.Context(), attempt)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Attach(t.Context(), id); err != nil {
		t.Error(err)
	}
	executortest.Says(t, run, "one")
}

// A Job that somebody else has made is nobody's attempt.
func TestForeignJob(t *testing.T) {
	t.Parallel()
	s := use(t)
	e := s.opened(t, s.options(t))
	name := kubernetes.JobName("foreign")
	if err := s.cluster.Call(t.Context(), http.MethodPost, "/apis/batch/v1/namespaces/default/jobs", map[string]any{
		"metadata": map[string]any{"name": name}, "spec": map[string]any{"suspend": true, "template": map[string]any{"spec": map[string]any{
			"restartPolicy": "Never", "containers": []any{map[string]any{"name": "x", "image": "x"}},
		}}},
	}, nil); err != nil {
		t.Fatal(err)
	}
	script := patient()
	if err := e.Prepare(t.Context(), script, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Start(t.Context(), executor.Attempt{ID: "foreign", Script: script}); err == nil || !strings.Contains(err.Error(), "is no attempt's") {
		t.Errorf("got %v", err)
	}
	if err := e.Forget(t.Context(), "foreign"); err == nil {
		t.Error("it was forgotten")
	}
	if err := s.cluster.Call(t.Context(), http.MethodGet, "/apis/batch/v1/namespaces/default/jobs/"+name, nil, nil); err != nil {
		t.Error(err)
	}
}

// A gateway that is away for a while is waited for; one that refuses is believed.
func TestGateway(t *testing.T) {
	t.Parallel()
	own, err := newSite()
	if err != nil {
		required.Absent(t, "kubernetes", err)
	}
	t.Cleanup(own.close)
	e := own.opened(t, own.options(t))
	var asked atomic.Int64
	own.gateway.Before = func(w http.ResponseWriter, r *http.Request) bool {
		if strings.Contains(r.URL.Path, "refused") {
			http.Error(w, "it does not run any more", http.StatusUnauthorized)
			return true
		}
		if asked.Add(1)%3 != 0 { // two of three fail
			if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
				conn.Close()
			}
			return true
		}
		return false
	}
	attempt := executor.Attempt{ID: "patient", Execution: "p", Script: executortest.Script("results", map[string]string{"main.sh": "#!/bin/sh\necho 1 >$FAIRWAY_RESULTS\n"})}
	run := begin(t, e, attempt)
	if exit, _ := executortest.End(t, run); exit.Outcome != executor.Succeeded || executortest.Results(t, run) != "1" {
		t.Errorf("%+v", exit)
	}
	attempt.ID, attempt.Execution = "refused", "refused"
	run = begin(t, e, attempt)
	if exit, _ := executortest.End(t, run); exit.Outcome != executor.Refused || exit.Code != -1 || !strings.Contains(exit.Reason, "the gateway answers 401") {
		t.Errorf("%+v", exit)
	}

	// The server is killed while an attempt runs: it goes on, and what happened meanwhile is known when the server is there again.
	run = begin(t, e, attemptOf("server", `{"c":3}`))
	executortest.Says(t, run, "one")
	output, err := run.Output(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer output.Close()
	if record, err := output.Next(t.Context()); err != nil || string(record.Text) != "one" {
		t.Fatalf("%q %v", record.Text, err)
	}
	ended := make(chan executor.Exit, 1)
	go func() {
		exit, err := run.Wait(t.Context())
		if err != nil {
			t.Error(err)
		}
		ended <- exit
	}()
	own.cluster.Kill("kube-apiserver")
	cancelled := make(chan error, 1)
	go func() { cancelled <- run.Cancel(t.Context(), executor.CauseCancel) }()
	if err := own.cluster.StartServer(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-cancelled; err != nil {
		t.Fatal(err)
	}
	if got := <-ended; got.Outcome != executor.Cancelled || got.Code != 0 {
		t.Errorf("%+v", got)
	}
	for { // what the shell says of its sleep, on standard error, may come first
		record, err := output.Next(t.Context())
		if err != nil || record.Stream == executor.Stdout {
			if err != nil || string(record.Text) != "two" {
				t.Errorf("%q %v", record.Text, err)
			}
			break
		}
	}
	if got := executortest.Results(t, run); got != `{"c":3}` {
		t.Error(got)
	}
}

// The agent is killed by somebody else: nobody knows how the script would have ended.
func TestAgentIsKilled(t *testing.T) {
	t.Parallel()
	s := use(t)
	e := s.opened(t, s.options(t))
	run := begin(t, e, attemptOf("agent", `{}`))
	executortest.Says(t, run, "one")
	if !s.node.KillAgent(kubernetes.JobName("agent")) {
		t.Fatal("there is none")
	}
	if exit, said := executortest.End(t, run); exit.Outcome != executor.Lost || exit.Code != 137 || said != "one\n" {
		t.Errorf("%+v %q", exit, said)
	}
	if body, err := run.Results(t.Context()); !errors.Is(err, executor.ErrNoResults) {
		t.Errorf("%v %v", body, err)
	}
}

// Of the pods that a cluster makes for one attempt by mistake one runs the script, and the other one waits until it is removed.
func TestTwoPods(t *testing.T) {
	t.Parallel()
	s := use(t)
	e := s.opened(t, s.options(t))
	const id, path = "two-pods", "/api/v1/namespaces/default/pods"
	run := begin(t, e, attemptOf(id, `{}`))
	executortest.Says(t, run, "one")
	var pods struct {
		Items []map[string]any `json:"items"`
	}
	if err := s.cluster.Call(t.Context(), http.MethodGet, path+"?labelSelector=batch.kubernetes.io%2Fjob-name%3D"+kubernetes.JobName(id), nil, &pods); err != nil || len(pods.Items) != 1 {
		t.Fatal(err, pods)
	}
	spec, _ := pods.Items[0]["spec"].(map[string]any)
	delete(spec, "nodeName")
	another := map[string]any{"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"name": "another"}, "spec": spec}
	if err := s.cluster.Call(t.Context(), http.MethodPost, path, another, nil); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(kubetest.Patience); s.gateway.Refused(id) < 2; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nobody asked")
		}
	}
	var now struct {
		Status struct {
			Phase string `json:"phase"`
		} `json:"status"`
	}
	if err := s.cluster.Call(t.Context(), http.MethodGet, path+"/another", nil, &now); err != nil || now.Status.Phase != "Pending" || s.gateway.Count(id) != 1 {
		t.Errorf("it is %v, and files were given %d times: %v", now, s.gateway.Count(id), err)
	}
	if err := s.cluster.Call(t.Context(), http.MethodDelete, path+"/another", nil, nil); err != nil {
		t.Error(err)
	}
	if err := run.Cancel(t.Context(), executor.CauseCancel); err != nil {
		t.Fatal(err)
	}
	if exit, said := executortest.End(t, run); exit.Outcome != executor.Cancelled || !strings.Contains(said, "two\n") {
		t.Errorf("%+v %q", exit, said)
	}
}

// A pod that somebody deletes was lost.
func TestPodIsDeleted(t *testing.T) {
	t.Parallel()
	s := use(t)
	e := s.opened(t, s.options(t))
	run := begin(t, e, attemptOf("deleted", `{}`))
	executortest.Says(t, run, "one")
	if err := s.cluster.Call(t.Context(), http.MethodDelete, "/api/v1/namespaces/default/pods?labelSelector=fairway.job="+kubernetes.JobName("deleted"), nil, nil); err != nil {
		t.Fatal(err)
	}
	// Its script ended well when it was asked to; that is how it is told if the runner saw that, and else that it is gone.
	if exit, _ := executortest.End(t, run); exit.Outcome != executor.Succeeded && exit.Outcome != executor.Lost {
		t.Errorf("%+v", exit)
	}
}

// TestPage holds docs/kubernetes.md to what is so: the rights that it says are those that are asked for, and the cluster takes its manifests.
func TestPage(t *testing.T) {
	t.Parallel()
	documents, err := kubetest.Manifests(page)
	if err != nil {
		t.Fatal(err)
	}
	said := map[[3]string]bool{}
	for _, rule := range documents["Role"]["rules"].([]any) {
		rule := rule.(map[string]any)
		for _, group := range rule["apiGroups"].([]any) {
			for _, resource := range rule["resources"].([]any) {
				for _, verb := range rule["verbs"].([]any) {
					said[[3]string{group.(string), resource.(string), verb.(string)}] = true
				}
			}
		}
	}
	for _, right := range kubernetes.Rights() {
		if !said[right] {
			t.Errorf("the page does not say %q", right)
		}
		delete(said, right)
	}
	if len(said) > 0 {
		t.Errorf("nobody needs %v", said)
	}
	s := use(t)
	policy := documents["NetworkPolicy"]
	policy["metadata"].(map[string]any)["namespace"] = "default"
	if err := s.cluster.Call(t.Context(), http.MethodPost, "/apis/networking.k8s.io/v1/namespaces/default/networkpolicies?fieldValidation=Strict&dryRun=All", policy, nil); err != nil {
		t.Error(err)
	}
	// Without the rights there is no runner, which says what it lacks.
	o := s.options(t)
	o.Namespace = "kube-system"
	_, err = kubernetes.New(t.Context(), o, s.gateway)
	if level, is := errors.AsType[*executor.LevelError](err); !is || len(level.Missing) != len(kubernetes.Rights()) || level.Missing[0] != "its account must be allowed to create jobs in the namespace kube-system" {
		t.Errorf("got %v", err)
	}
}
