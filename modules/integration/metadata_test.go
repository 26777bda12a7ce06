package integration_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// metadataPaths are all the paths of one prefix ("" is the root) at which the document stands: apikit's four, what
// the technote's text promises beyond them, and one trailing slash.
func metadataPaths(prefix, apiVersion string) []string {
	var paths []string
	for _, stem := range []string{"/metadata", "/v" + apiVersion + "/metadata", "/" + apiVersion + "/metadata"} {
		paths = append(paths, prefix+stem, prefix+stem+".json", prefix+stem+"/")
	}
	return paths
}

// wantMetadata checks the document of a service at every path, without credentials. want lacks api_version.
func wantMetadata(t *testing.T, g *gateway, prefixes []string, apiVersion string, want map[string]string) {
	t.Helper()
	document := map[string]any{"api_version": apiVersion}
	for key, value := range want {
		document[key] = value
	}
	for _, prefix := range prefixes {
		for _, path := range metadataPaths(prefix, apiVersion) {
			t.Run("metadata"+path, func(t *testing.T) {
				t.Parallel()
				a := g.get(t, path)
				if a.status != http.StatusOK || a.header.Get("Content-Type") != "application/json" {
					t.Fatalf("%d %s\n%s", a.status, a.header.Get("Content-Type"), a.body)
				}
				if diff := cmp.Diff(any(document), a.value(t)); diff != "" {
					t.Errorf("metadata (-want +got):\n%s", diff)
				}
			})
		}
	}
}

// words are the metadata lines of apikit's construction A, without the name.
const words = "version 2.0\nrepository http://example.repo\ndescription BobApp\n"

// constructionA is what these words say.
func constructionA(auth string) map[string]string {
	return map[string]string{
		"name": "bob", "version": "2.0", "repository": "http://example.repo", "description": "BobApp", "auth": auth,
	}
}

// TestApikitAccepted are apikit's own cases 1 to 6 and 8: what is accepted, and what the document then says.
func TestApikitAccepted(t *testing.T) {
	t.Parallel()
	backend := startFake(t, says("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
	const route = "\nGET /x {\nfetch /x {\ndecode text\n}\n}\n"
	anonymous := "backend " + backend.url + route
	basic := "backend " + backend.url + " {\nauth basic\n}" + route
	none := "backend " + backend.url + " {\nauth none\n}" + route
	tests := []struct {
		name, body string
		prefixes   []string
		apiVersion string
		want       map[string]string
	}{
		{"1 defaults", "service /bob {\n" + words + anonymous + "}", []string{"/bob"}, "1.0", constructionA("none")},
		{"2 auth none", "service /bob {\n" + words + none + "}", []string{"/bob"}, "1.0", constructionA("none")},
		{"2 metadata auth none", "metadata {\nname bob\n" + words + "auth none\n}", []string{""}, "1.0", constructionA("none")},
		{"3 api_version 5", "service /bob {\napi_version 5\n" + words + anonymous + "}", []string{"/bob"}, "5", constructionA("none")},
		{"3 api_version v2", "service /bob {\napi_version v2\n" + words + anonymous + "}", []string{"/bob"}, "v2", constructionA("none")},
		{"4 auth basic", "service /bob {\n" + words + basic + "}", []string{"/bob"}, "1.0", constructionA("basic")},
		{"4 metadata auth basic", "metadata {\nname bob\n" + words + "auth basic\n}", []string{""}, "1.0", constructionA("basic")},
		{"5 auth bitly-proxy", "metadata {\nname bob\n" + words + "auth bitly-proxy\n}", []string{""}, "1.0", constructionA("bitly-proxy")},
		{"6 root", "service / {\nname bob\n" + words + anonymous + "}", []string{""}, "1.0", constructionA("none")},
		{"6 root and bob", "service /bob / {\n" + words + anonymous + "}", []string{"", "/bob"}, "1.0", constructionA("none")},
		{"8 bob and chuck", "service /bob /chuck {\n" + words + anonymous + "}", []string{"/bob", "/chuck"}, "1.0", constructionA("none")},
		{"8 deep", "service /a/bob {\n" + words + anonymous + "}", []string{"/a/bob"}, "1.0", constructionA("none")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g := startGateway(t, site("health\n"+tt.body))
			wantMetadata(t, g, tt.prefixes, tt.apiVersion, tt.want)
			if !slices.Contains(tt.prefixes, "") { // a prefix does not bring the root's
				g.get(t, "/metadata").wantProblem(t, http.StatusNotFound, "")
			}
		})
	}
}

// TestApikitRefused are apikit's cases 10 to 13 as a configuration can express them: an error when loading that
// says what is wrong, with the place.
func TestApikitRefused(t *testing.T) {
	t.Parallel()
	service := func(lines string) string {
		return "service /bob {\n" + lines + "\nbackend http://127.0.0.1:1\nGET /x {\nfetch /x {\ndecode text\n}\n}\n}"
	}
	without := func(word string) string {
		var kept []string
		for line := range strings.Lines(words) {
			if !strings.HasPrefix(line, word+" ") {
				kept = append(kept, line)
			}
		}
		return strings.Join(kept, "")
	}
	tests := []struct{ name, body, says string }{
		{"10 nothing", service(""), "version"},
		{"10 no version", service(without("version")), "version"},
		{"10 no repository", service(without("repository")), "repository"},
		{"10 no description", service(without("description")), "description"},
		{"10 version without a value", service(without("version") + "version"), "version"},
		{"10 two values", service(without("version") + "version 1 2"), "2"},
		{"10 twice", service(words + "version 3.0"), "version"},
		{"10 no prefix", strings.Replace(service(words), "/bob", "", 1), "service"},
		{"11 auth 5", "metadata {\nname bob\n" + words + "auth 5\n}", "5"},
		{"11 auth bob", "metadata {\nname bob\n" + words + "auth bob\n}", "bob"},
		{"12 empty name", service(words + `name ""`), "name"},
		{"12 empty version", service(without("version") + `version ""`), "version"},
		{"12 empty repository", service(without("repository") + `repository ""`), "repository"},
		{"12 empty description", service(without("description") + `description ""`), "description"},
		{"12 empty api_version", service(words + `api_version ""`), "api_version"},
		{"13 auth type frank", "metadata {\nname bob\n" + words + "auth frank\n}", "frank"},
		{"13 backend auth frank", strings.Replace(service(words), "http://127.0.0.1:1", "http://127.0.0.1:1 {\nauth frank\n}", 1), "frank"},
		{"13 auth without a type", strings.Replace(service(words), "http://127.0.0.1:1", "http://127.0.0.1:1 {\nauth\n}", 1), "auth"},
		{"13 capital letters", "metadata {\nname bob\n" + words + "auth Basic\n}", "Basic"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			out, err := validate(t, site("health\n"+tt.body))
			if err == nil {
				t.Fatalf("accepted:\n%s\n%s", tt.body, out)
			}
			if !strings.Contains(out, tt.says) || !strings.Contains(out, "Caddyfile:") {
				t.Errorf("the error does not say %q with file and line:\n%s", tt.says, out)
			}
		})
	}
}

