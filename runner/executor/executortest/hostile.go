package executortest

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/runner/executor"
)

// What hostile scripts try. Each is written so that it succeeds, and says POSSIBLE, where nothing prevents it.

func resultsThatAreNone(c check) {
	t, s := c.t, c.s
	s.need(t, Scripts)
	p := s.place(t)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("SECRET"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		text string
		none bool // executor.ErrNoResults
	}{
		"silent":    {"true", true},
		"link":      {"rm -f $FAIRWAY_RESULTS; ln -s " + secret + " $FAIRWAY_RESULTS", true},
		"passwords": {"rm -f $FAIRWAY_RESULTS; ln -s /etc/passwd $FAIRWAY_RESULTS", true},
		"pipe":      {"rm -f $FAIRWAY_RESULTS; mkfifo $FAIRWAY_RESULTS", true},
		"directory": {"rm -f $FAIRWAY_RESULTS; mkdir $FAIRWAY_RESULTS", true},
		"big":       {"head -c 3000000 /dev/zero >$FAIRWAY_RESULTS", false},
		"sparse":    {"dd if=/dev/zero of=$FAIRWAY_RESULTS bs=1 count=1 seek=5000000", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run := p.shell(name, test.text+"\nexit 0", executor.Limits{Results: 1 << 20})
			if exit, text := End(t, run); exit.Outcome != executor.Succeeded {
				t.Fatalf("%+v\n%s", exit, text)
			}
			body, err := run.Results(t.Context())
			if err == nil {
				text, _ := io.ReadAll(body)
				body.Close()
				t.Fatalf("it has results: %.100q", text)
			}
			if errors.Is(err, executor.ErrNoResults) != test.none {
				t.Error(err)
			}
		})
	}
}

func memoryBomb(c check) {
	t, s := c.t, c.s
	s.need(t, Scripts)
	p := s.place(t)
	limits := executor.Limits{Memory: s.Hostile.Memory, Timeout: time.Minute}
	// A variable that is doubled until it is a gigabyte.
	run := p.shell("a", "x=0123456789abcdef; i=0\nwhile [ $i -lt 26 ]; do x=$x$x; i=$((i+1)); done\necho POSSIBLE ${#x}", limits)
	exit, text := End(t, run)
	if exit.Outcome == executor.Succeeded || exit.Outcome == executor.TimedOut || exit.Outcome == executor.Cancelled || strings.Contains(text, "POSSIBLE") {
		t.Errorf("%+v\n%s", exit, text)
	}
	// Of many, each of which may: the sum counts.
	run = p.shell("b", `for i in 1 2 3 4 5 6 7 8 9 10; do (x=0123456789abcdef; i=0; while [ $i -lt 21 ]; do x=$x$x; i=$((i+1)); done; sleep 5; echo held ${#x}) & done
wait`, limits)
	if exit, text := End(t, run); strings.Count(text, "held 33554432") > 9 {
		t.Errorf("%+v\n%s", exit, text)
	}
}

func forkBomb(c check) {
	t, s := c.t, c.s
	s.need(t, Scripts, Counts)
	p := s.place(t)
	run := p.shell("a", `echo bombing
i=0; while [ $i -lt 400 ]; do sleep 1000 & i=$((i+1)); done
echo POSSIBLE; sleep 1000`, executor.Limits{Processes: s.Hostile.Processes, Grace: time.Millisecond, Timeout: time.Minute})
	Says(t, run, "bombing")
	exit, text := End(t, run)
	if exit.Outcome == executor.Succeeded || strings.Contains(text, "POSSIBLE") {
		t.Errorf("%+v\n%s", exit, text)
	}
}

func fillDisk(c check) {
	t, s := c.t, c.s
	s.need(t, Scripts)
	p := s.place(t)
	for name, text := range map[string]string{
		"big":  "dd if=/dev/zero of=big bs=65536 count=4000 && sync && echo POSSIBLE",
		"many": "i=0; while [ $i -lt 100 ]; do head -c 1000000 /dev/zero >f$i || exit 1; i=$((i+1)); done; echo POSSIBLE",
		"temp": "i=0; while [ $i -lt 100 ]; do head -c 1000000 /dev/zero >$TMPDIR/f$i || exit 1; i=$((i+1)); done; echo POSSIBLE",
		"io":   "d=$(dirname $FAIRWAY_RESULTS); i=0; while [ $i -lt 100 ]; do head -c 1000000 /dev/zero >$d/f$i || exit 1; i=$((i+1)); done; echo POSSIBLE",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// What is said at the end has to wait until a watchdog has looked.
			exit, said := End(t, p.shell(name, text+"; sleep 2", executor.Limits{Disk: s.Hostile.Disk, Timeout: time.Minute}))
			if exit.Outcome == executor.Succeeded && strings.Contains(said, "POSSIBLE") {
				t.Errorf("%+v\n%s", exit, said)
			}
		})
	}
}

