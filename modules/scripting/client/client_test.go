package client

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is a gateway that gives tokens and knows who has one.
type fake struct {
	*httptest.Server

	mu        sync.Mutex
	good      string // the access token that is taken
	refresh   string // the refresh token that is taken
	lasts     int    // seconds
	refreshes atomic.Int64
	asked     atomic.Int64
	broken    atomic.Bool // /auth/refresh fails
}

func newFake(t *testing.T, routes map[string]http.HandlerFunc) *fake {
	t.Helper()
	f := &fake{good: "access-1", refresh: "refresh-1", lasts: 3600}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /auth", func(w http.ResponseWriter, r *http.Request) {
		var body struct{ Email, Password string }
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil || body.Password != "right" || r.Header.Get("Authorization") != "" {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"msg":"Bad username or password","request_id":"r-1"}`)
			return
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		fmt.Fprintf(w, `{"access_token":%q,"refresh_token":%q,"user_id":"u","expires_in":%d}`, f.good, f.refresh, f.lasts)
	})
	mux.HandleFunc("POST /auth/refresh", func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			Refresh string `json:"refresh_token"`
		}
		_ = json.NewDecoder(r.Body).Decode(&body) // checked by what follows
		f.mu.Lock()
		defer f.mu.Unlock()
		switch {
		case f.broken.Load():
			w.WriteHeader(http.StatusServiceUnavailable)
		case body.Refresh != f.refresh || r.URL.Query().Get("rotate") != "true" || r.Header.Get("Authorization") != "":
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"msg":"Invalid or expired refresh token"}`)
		default:
			n := f.refreshes.Add(1) + 1
			f.good, f.refresh = fmt.Sprintf("access-%d", n), fmt.Sprintf("refresh-%d", n)
			fmt.Fprintf(w, `{"access_token":%q,"refresh_token":%q,"user_id":"u","expires_in":%d}`, f.good, f.refresh, f.lasts)
		}
	})
	mux.HandleFunc("GET /api/v1/script/{script}", f.guard(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"data":{"id":"1","slug":%q,"status":"SUCCESS","more":1.50}}`, r.PathValue("script"))
	}))
	for pattern, h := range routes {
		mux.HandleFunc(pattern, f.guard(h))
	}
	f.Server = httptest.NewServer(mux)
	t.Cleanup(f.Close)
	return f
}

func (f *fake) guard(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		f.asked.Add(1)
		f.mu.Lock()
		good := r.Header.Get("Authorization") == "Bearer "+f.good
		f.mu.Unlock()
		if !good {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"type":"urn:fairway:problem:token_expired","detail":"Token has expired","request_id":"r-9"}`)
			return
		}
		h(w, r)
	}
}

// revoke has the gateway take another token than the one that it gave.
func (f *fake) revoke() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.good = "nobody has it"
}

// clock is one that stands.
type clock struct{ at atomic.Int64 }

func newClock() *clock {
	c := new(clock)
	c.at.Store(time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC).UnixNano())
	return c
}

