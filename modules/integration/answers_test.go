package integration_test

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
)

// answer is what a caller got, read whole.
type answer struct {
	status int
	header http.Header
	body   string
}

// request says what a caller sends. The zero method is GET.
type request struct {
	method, path string
	header       http.Header
	// user, where not empty, is "name:password" for HTTP Basic.
	user string
	body string
}

// ask sends a request to the gateway and reads the whole answer.
func (g *gateway) ask(t testing.TB, r request) answer {
	t.Helper()
	a, err := g.try(t.Context(), r)
	if err != nil {
		t.Fatalf("%s: %v", r.path, err)
	}
	return a
}

// try is ask for goroutines that may not end the test.
func (g *gateway) try(ctx context.Context, r request) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, cmp.Or(r.method, http.MethodGet), g.url+r.path, strings.NewReader(r.body))
	if err != nil {
		return answer{}, err
	}
	maps.Copy(req.Header, r.header)
	if name, password, ok := strings.Cut(r.user, ":"); ok {
		req.SetBasicAuth(name, password)
	}
	resp, err := client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	return answer{status: resp.StatusCode, header: resp.Header, body: string(body)}, err
}

// get is ask for a plain GET.
func (g *gateway) get(t testing.TB, path string) answer {
	t.Helper()
	return g.ask(t, request{path: path})
}

// askRaw sends the bytes as they are, for requests that net/http would clean or refuse to make. head is the request
// line and the headers without the last empty line; Host and "Connection: close" are put behind the request line.
func (g *gateway) askRaw(t testing.TB, head string) answer {
	t.Helper()
	a, err := g.tryRaw(head)
	if err != nil {
		t.Fatalf("%.200q: %v", head, err)
	}
	return a
}

func (g *gateway) tryRaw(head string) (answer, error) {
	conn, err := net.DialTimeout("tcp", g.addr, patience)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return answer{}, err
	}
	line, rest, more := strings.Cut(head, "\r\n")
	if more {
		rest += "\r\n"
	}
	if _, err := io.WriteString(conn, line+"\r\nHost: "+g.addr+"\r\nConnection: close\r\n"+rest+"\r\n"); err != nil {
		return answer{}, err
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	return answer{status: resp.StatusCode, header: resp.Header, body: string(body)}, err
}

// value is the body as JSON.
func (a answer) value(t testing.TB) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		t.Fatalf("the answer (%d, %s) is not JSON: %v\n%.500s", a.status, a.header.Get("Content-Type"), err, a.body)
	}
	return v
}

// wantJSON checks status, media type and value; white space and the spelling of numbers are free.
func (a answer) wantJSON(t testing.TB, status int, want string) {
	t.Helper()
	if a.status != status {
		t.Fatalf("status %d, want %d\n%.1000s", a.status, status, a.body)
	}
	if got := a.header.Get("Content-Type"); got != "application/json" {
		t.Errorf("Content-Type %q, want application/json", got)
	}
	if diff := gocmp.Diff(answer{body: want}.value(t), a.value(t)); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
}

// document is a problem as a client reads it.
type document struct {
	Type          string  `json:"type"`
	Title         string  `json:"title"`
	Status        int     `json:"status"`
	Detail        string  `json:"detail"`
	Instance      string  `json:"instance"`
	RequestID     string  `json:"request_id"`
	Reason        string  `json:"reason"`
	StatusCode    int     `json:"status_code"`
	ErrorContent  *string `json:"error_content"`
	BackendStatus int     `json:"backend_status"`
	Backend       string  `json:"backend"`
	Fetch         string  `json:"fetch"`
	Parameter     string  `json:"parameter"`
}

// wantProblem checks that the answer is a whole problem document of this status and one of these codes (see package
// problem; "" is about:blank), and gives it.
func (a answer) wantProblem(t testing.TB, status int, codes ...string) document {
	t.Helper()
	if a.status != status {
		t.Errorf("status %d, want %d\n%.1000s", a.status, status, a.body)
	}
	return a.wantAnyProblem(t, codes...)
}

// wantAnyProblem is wantProblem without an opinion on the status.
func (a answer) wantAnyProblem(t testing.TB, codes ...string) document {
	t.Helper()
	var d document
	if got := a.header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("status %d, Content-Type %q, want application/problem+json\n%.1000s", a.status, got, a.body)
		return d
	}
	if err := json.Unmarshal([]byte(a.body), &d); err != nil {
		t.Errorf("the problem is no JSON: %v\n%.1000s", err, a.body)
		return d
	}
	if _, ok := a.value(t).(map[string]any)["error_content"]; !ok {
		t.Error("the member error_content is missing; it must be null where there is no text")
	}
	code := strings.TrimPrefix(d.Type, "urn:fairway:problem:")
	if code == "about:blank" {
		code = ""
	}
	if !slices.Contains(codes, code) {
		t.Errorf("problem %q, want one of %q\n%s", code, codes, a.body)
	}
	if d.Status != a.status || d.StatusCode != a.status {
		t.Errorf("status %d and status_code %d in an answer of status %d", d.Status, d.StatusCode, a.status)
	}
	if d.Title == "" || d.Reason == "" || d.Instance == "" || d.RequestID == "" {
		t.Errorf("a member of the problem is empty: %s", a.body)
	}
	return d
}

// wantNothingLeaked checks that neither answer nor log holds one of the secrets, and that no stack is shown.
func (g *gateway) wantNothingLeaked(t testing.TB, a answer, secrets ...string) {
	t.Helper()
	shown := fmt.Sprint(a.header) + "\n" + a.body
	for _, stack := range []string{"goroutine ", ".go:", "runtime."} {
		if strings.Contains(shown, stack) {
			t.Errorf("the answer shows the gateway's inside (%q): %.1000s", stack, shown)
		}
	}
	log := g.log.String()
	for _, secret := range secrets {
		if strings.Contains(shown, secret) {
			t.Errorf("the answer holds the secret %q: %.1000s", secret, shown)
		}
		if strings.Contains(log, secret) {
			t.Errorf("the log holds the secret %q", secret)
		}
	}
}