// survivor leaves a process that belongs to nobody, listens to nothing, and says now and then that it lives.
const survivor = `(trap '' TERM HUP INT; (trap '' TERM HUP INT; setsid sh -c "trap '' TERM HUP INT; while :; do sleep 0.05; done" &) &)
sleep 0.3; echo ready
`

func surviveEnd(c check) {
	t, s := c.t, c.s
	s.need(t, Scripts)
	p := s.place(t)
	exit, text := End(t, p.shell("a", survivor+"exit 0", executor.Limits{}))
	if exit.Outcome != executor.Succeeded || s.has(Measures) && exit.Leftover == 0 {
		t.Errorf("%+v %s", exit, text)
	}
}

func surviveCancel(c check) {
	t, s := c.t, c.s
	s.need(t, Scripts)
	p := s.place(t)
	run := p.shell("a", survivor+"while :; do sleep 0.05; done", executor.Limits{Grace: 50 * time.Millisecond})
	Says(t, run, "ready")
	if err := run.Cancel(t.Context(), executor.CauseCancel); err != nil {
		t.Fatal(err)
	}
	if exit, text := End(t, run); exit.Outcome != executor.Cancelled {
		t.Errorf("%+v %s", exit, text)
	}
}

func network(c check) {
	t, s := c.t, c.s
	s.need(t, Scripts)
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	called := make(chan struct{}, 1)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			conn.Close()
			called <- struct{}{}
		}
	}()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	p := s.place(t)
	// Whatever there is that can call: each of these would.
	text := fmt.Sprintf(`u=127.0.0.1:%[1]s
wget -q -t 1 -T 5 -O - http://$u/; curl -s -m 5 http://$u/; (echo x | nc -w 5 127.0.0.1 %[1]s); bash -c "echo x >/dev/tcp/127.0.0.1/%[1]s"; python3 -c "import socket; socket.create_connection(('127.0.0.1', %[1]s), 5)"
echo done`, port)
	if _, said := End(t, p.shell("a", text, executor.Limits{})); !strings.Contains(said, "done") {
		t.Error(said)
	}
	select {
	case <-called:
		t.Error("it reached a service of the machine")
	default:
	}
}

func othersResults(c check) {
	t, s := c.t, c.s
	s.need(t, Scripts)
	p := s.place(t)
	done := p.shell("done", `echo '{"a":1}' >$FAIRWAY_RESULTS; echo file $FAIRWAY_RESULTS`, executor.Limits{})
	exit, text := End(t, done)
	if exit.Outcome != executor.Succeeded {
		t.Fatalf("%+v %s", exit, text)
	}
	path := strings.TrimSpace(strings.TrimPrefix(text, "file "))
	// By its name, by that of a neighbour, and wherever a directory can be listed.
	End(t, p.shell("thief", fmt.Sprintf(`own=$FAIRWAY_RESULTS
f=%[1]s; [ "$f" = "$own" ] || { cat $f && echo POSSIBLE; echo forged >$f; rm -f $f; echo forged >$f; }
g=$(echo $own | sed s/%[2]s/%[3]s/); [ "$g" = "$own" ] || { cat $g && echo POSSIBLE; echo forged >$g; }
for d in $(dirname $own)/../.. $(dirname $own)/../../..; do for h in $(find $d -name results.json 2>/dev/null); do [ $h -ef $own ] || { cat $h && echo POSSIBLE; echo forged >$h; }; done; done
echo done`, path, p.name("thief"), p.name("done")), executor.Limits{}))
	if got := Results(t, done); got != `{"a":1}` {
		t.Errorf("they are forged: %s", got)
	}
}

func runner(c check) {
	t, s := c.t, c.s
	s.need(t, Scripts)
	dir, err := os.MkdirTemp("", "fairway-suite")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	secret := filepath.Join(dir, "Caddyfile")
	if err := errors.Join(os.Chmod(dir, 0o777), os.WriteFile(secret, []byte("SECRET-of-the-gateway"), 0o600), os.Chmod(secret, 0o666)); err != nil { //nolint:gosec // modes are not what keeps it
		t.Fatal(err)
	}
	p := s.place(t)
	_, text := End(t, p.shell("a", fmt.Sprintf(`cat %[1]s; ls %[2]s && echo POSSIBLE to list; echo x >>%[1]s && echo POSSIBLE to write; rm -f %[1]s
cat /proc/%[3]d/environ && echo POSSIBLE to read the environment; kill -CONT %[3]d 2>/dev/null && echo POSSIBLE to signal; kill -0 %[3]d && echo POSSIBLE to signal; echo done`, secret, dir, os.Getpid()), executor.Limits{}))
	if !strings.Contains(text, "done") || strings.Contains(text, "POSSIBLE") || strings.Contains(text, "SECRET") {
		t.Error(text)
	}
	if kept, err := os.ReadFile(secret); err != nil || string(kept) != "SECRET-of-the-gateway" {
		t.Errorf("%q %v", kept, err)
	}
}
