package kubetest

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// log is what a container printed.
type log struct {
	mu     sync.Mutex
	lines  []line
	ended  bool
	change chan struct{} // closed when there is more
}

type line struct {
	at   time.Time
	text []byte
}

func newLog() *log { return &log{change: make(chan struct{})} }

func (l *log) copy(from io.Reader) {
	reader := bufio.NewReaderSize(from, 64<<10)
	for {
		text, err := reader.ReadBytes('\n')
		if len(text) > 0 {
			l.mu.Lock()
			l.lines = append(l.lines, line{time.Now(), text})
			close(l.change)
			l.change = make(chan struct{})
			l.mu.Unlock()
		}
		if err != nil {
			return
		}
	}
}

func (l *log) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	close(l.change)
	l.change = make(chan struct{})
}

// Rotate forgets all but the last lines of what a Job's script has printed, as kubelets do of long logs.
func (n *Node) Rotate(job string, keep int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, w := range n.pods {
		if !strings.HasPrefix(w.who.Name, job+"-") {
			continue
		}
		w.mu.Lock()
		if l := w.logs["script"]; l != nil {
			l.mu.Lock()
			for i := range max(0, len(l.lines)-keep) {
				l.lines[i].text = nil
			}
			l.mu.Unlock()
		}
		w.mu.Unlock()
	}
}

// BreakLogs breaks off all logs that are read.
func (n *Node) BreakLogs() { n.server.CloseClientConnections() }

// logs answers as a kubelet does: GET /containerLogs/{namespace}/{pod}/{container}.
func (n *Node) logs(rw http.ResponseWriter, r *http.Request) {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	if len(parts) != 4 || parts[0] != "containerLogs" {
		http.NotFound(rw, r)
		return
	}
	w := n.worker(parts[1], parts[2])
	if w == nil {
		http.Error(rw, "there is no such pod", http.StatusNotFound)
		return
	}
	w.mu.Lock()
	l := w.logs[parts[3]]
	w.mu.Unlock()
	if l == nil {
		http.Error(rw, "the container is waiting to start", http.StatusBadRequest)
		return
	}
	q := r.URL.Query()
	since, _ := time.Parse(time.RFC3339, q.Get("sinceTime")) // without one: all
	flush := http.NewResponseController(rw)
	for next := 0; ; {
		l.mu.Lock()
		lines, ended, change := l.lines[next:], l.ended, l.change
		next = len(l.lines)
		l.mu.Unlock()
		for _, line := range lines {
			if line.text == nil || line.at.Before(since) {
				continue
			}
			if q.Get("timestamps") == "true" {
				_, _ = fmt.Fprint(rw, line.at.UTC().Format(time.RFC3339Nano), " ")
			}
			if _, err := rw.Write(line.text); err != nil {
				return
			}
		}
		if flush.Flush() != nil || ended || q.Get("follow") != "true" {
			return
		}
		select {
		case <-change:
		case <-w.removed:
			return
		case <-r.Context().Done():
			return
		}
	}
}
