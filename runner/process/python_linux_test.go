//go:build linux && (amd64 || arm64)

package process_test

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/internal/required"
	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/executor/executortest"
	"github.com/fairway-gateway/fairway/runner/process"
)

// python skips a test where the system has no Python of its own: others, as those in somebody's home, scripts cannot reach.
func python(t *testing.T) {
	t.Helper()
	if out, err := exec.Command("/usr/bin/python3", "-m", "pip", "--version").CombinedOutput(); err != nil {
		required.Absent(t, "python3", fmt.Errorf("/usr/bin/python3 with pip: %w: %s", err, out))
	}
}

// lines are the records of a run as the protocol reads them.
func lines(t *testing.T, run executor.Run) []executor.Line {
	t.Helper()
	var all []executor.Line
	for line := range strings.Lines(executortest.Said(t, run)) {
		all = append(all, executor.ParseLine(strings.TrimSuffix(line, "\n")))
	}
	return all
}

func TestPythonScriptOfTrendsEarth(t *testing.T) {
	t.Parallel()
	python(t)
	p := open(t, nil)
	s := executortest.Script("v1", map[string]string{
		"configuration.json": `{"name": "example"}`, "requirements.txt": "# none\n\n",
		"src/__init__.py": "VERSION = '1.2.3'\n", "src/helper.py": "def double(x):\n    return 2 * x\n",
		"src/main.py": `"""An example, as the command line tool makes it."""

import logging

from . import VERSION
from .helper import double
from gefcore.script import helper
import helper as beside

REQUIRES_GEE = False


def run(params, logger):
    """Computes."""
    logger.debug("params: %s", sorted(params))
    logger.info("version %s, 100%%\nsecond line", VERSION)
    logging.getLogger("a.library").warning("careful")
    logger.send_progress(30)
    print("printed")
    logger.send_progress(99.5)
    assert helper.double is not None and beside.double(1) == 2
    return {"double": double(params["n"]), "env": params["ENV"], "execution": params["EXECUTION_ID"], "text": "ü"}
`,
	})
	run := p.begin(executor.Attempt{ID: "a", Execution: "x-1", Script: s, Params: []byte(`{"n": 21}`)})
	exit, text := executortest.End(t, run)
	if exit.Outcome != executor.Succeeded {
		t.Fatalf("%+v\n%s", exit, text)
	}
	log := func(level, text string) executor.Line {
		return executor.Line{Kind: executor.KindLog, Level: level, Text: text}
	}
	want := []executor.Line{
		log("DEBUG", "params: ['ENV', 'EXECUTION_ID', 'n']"), log("INFO", "version 1.2.3, 100%\nsecond line"), log("WARNING", "careful"),
		{Kind: executor.KindProgress, Progress: 30},
		{Text: "printed"},
		{Kind: executor.KindProgress, Progress: 99},
	}
	if diff := cmp.Diff(want, lines(t, run)); diff != "" {
		t.Error(diff)
	}
	if got := executortest.Results(t, run); got != `{"double": 42, "env": "prod", "execution": "x-1", "text": "\u00fc"}` {
		t.Error(got)
	}
}

func TestPythonFailures(t *testing.T) {
	t.Parallel()
	python(t)
	p := open(t, nil)
	for name, test := range map[string]struct{ text, want string }{
		"an exception": {"def run(params, logger):\n    raise ValueError('no such band')\n", "ValueError: no such band"},
		"no-json":      {"def run(params, logger):\n    return object()\n", "is not JSON serializable"},
		"not-a-number": {"def run(params, logger):\n    return float('nan')\n", "not JSON compliant"},
		"no-run":       {"x = 1\n", "has no attribute 'run'"},
		"no-syntax":    {"def\n", "SyntaxError"},
		"no-module":    {"import no_such_module\n", "No module named 'no_such_module'"},
		"no-memory":    {"def run(params, logger):\n    x = bytearray(10**10)\n", "MemoryError"},
		"no-network":   {"import urllib.request\ndef run(params, logger):\n    urllib.request.urlopen('http://127.0.0.1:1')\n", "Permission denied"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			id := strings.ReplaceAll(name, " ", "-")
			run := p.begin(executor.Attempt{ID: id, Script: executortest.Script(id, map[string]string{"src/main.py": test.text})})
			exit, text := executortest.End(t, run)
			found := false
			for _, line := range lines(t, run) {
				found = found || line.Kind == executor.KindLog && line.Level == "ERROR" && strings.Contains(line.Text, test.want) && strings.Contains(line.Text, "Traceback")
			}
			if exit.Outcome != executor.Failed || exit.Code != 1 || !found {
				t.Errorf("%+v\n%s", exit, text)
			}
		})
	}
}