// TestApikitErrors are apikit's cases 15 to 19: how a failure of the backend is told. Where apikit let any number
// through as a status, a status that is none of HTTP's failures is told as 502 with the backend's own beside it.
func TestApikitErrors(t *testing.T) {
	t.Parallel()
	text := func(s string) *string { return &s }
	tests := []struct {
		name, answer string
		status       int
		code         string
		reason       string
		content      *string
		backend      int
	}{
		{"15 minimal", "HTTP/1.1 400 minimal\r\nContent-Length: 0\r\n\r\n", 400, "backend_status", "minimal", nil, 400},
		{"16 789", "HTTP/1.1 789 Nae so wee\r\nContent-Length: 0\r\n\r\n", 502, "backend_status", "Nae so wee", nil, 789},
		{"17 666", "HTTP/1.1 666 bad horse\r\nContent-Length: 19\r\n\r\nthoroughbred of sin", 502, "backend_status", "bad horse", text("thoroughbred of sin"), 666},
		{"18 500", "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 12\r\n\r\nhippopotamus", 502, "backend_status", "Internal Server Error", text("hippopotamus"), 500},
		{"19 404", "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 404, "backend_status", "Not Found", nil, 404},
		{"observed 400", "HTTP/1.1 400 Bad Request\r\nContent-Length: 33\r\n\r\nMust specify metric and jobname.\n", 400, "backend_status", "Bad Request", text("Must specify metric and jobname."), 400},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			backend := startFake(t, says(tt.answer))
			g := startGateway(t, site(fmt.Sprintf("health\nservice /bob {\n%sbackend %s {\nretries 0\n}\nGET /x {\nfetch /x {\ndecode text\n}\n}\n}", words, backend.url)))
			d := g.get(t, "/bob/x").wantProblem(t, tt.status, tt.code)
			if d.ErrorContent != nil {
				d.ErrorContent = text(strings.TrimSpace(*d.ErrorContent))
			}
			want := document{Reason: tt.reason, StatusCode: tt.status, ErrorContent: tt.content, BackendStatus: tt.backend}
			got := document{Reason: d.Reason, StatusCode: d.StatusCode, ErrorContent: d.ErrorContent, BackendStatus: d.BackendStatus}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("problem (-want +got):\n%s", diff)
			}
		})
	}
}

