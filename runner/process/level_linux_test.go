//go:build linux && (amd64 || arm64)

package process_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/executor/executortest"
	"github.com/fairway-gateway/fairway/runner/process"
)

func TestLevelOptions(t *testing.T) {
	t.Parallel()
	dir := home(t)
	inside := filepath.Join(dir, "inside")
	if err := os.Mkdir(inside, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(inside, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		options process.Options
		want    string
	}{
		"no directory":               {process.Options{}, "directory has to be an absolute path"},
		"a relative one":             {process.Options{Directory: "x"}, "directory has to be an absolute path"},
		"an unknown level":           {process.Options{Directory: inside, Level: "lax"}, `level "lax" is not known`},
		"a relative path":            {process.Options{Directory: inside, Read: []string{"opt"}}, `"opt" is no absolute path`},
		"data that scripts can read": {process.Options{Directory: inside, Read: []string{dir + "/x"}, Hidden: []string{dir + "/x/data"}}, "has to be hidden from scripts, and they may read " + dir + "/x"},
		"by a link":                  {process.Options{Directory: filepath.Join(dir, "runs"), Read: []string{dir + "/link"}, Hidden: []string{inside}}, "has to be hidden"},
		"data of the system":         {process.Options{Directory: inside, Hidden: []string{"/usr/local/fairway/Caddyfile"}}, "and they may read /usr"},
		"what has data in it":        {process.Options{Directory: inside, Read: []string{"/srv"}, Hidden: []string{"/srv/db/socket"}}, "has to be hidden"},
		"its own directory":          {process.Options{Directory: filepath.Join(dir, "runs"), Read: []string{dir}}, "attempts has to be hidden"},
		"users of the system":        {process.Options{Directory: inside, FirstUser: 100}, "belong to the system"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := process.New(test.options); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestLevelDirectoryThatUsersCannotEnter(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("there is one user")
	}
	dir := home(t)
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := process.New(process.Options{Directory: filepath.Join(dir, "runs")})
	if err == nil || !strings.Contains(err.Error(), "is in "+dir+", which users of scripts cannot enter") {
		t.Errorf("got %v", err)
	}
}

func TestLevelStrictSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	_, err := process.New(process.Options{Directory: filepath.Join(home(t), "runs"), Level: executor.Strict, Cgroup: filepath.Join(home(t), "group")})
	missing, is := errors.AsType[*executor.LevelError](err)
	if !is || missing.Level != executor.Strict {
		t.Fatalf("got %v", err)
	}
	want := "cgroup v2 at "
	if os.Geteuid() != 0 {
		want = "a runner that is root"
	}
	if len(missing.Missing) != 1 || !strings.HasPrefix(missing.Missing[0], want) {
		t.Errorf("got %q", missing.Missing)
	}
}

// strict makes an executor of level strict, without control groups where the machine has none.
func strict(t *testing.T) *place {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("level strict is for root")
	}
	// Not in /tmp, of which scripts have one of their own.
	dir, err := os.MkdirTemp("/var/tmp", "fairway-process")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	options := process.Options{Directory: filepath.Join(dir, "runs"), Level: executor.Strict}
	e, err := process.New(options)
	if missing, is := errors.AsType[*executor.LevelError](err); is && strings.Contains(err.Error(), "cgroup v2") && len(missing.Missing) <= 3 {
		t.Log("without control groups:", err)
		e, err = process.NewWithoutCgroups(options)
	}
	if err != nil {
		t.Fatal(err)
	}
	return &place{Executor: e, dir: dir, t: t}
}

func TestLevelStrict(t *testing.T) {
	t.Parallel()
	p := strict(t)
	run := p.shell("a", `[ $$ -lt 50 ] && echo first; ls / | tr '\n' ' '; echo; ls /proc | grep -c '^[0-9]'; hostname; cat /proc/net/dev | grep -v -e lo: -e '|'; ls /tmp /home /root /var 2>&1
echo x >/tmp/x && ls $TMPDIR; echo y >/dev/shm/y && cat /dev/shm/y; touch /x /usr/x 2>&1; echo '{"a":1}' >$FAIRWAY_RESULTS; id -u; echo to nobody >/dev/null; echo err >/dev/stderr; exit 3`, executor.Limits{})
	exit, text := executortest.End(t, run)
	t.Log(text)
	for _, want := range []string{"first\n", "\nfairway\n", "y\n", "Read-only file system", "e:err\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not there", want)
		}
	}
	for _, forbidden := range []string{"home ", "root ", "var ", "eth0"} {
		if strings.Contains(text, forbidden) {
			t.Errorf("%q is there", forbidden)
		}
	}
	if exit.Outcome != executor.Failed || exit.Code != 3 || executortest.Results(t, run) != `{"a":1}` {
		t.Errorf("%+v", exit)
	}
}

