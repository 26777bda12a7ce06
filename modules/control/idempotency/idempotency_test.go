package idempotency_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/modules/control/controltest"
	"github.com/fairway-gateway/fairway/modules/control/idempotency"
	"github.com/fairway-gateway/fairway/queries"
)

// engines are those of this package's tests.
var engines = controltest.NewEngines()

func TestMain(m *testing.M) { os.Exit(engines.Main(m)) }

// shop makes things, and counts them.
type shop struct {
	made   atomic.Int64
	answer func(w http.ResponseWriter, r *http.Request, n int64)
}

func (s *shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	n := s.made.Add(1)
	if s.answer != nil {
		s.answer(w, r, n)
		return
	}
	w.Header().Set("Location", fmt.Sprintf("/things/%d", n))
	w.Header().Set("Set-Cookie", "a=b")
	w.WriteHeader(http.StatusCreated)
	fmt.Fprintf(w, "secret-%d %s", n, body)
}

func options(s idempotency.Store) idempotency.Options {
	return idempotency.Options{
		Store: s, Secret: []byte("0123456789abcdef"),
		Caller: func(r *http.Request) string { return r.Header.Get("Authorization") },
		Fail: func(w http.ResponseWriter, _ *http.Request, err error) {
			status := http.StatusServiceUnavailable
			if s, ok := errors.AsType[interface {
				error
				Status() int
			}](err); ok {
				status = s.Status()
			}
			if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
				status = http.StatusRequestEntityTooLarge
			}
			http.Error(w, err.Error(), status)
		},
	}
}

// ask sends a request, and says it as "status replayed body".
func ask(h http.Handler, key, who, target, contentType, body string) string {
	r := httptest.NewRequest(http.MethodPost, target, strings.NewReader(body))
	if key != "" {
		r.Header["Idempotency-Key"] = strings.Split(key, "|")
	}
	r.Header.Set("Authorization", who)
	r.Header.Set("Content-Type", contentType)
	w := httptest.NewRecorder()
	w.Header().Set("X-Gateway", "of the request")
	h.ServeHTTP(w, r)
	said := fmt.Sprintf("%d %s %s", w.Code, strings.TrimSpace(w.Body.String()), w.Header().Get("Location"))
	if w.Header().Get("Idempotency-Replayed") != "" {
		said += " again"
		if w.Header().Get("Set-Cookie") != "" {
			said += " with a cookie"
		}
	}
	if w.Header().Get("X-Gateway") != "of the request" {
		said += " without the id"
	}
	return said
}

func TestHandler(t *testing.T) {
	t.Parallel()
	engines.Both(t, func(t *testing.T, dsn string) {
		t.Helper()
		store := controltest.Store(t, dsn)
		things := &shop{}
		h := idempotency.Handler("thing.create", things, options(store))
		other := idempotency.Handler("other.create", things, options(store))
		form := func(boundary, v string) string {
			return "--" + boundary + "\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n" + v + "\r\n--" + boundary + "--\r\n"
		}
		for _, c := range []struct {
			h                                   http.Handler
			key, who, target, contentType, body string
			want                                string
		}{
			{h, "", "ann", "/", "", "x", "201 secret-1 x /things/1"},
			{h, "", "ann", "/", "", "x", "201 secret-2 x /things/2"},
			{h, "k", "ann", "/", "application/json", "x", "201 secret-3 x /things/3"},
			{h, "k", "ann", "/", "application/json", "x", "201 secret-3 x /things/3 again"},
			{h, "k", "ann", "/", "application/json; charset=utf-8", "x", "201 secret-3 x /things/3 again"},
			{h, "k", "ann", "/", "application/json", "y", "422 Idempotency-Key was sent with another request before "},
			{h, "k", "ann", "/", "text/plain", "x", "422 Idempotency-Key was sent with another request before "},
			{h, "k", "ben", "/", "application/json", "x", "201 secret-4 x /things/4"},
			{other, "k", "ann", "/", "application/json", "x", "201 secret-5 x /things/5"},
			{h, "k", "ann", "/teams/1", "application/json", "x", "201 secret-6 x /things/6"},
			{h, "k", "ann", "/?a=1", "application/json", "x", "201 secret-7 x /things/7"},
			{h, "l", "ann", "/", "application/json", "x", "201 secret-8 x /things/8"},
			{h, "m", "ann", "/", "multipart/form-data; boundary=a1", form("a1", "v"), "201 secret-9 " + strings.TrimSpace(form("a1", "v")) + " /things/9"},
			{h, "m", "ann", "/", "multipart/form-data; boundary=b2", form("b2", "v"), "201 secret-9 " + form("a1", "v") + " /things/9 again"},
			{h, "m", "ann", "/", "multipart/form-data; boundary=b2", form("b2", "w"), "422 Idempotency-Key was sent with another request before "},
			{h, "k|k", "ann", "/", "", "x", "400 Idempotency-Key is there once, and has 1 to 255 printable characters of ASCII "},
			{h, "é", "ann", "/", "", "x", "400 Idempotency-Key is there once, and has 1 to 255 printable characters of ASCII "},
			{h, "a\tb", "ann", "/", "", "x", "400 Idempotency-Key is there once, and has 1 to 255 printable characters of ASCII "},
			{h, strings.Repeat("k", 256), "ann", "/", "", "x", "400 Idempotency-Key is there once, and has 1 to 255 printable characters of ASCII "},
			{h, "n", "ann", "/", "", strings.Repeat("x", 5<<20+1), "413 http: request body too large "},
		} {
			clean := strings.NewReplacer("\r", "", "\n", "").Replace
			if got := ask(c.h, c.key, c.who, c.target, c.contentType, c.body); clean(got) != clean(c.want) {
				t.Errorf("%s %s %s %q: %q, want %q", c.key, c.who, c.target, c.contentType, got, c.want)
			}
		}
	})
}

