package kill_test

import (
	"bufio"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// effects is what scripts have done to the world: each tells it when it begins and just before it ends. It is the test's own, and nothing kills it.
type effects struct {
	host, port string

	mu    sync.Mutex
	begun map[string][]string // attempts by execution, in order
	ended map[string][]string
	conns sync.WaitGroup
	// ending is told of ends, as long as somebody listens.
	ending chan struct{}
}

// listen hears scripts that reach an address of the machine.
func listen(t *testing.T, host string) *effects {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	e := &effects{host: host, port: port, begun: map[string][]string{}, ended: map[string][]string{}, ending: make(chan struct{}, 1)}
	e.conns.Go(func() { // ends with the listener
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			e.conns.Go(func() { e.hear(c) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		e.conns.Wait()
	})
	return e
}

// hear takes "begin <execution> <attempt>" or "end …", and says that it did.
func (e *effects) hear(c net.Conn) {
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	line, err := bufio.NewReader(c).ReadString('\n')
	words := strings.Fields(line)
	if err != nil || len(words) != 3 {
		return
	}
	e.mu.Lock()
	switch words[0] {
	case "begin":
		e.begun[words[1]] = append(e.begun[words[1]], words[2])
	case "end":
		e.ended[words[1]] = append(e.ended[words[1]], words[2])
	}
	e.mu.Unlock()
	if words[0] == "end" {
		select {
		case e.ending <- struct{}{}:
		default:
		}
	}
	_, _ = c.Write([]byte("ok\n"))
}

// of is what an execution did.
func (e *effects) of(execution string) (begun, ended []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.begun[execution], e.ended[execution]
}

// The ways in which scripts tell the effects: with what the machine has, and with what is in an image of busybox.
const (
	tellByBash = `#!/bin/bash
tell() {
	exec 3<>/dev/tcp/$HOST/$PORT || exit 90
	echo "$1 $FAIRWAY_EXECUTION_ID $FAIRWAY_ATTEMPT" >&3
	read -r answer <&3
	exec 3>&-
`
	tellByNetcat = `#!/bin/sh
tell() {
	answer=$(echo "$1 $FAIRWAY_EXECUTION_ID $FAIRWAY_ATTEMPT" | nc -w 120 $HOST $PORT)
`
)

// script is what all executions run: it tells of itself before and after, and does what its parameters say in between.
func (e *effects) script(tell string) string {
	return strings.NewReplacer("$HOST", e.host, "$PORT", e.port).Replace(tell) + `	[ "$answer" = ok ] || exit 91
}
params=$(cat)
value() { echo "$params" | sed -n "s/.*\"$1\": *\([0-9]*\).*/\1/p"; }
tell begin
echo first
steps=$(value steps)
i=1
while [ $i -le $steps ]; do
	echo "::fairway progress $((i * 90 / steps))"
	echo "step $i"
	sleep 0.1
	i=$((i + 1))
done
if [ "$FAIRWAY_ATTEMPT" -le "$(value fails)" ]; then
	echo "it fails" >&2
	exit 3
fi
printf "{\"attempt\": %s, \"filling\": \"%0$(value filling)d\"}" "$FAIRWAY_ATTEMPT" 0 >"$FAIRWAY_RESULTS"
tell end
echo last
`
}