func (c *clock) now() time.Time          { return time.Unix(0, c.at.Load()).UTC() }
func (c *clock) advance(d time.Duration) { c.at.Add(int64(d)) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func made(t testing.TB, o Options) *Client {
	t.Helper()
	c, err := New(o)
	must(t, err)
	t.Cleanup(c.Close)
	return c
}

// loggedIn gives a client with a login that is kept in a file.
func loggedIn(t testing.TB, f *fake, c *clock, path string) (*Client, *Logins) {
	t.Helper()
	bare := made(t, Options{URL: f.URL})
	file := &Logins{Path: path, Now: c.now}
	if _, err := file.Find(f.URL); err != nil {
		login, err := bare.LogIn(t.Context(), "ann@example.org", "right", c.now())
		must(t, err)
		must(t, file.Keep(t.Context(), login))
	}
	return made(t, Options{URL: f.URL, Credentials: &Session{Logins: file, Origin: f.URL, Client: bare}}), file
}

func TestLoginIsKept(t *testing.T) {
	t.Parallel()
	f, now := newFake(t, nil), newClock()
	path := filepath.Join(t.TempDir(), "fairway", "logins.json")
	c, file := loggedIn(t, f, now, path)
	s, err := c.Script(t.Context(), "a/../b?c")
	must(t, err)
	if s.Slug != "a/../b?c" {
		t.Errorf("it asked for %q", s.Slug)
	}
	if raw, err := json.Marshal(s); err != nil || !strings.Contains(string(raw), `"more":1.50`) {
		t.Errorf("%s %v", raw, err)
	}
	info, err := os.Stat(path)
	must(t, err)
	dir, err := os.Stat(filepath.Dir(path))
	must(t, err)
	if info.Mode().Perm() != 0o600 || dir.Mode().Perm() != 0o700 {
		t.Errorf("the file has %v, its directory %v", info.Mode(), dir.Mode())
	}
	login, err := file.Find("")
	must(t, err)
	if login.URL != f.URL || login.Email != "ann@example.org" || !login.RefreshAt.Equal(now.now().Add(55*time.Minute)) {
		t.Errorf("%+v", login)
	}
	must(t, file.Forget(t.Context(), f.URL))
	if _, err := c.Script(t.Context(), "a"); !isLogin(err) {
		t.Errorf("%v", err)
	}
}

func isLogin(err error) bool {
	_, is := errors.AsType[*LoginError](err)
	return is
}

// TestRefreshAhead holds that a token is replaced five minutes before its end, by one of all who want it.
func TestRefreshAhead(t *testing.T) {
	t.Parallel()
	f, now := newFake(t, nil), newClock()
	path := filepath.Join(t.TempDir(), "logins.json")
	loggedIn(t, f, now, path)
	now.advance(54*time.Minute + 59*time.Second)
	c, _ := loggedIn(t, f, now, path)
	_, err := c.Script(t.Context(), "a")
	must(t, err)
	if n := f.refreshes.Load(); n != 0 {
		t.Fatalf("%d refreshes", n)
	}
	now.advance(2 * time.Second)
	var all sync.WaitGroup
	for range 8 {
		c, _ := loggedIn(t, f, now, path) // each as a process of its own
		all.Go(func() {
			if _, err := c.Script(t.Context(), "a"); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := f.refreshes.Load(); n != 1 {
		t.Errorf("%d refreshes", n)
	}
	found, err := filepath.Glob(filepath.Join(filepath.Dir(path), ".*"))
	must(t, err)
	if len(found) > 0 {
		t.Errorf("%v are left", found)
	}
}

// TestRefreshFails holds that a token which is good for a while is sent as long as none can be had in its place, and none that has ended.
func TestRefreshFails(t *testing.T) {
	t.Parallel()
	f, now := newFake(t, nil), newClock()
	c, _ := loggedIn(t, f, now, filepath.Join(t.TempDir(), "logins.json"))
	f.broken.Store(true)
	now.advance(56 * time.Minute)
	_, err := c.Script(t.Context(), "a")
	must(t, err)
	now.advance(5 * time.Minute)
	if _, err = c.Script(t.Context(), "a"); err == nil || isLogin(err) {
		t.Errorf("%v", err)
	}
	f.broken.Store(false)
	_, err = c.Script(t.Context(), "a")
	must(t, err)
}

// TestShortTokens holds that tokens of less than five minutes are not replaced at each request.
func TestShortTokens(t *testing.T) {
	t.Parallel()
	f, now := newFake(t, nil), newClock()
	f.lasts = 60
	c, _ := loggedIn(t, f, now, filepath.Join(t.TempDir(), "logins.json"))
	for range 3 {
		_, err := c.Script(t.Context(), "a")
		must(t, err)
	}
	now.advance(31 * time.Second)
	for range 3 {
		_, err := c.Script(t.Context(), "a")
		must(t, err)
	}
	if n := f.refreshes.Load(); n != 1 {
		t.Errorf("%d refreshes", n)
	}
}

// TestRetryAfter401 holds that a request is made once more with another token, and never a third time.
func TestRetryAfter401(t *testing.T) {
	t.Parallel()
	f, now := newFake(t, nil), newClock()
	c, _ := loggedIn(t, f, now, filepath.Join(t.TempDir(), "logins.json"))
	f.revoke()
	_, err := c.Script(t.Context(), "a")
	must(t, err)
	if f.asked.Load() != 2 || f.refreshes.Load() != 1 {
		t.Errorf("%d requests, %d refreshes", f.asked.Load(), f.refreshes.Load())
	}
	// Another token is refused as well.
	always := newFake(t, map[string]http.HandlerFunc{"GET /api/v1/execution/{id}": func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, `{"detail":"Token has been revoked."}`)
	}})
	c, _ = loggedIn(t, always, now, filepath.Join(t.TempDir(), "logins.json"))
	_, err = c.Execution(t.Context(), "x", "")
	if !isLogin(err) || always.asked.Load() != 2 || !strings.Contains(err.Error(), "Token has been revoked (401): log in again, by fairway login --url "+always.URL) {
		t.Errorf("%v after %d requests", err, always.asked.Load())
	}
	// The login has ended, too.
	c, _ = loggedIn(t, f, now, filepath.Join(t.TempDir(), "other.json"))
	f.revoke()
	f.mu.Lock()
	f.refresh = "nobody has it either"
	f.mu.Unlock()
	if _, err = c.Script(t.Context(), "a"); !isLogin(err) {
		t.Errorf("%v", err)
	}
}

func TestTokenOfAProgram(t *testing.T) {
	t.Parallel()
	f := newFake(t, nil)
	c := made(t, Options{URL: f.URL, Credentials: Fixed{Value: "access-1", Origin: f.URL}})
	_, err := c.Script(t.Context(), "a")
	must(t, err)
	f.revoke()
	if _, err = c.Script(t.Context(), "a"); !isLogin(err) || f.asked.Load() != 2 {
		t.Errorf("%v after %d requests", err, f.asked.Load())
	}
}

// TestRedirects holds that nobody is sent anything because a gateway says so.
func TestRedirects(t *testing.T) {
	t.Parallel()
	var reached atomic.Int64
	thief := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	t.Cleanup(thief.Close)
	for _, status := range []int{301, 302, 303, 307, 308} {
		gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", thief.URL+"/api/v1/script")
			w.WriteHeader(status)
		}))
		t.Cleanup(gateway.Close)
		c := made(t, Options{URL: gateway.URL, Credentials: Fixed{Value: "secret", Origin: gateway.URL}})
		for what, err := range map[string]error{
			"login":  second(c.LogIn(t.Context(), "ann@example.org", "secret", time.Now())),
			"get":    second(c.Script(t.Context(), "a")),
			"upload": second(c.Upload(t.Context(), "", "a.tar.gz", []byte("x"))),
			"follow": second(c.Follow(t.Context(), "x", Following{}, func(Event) error { return nil })),
		} {
			if err == nil || !strings.Contains(err.Error(), "redirects to "+thief.URL+", which is not followed") || strings.Contains(err.Error(), "secret") {
				t.Errorf("%s, %d: %v", what, status, err)
			}
		}
	}
	if n := reached.Load(); n != 0 {
		t.Errorf("%d requests left for elsewhere", n)
	}
}

