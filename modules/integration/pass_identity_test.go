package integration_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/proxies/identity"
)

// heard is what a backend is told of who the caller is, and of nothing else.
func heard(t testing.TB, a answer) http.Header {
	t.Helper()
	var all http.Header
	if err := json.Unmarshal([]byte(a.body), &all); err != nil {
		t.Fatalf("%v: %d %s", err, a.status, a.body)
	}
	maps.DeleteFunc(all, func(name string, _ []string) bool {
		return !identity.Is(name) && !slices.Contains([]string{"Authorization", "Proxy", "Te", "Connection", "Keep-Alive", "X-Hop", "Cookie"}, name) && !strings.HasPrefix(name, "Proxy-")
	})
	return all
}

// TestPassIdentity is HDR-01 to HDR-06 through the real binary, whose servers let names with _ and . in where they are told to, and
// then none with a hyphen.
func TestPassIdentity(t *testing.T) {
	t.Parallel()
	backend := startBackend(t, func(w http.ResponseWriter, r *http.Request) {
		for _, name := range []string{"Gap-Auth", "X-Auth-Request-Email", "x_auth_request_user", "X-Auth-Request-Access-Token", "Remote.User", "X-Forwarded-Groups"} {
			w.Header()[name] = []string{"s3cret"}
		}
		w.Header().Set("Connection", "X-Hop")
		w.Header().Set("X-Hop", "1")
		_ = json.NewEncoder(w).Encode(r.Header)
	})
	hostile := "GET /x HTTP/1.1\r\n" +
		"X-Forwarded-User: root\r\nx-forwarded-user: root2\r\nX_Forwarded_User: root\r\nX.Forwarded.User: root\r\nX-Forwarded_User: root\r\n" +
		"X-Forwarded-Email: root\r\nX_Forwarded_Email: root\r\nX-Forwarded-Groups: admins\r\nX_Forwarded_Groups: admins\r\n" +
		"Remote-User: root\r\nRemote_User: root\r\nRemote-Groups: admins\r\nGap-Auth: root\r\nX-Auth-Request-Access-Token: t\r\nX-Remote-Group: system:masters\r\n" +
		"Impersonate-User: root\r\nMail: ann@example.org\r\n" +
		"Proxy: http://evil.example\r\nProxy-Authorization: Basic cm9vdDpyb290\r\nProxy-Connection: keep-alive\r\nTe: trailers, deflate\r\nKeep-Alive: 9\r\nX-Hop: 1\r\nCookie: a=b\r\n" +
		"Authorization: Basic YW5uOnMzY3JldA==\r\n" +
		"Connection: X-Hop, X-Forwarded-Email, X-Forwarded-User, Remote-Name, X-Forwarded-Groups, X-Remote-User\r\n"
	options := "\tservers {\n\t\texpected_underscore_headers X_* Remote_User\n\t\texpected_dot_headers X.*\n\t}\n"
	for name, c := range map[string]struct {
		words, before string
		want, answer  http.Header
	}{
		"nothing said": {
			"auth none", "", http.Header{"Cookie": {"a=b"}, "Te": {"trailers"}}, http.Header{},
		},
		"set": {
			"auth basic\nidentity set X-Forwarded-Email {http.request.header.Mail}\nidentity set Remote-Name \"{http.request.header.X-Nobody}\"\nidentity set X-Forwarded-User \"Zoë {http.request.method}\"", "",
			http.Header{
				"Cookie": {"a=b"}, "Te": {"trailers"}, "Authorization": {"Basic YW5uOnMzY3JldA=="},
				"X-Forwarded-Email": {"ann@example.org"}, "X-Forwarded-User": {"Zoë GET"},
			},
			http.Header{},
		},
		"passed, and set by an earlier handler": {
			"auth none\nidentity request Remote-Groups X-Remote-User\nidentity answer Gap-Auth", "request_header X-Remote-User ours",
			http.Header{"Cookie": {"a=b"}, "Te": {"trailers"}, "Remote-Groups": {"admins"}, "X-Remote-User": {"ours"}},
			http.Header{"Gap-Auth": {"s3cret"}},
		},
		"a service account": {
			"auth header Remote-User {env.KEY}", "", http.Header{"Cookie": {"a=b"}, "Te": {"trailers"}, "Remote-User": {"gateway"}}, http.Header{},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := passSite(backend.URL, c.words)
			text = strings.Replace(text, "\thealth\n", "\thealth\n"+c.before+"\n", 1)
			for _, lets := range []string{"", options} {
				g := startGateway(t, strings.Replace(text, "skip_install_trust\n", "skip_install_trust\n"+lets, 1), "KEY=gateway")
				a := g.askRaw(t, hostile)
				if diff := cmp.Diff(c.want, heard(t, a)); diff != "" {
					t.Errorf("the backend is told (-want +got):\n%s", diff)
				}
				shown := http.Header{}
				for name, values := range a.header {
					if identity.Is(name) || name == "X-Hop" {
						shown[name] = values
					}
				}
				if diff := cmp.Diff(c.answer, shown); diff != "" {
					t.Errorf("the caller is told (-want +got):\n%s", diff)
				}
			}
		})
	}
}