func lite(t testing.TB) *queries.Store {
	t.Helper()
	return controltest.Store(t, "sqlite:"+t.TempDir()+"/store.db")
}

// TestWhichAnswersAreKept holds that a failure can be tried again, and that what the caller did wrong stays wrong.
func TestWhichAnswersAreKept(t *testing.T) {
	t.Parallel()
	store := lite(t)
	for status, kept := range map[int]bool{200: true, 204: true, 400: true, 401: false, 403: false, 404: true, 408: false, 409: true, 413: true, 422: true, 425: false, 429: false, 500: false, 503: false} {
		things := &shop{answer: func(w http.ResponseWriter, _ *http.Request, _ int64) { w.WriteHeader(status) }}
		h := idempotency.Handler(fmt.Sprint(status), things, options(store))
		for range 2 {
			if got := ask(h, "k", "ann", "/", "", ""); !strings.HasPrefix(got, fmt.Sprint(status)) {
				t.Errorf("%d: %s", status, got)
			}
		}
		if n := things.made.Load(); (n == 1) != kept {
			t.Errorf("%d: it was done %d times", status, n)
		}
	}
	silent := &shop{answer: func(http.ResponseWriter, *http.Request, int64) {}}
	h := idempotency.Handler("silent", silent, options(store))
	if first, again := ask(h, "k", "ann", "/", "", ""), ask(h, "k", "ann", "/", "", ""); first != "200  " || again != "200   again" {
		t.Errorf("%q %q", first, again)
	}
}

// TestAtOnce holds that of many who send a request at once one does it, and the others are told that it is under way.
func TestAtOnce(t *testing.T) {
	t.Parallel()
	engines.Both(t, func(t *testing.T, dsn string) {
		t.Helper()
		begun, end := make(chan struct{}), make(chan struct{})
		things := &shop{answer: func(w http.ResponseWriter, _ *http.Request, _ int64) {
			close(begun)
			<-end
			w.WriteHeader(http.StatusCreated)
		}}
		gateways := []http.Handler{idempotency.Handler("a", things, options(controltest.Store(t, dsn))), idempotency.Handler("a", things, options(controltest.Store(t, dsn)))}
		var all sync.WaitGroup
		var first string
		all.Go(func() { first = ask(gateways[0], "k", "ann", "/", "", "x") })
		<-begun
		for _, g := range gateways {
			if got := ask(g, "k", "ann", "/", "", "x"); got != "409 the first request with this Idempotency-Key is under way " {
				t.Error(got)
			}
			if got := ask(g, "k", "ann", "/", "", "y"); !strings.HasPrefix(got, "422") {
				t.Error(got)
			}
		}
		close(end)
		all.Wait()
		for _, g := range gateways {
			if got := ask(g, "k", "ann", "/", "", "x"); first != "201  " || got != "201   again" {
				t.Errorf("%q, then %q", first, got)
			}
		}
		if n := things.made.Load(); n != 1 {
			t.Errorf("it was done %d times", n)
		}
	})
}

// TestPanic holds that a request whose handler panics can be sent again.
func TestPanic(t *testing.T) {
	t.Parallel()
	things := &shop{answer: func(w http.ResponseWriter, _ *http.Request, n int64) {
		if n == 1 {
			panic("no")
		}
		w.WriteHeader(http.StatusCreated)
	}}
	h := idempotency.Handler("a", things, options(lite(t)))
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic is swallowed")
			}
		}()
		ask(h, "k", "ann", "/", "", "")
	}()
	if got := ask(h, "k", "ann", "/", "", ""); got != "201  " {
		t.Error(got)
	}
}

// TestLeaver holds that the answer of who has left is kept.
func TestLeaver(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	things := &shop{answer: func(w http.ResponseWriter, _ *http.Request, _ int64) {
		cancel()
		w.WriteHeader(http.StatusCreated)
	}}
	h := idempotency.Handler("a", things, options(lite(t)))
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/", nil)
	r.Header.Set("Idempotency-Key", "k")
	h.ServeHTTP(httptest.NewRecorder(), r)
	if got := ask(h, "k", "", "/", "", ""); got != "201   again" {
		t.Error(got)
	}
}