func second[T any](_ T, err error) error { return err }

func TestOrigin(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"https://Gateway.Example.org/": "https://gateway.example.org", "https://a:443": "https://a", "http://a:80": "http://a", "http://a:443": "http://a:443",
		"https://[::1]:8443": "https://[::1]:8443", "https://a:8443": "https://a:8443",
		"a.example.org": "", "ftp://a": "", "https://": "", "https://u:p@a": "", "https://a/b": "", "https://a?b": "", "https://a#b": "", "https:a": "", "": "", "https://a\n": "",
	} {
		if got, err := Origin(text); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
}

// TestUnencrypted holds that nothing is sent in the clear to another machine unless that was said.
func TestUnencrypted(t *testing.T) {
	t.Parallel()
	for url, fine := range map[string]bool{
		"http://127.0.0.1:1": true, "http://localhost": true, "http://[::1]": true, "http://example.org": false, "http://localhost.example.org": false, "http://127.0.0.1.example.org": false,
		"http://192.168.0.1": false, "https://example.org": true,
	} {
		if _, err := New(Options{URL: url}); (err == nil) != fine {
			t.Errorf("%s: %v", url, err)
		}
	}
	if _, err := New(Options{URL: "http://example.org", AllowHTTP: true}); err != nil {
		t.Error(err)
	}
}

