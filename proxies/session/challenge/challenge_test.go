package challenge

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const signIn = `<!DOCTYPE html><html><body><form method="GET" action="/oauth2/start"><input type="hidden" name="rd" value="/x"><button>Sign in</button></form></body></html>`

func answer(status int, header http.Header, body string) *http.Response {
	if header == nil {
		header = http.Header{}
	}
	return &http.Response{
		StatusCode: status, Header: header, ContentLength: int64(len(body)), Body: io.NopCloser(strings.NewReader(body)),
		Request: &http.Request{Method: http.MethodGet, URL: &url.URL{Scheme: "https", Host: "app.example", Path: "/api/x"}},
	}
}

func to(location string) http.Header { return http.Header{"Location": {location}} }

func page(kv ...string) http.Header {
	h := http.Header{"Content-Type": {"text/html; charset=utf-8"}}
	for pair := range slices.Chunk(kv, 2) {
		h.Set(pair[0], pair[1])
	}
	return h
}

// TestOUT07 tells challenges from answers of the application.
func TestOUT07(t *testing.T) {
	t.Parallel()
	d := &Detector{Start: "/oauth2/start", Origins: []string{"https://login.example"}}
	application := http.Header{"Gap-Auth": {"ann@example.org"}}
	for name, c := range map[string]struct {
		d    *Detector
		resp *http.Response
		want bool
	}{
		"200":                          {d, answer(200, nil, "{}"), false},
		"200 json":                     {d, answer(200, http.Header{"Content-Type": {"application/json"}}, signIn), false},
		"204":                          {d, answer(204, page(), ""), false},
		"101":                          {d, answer(101, page(), ""), false},
		"404":                          {d, answer(404, page(), signIn), false},
		"500":                          {d, answer(500, page(), signIn), false},
		"401 json":                     {d, answer(401, nil, "{}"), true},
		"401 of the application":       {d, answer(401, application, "{}"), false},
		"403 page":                     {d, answer(403, page(), signIn), true},
		"403 of the application":       {d, answer(403, application, "no"), false},
		"302 to the start":             {d, answer(302, to("/oauth2/start?rd=%2Fx"), ""), true},
		"302 beside the start":         {d, answer(302, to("https://app.example:443/oauth2/sign_in"), ""), true},
		"302 to a login server":        {d, answer(302, to("https://LOGIN.example/dex/auth/x"), ""), true},
		"302 with what logins have":    {d, answer(302, to("https://idp.example/auth?client_id=x&response_type=code"), ""), true},
		"302 with SAML":                {d, answer(302, to("https://idp.example/sso?SAMLRequest=x"), ""), true},
		"302 of the application":       {d, answer(302, to("/api/y"), ""), false},
		"302 with Gap-Auth":            {d, answer(302, http.Header{"Location": {"/oauth2/start"}, "Gap-Auth": {"x"}}, ""), false},
		"302 elsewhere":                {d, answer(302, to("https://cdn.example/oauth2/start"), ""), false},
		"302 to nowhere":               {d, answer(302, nil, ""), false},
		"304":                          {d, answer(304, nil, ""), false},
		"200 page":                     {d, answer(200, page(), signIn), true},
		"200 page of the application":  {d, answer(200, page(), "<html><form action=/search><input name=q></form>"), false},
		"200 page with Gap-Auth":       {d, answer(200, page("Gap-Auth", "x"), signIn), false},
		"200 page with a password":     {d, answer(200, page(), "<FORM action='/j_security_check'><INPUT TYPE=PassWord name=j>"), true},
		"200 password in a script":     {d, answer(200, page(), `<script>x = '<input type="password">'</script>`), false},
		"200 password in a comment":    {d, answer(200, page(), `<!-- <input type="password"> -->`), false},
		"200 in gzip":                  {d, answer(200, page("Content-Encoding", "gzip"), zipped(signIn)), true},
		"200 in gzip without a label":  {d, answer(200, page(), zipped(signIn)), true},
		"200 in an unknown encoding":   {d, answer(200, page("Content-Encoding", "x"), signIn), false},
		"200 page, cut":                {d, answer(200, page(), signIn[:40]), false},
		"200 password after the limit": {&Detector{Pages: 100}, answer(200, page(), strings.Repeat(" ", 100)+signIn), false},
		"its own origin is listed":     {&Detector{Origins: []string{"https://app.example"}}, answer(302, to("/api/y"), ""), false},
		"only 403":                     {&Detector{Statuses: []int{403}}, answer(401, nil, ""), false},
		"403, whoever says it":         {&Detector{Statuses: []int{403}}, answer(403, application, ""), true},
		"only 403, page":               {&Detector{Statuses: []int{403}}, answer(200, page(), signIn), false},
		"redirect":                     {&Detector{Redirect: "/login"}, answer(302, to("/login?next=x"), ""), true},
		"redirect below":               {&Detector{Redirect: "/login"}, answer(303, to("/login/form"), ""), true},
		"redirect beside":              {&Detector{Redirect: "/login"}, answer(303, to("/login2"), ""), false},
		"redirect elsewhere":           {&Detector{Redirect: "/login"}, answer(303, to("//evil.example/login"), ""), false},
		"redirect, 401":                {&Detector{Redirect: "/login"}, answer(401, nil, ""), false},
		"a start at the root":          {&Detector{Start: "/login"}, answer(302, to("/other"), ""), false},
		"a whole start":                {&Detector{Start: "https://sso.example/oauth2/start"}, answer(302, to("https://sso.example/oauth2/start"), ""), true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before, _ := io.ReadAll(c.resp.Body)
			for _, length := range []int64{int64(len(before)), -1} {
				for _, slow := range []bool{false, true} {
					own := *c.d
					own.Slow = slow
					c.resp.Body, c.resp.ContentLength = io.NopCloser(io.MultiReader(bytes.NewReader(before))), length
					if got := own.Is(c.resp); got != c.want {
						t.Errorf("got %v", got)
					}
					after, err := io.ReadAll(c.resp.Body)
					if err != nil || !bytes.Equal(before, after) {
						t.Errorf("the body has changed: %q %v", after, err)
					}
					c.resp.Body.Close()
				}
			}
		})
	}
}

