package integration_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"mime/multipart"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/fairway-gateway/fairway/internal/required"
)

const (
	runnerUser     = "ann@example.org"
	runnerPassword = "Correct-Horse-1"
)

// counting is a script that counts until somebody ends it.
const counting = "#!/bin/sh\necho begins as $$\ni=0\nwhile :; do i=$((i+1)); echo tick $i; sleep 0.05; done\n"

// runs is a configuration with the control API, and words of the option fairway.
func runs(words string) string {
	return siteWith("\tfairway {\n\t\tdatabase {env.DATABASE_URL}\n\t\tsecret {env.FAIRWAY_SECRET}\n"+words+"\n\t}", "\thealth\n\tcontrol\n")
}

// startRunning runs a gateway with a runner, whose first administrator has a login.
func startRunning(t *testing.T, dsn, words string) *gateway {
	t.Helper()
	g := startGateway(t, runs(words), "DATABASE_URL="+dsn, "FAIRWAY_SECRET="+someSecret, "FAIRWAY_ADMIN_EMAIL="+runnerUser, "FAIRWAY_ADMIN_PASSWORD="+runnerPassword)
	g.isolates(t)
	return g
}

// isolates ends a test on a machine where executions cannot be isolated.
func (g *gateway) isolates(t *testing.T) {
	t.Helper()
	if a := g.get(t, "/ready"); strings.Contains(a.body, `"missing"`) {
		required.Absent(t, "isolation", errors.New(a.body))
	}
}

