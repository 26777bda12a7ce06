package jobs

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/fairway-gateway/fairway/proxies/problem"
)

// mostBody is how long a body may be, in bytes: the ids of a thousand jobs.
const mostBody = 64 << 10

// asked is a request of the page's, as River gets it.
type asked struct {
	request *http.Request
	// action, subject and detail are its line in the audit log; action is empty where it changes nothing.
	action, subject string
	detail          json.RawMessage
}

// read makes a request for River of one for the page. Nothing but what the page has, and asks for, gets there.
func read(w http.ResponseWriter, r *http.Request, outer string) (asked, *problem.Problem) {
	rest := strings.TrimPrefix(r.URL.Path, Path)
	if !plain(rest) || !plain(outer) || strings.HasSuffix(outer, "/") || rest == "/assets" || rest == "/assets/" {
		return asked{}, &problem.Problem{Status: http.StatusNotFound, Detail: "There is nothing here."}
	}
	out := asked{request: r.Clone(r.Context())}
	out.request.URL = &url.URL{Path: outer + Path + rest, RawQuery: r.URL.RawQuery}
	// It is checked, and nobody else's business.
	out.request.Header.Del("Authorization")
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		out.request.Body = http.NoBody
		return out, nil
	}
	out.action, out.subject = changes(r.Method, rest)
	out.detail = json.RawMessage("{}")
	if out.action == "" {
		return asked{}, &problem.Problem{Status: http.StatusMethodNotAllowed, Header: http.Header{"Allow": {"GET, HEAD"}}, Detail: "Method Not Allowed"}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, mostBody))
	if _, long := errors.AsType[*http.MaxBytesError](err); long {
		return asked{}, &problem.Problem{Code: problem.BadBody, Status: http.StatusRequestEntityTooLarge, Detail: "The body is longer than 64 KiB."}
	}
	if err != nil {
		return asked{}, &problem.Problem{Code: problem.BadBody, Status: http.StatusBadRequest, Detail: "The body ended too early.", Cause: err}
	}
	if out.subject == "" {
		ids, err := jobsOf(body)
		if err != nil {
			return asked{}, &problem.Problem{Code: problem.BadBody, Status: http.StatusBadRequest, Detail: err.Error()}
		}
		// What River is told is what is written down, whatever else was in the body.
		if body, err = json.Marshal(map[string][]string{"ids": ids}); err != nil {
			return asked{}, problem.Of(err)
		}
		if len(ids) == 1 {
			out.subject = "job:" + ids[0]
		} else {
			out.subject, out.detail = "queue", body
		}
	}
	out.request.Body, out.request.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return out, nil
}

// mostJobs is how many jobs River changes at once.
const mostJobs = 1000

// jobsOf gives the ids of jobs in a body: {"ids":["17","18"]}.
func jobsOf(body []byte) ([]string, error) {
	var said struct {
		IDs []string `json:"ids"`
	}
	if err := json.Unmarshal(body, &said); err != nil {
		return nil, errors.New(`the body is like {"ids":["17"]}`)
	}
	if len(said.IDs) == 0 || len(said.IDs) > mostJobs {
		return nil, errors.New("ids are 1 to 1000")
	}
	for i, id := range said.IDs {
		n, err := strconv.ParseInt(id, 10, 64)
		if err != nil || n <= 0 {
			return nil, errors.New("ids are positive numbers in quotes")
		}
		said.IDs[i] = strconv.FormatInt(n, 10)
	}
	return said.IDs, nil
}

// plain says that a path has segments of the usual characters alone, of which none begins with a dot, and at most a few. "" is one.
func plain(path string) bool {
	if path == "" || path == "/" {
		return true
	}
	if len(path) > 512 || path[0] != '/' {
		return false
	}
	for segment := range strings.SplitSeq(strings.TrimSuffix(path[1:], "/"), "/") {
		if segment == "" || segment[0] == '.' {
			return false
		}
		for _, c := range []byte(segment) {
			if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_' || c == '.') {
				return false
			}
		}
	}
	return true
}

// changes gives what a request that changes something is called in the audit log, and what it is about; "" where that is in its body.
// Both are empty where the page asks for no such thing.
func changes(method, path string) (action, subject string) {
	parts := strings.Split(path, "/") // "", "api", ...
	switch {
	case method == http.MethodPost && (path == "/api/jobs/cancel" || path == "/api/jobs/delete" || path == "/api/jobs/retry"):
		return "queue.job." + parts[3], ""
	case method == http.MethodPut && len(parts) == 5 && parts[1] == "api" && parts[2] == "queues" && (parts[4] == "pause" || parts[4] == "resume"):
		return "queue." + parts[4], "queue:" + parts[3]
	}
	return "", ""
}
