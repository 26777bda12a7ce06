package auth_test

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/fairway-gateway/fairway/proxies/wrap"
)

const clientSecret = "hunter2:&secret"

// issuer is a token endpoint and the API that takes its tokens.
type issuer struct {
	*httptest.Server

	mu      sync.Mutex
	issued  int
	good    string // the token that is taken
	asked   []string
	answers []http.HandlerFunc // of the token endpoint, one after the other; then it issues
	used    map[string]int
	over    int // the status for a token that is not good; 0: 401
	deny    int // the API answers this status to a good token
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	t.Setenv("FAIRWAY_TEST_SECRET", clientSecret)
	i := &issuer{used: map[string]int{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", i.token)
	mux.HandleFunc("GET /x", i.api)
	i.Server = httptest.NewServer(mux)
	t.Cleanup(i.Close)
	return i
}

func (i *issuer) token(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	user, password, _ := r.BasicAuth()
	_ = r.ParseForm()
	i.asked = append(i.asked, user+" "+password+" "+r.PostForm.Encode())
	if len(i.answers) > 0 {
		next := i.answers[0]
		i.answers = i.answers[1:]
		next(w, r)
		return
	}
	i.issued++
	i.good = fmt.Sprintf("token-%d-hunter2", i.issued)
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(w, `{"access_token":%q,"token_type":"Bearer","expires_in":3600}`, i.good)
}

func (i *issuer) api(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	given := r.Header.Get("Authorization")
	i.used[given]++
	switch {
	case given != "Bearer "+i.good:
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		w.WriteHeader(cmp.Or(i.over, http.StatusUnauthorized))
	case i.deny != 0:
		w.WriteHeader(i.deny)
	default:
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"ok":true}`)
	}
}

// gateway is a service whose backend is the API.
func (i *issuer) gateway(t *testing.T, id, block string) *wrap.Service {
	t.Helper()
	return gateway(t, "backend "+i.URL+" {\n retries 0\n auth client_credentials "+i.URL+"/token "+id+" {env.FAIRWAY_TEST_SECRET}"+block+"\n}", route("/x"))
}

func (i *issuer) ask(t *testing.T, s *wrap.Service, status int) string {
	t.Helper()
	got, body := call(t, s, http.MethodGet, "/x", "", "", "")
	if got != status || strings.Contains(body, "hunter2") {
		t.Errorf("%d %s, want %d", got, body, status)
	}
	return body
}

// TestClientCredentials has many ask at once, cold and when the token was revoked: one token each time, kept over a reload.
func TestClientCredentials(t *testing.T) {
	i := newIssuer(t)
	s := i.gateway(t, "fair:way", " {\n scope read write\n audience https://api\n auth_style basic\n}")
	for round := 1; round <= 2; round++ {
		var all sync.WaitGroup
		for range 64 {
			all.Go(func() { i.ask(t, s, http.StatusOK) })
		}
		all.Wait()
		if i.issued != round {
			t.Errorf("%d tokens were issued, want %d", i.issued, round)
		}
		i.good = "another" // the server has restarted
	}
	if want := "fair%3Away hunter2%3A%26secret audience=https%3A%2F%2Fapi&grant_type=client_credentials&scope=read+write"; i.asked[0] != want {
		t.Errorf("the token endpoint was asked %q, want %q", i.asked[0], want)
	}
	i.ask(t, s, http.StatusOK)
	before := i.issued
	reloaded := i.gateway(t, "fair:way", " {\n scope read write\n audience https://api\n auth_style basic\n}")
	i.ask(t, reloaded, http.StatusOK)
	if i.issued != before {
		t.Error("the token did not survive a reload")
	}
	i.ask(t, i.gateway(t, "fair:way", " {\n scope write\n}"), http.StatusOK)
	if i.issued != before+1 {
		t.Error("a token of one scope was used for another")
	}
}

// TestClientCredentialsPost sends the client in the body.
func TestClientCredentialsPost(t *testing.T) {
	i := newIssuer(t)
	i.ask(t, i.gateway(t, "fairway", " {\n auth_style post\n}"), http.StatusOK)
	if want := []string{"  client_id=fairway&client_secret=hunter2%3A%26secret&grant_type=client_credentials"}; !slices.Equal(i.asked, want) {
		t.Errorf("the token endpoint was asked %q", i.asked)
	}
}

// TestClientCredentialsRetryOn has a backend that says 403 to a token that is over.
func TestClientCredentialsRetryOn(t *testing.T) {
	i := newIssuer(t)
	i.over = http.StatusForbidden
	s := i.gateway(t, "fairway", "")
	i.ask(t, s, http.StatusOK)
	i.good = "another"
	i.ask(t, s, http.StatusBadGateway)
	s = i.gateway(t, "fairway", " {\n retry_on 401 403\n}")
	i.ask(t, s, http.StatusOK)
	if i.issued != 2 {
		t.Errorf("%d tokens were issued, want 2", i.issued)
	}
}

// says is an answer of the token endpoint.
func says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// TestClientCredentialsRefused looks at what callers are told, and that nothing of it is a secret.
func TestClientCredentialsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		deny   int
		status int
		told   string
		asked  int // after a second request
	}{
		"wrong secret":     {says(401, `{"error":"invalid_client","error_description":"`+clientSecret+`"}`), 0, 502, `problem:bad_credentials"`, 1},
		"wrong scope":      {says(400, `{"error":"invalid_scope"}`), 0, 502, "400 invalid_scope", 2},
		"too many":         {says(429, `{}`), 0, 503, `"status":503`, 2},
		"broken":           {says(500, `hunter2`), 0, 502, "answered 500", 2},
		"page":             {says(200, `<html>hunter2</html>`), 0, 502, "no token answer", 2},
		"mac":              {says(200, `{"access_token":"hunter2","token_type":"mac"}`), 0, 502, "no bearer token", 2},
		"redirect":         {says(307, ``), 0, 502, "not followed", 2},
		"not for this":     {nil, 403, 502, `"backend_status":403`, 1},
		"never good":       {nil, 401, 502, `"backend_status":401`, 2},
		"of the API, gone": {nil, 410, 410, `"backend_status":410`, 1},
	} {
		t.Run(name, func(t *testing.T) {
			i := newIssuer(t)
			if c.answer != nil {
				i.answers = []http.HandlerFunc{c.answer}
			}
			i.deny = c.deny
			s := i.gateway(t, "fairway", "")
			if body := i.ask(t, s, c.status); !strings.Contains(body, c.told) {
				t.Errorf("the caller is told %s", body)
			}
			second := http.StatusOK
			if c.asked == 1 || c.deny != 0 {
				second = c.status
			}
			i.ask(t, s, second)
			if len(i.asked) != c.asked {
				t.Errorf("the token endpoint was asked %d times, want %d", len(i.asked), c.asked)
			}
		})
	}
}

// TestClientCredentialsStored looks for secrets in what the gateway leaves on disk.
func TestClientCredentialsStored(t *testing.T) {
	i := newIssuer(t)
	i.ask(t, i.gateway(t, "client-of-mine", ""), http.StatusOK)
	files := 0
	left := os.DirFS(os.Getenv("XDG_DATA_HOME"))
	err := fs.WalkDir(left, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files++
		raw, err := fs.ReadFile(left, path)
		for _, secret := range []string{"hunter2", "client-of-mine", "Bearer"} {
			if bytes.Contains(raw, []byte(secret)) {
				t.Errorf("%s holds %s", path, secret)
			}
		}
		return err
	})
	if err != nil || files == 0 {
		t.Errorf("%d files, %v", files, err)
	}
}