// What scientists' scripts do, none of which isolation may break.
func TestPythonUsualThings(t *testing.T) {
	t.Parallel()
	python(t)
	p := open(t, nil)
	run := p.begin(executor.Attempt{ID: "a", Script: executortest.Script("v1", map[string]string{"data.csv": "a,b\n1,2\n", "src/main.py": `
import asyncio, csv, os, shutil, socket, sqlite3, subprocess, tempfile, threading, zipfile

def run(params, logger):
    assert list(csv.reader(open("data.csv"))) == [["a", "b"], ["1", "2"]]
    shutil.copy("data.csv", "copy.csv")
    shutil.copy2("copy.csv", "copy2.csv")
    os.makedirs("deep/er")
    shutil.copytree("deep", "other")
    with open("run.sh", "w") as f:
        f.write("#!/bin/sh\necho it runs\n")
    os.chmod("run.sh", 0o755)
    assert subprocess.check_output(["./run.sh"], text=True) == "it runs\n"
    assert subprocess.run("yes | head -1", shell=True, capture_output=True, text=True).stdout == "y\n"
    with tempfile.TemporaryDirectory() as d, zipfile.ZipFile(os.path.join(d, "x.zip"), "w") as z:
        z.writestr("a", "b")
    with tempfile.NamedTemporaryFile() as f:
        f.write(b"x")
    base = sqlite3.connect("x.db")
    base.execute("create table t (a)")
    base.commit()
    thread = threading.Thread(target=lambda: None)
    thread.start()
    thread.join()
    async def child():
        p = await asyncio.create_subprocess_exec("sleep", "0")
        await p.wait()
        return p.returncode
    assert asyncio.run(child()) == 0
    child = subprocess.Popen(["sleep", "1000"])
    child.terminate()
    assert child.wait() == -15
    os.rename("copy.csv", "deep/er/moved.csv")
    os.symlink("copy2.csv", "link")
    os.utime("copy2.csv", (1, 1))
    assert os.cpu_count() > 0 and open("/dev/urandom", "rb").read(1)
    a, b = socket.socketpair()
    a.send(b"x")
    assert b.recv(1) == b"x"
    return {"pid": os.getpid() > 0, "home": os.path.expanduser("~") == os.getcwd()}
`})})
	exit, text := executortest.End(t, run)
	if exit.Outcome != executor.Succeeded || executortest.Results(t, run) != `{"pid": true, "home": true}` {
		t.Errorf("%+v\n%s", exit, text)
	}
}

// wheel is a package of Python with one module.
func wheel(t *testing.T, name, version, text string) []byte {
	t.Helper()
	var file bytes.Buffer
	archive := zip.NewWriter(&file)
	info := fmt.Sprintf("%s-%s.dist-info/", name, version)
	for path, text := range map[string]string{
		name + ".py":      text,
		info + "METADATA": fmt.Sprintf("Metadata-Version: 2.1\nName: %s\nVersion: %s\n", name, version),
		info + "WHEEL":    "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
		info + "RECORD":   "",
	} {
		w, err := archive.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

// index serves packages.
func index(t *testing.T, files map[string][]byte) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.Trim(strings.TrimPrefix(r.URL.Path, "/simple"), "/")
		if text, is := files[name]; is {
			_, _ = w.Write(text)
			return
		}
		found := false
		for file := range files {
			if strings.HasPrefix(file, strings.ReplaceAll(name, "-", "_")+"-") {
				found = true
				fmt.Fprintf(w, "<a href=\"/%s\">%s</a>\n", file, file)
			}
		}
		if !found {
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL + "/simple/"
}

func TestPythonRequirements(t *testing.T) {
	t.Parallel()
	python(t)
	packages := map[string][]byte{
		"fairway_example-1.0-py3-none-any.whl": wheel(t, "fairway_example", "1.0", "ANSWER = 41\n"),
		"fairway_example-1.1-py3-none-any.whl": wheel(t, "fairway_example", "1.1", "ANSWER = 42\n"),
		// What would run its maker's code when it is installed is not taken.
		"fairway_source-1.0.tar.gz": []byte("not a wheel"),
	}
	p := open(t, func(o *process.Options) { o.PipIndex = index(t, packages) })
	s := executortest.Script("v1", map[string]string{
		"requirements.txt": "fairway-example >= 1.0, < 1.2  # the answer\n",
		"src/main.py":      "import fairway_example\n\ndef run(params, logger):\n    return fairway_example.ANSWER\n",
	})
	run := p.begin(executor.Attempt{ID: "a", Script: s})
	if exit, text := executortest.End(t, run); exit.Outcome != executor.Succeeded || executortest.Results(t, run) != "42" {
		t.Errorf("%+v\n%s", exit, text)
	}
	// Scripts in other ways of Python have them, too.
	s = executortest.Script("v2", map[string]string{"requirements.txt": "fairway_example==1.0\n", "main.py": "#!/usr/bin/env python3\nimport fairway_example\nprint(fairway_example.ANSWER)\n"})
	if exit, text := executortest.End(t, p.begin(executor.Attempt{ID: "b", Script: s})); exit.Outcome != executor.Succeeded || text != "41\n" {
		t.Errorf("%+v\n%s", exit, text)
	}
	for _, name := range []string{"fairway_source", "no_such_package"} {
		var logged []string
		s := executortest.Script("bad", map[string]string{"requirements.txt": name + "\n", "src/main.py": ""})
		err := p.Prepare(t.Context(), s, func(text string) { logged = append(logged, text) })
		if err == nil || !strings.Contains(strings.Join(logged, "\n"), "No matching distribution found for "+name) {
			t.Errorf("%v\n%s", err, strings.Join(logged, "\n"))
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := p.Prepare(ctx, executortest.Script("v3", map[string]string{"requirements.txt": "fairway_example\n", "src/main.py": ""}), nil); err == nil {
		t.Error("what was cut off is prepared")
	}
	if entries, err := os.ReadDir(p.dir + "/runs/scripts"); err != nil || len(entries) != 2+len([]string{"v1.lock", "v2.lock", "bad.lock", "v3.lock"}) {
		t.Errorf("%v %v", entries, err)
	}
}