// TestLongAnswers holds that an answer that is too long goes on as it comes, and is not done again.
func TestLongAnswers(t *testing.T) {
	t.Parallel()
	things := &shop{answer: func(w http.ResponseWriter, _ *http.Request, _ int64) {
		for range 3 {
			_, _ = w.Write(bytes.Repeat([]byte("x"), 512<<10))
		}
	}}
	h := idempotency.Handler("a", things, options(lite(t)))
	if got, want := ask(h, "k", "ann", "/", "", ""), "200 "+strings.Repeat("x", 3*512<<10)+" "; got != want {
		t.Errorf("%d bytes, %.100s", len(got), got)
	}
	if got := ask(h, "k", "ann", "/", "", ""); got != "409 the request with this Idempotency-Key was done, and its answer could not be kept " || things.made.Load() != 1 {
		t.Errorf("%.100s", got)
	}
}

// spy remembers what is written into the store.
type spy struct {
	idempotency.Store
	sealed []byte
	err    error
}

func (s *spy) BeginOnce(ctx context.Context, o queries.Once) (queries.Begun, error) {
	if s.err != nil {
		return queries.Begun{}, s.err
	}
	return s.Store.BeginOnce(ctx, o)
}

func (s *spy) AnswerOnce(ctx context.Context, key []byte, fence int64, status int, sealed []byte) (bool, error) {
	s.sealed = append(s.sealed, sealed...)
	return s.Store.AnswerOnce(ctx, key, fence, status, sealed)
}

// TestSealed holds that the store has no secret in clear, and that another secret of the gateway opens nothing.
func TestSealed(t *testing.T) {
	t.Parallel()
	store := &spy{Store: lite(t)}
	things, o := &shop{}, options(store)
	if got := ask(idempotency.Handler("a", things, o), "k", "ann", "/", "", "x"); got != "201 secret-1 x /things/1" {
		t.Fatal(got)
	}
	if len(store.sealed) == 0 || bytes.Contains(store.sealed, []byte("secret")) || bytes.Contains(store.sealed, []byte("c2Vjc")) {
		t.Errorf("%q", store.sealed)
	}
	o.Secret = []byte("another secret of it")
	if got := ask(idempotency.Handler("a", things, o), "k", "ann", "/", "", "x"); !strings.HasPrefix(got, "409 the request") || things.made.Load() != 1 {
		t.Error(got)
	}
	store.err = errors.New("the store is gone")
	if got := ask(idempotency.Handler("a", things, o), "k", "ann", "/", "", "x"); !strings.HasPrefix(got, "503 the store is gone") || things.made.Load() != 1 {
		t.Error(got)
	}
}

// TestDeadGateway holds that a request whose gateway died can be sent again when its lease is over, and that a late answer of it
// is not kept.
func TestDeadGateway(t *testing.T) {
	t.Parallel()
	store := lite(t)
	o := options(store)
	o.Lease = 2 * time.Millisecond
	var h http.Handler
	things := &shop{}
	things.answer = func(w http.ResponseWriter, r *http.Request, n int64) {
		<-r.Context().Done() // the time that it has is shorter than its lease
		if n == 1 {
			patient := options(store)
			for deadline := time.Now().Add(5 * time.Minute); time.Now().Before(deadline); {
				if got := ask(idempotency.Handler("a", &shop{}, patient), "k", "ann", "/", "", "x"); strings.HasPrefix(got, "201 secret-1") {
					break
				}
			}
		}
		w.WriteHeader(http.StatusAccepted)
	}
	h = idempotency.Handler("a", things, o)
	if got := ask(h, "k", "ann", "/", "", "x"); !strings.HasPrefix(got, "202") {
		t.Error(got)
	}
	if got := ask(h, "k", "ann", "/", "", "x"); got != "201 secret-1 x /things/1 again" {
		t.Error(got)
	}
}

// FuzzKeys holds that two requests are one only if key, caller, place, type and body are.
func FuzzKeys(f *testing.F) {
	f.Add("k", "ann", "x", "l", "ann", "x")
	f.Add("k", "ann", "x", "k", "annk", "x")
	f.Add("a", "b", "--c", "a", "b", "--")
	store := lite(f)
	f.Fuzz(func(t *testing.T, key, who, body, key2, who2, body2 string) {
		things := &shop{}
		h := idempotency.Handler(fmt.Sprint(time.Now().UnixNano()), things, options(store))
		first, second := ask(h, key, who, "/", "text/plain", body), ask(h, key2, who2, "/", "text/plain", body2)
		same := key == key2 && who == who2
		switch {
		case key == "" || key2 == "" || strings.HasPrefix(first, "400") || strings.HasPrefix(second, "400"):
		case same && body == body2:
			if second != first+" again" {
				t.Errorf("%q, %q", first, second)
			}
		case same:
			if !strings.HasPrefix(second, "422") {
				t.Errorf("%q", second)
			}
		default:
			if things.made.Load() != 2 {
				t.Errorf("%q, %q", first, second)
			}
		}
	})
}
