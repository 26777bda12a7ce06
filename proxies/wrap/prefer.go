package wrap

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// mostWait is how long somebody waits at most who comes back for an answer, and wishes to.
const mostWait = 60 * time.Second

// preferences are those of a request that count here (RFC 7240).
type preferences struct {
	// async: the caller would rather be told where to come back.
	async bool
	// wait is how long the caller wants to wait, in whole seconds; below 0: nothing is said.
	wait time.Duration
}

// preferencesOf reads the headers Prefer. What is not understood is ignored, as the RFC says; of a preference that occurs twice the first
// one counts.
func preferencesOf(h http.Header) preferences {
	out := preferences{wait: -1}
	for _, value := range h["Prefer"] {
		for one := range strings.SplitSeq(value, ",") {
			one, _, _ = strings.Cut(one, ";") // parameters
			name, value, _ := strings.Cut(one, "=")
			value = strings.Trim(strings.TrimSpace(value), `"`)
			switch strings.ToLower(strings.TrimSpace(name)) {
			case "respond-async":
				out.async = true
			case "wait":
				n, err := strconv.ParseUint(value, 10, 31)
				if err == nil && out.wait < 0 {
					out.wait = time.Duration(n) * time.Second
				}
			}
		}
	}
	return out
}

// patience is how long a caller waits before what he asks for becomes an execution: no longer than the route says.
func (p preferences) patience(after time.Duration) time.Duration {
	switch {
	case p.wait >= 0:
		return min(p.wait, after)
	case p.async:
		return 0
	}
	return after
}

// applied says in an answer which preferences counted.
func (p preferences) applied(h http.Header, async bool) {
	var said []string
	if async && p.async {
		said = append(said, "respond-async")
	}
	if p.wait >= 0 {
		said = append(said, "wait="+strconv.FormatInt(int64(p.wait/time.Second), 10))
	}
	if len(said) > 0 {
		h["Preference-Applied"] = []string{strings.Join(said, ", ")}
	}
}
