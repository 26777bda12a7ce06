//go:build linux

package kubernetes_test

import (
	"archive/zip"
	"bytes"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/fairway-gateway/fairway/internal/required"
	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/executor/executortest"
	"github.com/fairway-gateway/fairway/runner/kubernetes/kubetest"
)

// index is one of packages, with a package of one module, for whoever knows its password.
type index struct {
	files http.Handler

	mu    sync.Mutex
	asked []string
}

const indexPassword = "known-to-pip-alone"

func newIndex(t *testing.T) *index {
	t.Helper()
	var archive bytes.Buffer
	wheel := zip.NewWriter(&archive)
	for name, text := range map[string]string{
		"shipped.py":                     "def said():\n    return 'from a wheel'\n",
		"shipped-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: shipped\nVersion: 1.0\n",
		"shipped-1.0.dist-info/WHEEL":    "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
		"shipped-1.0.dist-info/RECORD":   "shipped.py,,\n",
	} {
		to, err := wheel.Create(name)
		if err == nil {
			_, err = to.Write([]byte(text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := wheel.Close(); err != nil {
		t.Fatal(err)
	}
	files := http.NewServeMux()
	files.HandleFunc("GET /simple/shipped/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(`<html><body><a href="/files/shipped-1.0-py3-none-any.whl">shipped-1.0-py3-none-any.whl</a></body></html>`))
	})
	files.HandleFunc("GET /files/shipped-1.0-py3-none-any.whl", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(archive.Bytes()) })
	return &index{files: files}
}

// before answers what is not for a gateway.
func (i *index) before(w http.ResponseWriter, r *http.Request) bool {
	if strings.HasPrefix(r.URL.Path, "/api/") {
		return false
	}
	i.mu.Lock()
	i.asked = append(i.asked, r.URL.Path)
	i.mu.Unlock()
	if _, password, _ := r.BasicAuth(); password != indexPassword {
		w.Header().Set("WWW-Authenticate", "Basic")
		w.WriteHeader(http.StatusUnauthorized)
		return true
	}
	i.files.ServeHTTP(w, r)
	return true
}

func (i *index) count(path string) (n int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, asked := range i.asked {
		if asked == path {
			n++
		}
	}
	return n
}

// TestPackages runs a script of Trends.Earth with packages of an index, in an image that has Python. Neither the index nor its password is the script's to see.
func TestPackages(t *testing.T) {
	t.Parallel()
	s, err := newSite()
	if err != nil {
		required.Absent(t, "kubernetes", err)
	}
	t.Cleanup(s.close)
	if err := s.node.AddPython(t.Context()); err != nil {
		required.Absent(t, "python3", err)
	}
	packages := newIndex(t)
	s.gateway.Before = packages.before
	o := s.options(t)
	o.Image, o.PipIndex = kubetest.ImagePython, "http://who:"+indexPassword+"@127.0.0.1/simple"
	e := s.opened(t, o)
	const wheel = "/files/shipped-1.0-py3-none-any.whl"
	script := executortest.Script("trends-earth", map[string]string{
		"requirements.txt": "# what it needs\nshipped==1.0\n", "src/__init__.py": "", "src/main.py": `
import os, pathlib, shipped

def run(params, logger):
    seen = os.environ.copy()
    for root in ("/fairway", "/tmp"):
        for path in pathlib.Path(root).rglob("*"):
            if path.is_file() and path.stat().st_size < 1 << 20:
                seen[str(path)] = path.read_text(errors="replace")
    logger.info("said")
    return {"shipped": shipped.said(), "known": [name for name, text in seen.items() if "known-to-" + "pip" in text], "left": os.path.exists("/fairway/code/pip")}
`,
	})
	for i, id := range []string{"packages-1", "packages-2"} { // each pod has its own
		run := begin(t, e, executor.Attempt{ID: id, Execution: "x", Script: script})
		if exit, said := executortest.End(t, run); exit.Outcome != executor.Succeeded {
			t.Fatalf("%+v\n%s", exit, said)
		}
		if got := executortest.Results(t, run); got != `{"shipped": "from a wheel", "known": [], "left": false}` {
			t.Error(got)
		}
		if got := packages.count(wheel); got != i+1 {
			t.Errorf("the wheel was fetched %d times", got)
		}
	}

	absent := executortest.Script("absent", map[string]string{"requirements.txt": "absent\n", "src/main.py": "def run(params, logger):\n    pass\n"})
	run := begin(t, e, executor.Attempt{ID: "packages-absent", Execution: "x", Script: absent})
	if exit, said := executortest.End(t, run); exit.Outcome != executor.Refused || !strings.Contains(exit.Reason, "No matching distribution found for absent") || said != "" {
		t.Errorf("%+v\n%s", exit, said)
	}
	// An image without Python has no pip.
	o = s.options(t)
	o.PipIndex = "http://127.0.0.1/simple"
	run = begin(t, s.opened(t, o), executor.Attempt{ID: "packages-no-python", Execution: "x", Script: absent})
	if exit, said := executortest.End(t, run); exit.Outcome != executor.Refused || !strings.Contains(exit.Reason, "python3 is not in the image's PATH") || said != "" {
		t.Errorf("%+v\n%s", exit, said)
	}
	// The runner may have lost its index since it looked at the script.
	o = s.options(t)
	before := s.open(t, o)
	if err := before.Prepare(t.Context(), absent, nil); err == nil || !strings.Contains(err.Error(), "absent and executor kubernetes has no pip_index") {
		t.Error(err)
	}
	o.PipIndex = "http://127.0.0.1/simple"
	if err := s.open(t, o).Prepare(t.Context(), absent, nil); err != nil {
		t.Error(err)
	}
	if err := before.Prepare(t.Context(), absent, nil); err == nil || !strings.Contains(err.Error(), "no pip_index") {
		t.Error(err)
	}
}