// TestPassIdentityValues is HDR-04 and IN-06: what a caller is called is neither a header of its own nor a placeholder.
func TestPassIdentityValues(t *testing.T) {
	t.Parallel()
	backend := startBackend(t, func(w http.ResponseWriter, r *http.Request) { _ = json.NewEncoder(w).Encode(r.Header) })
	g := startGateway(t, passSite(backend.URL, "auth none\nidentity set Remote-User {http.request.uri.query.user}"))
	for query, want := range map[string]string{
		"ann": "ann", "a%2Cb": "a,b", "Zo%C3%AB": "Zoë", "%7Benv.HOME%7D": "{env.HOME}", "%7Bhttp.request.host%7D": "{http.request.host}", "a%22b": `a"b`, "a%09b": "a\tb",
	} {
		if got := heard(t, g.get(t, "/x?user="+query)).Get("Remote-User"); got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
	for _, query := range []string{"a%0D%0AX-Admin:%201", "a%0Ab", "a%0Db", "a%00b", "a%7Fb"} {
		g.get(t, "/x?user="+query).wantProblem(t, http.StatusBadRequest, "bad_parameter")
	}
	if got := heard(t, g.get(t, "/x?user=")); len(got["Remote-User"]) != 0 {
		t.Errorf("nobody is %v", got)
	}
}

// TestPassSmuggling is HDR-05: two lengths, a length and an encoding, and encodings that are none reach no backend as one request.
func TestPassSmuggling(t *testing.T) {
	t.Parallel()
	backend := startRecorder(t, func(w http.ResponseWriter, r *http.Request) { _ = json.NewEncoder(w).Encode(r.Header) })
	g := startGateway(t, passSite(backend.url, "auth none"))
	for _, head := range []string{
		"POST /x HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
		"POST /x HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n\r\n{}",
		"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked, identity\r\n\r\n{}",
		"POST /x HTTP/1.1\r\nX-Forwarded-User : root\r\n",
		"POST /x HTTP/1.1\r\nX-Forwarded\tUser: root\r\n",
		"GET /x HTTP/1.1\r\n: root\r\n",
	} {
		if a := g.askRaw(t, head); a.status < 400 {
			t.Errorf("%q is answered %d", head, a.status)
		}
	}
	if asked := backend.asked(); len(asked) != 0 {
		t.Errorf("%q reached the backend", asked)
	}
	a := g.askRaw(t, "POST /x HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n")
	if a.status == http.StatusOK && strings.Contains(a.body, "Content-Length") {
		t.Errorf("both lengths went on: %s", a.body)
	}
}
