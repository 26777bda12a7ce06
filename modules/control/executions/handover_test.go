package executions_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/executions"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/runner/blobs"
	"github.com/fairway-gateway/fairway/runner/kubernetes/agent"
)

// handed is what was handed over for an attempt; empty: nothing.
func (w *world) handed(t *testing.T, attempt uuid.UUID) string {
	t.Helper()
	content, err := w.blobs.Read(t.Context(), executions.HandoverKey(attempt))
	if err != nil {
		return ""
	}
	defer content.Close()
	text, err := io.ReadAll(content)
	must(t, err)
	return string(text)
}

// TestHandover is what the agent of a pod does with the token of its attempt.
func TestHandover(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		e, h, token := w.scripted(t)
		other, h2, _ := w.scripted(t)
		version, err := w.Store.ScriptVersion(t.Context(), *e.ScriptID, *e.ScriptVersion)
		must(t, err)
		if a := w.Want(t, token, "GET", path(e, "/files"), "", 500); strings.Contains(a.Body, version.BlobKey) {
			t.Error(a.Body)
		}
		_, err = w.blobs.Write(t.Context(), version.BlobKey, "application/gzip", 100, func(to io.Writer) error {
			_, err := io.WriteString(to, "the bundle")
			return err
		})
		must(t, err)
		if a := w.Want(t, token, "GET", path(e, "/files"), "", 200); a.Body != "the bundle" {
			t.Errorf("%q", a.Body)
		}
		for _, results := range []string{`{"a":1}`, "no JSON", strings.Repeat("x", 3<<20)} {
			w.Want(t, token, "PUT", path(e, "/handover"), results, 204)
			if got := w.handed(t, h.Attempt); got != results {
				t.Errorf("%.100q", got)
			}
		}
		// What it is for, and for whom.
		w.Want(t, token, "GET", path(other, "/files"), "", 404)
		w.Want(t, token, "PUT", path(other, "/handover"), "1", 404)
		w.Want(t, "ann:", "GET", path(e, "/files"), "", 403)
		w.Want(t, "ann:", "PUT", path(e, "/handover"), "1", 403)
		w.Want(t, "boss:", "GET", path(e, "/files"), "", 200)
		w.Want(t, "boss:", "PUT", path(e, "/handover"), "1", 400)
		if got := w.handed(t, h2.Attempt); got != "" {
			t.Errorf("%q", got)
		}
		w.blobs.Away = true
		w.Want(t, token, "GET", path(e, "/files"), "", 503)
		w.Want(t, token, "PUT", path(e, "/handover"), "1", 503)
		w.blobs.Away = false
		// What has ended says nothing more.
		w.finish(t, h, queries.OutcomeSucceeded)
		w.Want(t, token, "GET", path(e, "/files"), "", 401)
		w.Want(t, token, "PUT", path(e, "/handover"), "late", 401)
		if got := w.handed(t, h.Attempt); got == "late" {
			t.Error("it was taken")
		}
	})
}

// TestFilesAreOnePods: the first pod of an attempt has its files, however often it asks, and nobody else.
func TestFilesAreOnePods(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		e, h, token := w.scripted(t)
		version, err := w.Store.ScriptVersion(t.Context(), *e.ScriptID, *e.ScriptVersion)
		must(t, err)
		_, err = w.blobs.Write(t.Context(), version.BlobKey, "application/gzip", 100, func(to io.Writer) error {
			_, err := io.WriteString(to, "the bundle")
			return err
		})
		must(t, err)
		ask := func(bearer, pod string) int {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path(e, "/files"), nil)
			r.Header.Set("Authorization", "Bearer "+bearer)
			r.Header.Set(agent.HeaderPod, pod)
			return w.Do(r).Status
		}
		for _, wrong := range []string{strings.Repeat("a", 65), "a b", "a\x7f", "ä"} {
			if status := ask(string(token), wrong); status/100 != 4 || status == http.StatusConflict {
				t.Errorf("%q: %d", wrong, status)
			}
		}
		// Both at once.
		pods := []string{"0b8b7f0e-4f0e-4c53-9d3b-8d1f3f6a1c55", "1b8b7f0e-4f0e-4c53-9d3b-8d1f3f6a1c55"}
		statuses := make([]int, len(pods))
		var all sync.WaitGroup
		for i, pod := range pods {
			all.Go(func() { statuses[i] = ask(string(token), pod) })
		}
		all.Wait()
		if statuses[0]+statuses[1] != http.StatusOK+http.StatusConflict {
			t.Fatal(statuses)
		}
		for range 2 {
			for i, pod := range pods {
				if status := ask(string(token), pod); status != statuses[i] {
					t.Errorf("%d after %d", status, statuses[i])
				}
			}
		}
		w.finish(t, h, queries.OutcomeSucceeded)
		if status := ask(string(token), pods[0]); status != http.StatusUnauthorized {
			t.Error(status)
		}
	})
}

// TestHandoverBreaksOff: half of the results is none, and neither is too much.
func TestHandoverBreaksOff(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		t.Helper()
		e, h, token := w.scripted(t)
		put := func(body io.Reader, length int64) int {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPut, path(e, "/handover"), body)
			r.ContentLength = length
			r.Header.Set("Authorization", fmt.Sprintf("Bearer %s", token))
			answer := httptest.NewRecorder()
			w.API.ServeHTTP(answer, r)
			return answer.Code
		}
		if got := put(strings.NewReader("half"), 8); got != 400 {
			t.Errorf("half a body: %d", got)
		}
		if got := put(io.LimitReader(endless{}, 64<<20+1), -1); got != 413 {
			t.Errorf("too much: %d", got)
		}
		if got := w.handed(t, h.Attempt); got != "" {
			t.Errorf("%.100q was kept", got)
		}
		if got := put(bytes.NewReader(nil), 0); got != 204 {
			t.Errorf("nothing: %d", got)
		}
		if _, err := w.blobs.Read(t.Context(), blobs.HandoverKey(h.Attempt.String())); err != nil {
			t.Error(err)
		}
	})
}

// endless is a body without an end.
type endless struct{}

func (endless) Read(to []byte) (int, error) {
	for i := range to {
		to[i] = 'x'
	}
	return len(to), nil
}