// TestApikitWire are the vectors that were observed on a running apikit service, with errors as our documents.
func TestApikitWire(t *testing.T) {
	t.Parallel()
	backend := startRecorder(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		_, _ = w.Write([]byte("42"))
	})
	g := startGateway(t, site(`
	health
	service /mymicroservice / {
		name uservice-mymicroservice
		version 0.0.1
		repository https://github.com/sqre-lsst/uservice-mymicroservice
		description "My delightful microservice"
		backend `+backend.url+`
		GET /{jobname}/{metric} {
			param unit in query string required
			fetch /api?metric={metric}&job={jobname}&unit={query.unit} {
				decode text
			}
			reply `+"`{ jobname: $jobname, metric: $metric, value: . }`"+`
		}
	}`))
	paths := append(metadataPaths("", "1.0"), metadataPaths("/mymicroservice", "1.0")...)

	t.Run("the same everywhere", func(t *testing.T) {
		t.Parallel()
		first := g.get(t, paths[0]).body
		for _, path := range paths {
			if got := g.get(t, path).body; got != first {
				t.Errorf("%s differs from %s:\n%s\n%s", path, paths[0], got, first)
			}
		}
	})
	t.Run("compact", func(t *testing.T) {
		t.Parallel()
		a := g.ask(t, request{path: "/metadata", header: http.Header{"X-Requested-With": {"XMLHttpRequest"}}})
		const want = `{"api_version":"1.0","auth":"none","description":"My delightful microservice","name":"uservice-mymicroservice",` +
			`"repository":"https://github.com/sqre-lsst/uservice-mymicroservice","version":"0.0.1"}`
		a.wantJSON(t, http.StatusOK, want)
		if strings.Contains(strings.TrimSpace(a.body), "\n") || strings.Contains(a.body, `": "`) {
			t.Errorf("not compact: %q", a.body)
		}
	})
	t.Run("HEAD", func(t *testing.T) {
		t.Parallel()
		for _, path := range paths {
			want := g.get(t, path)
			got := g.ask(t, request{method: http.MethodHead, path: path})
			if got.status != http.StatusOK || got.body != "" || got.header.Get("Content-Length") != fmt.Sprint(len(want.body)) {
				t.Errorf("HEAD %s: %d, Content-Length %q, body %q; GET had %d bytes", path, got.status, got.header.Get("Content-Length"), got.body, len(want.body))
			}
		}
	})
	t.Run("OPTIONS", func(t *testing.T) {
		t.Parallel()
		a := g.ask(t, request{method: http.MethodOptions, path: "/metadata"})
		if a.status != http.StatusOK && a.status != http.StatusNoContent {
			t.Errorf("status %d\n%s", a.status, a.body)
		}
		wantAllow(t, a, "GET", "HEAD", "OPTIONS")
	})
	t.Run("POST", func(t *testing.T) {
		t.Parallel()
		for _, path := range []string{"/metadata", "/mymicroservice/v1.0/metadata.json"} {
			for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodPatch} {
				a := g.ask(t, request{method: method, path: path})
				a.wantProblem(t, http.StatusMethodNotAllowed, "")
				wantAllow(t, a, "GET", "HEAD", "OPTIONS")
			}
		}
	})
	t.Run("health", func(t *testing.T) {
		t.Parallel()
		if a := g.get(t, "/"); a.status != http.StatusOK || a.body != "OK" {
			t.Errorf("GET / is %d %q", a.status, a.body)
		}
	})
	t.Run("bad request", func(t *testing.T) {
		t.Parallel()
		d := g.get(t, "/mymicroservice/buildmyapp/time").wantProblem(t, http.StatusBadRequest, "bad_parameter")
		if d.Parameter != "unit" || d.Reason != "Bad Request" || d.ErrorContent != nil {
			t.Errorf("problem %+v", d)
		}
	})
	t.Run("unknown", func(t *testing.T) {
		t.Parallel()
		g.get(t, "/nosuch").wantProblem(t, http.StatusNotFound, "")
		g.get(t, "/mymicroservice/nosuch").wantProblem(t, http.StatusNotFound, "")
	})
	t.Run("routes", func(t *testing.T) {
		t.Parallel()
		for _, path := range []string{"/mymicroservice/buildmyapp/time?unit=s", "/buildmyapp/time?unit=s"} {
			g.get(t, path).wantJSON(t, http.StatusOK, `{"jobname":"buildmyapp","metric":"time","value":"42"}`)
		}
		// Metadata wins over a pattern, a pattern over what only looks like it.
		g.get(t, "/metadata/foo?unit=s").wantJSON(t, http.StatusOK, `{"jobname":"metadata","metric":"foo","value":"42"}`)
	})
}

// wantAllow checks the methods of the Allow header, in any order.
func wantAllow(t testing.TB, a answer, want ...string) {
	t.Helper()
	var got []string
	for method := range strings.SplitSeq(a.header.Get("Allow"), ",") {
		got = append(got, strings.TrimSpace(method))
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Allow (-want +got):\n%s", diff)
	}
}
