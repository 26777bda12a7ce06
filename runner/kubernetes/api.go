package kubernetes

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	// mostAnswer is how long an answer may be that is read whole, in bytes.
	mostAnswer = 64 << 20
	// callPatience is for how long a server is asked that is away, or has too much to do.
	callPatience = time.Minute
	// rightsPatience is for how long a server is asked that refuses: one that has just been started does not know yet who may what.
	rightsPatience = 15 * time.Second
	// answerPatience is how long one answer may take that is read whole.
	answerPatience = 30 * time.Second
)

// apiError is what the server answers in place of what it was asked for.
type apiError struct {
	status int
	reason string
	text   string
	after  time.Duration
}

func (e *apiError) Error() string { return fmt.Sprintf("%d %s: %s", e.status, e.reason, e.text) }

// statusOf is the number of a server's answer that is an error, or 0.
func statusOf(err error) int {
	if e, is := errors.AsType[*apiError](err); is {
		return e.status
	}
	return 0
}

// again says of an error that the same request may succeed a moment later.
func again(err error) bool {
	switch code := statusOf(err); code {
	case 0, http.StatusTooManyRequests, http.StatusRequestTimeout:
		return true
	default:
		return code >= http.StatusInternalServerError
	}
}

// refused says of an error that it is about who asks.
func refused(err error) bool {
	code := statusOf(err)
	return code == http.StatusUnauthorized || code == http.StatusForbidden
}

// api asks the server of a cluster, in one namespace.
type api struct {
	access *access
	client *http.Client
}

func newAPI(a *access) *api {
	return &api{access: a, client: &http.Client{
		Transport: a.transport,
		// Credentials are for this server alone.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Paths of what there is in a namespace.
func (a *api) jobs(name ...string) string {
	return a.path("/apis/batch/v1", "jobs", name)
}
func (a *api) pods(name ...string) string    { return a.path("/api/v1", "pods", name) }
func (a *api) secrets(name ...string) string { return a.path("/api/v1", "secrets", name) }

func (a *api) path(group, kind string, name []string) string {
	var path strings.Builder
	path.WriteString(group + "/namespaces/" + url.PathEscape(a.access.namespace) + "/" + kind)
	for _, part := range name {
		path.WriteString("/" + url.PathEscape(part))
	}
	return path.String()
}

// Types of bodies.
const (
	typeJSON  = "application/json"
	typeMerge = "application/merge-patch+json"
)

// call asks for an object, into a place if there is one. All that is asked for here may be asked for twice, so it is asked again while the server is
// away or has too much to do.
func (a *api) call(ctx context.Context, method, path string, query url.Values, body, into any) error {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return fmt.Errorf("ask the cluster: %w", err)
		}
	}
	kind := typeJSON
	if method == http.MethodPatch {
		kind = typeMerge
	}
	began := time.Now()
	for pause := 20 * time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
		err := a.once(ctx, method, path, query, kind, text, into)
		patience := callPatience
		if refused(err) {
			patience = rightsPatience
		} else if !again(err) {
			patience = 0
		}
		if err == nil || ctx.Err() != nil || time.Since(began) >= patience {
			return err
		}
		wait := pause
		if e, is := errors.AsType[*apiError](err); is {
			wait = max(wait, e.after)
		}
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
}

func (a *api) once(ctx context.Context, method, path string, query url.Values, kind string, body []byte, into any) error {
	ctx, stop := context.WithTimeout(ctx, answerPatience)
	defer stop()
	answer, err := a.open(ctx, method, path, query, kind, body)
	if err != nil {
		return err
	}
	defer answer.Close()
	text, err := io.ReadAll(io.LimitReader(answer, mostAnswer+1))
	switch {
	case err != nil:
		return fmt.Errorf("read the cluster's answer: %w", err)
	case len(text) > mostAnswer:
		return &apiError{status: http.StatusRequestEntityTooLarge, reason: "TooLong", text: "the answer is too long"}
	case into == nil:
		return nil
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("read the cluster's answer: %w", err)
	}
	return nil
}

// open sends a request and gives the answer's body, or an *apiError.
func (a *api) open(ctx context.Context, method, path string, query url.Values, kind string, body []byte) (io.ReadCloser, error) {
	address := a.access.server + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("ask the cluster: %w", err)
	}
	request.Header.Set("Accept", typeJSON)
	request.Header.Set("User-Agent", "fairway")
	if body != nil {
		request.Header.Set("Content-Type", kind)
	}
	if a.access.token != nil {
		token, err := a.access.token()
		if err != nil {
			return nil, err
		}
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := a.client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("ask the cluster: %w", err)
	}
	if response.StatusCode/100 == 2 {
		return response.Body, nil
	}
	defer response.Body.Close()
	failure := &apiError{status: response.StatusCode, reason: http.StatusText(response.StatusCode)}
	text, _ := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	var said status
	if json.Unmarshal(text, &said) == nil && said.Reason != "" {
		failure.reason, failure.text = said.Reason, said.Message
	} else {
		failure.text = fmt.Sprintf("%.200q", text)
	}
	if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil && seconds > 0 {
		failure.after = min(time.Duration(seconds)*time.Second, 10*time.Second)
	}
	return nil, failure
}

// sleep waits for a while, or for the context.
func sleep(ctx context.Context, pause time.Duration) error {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
