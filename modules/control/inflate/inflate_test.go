package inflate_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/fairway-gateway/fairway/modules/control/inflate"
)

func zipped(t testing.TB, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.WriteString(z, text); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// serve gives status and body of what answers with the body that it was sent.
func serve(o inflate.Options, r *http.Request) (int, string) {
	o.Fail = func(w http.ResponseWriter, _ *http.Request, err error) {
		status := http.StatusInternalServerError
		if s, ok := errors.AsType[interface {
			error
			Status() int
		}](err); ok {
			status = s.Status()
		}
		http.Error(w, err.Error(), status)
	}
	w := httptest.NewRecorder()
	inflate.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			return
		}
		if r.Header.Get("Content-Encoding") == "gzip" || r.ContentLength >= 0 && r.ContentLength != int64(len(body)) {
			w.WriteHeader(http.StatusTeapot)
		}
		_, _ = w.Write(body)
	}), o).ServeHTTP(w, r)
	return w.Code, strings.TrimSpace(w.Body.String())
}

func TestHandler(t *testing.T) {
	t.Parallel()
	small := inflate.Options{Compressed: 100, Inflated: 1000}
	hello := zipped(t, "hello")
	noise := make([]byte, 300)
	for i := range noise {
		noise[i] = byte(i * i * 31)
	}
	for _, c := range []struct {
		name     string
		coding   []string
		body     []byte
		streamed bool
		status   int
		want     string
	}{
		{name: "plain", body: []byte("hello"), status: 200, want: "hello"},
		{name: "plain, and says so", coding: []string{"identity"}, body: []byte("hello"), status: 200, want: "hello"},
		{name: "nothing", status: 200},
		{name: "gzip", coding: []string{"gzip"}, body: hello, status: 200, want: "hello"},
		{name: "gzip in capitals", coding: []string{" GZIP"}, body: hello, status: 200, want: "hello"},
		{name: "x-gzip", coding: []string{"x-gzip"}, body: hello, streamed: true, status: 200, want: "hello"},
		{name: "two members", coding: []string{"gzip"}, body: append(bytes.Clone(hello), hello...), status: 200, want: "hellohello"},
		{name: "as much as there may be", coding: []string{"gzip"}, body: zipped(t, strings.Repeat("a", 1000)), status: 200, want: strings.Repeat("a", 1000)},
		{name: "more", coding: []string{"gzip"}, body: zipped(t, strings.Repeat("a", 1001)), status: 413, want: "a body has at most 1000 bytes"},
		{name: "a bomb", coding: []string{"gzip"}, body: zipped(t, strings.Repeat("a", 60_000)), status: 413, want: "a body has at most 1000 bytes"},
		{name: "long", coding: []string{"gzip"}, body: zipped(t, string(noise)), status: 413, want: "a compressed body has at most 100 bytes"},
		{name: "long without saying so", coding: []string{"gzip"}, body: zipped(t, string(noise)), streamed: true, status: 413, want: "a compressed body has at most 100 bytes"},
		{name: "plain and long", body: bytes.Repeat([]byte("a"), 1001), status: 413, want: "a body has at most 1000 bytes"},
		{name: "plain and long without saying so", body: bytes.Repeat([]byte("a"), 1001), streamed: true, status: 413},
		{name: "no gzip", coding: []string{"gzip"}, body: []byte("hello"), status: 400, want: "the body is no gzip, or not whole"},
		{name: "gzip of nothing", coding: []string{"gzip"}, status: 400, want: "the body is no gzip, or not whole"},
		{name: "half", coding: []string{"gzip"}, body: hello[:len(hello)-5], status: 400, want: "the body is no gzip, or not whole"},
		{name: "dirt behind", coding: []string{"gzip"}, body: append(bytes.Clone(hello), "dirt"...), status: 400, want: "the body is no gzip, or not whole"},
		{name: "another checksum", coding: []string{"gzip"}, body: append(bytes.Clone(hello[:len(hello)-8]), 1, 2, 3, 4, 5, 0, 0, 0), status: 400, want: "the body is no gzip, or not whole"},
		{name: "another coding", coding: []string{"br"}, body: hello, status: 415, want: "a body is compressed by gzip, once, or not at all"},
		{name: "twice", coding: []string{"gzip, gzip"}, body: hello, status: 415, want: "a body is compressed by gzip, once, or not at all"},
		{name: "two headers", coding: []string{"gzip", "gzip"}, body: hello, status: 415, want: "a body is compressed by gzip, once, or not at all"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(c.body))
			if c.streamed {
				r = httptest.NewRequest(http.MethodPost, "/", io.MultiReader(bytes.NewReader(c.body)))
				r.ContentLength = -1
			}
			if c.coding != nil {
				r.Header["Content-Encoding"] = c.coding
			}
			if status, body := serve(small, r); status != c.status || body != c.want {
				t.Errorf("%d %q, want %d %q", status, body, c.status, c.want)
			}
		})
	}
}

// TestDefaults holds that the limits are those of the contract.
func TestDefaults(t *testing.T) {
	t.Parallel()
	for size, want := range map[int]int{5 << 20: 200, 5<<20 + 1: 413} {
		r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(zipped(t, strings.Repeat("a", size))))
		r.Header.Set("Content-Encoding", "gzip")
		if status, _ := serve(inflate.Options{}, r); status != want {
			t.Errorf("%d bytes: %d", size, status)
		}
	}
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	r.Header.Set("Content-Encoding", "gzip")
	r.ContentLength = 25<<20 + 1
	if status, _ := serve(inflate.Options{}, r); status != 413 {
		t.Error(status)
	}
}

// broken fails when it is read.
type broken struct{ err error }

func (b broken) Read([]byte) (int, error) { return 0, b.err }

func TestReadersError(t *testing.T) {
	t.Parallel()
	gone := errors.New("gone")
	if _, err := inflate.Gzip(broken{gone}, 100, 100); !errors.Is(err, gone) {
		t.Error(err)
	}
}

// FuzzGzip holds that nothing comes out that is too long, and that errors are of ours.
func FuzzGzip(f *testing.F) {
	f.Add(zipped(f, "hello"))
	f.Add(zipped(f, strings.Repeat("a", 100_000)))
	f.Add([]byte{0x1f, 0x8b})
	f.Fuzz(func(t *testing.T, body []byte) {
		out, err := inflate.Gzip(bytes.NewReader(body), 1000, 2000)
		if err != nil {
			if _, ok := errors.AsType[interface {
				error
				Status() int
			}](err); !ok {
				t.Fatal(err)
			}
		}
		if len(out) > 2000 || err == nil && len(body) > 1000 {
			t.Fatalf("%d bytes of %d", len(out), len(body))
		}
	})
}