// TestAuthorities holds that a certificate is taken from who is believed, and that the one of this machine counts on this machine alone.
func TestAuthorities(t *testing.T) {
	t.Parallel()
	f := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"data":{"id":"1"}}`) }))
	f.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	f.StartTLS()
	t.Cleanup(f.Close)
	dir := t.TempDir()
	ca, none, absent := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "none.pem"), filepath.Join(dir, "absent.pem")
	must(t, os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: f.Certificate().Raw}), 0o600))
	must(t, os.WriteFile(none, []byte("none"), 0o600))
	ask := func(o Options) error {
		o.URL = f.URL
		c, err := New(o)
		if err != nil {
			return err
		}
		defer c.Close()
		_, err = c.Script(t.Context(), "a")
		return err
	}
	must(t, ask(Options{CA: ca}))
	must(t, ask(Options{LocalCA: ca}))
	must(t, ask(Options{LocalCA: ca, CA: ca}))
	for what, o := range map[string]Options{"none": {}, "absent local": {LocalCA: absent}} {
		if err := ask(o); err == nil || !strings.Contains(err.Error(), "--ca") {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, o := range []Options{{CA: none}, {CA: absent}} {
		if err := ask(o); err == nil {
			t.Errorf("%s is one", o.CA)
		}
	}
	if roots, err := (Options{LocalCA: ca}).authorities("https://gateway.example.org"); roots != nil || err != nil {
		t.Error("the authority of this machine counts elsewhere")
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status     int
		body, want string
	}{
		{404, `{"detail":"There is nothing of that name.","request_id":"r-1"}`, "There is nothing of that name (404, request r-1)"},
		{400, `{"msg":"File Required"}`, "File Required (400)"},
		{409, `{"message":"no","detail":""}`, "no (409)"},
		{502, `<html>`, "Bad Gateway (502)"},
		{500, ``, "Internal Server Error (500)"},
		{418, `{"detail":`, "I'm a teapot (418)"},
		{599, `[]`, "it was refused (599)"},
	} {
		f := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(c.status)
			fmt.Fprint(w, c.body)
		}))
		client := made(t, Options{URL: f.URL})
		_, err := client.Script(t.Context(), "a")
		f.Close()
		if no, is := errors.AsType[*Error](err); !is || no.Error() != c.want || no.RetryAfter != 7*time.Second {
			t.Errorf("%d %s: %v", c.status, c.body, err)
		}
	}
	client := made(t, Options{URL: "http://127.0.0.1:1"})
	if _, err := client.Script(t.Context(), "a"); err == nil || !strings.Contains(err.Error(), "http://127.0.0.1:1 cannot be reached") {
		t.Errorf("%v", err)
	}
}

// TestAnswersThatAreNone holds that what is no gateway is told from one.
func TestAnswersThatAreNone(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"", "null", "<html></html>", "[]", `{"data":[]}`, `{"data":"x"}`} {
		f := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) }))
		c := made(t, Options{URL: f.URL})
		_, login := c.LogIn(t.Context(), "a", "b", time.Now())
		_, upload := c.Upload(t.Context(), "", "a", nil)
		f.Close()
		if login == nil || upload == nil {
			t.Errorf("%q: %v, %v", body, login, upload)
		}
	}
}

// TestFileOfLogins holds that one which is damaged, or has a token under another origin than its own, gives nobody a token.
func TestFileOfLogins(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "x", "[]", `{"logins":{"https://a":{"url":"https://b","access_token":"t"}}}`, strings.Repeat(" ", mostFile+1)} {
		path := filepath.Join(t.TempDir(), "logins.json")
		must(t, os.WriteFile(path, []byte(text), 0o600))
		file := &Logins{Path: path}
		if _, err := file.Find("https://a"); err == nil || !strings.Contains(err.Error(), "is damaged") {
			t.Errorf("%.20q: %v", text, err)
		}
		if err := file.Keep(t.Context(), Login{URL: "https://a"}); err == nil {
			t.Errorf("%.20q is overwritten", text)
		}
	}
	path := filepath.Join(t.TempDir(), "logins.json")
	file := &Logins{Path: path}
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			if err := file.Keep(t.Context(), Login{URL: fmt.Sprintf("https://a%d", i)}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	kept, err := file.read()
	must(t, err)
	if len(kept.Logins) != 8 {
		t.Errorf("%d logins are kept", len(kept.Logins))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := file.Keep(ctx, Login{URL: "https://b"}); err == nil {
		t.Log("the lock was free") // it may be had at once
	}
}