// waitReady waits until /ready has a text.
func (g *gateway) waitReady(t *testing.T, text string) {
	t.Helper()
	if err := waitFor(func() error {
		if a := g.get(t, "/ready"); !strings.Contains(a.body, text) {
			return errors.New(a.body)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// uploads sends a script, and waits until it is built. It gives its slug.
func (g *gateway) uploads(t *testing.T, name, text string) string {
	t.Helper()
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	part, err := w.CreateFormFile("file", name)
	if err == nil {
		_, err = part.Write([]byte(text))
	}
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	a := g.ask(t, request{
		method: http.MethodPost, path: "/api/v1/script", user: runnerUser + ":" + runnerPassword, header: http.Header{"Content-Type": {w.FormDataContentType()}}, body: form.String(),
	})
	var made struct {
		Data struct {
			Slug string `json:"slug"`
		} `json:"data"`
	}
	if err := json.Unmarshal([]byte(a.body), &made); err != nil || made.Data.Slug == "" {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if err := patiently(func() error {
		_, got := g.mine(t, http.MethodGet, "/api/v1/script/"+made.Data.Slug, "")
		switch got["status"] {
		case "SUCCESS":
			return nil
		case "FAIL":
			return fatalError{fmt.Errorf("%v", got)}
		}
		return fmt.Errorf("the script is %v", got["status"])
	}); err != nil {
		t.Fatal(err)
	}
	return made.Data.Slug
}

// patiently waits five times as long as waitFor, for what other programs do as well.
func patiently(is func() error) (err error) {
	for range 5 {
		if err = waitFor(is); err == nil || errors.As(err, new(fatalError)) {
			return err
		}
	}
	return err
}

// mine asks as the administrator, and gives data of the answer.
func (g *gateway) mine(t *testing.T, method, path, body string) (int, map[string]any) {
	t.Helper()
	a := g.ask(t, request{method: method, path: path, user: runnerUser + ":" + runnerPassword, header: http.Header{"Content-Type": {"application/json"}}, body: body})
	var got struct {
		Data json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal([]byte(a.body), &got); err != nil {
		t.Fatalf("%s %s: %d %s", method, path, a.status, a.body)
	}
	var data map[string]any
	if json.Unmarshal(got.Data, &data) != nil {
		t.Fatalf("%s %s: %d %s", method, path, a.status, a.body)
	}
	return a.status, data
}

// runsScript asks for an execution of a script, and gives its id.
func (g *gateway) runsScript(t *testing.T, slug, params string) string {
	t.Helper()
	status, got := g.mine(t, http.MethodPost, "/api/v1/script/"+slug+"/run", params)
	id, _ := got["id"].(string)
	if id == "" {
		t.Fatalf("%d %v", status, got)
	}
	return id
}

// waitStatus waits until an execution has a status, and gives it.
func (g *gateway) waitStatus(t *testing.T, id, status string) map[string]any {
	t.Helper()
	var got map[string]any
	if err := waitFor(func() error {
		_, got = g.mine(t, http.MethodGet, "/api/v1/execution/"+id, "")
		is, _ := got["status"].(string)
		if is == status {
			return nil
		}
		err := fmt.Errorf("it is %v: %v", is, got["reason"])
		if is == "FINISHED" || is == "FAILED" || is == "CANCELLED" {
			return fatalError{err}
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return got
}

// logOf is the log of an execution as text.
func (g *gateway) logOf(t *testing.T, id string) string {
	t.Helper()
	a := g.ask(t, request{method: http.MethodGet, path: "/api/v1/execution/" + id + "/log.txt", user: runnerUser + ":" + runnerPassword})
	if a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	return a.body
}

// ticked is how far the script counting has counted, as its log has it: from 1, each number once, by one process.
func (g *gateway) ticked(t *testing.T, id string) int {
	t.Helper()
	log := g.logOf(t, id)
	if n := strings.Count(log, "begins as "); n > 1 {
		t.Fatalf("it was begun %d times:\n%s", n, log)
	}
	ticks := regexp.MustCompile(`tick (\d+)`).FindAllStringSubmatch(log, -1)
	for i, m := range ticks {
		if n, err := strconv.Atoi(m[1]); err != nil || n != i+1 {
			t.Fatalf("line %d of the log says %q", i+1, m[0])
		}
	}
	return len(ticks)
}

// waitTicks waits until it has counted on for a while.
func (g *gateway) waitTicks(t *testing.T, id string, more int) {
	t.Helper()
	want := g.ticked(t, id) + more
	if err := waitFor(func() error {
		if n := g.ticked(t, id); n < want {
			return fmt.Errorf("it counted to %d of %d", n, want)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// cancels ends an execution of the script counting, which was one attempt from its beginning to its end.
func (g *gateway) cancels(t *testing.T, id string) {
	t.Helper()
	g.mine(t, http.MethodPost, "/api/v1/execution/"+id+"/cancel", "")
	if got := g.waitStatus(t, id, "CANCELLED"); got["attempt"] != 1.0 {
		t.Errorf("it took %v attempts", got["attempt"])
	}
	g.ticked(t, id)
}

// TestReloadLeavesExecutions: whatever a reload changes, what runs goes on.
func TestReloadLeavesExecutions(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, dsn string) {
		t.Helper()
		const usual = "\t\trunner embedded"
		g := startRunning(t, dsn, usual)
		g.waitReady(t, `"state":"running","slots":4`)
		slug := g.uploads(t, "counting.sh", counting)
		id := g.runsScript(t, slug, "{}")
		g.waitTicks(t, id, 2)
		for _, c := range []struct{ words, ready string }{
			{usual, `"state":"running","slots":4,"running":1`},
			{usual + " {\n\t\t\tslots 2\n\t\t\tname other\n\t\t}", `"state":"running","slots":2,"running":1`},
			{usual + "\n\t\texecutions {\n\t\t\tper_user 7\n\t\t}", `"state":"running","slots":4,"running":1`},
			{"\t\trunner off", `"databases":{"store":"ok"}}`},
			{usual, `"state":"running","slots":4,"running":1`},
		} {
			if err := g.reload(runs(c.words)); err != nil {
				t.Fatal(err)
			}
			g.waitReady(t, c.ready)
			g.waitTicks(t, id, 3)
		}
		// A configuration that cannot be started changes nothing.
		if err := g.reload(runs("\t\trunner embedded {\n\t\t\tslots 9\n\t\t\texecutor process {\n\t\t\t\tread /etc\n\t\t\t\thidden /etc/passwd\n\t\t\t}\n\t\t}")); err == nil {
			t.Fatal("a runner whose scripts may read what is hidden was started")
		}
		g.waitReady(t, `"state":"running","slots":4,"running":1`)
		g.waitTicks(t, id, 3)
		second := g.runsScript(t, slug, "{}")
		g.waitTicks(t, second, 1)
		g.cancels(t, second)
		g.cancels(t, id)
	})
}

// TestReloadBack: a configuration of which something else cannot be started has taken the runner over and gives it back.
func TestReloadBack(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, dsn string) {
		t.Helper()
		g := startRunning(t, dsn, "\t\trunner embedded")
		id := g.runsScript(t, g.uploads(t, "counting.sh", counting), "{}")
		g.waitTicks(t, id, 1)
		broken := runs("\t\trunner embedded {\n\t\t\tslots 9\n\t\t}") + "\nhttp://example.org:" + g.addr[strings.LastIndexByte(g.addr, ':')+1:] + " {\n\tbind 192.0.2.1\n\thealth\n}\n" // this machine has no such address
		for range 3 {                                                                                                                                                                   // apps are started in any order
			if err := g.reload(broken); err == nil {
				t.Fatal("it listens where it cannot")
			}
			g.waitReady(t, `"state":"running","slots":4,"running":1`)
			g.waitTicks(t, id, 2)
		}
		g.cancels(t, id)
	})
}

// TestRestartFindsExecutions: what outlives the gateway's drain goes on, and the next one takes it up.
func TestRestartFindsExecutions(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, dsn string) {
		t.Helper()
		const words = "\t\trunner embedded {\n\t\t\tdrain 0s\n\t\t}"
		g := startRunning(t, dsn, words)
		id := g.runsScript(t, g.uploads(t, "counting.sh", counting), "{}")
		g.waitTicks(t, id, 2)
		g.restart(t)
		g.waitReady(t, `"state":"running","slots":4,"running":1`)
		g.waitTicks(t, id, 3)
		g.cancels(t, id)
	})
}

// TestDrain: a gateway that ends lets end what runs.
func TestDrain(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, dsn string) {
		t.Helper()
		g := startRunning(t, dsn, "\t\trunner embedded {\n\t\t\tdrain 1h\n\t\t}")
		id := g.runsScript(t, g.uploads(t, "short.sh", "#!/bin/sh\necho begins\nsleep 3\necho ends\n"), "{}")
		if err := waitFor(func() error {
			if log := g.logOf(t, id); !strings.Contains(log, "begins") {
				return errors.New("it has not begun")
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		g.restart(t)
		got := g.waitStatus(t, id, "FINISHED")
		if log := g.logOf(t, id); got["attempt"] != 1.0 || strings.Count(log, "ends") != 1 || strings.Count(log, "begins") != 1 {
			t.Errorf("%v attempts, and the log:\n%s", got["attempt"], log)
		}
	})
}

// TestRunnerThatCannot: what a machine cannot isolate is said, by an error where somebody wrote of a runner.
func TestRunnerThatCannot(t *testing.T) {
	t.Parallel()
	dir := t.TempDir() // nobody else may enter it
	g := startRunning(t, "sqlite:"+dir+"/a.db", "\t\trunner off")
	words := "\t\trunner embedded {\n\t\t\texecutor process {\n\t\t\t\tread " + dir + "\n\t\t\t}\n\t\t}" // the store is in it
	if err := g.reload(runs(words)); err == nil || !strings.Contains(err.Error(), "has to be hidden from scripts") {
		t.Errorf("%v", err)
	}
}