func TestLevelStrictEscapes(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"files", "environment", "sockets", "signals", "network", "trace", "outside", "kernel"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := strict(t)
			v := newVictim(t)
			exit, text := executortest.End(t, p.attack(name, v.target, executor.Limits{}))
			if exit.Outcome != executor.Succeeded || !strings.Contains(text, "done") || strings.Contains(text, secret) {
				t.Errorf("%+v\n%s", exit, text)
			}
			for _, line := range possible(text) {
				// A /tmp and a /dev/shm of its own it may write to, and there is a /proc of its own.
				if strings.Contains(line, " /tmp") || strings.Contains(line, " /dev/shm") || strings.Contains(line, "list /proc") || strings.HasSuffix(line, "list "+filepath.Dir(v.dir)) {
					continue
				}
				t.Error(line)
			}
			v.unharmed(t)
			if err := p.Forget(t.Context(), "attack-"+name); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestLevelStrictCancel(t *testing.T) {
	t.Parallel()
	p := strict(t)
	run := p.shell("asked", "trap 'echo bye; exit 7' TERM; echo ready; while :; do sleep 0.01; done", executor.Limits{})
	executortest.Says(t, run, "ready")
	if err := run.Cancel(t.Context(), executor.CauseCancel); err != nil {
		t.Fatal(err)
	}
	if exit, text := executortest.End(t, run); exit.Outcome != executor.Cancelled || exit.Code != 7 || !strings.Contains(text, "bye") {
		t.Errorf("%+v\n%s", exit, text)
	}
	run = p.attack("survive", target{}, executor.Limits{Grace: 1})
	executortest.Says(t, run, "survivor")
	if err := run.Kill(t.Context(), executor.CauseCancel); err != nil {
		t.Fatal(err)
	}
	if exit, _ := executortest.End(t, run); exit.Outcome != executor.Cancelled || exit.Signal != "SIGKILL" && exit.Code != 0 {
		t.Errorf("%+v", exit)
	}
}

func TestLevelConnect(t *testing.T) {
	t.Parallel()
	v, other := newVictim(t), newVictim(t)
	_, port, err := net.SplitHostPort(v.TCP[0])
	if err != nil {
		t.Fatal(err)
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	p := open(t, func(o *process.Options) { o.Connect = []uint16{uint16(number)} })
	what := v.target
	what.TCP = append([]string{v.TCP[0]}, other.TCP...)
	what.UDP = nil
	_, text := executortest.End(t, p.attack("network", what, executor.Limits{}))
	if could := possible(text); len(could) != 1 || could[0] != "POSSIBLE: connect to "+v.TCP[0] || !strings.Contains(text, "done") {
		t.Errorf("%q\n%s", could, text)
	}
	_, text = executortest.End(t, p.attack("sockets", what, executor.Limits{}))
	if could := possible(text); len(could) > 0 || !strings.Contains(text, "done") {
		t.Errorf("%q\n%s", could, text)
	}
}

func TestLevelDirectoryByALink(t *testing.T) {
	t.Parallel()
	dir := home(t)
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "there"), 0o711), os.Chmod(filepath.Join(dir, "there"), 0o711), os.Symlink(filepath.Join(dir, "there"), filepath.Join(dir, "link"))); err != nil {
		t.Fatal(err)
	}
	p := open(t, func(o *process.Options) { o.Directory = filepath.Join(dir, "link", "runs") })
	run := p.shell("a", "touch x && chmod 741 x && ls -l x; echo '[]' >$FAIRWAY_RESULTS", executor.Limits{})
	if exit, text := executortest.End(t, run); exit.Outcome != executor.Succeeded || !strings.HasPrefix(text, "-rwxr----x") || executortest.Results(t, run) != "[]" {
		t.Errorf("%+v\n%s", exit, text)
	}
}
