package wrap

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/proxies/session"
)

// told are what a caller may say of itself, in spellings that servers let through.
func told() []string {
	return []string{
		"X-Forwarded-User", "x_forwarded_user", "X.Forwarded.User", "X-Forwarded_Email", "X-Auth-Request-Access-Token", "Remote-User", "REMOTE_USER",
		"Gap-Auth", "X-Remote-Group", "X-WEBAUTH-USER", "Proxy", "Proxy-Authorization", "Te", "Trailer", "Cookie", "Authorization", "X-Anything",
	}
}

// raw sends a request as it stands here, which net/http would refuse to, and gives the body of the answer.
func raw(t *testing.T, address, request string) string {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, strings.ReplaceAll(request, "\n", "\r\n")); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// TestHDRServicePassesNothing is HDR-01, -03 and -05 for services: of a caller's headers and trailers a backend gets those
// that the configuration names, and no token of Connection takes one away that we send.
func TestHDRServicePassesNothing(t *testing.T) {
	t.Parallel()
	gateway := httptest.NewServer(served(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		maps.Copy(r.Header, r.Trailer)
		_ = json.NewEncoder(w).Encode(r.Header)
	}, session.Basic{User: "svc", Password: "secret"}, func(string) []Route {
		f := gets("", "/")
		f.Header = []Header{{"X-Forwarded-Email", "{header.X-Mail}"}, {"X-Ours", "ours"}}
		write := posts("", "/", "json", "$body")
		write.Header = f.Header
		return []Route{
			{Method: "GET", Pattern: "/x", Fetches: []Fetch{f}},
			{Method: "POST", Pattern: "/x", Body: &RequestBody{Kind: "json"}, Fetches: []Fetch{write}},
		}
	}))
	t.Cleanup(gateway.Close)
	address := gateway.Listener.Addr().String()
	var hostile strings.Builder
	for _, name := range told() {
		fmt.Fprintf(&hostile, "%s: mallory\n%s: twice\n", name, strings.ToLower(name))
	}
	hostile.WriteString("X-Mail: ann@example.org\nConnection: close, X-Forwarded-Email, X-Ours, Authorization\n")
	want := http.Header{
		"Accept-Encoding": {"gzip"}, "User-Agent": {"fairway"}, "X-Forwarded-Email": {"ann@example.org"}, "X-Ours": {"ours"},
		"Authorization": {"Basic c3ZjOnNlY3JldA=="},
	}
	wantSeen := func(body string, want http.Header) {
		t.Helper()
		var got http.Header
		if err := json.Unmarshal([]byte(body), &got); err != nil {
			t.Fatal(err, body)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	wantSeen(raw(t, address, "GET /s/x HTTP/1.1\nHost: gateway\n"+hostile.String()+"\n"), want)

	hops := strings.ReplaceAll(hostile.String(), "Trailer: mallory\ntrailer: twice\n", "Trailer: X-Forwarded-User\n")
	want.Set("Content-Type", "application/json")
	want.Set("Content-Length", "2")
	wantSeen(raw(t, address, "POST /s/x HTTP/1.1\nHost: gateway\nContent-Type: application/json\nTransfer-Encoding: chunked\n"+hops+
		"\n2\n{}\n0\nX-Forwarded-User: mallory\nX_Forwarded_User: mallory\n\n"), want)

	for name, lengths := range map[string]string{
		"two lengths":         "Content-Length: 2\nContent-Length: 3\n",
		"a length of letters": "Content-Length: two\n",
		"an odd encoding":     "Transfer-Encoding: xchunked\n",
		"a space in a name":   "X-Forwarded-User : mallory\n",
	} {
		if got := raw(t, address, "POST /s/x HTTP/1.1\nHost: gateway\n"+lengths+"\n{}"); strings.Contains(got, "User-Agent") {
			t.Errorf("%s reached the backend: %s", name, got)
		}
	}
}

// TestHDRServiceShowsNothing is HDR-06 for services: what a backend's proxy says of the caller, its tokens among it, is
// neither in an answer nor before a program.
func TestHDRServiceShowsNothing(t *testing.T) {
	t.Parallel()
	h := served(t, func(w http.ResponseWriter, r *http.Request) {
		for _, name := range told() {
			w.Header()[name] = []string{"s3cret"}
		}
		w.Header().Set("X-Rows", "7")
		if r.URL.Path == "/fails" {
			w.WriteHeader(http.StatusForbidden)
		}
		_, _ = io.WriteString(w, `{}`)
	}, nil, func(string) []Route {
		f := gets("", "/")
		f.Meta = true
		fails := gets("", "/fails")
		return []Route{{Method: "GET", Pattern: "/x", Fetches: []Fetch{f}, Reply: ".headers | keys"}, {Method: "GET", Pattern: "/fails", Fetches: []Fetch{fails}}}
	})
	w := asked(h, http.MethodGet, "/s/x")
	var names []string
	if err := json.Unmarshal(w.Body.Bytes(), &names); err != nil {
		t.Fatal(err, w.Body)
	}
	for _, name := range names {
		if slices.ContainsFunc(told(), func(s string) bool { return strings.EqualFold(s, name) && !harmless(s) }) {
			t.Errorf("a program sees %s", name)
		}
	}
	if !slices.Contains(names, "x-rows") {
		t.Errorf("the other headers are gone, too: %v", names)
	}
	for _, target := range []string{"/s/x", "/s/fails"} {
		w := asked(h, http.MethodGet, target)
		for name := range w.Header() {
			if slices.ContainsFunc(told(), func(s string) bool { return strings.EqualFold(s, name) }) {
				t.Errorf("%s is answered with %s", target, name)
			}
		}
		if strings.Contains(w.Body.String(), "s3cret") {
			t.Errorf("%s: %s", target, w.Body)
		}
	}
}

// harmless are those of told that say nothing of a caller.
func harmless(name string) bool {
	return slices.Contains([]string{"Proxy", "Proxy-Authorization", "Te", "Trailer", "Cookie", "Authorization", "X-Anything"}, name)
}