func zipped(s string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, s)
	_ = w.Close()
	return b.String()
}

// TestSlowPage lets a page that comes for hours pass, and one that is closed in the middle.
func TestSlowPage(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"text/html", "text/event-stream"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			more, gone := make(chan string), make(chan struct{})
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				defer close(gone)
				w.Header().Set("Content-Type", kind)
				_, _ = io.WriteString(w, "<p>begin</p>")
				_ = http.NewResponseController(w).Flush()
				for {
					select {
					case s := <-more:
						_, _ = io.WriteString(w, s)
						_ = http.NewResponseController(w).Flush()
					case <-r.Context().Done():
						return
					}
				}
			}))
			defer server.Close()
			client := &http.Transport{}
			defer client.CloseIdleConnections()
			req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
			resp, err := client.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			d := &Detector{Start: "/oauth2/start", Slow: true}
			if d.Is(resp) {
				t.Error("a challenge")
			}
			var got []byte
			buf := make([]byte, 5)
			read := func(n int) {
				for len(got) < n {
					n, err := resp.Body.Read(buf)
					if err != nil {
						t.Fatal(err)
					}
					got = append(got, buf[:n]...)
				}
			}
			read(len("<p>begin</p>"))
			for _, s := range []string{"<p>one</p>", "<p>two</p>", "<p>three</p>"} {
				more <- s
				read(len(got) + len(s))
			}
			if string(got) != "<p>begin</p><p>one</p><p>two</p><p>three</p>" {
				t.Errorf("%q", got)
			}
			resp.Body.Close()
			<-gone
		})
	}
}

// FuzzPage looks at anything in bounded time, and gives it back.
func FuzzPage(f *testing.F) {
	f.Add([]byte(signIn), "")
	f.Add([]byte(zipped(signIn)), "gzip")
	f.Add([]byte(strings.Repeat("<form action=", 1000)), "br")
	f.Add([]byte("<input type=password"), "deflate, gzip")
	f.Fuzz(func(t *testing.T, body []byte, encoding string) {
		resp := answer(200, page("Content-Encoding", encoding), string(body))
		(&Detector{Start: "/oauth2/start"}).Is(resp)
		if got, err := io.ReadAll(resp.Body); err != nil || !bytes.Equal(got, body) {
			t.Errorf("%q %v", got, err)
		}
	})
}
