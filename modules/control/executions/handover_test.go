package executions_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/executions"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/runner/blobs"
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
		w.away = true
		w.Want(t, token, "GET", path(e, "/files"), "", 503)
		w.Want(t, token, "PUT", path(e, "/handover"), "1", 503)
		w.away = false
		// What has ended says nothing more.
		w.finish(t, h, queries.OutcomeSucceeded)
		w.Want(t, token, "GET", path(e, "/files"), "", 401)
		w.Want(t, token, "PUT", path(e, "/handover"), "late", 401)
		if got := w.handed(t, h.Attempt); got == "late" {
			t.Error("it was taken")
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
