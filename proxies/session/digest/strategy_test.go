package digest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/internal/required"
	"github.com/fairway-gateway/fairway/proxies/session"
)

// ask sends a request with a body, or without one, and gives status and body of the answer.
func ask(t *testing.T, s *Strategy, caller session.Caller, method, url, body string) (int, string) {
	t.Helper()
	var in io.Reader
	if body != "" {
		in = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, url, in)
	if err != nil {
		t.Fatal(err)
	}
	return send(t, s, caller, req)
}

func send(t *testing.T, s *Strategy, caller session.Caller, req *http.Request) (int, string) {
	t.Helper()
	resp, err := s.RoundTrip(req, caller, http.DefaultTransport)
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Error(err)
	}
	return resp.StatusCode, string(text)
}

func ann() session.Caller { return session.Caller{User: "ann", Password: "pw", Basic: true} }

// servers are all kinds that a client meets.
func servers() map[string]*server {
	return map[string]*server{
		"nineties":          {},
		"MD5":               {algorithm: "MD5", qop: "auth", opaque: `o"\p`},
		"md5 in small":      {algorithm: "md5", qop: "auth"},
		"no algorithm":      {qop: "auth,auth-int"},
		"SHA-256":           {algorithm: "SHA-256", qop: "auth"},
		"SHA-512-256":       {algorithm: "SHA-512-256", qop: "auth"},
		"MD5-sess":          {algorithm: "MD5-sess", qop: "auth"},
		"SHA-256-sess":      {algorithm: "SHA-256-sess", qop: "auth"},
		"auth-int":          {algorithm: "SHA-256", qop: "auth-int"},
		"auth-int last":     {algorithm: "SHA-256", qop: "auth-int, auth"},
		"odd realm":         {algorithm: "MD5", qop: "auth", realm: `a "realm", with \ and = é`},
		"odd user":          {algorithm: "MD5", qop: "auth", user: `DOMAIN\a"n,n`, password: "p:w\"é"},
		"user hash":         {algorithm: "SHA-256", qop: "auth", userhash: true},
		"UTF-8":             {algorithm: "SHA-256", qop: "auth", utf8: true, user: "Jäsøn Doe%", password: "größe"},
		"latin-1 as bytes":  {algorithm: "MD5", qop: "auth", user: "j\xfcrgen", password: "\xe9"},
		"UTF-8 user hash":   {algorithm: "SHA-512-256", qop: "auth", utf8: true, userhash: true, user: "Jäsøn Doe", password: "Secret, or not?"},
		"counts in order":   {algorithm: "SHA-256", qop: "auth", ordered: true},
		"three uses":        {algorithm: "SHA-256", qop: "auth", uses: 3},
		"three, silently":   {algorithm: "SHA-256", qop: "auth", uses: 3, forgetful: true},
		"next nonce":        {algorithm: "SHA-256", qop: "auth", next: true, uses: 1},
		"next nonce, -sess": {algorithm: "SHA-256-sess", qop: "auth", next: true, uses: 1},
	}
}

// TestServers asks servers of all kinds ten times: the second request needs one round trip.
func TestServers(t *testing.T) {
	t.Parallel()
	for name, s := range servers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := s.start(t) + "/a%20b/c?d=%22e%22&f"
			strategy := &Strategy{User: s.user, Password: s.password}
			for i := range 10 {
				method, body := http.MethodGet, ""
				if i%2 == 1 {
					method, body = http.MethodPost, "the body"
				}
				if status, text := ask(t, strategy, session.Caller{}, method, url, body); status != http.StatusOK || text != method+" "+body {
					t.Fatalf("request %d: %d %q, %s", i, status, text, s.problem)
				}
			}
			want := 11 // the challenge, and each request once
			if s.uses == 3 {
				want = 10 + 1 + 3 // three times the nonce is over, and tried
			}
			if len(s.requests) != want {
				t.Errorf("%d requests, want %d: %q", len(s.requests), want, s.requests)
			}
		})
	}
}

// TestCurl asks the same servers with curl, so that they are known to be what they should be.
func TestCurl(t *testing.T) {
	t.Parallel()
	curl := required.Program(t, "curl")
	for name, s := range servers() {
		switch name {
		case "auth-int", "latin-1 as bytes", "UTF-8", "UTF-8 user hash", "SHA-512-256": // curl knows neither auth-int nor username*, and of old has another SHA-512-256
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := s.start(t)
			out, err := exec.CommandContext(t.Context(), curl, "-sS", "--noproxy", "*", "--digest", "-u", s.user+":"+s.password, url+"/x?y=z", url+"/x?y=z").CombinedOutput()
			if err != nil || strings.Count(string(out), "GET ") != 2 {
				t.Errorf("%s, %v: %s", out, err, s.problem)
			}
		})
	}
}

// TestWrongPassword checks that wrong credentials are tried once for each request, and that the right ones work at once.
func TestWrongPassword(t *testing.T) {
	t.Parallel()
	s := &server{algorithm: "SHA-256", qop: "auth"}
	url := s.start(t)
	strategy := new(Strategy)
	wrong := session.Caller{User: "ann", Password: "wrong", Basic: true}
	for _, c := range []struct {
		caller session.Caller
		status int
		want   []string
	}{
		{wrong, 401, []string{"GET / challenged", "GET / refused"}},
		{ann(), 200, []string{"GET / challenged", "GET / ok"}},
		{ann(), 200, []string{"GET / ok"}},
		{wrong, 401, []string{"GET / challenged", "GET / refused"}}, // the good nonce is not the other's
		{session.Caller{User: "bob", Password: "pw", Basic: true}, 401, []string{"GET / challenged", "GET / refused"}},
		{ann(), 200, []string{"GET / ok"}},
	} {
		s.requests = nil
		status, text := ask(t, strategy, c.caller, http.MethodGet, url, "")
		if diff := cmp.Diff(c.want, s.requests); diff != "" || status != c.status {
			t.Errorf("%v: %d %s", c.caller, status, diff)
		}
		if status == 401 && text != "go away" {
			t.Errorf("the body of the refusal is %q", text)
		}
	}
	s.password = "changed"
	s.requests = nil
	for range 2 {
		if status, _ := ask(t, strategy, ann(), http.MethodGet, url, ""); status != 401 {
			t.Errorf("status %d after the password changed", status)
		}
	}
	if diff := cmp.Diff([]string{"GET / refused", "GET / refused", "GET / challenged", "GET / refused"}, s.requests); diff != "" {
		t.Error(diff)
	}
}

// TestNeverGood ends although the server calls each nonce stale.
func TestNeverGood(t *testing.T) {
	t.Parallel()
	s := &server{algorithm: "SHA-256", qop: "auth", everybodysStale: true}
	url := s.start(t)
	if status, _ := ask(t, new(Strategy), ann(), http.MethodGet, url, ""); status != 401 || len(s.requests) != mostRounds {
		t.Errorf("%d after %q", status, s.requests)
	}
}

// TestManyAtOnce has many callers use one nonce of a server that takes counts in order only, and of one that does not.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	for _, s := range []*server{
		{algorithm: "SHA-256", qop: "auth"},
		{algorithm: "SHA-256", qop: "auth", ordered: true},
		{algorithm: "MD5-sess", qop: "auth", uses: 5},
		{algorithm: "SHA-256", qop: "auth", next: true, uses: 1},
	} {
		url := s.start(t)
		strategy := new(Strategy)
		var all sync.WaitGroup
		for range 32 {
			all.Go(func() {
				for range 4 {
					if status, _ := ask(t, strategy, ann(), http.MethodPut, url, "body"); status != http.StatusOK {
						t.Errorf("status %d, %s", status, s.problem)
					}
				}
			})
		}
		all.Wait()
		if s.ordered || s.uses > 0 {
			continue
		}
		for nonce, used := range s.counts {
			if used > 128 {
				t.Errorf("%s was used %d times", nonce, used)
			}
		}
	}
}

// TestUploads sends bodies that cannot be had twice, once.
func TestUploads(t *testing.T) {
	t.Parallel()
	s := &server{algorithm: "SHA-256", qop: "auth", uses: 1}
	url := s.start(t)
	strategy := new(Strategy)
	for range 5 {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/up", io.MultiReader(strings.NewReader("once"), strings.NewReader(" only")))
		if err != nil {
			t.Fatal(err)
		}
		if status, text := send(t, strategy, ann(), req); status != http.StatusOK || text != "POST once only" {
			t.Errorf("%d %q", status, text)
		}
	}
	if diff := cmp.Diff(slices.Repeat([]string{"HEAD /up challenged", "POST /up ok"}, 5), s.requests); diff != "" {
		t.Error(diff)
	}
	s.qop, s.requests = "auth-int", nil
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, io.MultiReader(strings.NewReader("x")))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := new(Strategy).RoundTrip(req, ann(), http.DefaultTransport)
	if e, ok := errors.AsType[*session.LoginError](err); !ok || e.Kind != session.Unavailable || !strings.Contains(e.Detail, "digest of the body") {
		t.Errorf("%v, %v", resp, err)
	}
	// A body of no length is how a transport is kept from sending a GET twice by itself.
	s.qop, s.requests = "auth", nil
	req, err = http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Body = io.NopCloser(strings.NewReader(""))
	if status, _ := send(t, new(Strategy), ann(), req); status != http.StatusOK || len(s.requests) != 2 {
		t.Errorf("%d, %q", status, s.requests)
	}
}

// answers gives one answer after the other, and keeps what was sent.
type answers struct {
	header []http.Header // of answers 401; after them comes a 200
	sent   []string
}

func (a *answers) RoundTrip(r *http.Request) (*http.Response, error) {
	a.sent = append(a.sent, r.Header.Get("Authorization"))
	if len(a.sent) > len(a.header) {
		return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: r}, nil
	}
	return &http.Response{StatusCode: http.StatusUnauthorized, Header: a.header[len(a.sent)-1], Body: http.NoBody, Request: r}, nil
}

// TestHostileChallenges gives back the refusal where nothing can be answered, and answers where something can.
func TestHostileChallenges(t *testing.T) {
	t.Parallel()
	const good = `Digest realm="r", nonce="n", qop="auth", algorithm=MD5`
	for name, c := range map[string]struct {
		header []string
		want   string // is in what is sent; empty: nothing is
	}{
		"good":                      {[]string{good}, `nonce="n"`},
		"no header":                 {nil, ""},
		"basic":                     {[]string{`Basic realm="r"`}, ""},
		"empty":                     {[]string{""}, ""},
		"commas":                    {[]string{",, ,\t,"}, ""},
		"scheme alone":              {[]string{"Digest"}, ""},
		"no realm":                  {[]string{`Digest nonce="n"`}, ""},
		"no nonce":                  {[]string{`Digest realm="r"`}, ""},
		"empty nonce":               {[]string{`Digest realm="r", nonce=""`}, ""},
		"quote without end":         {[]string{`Digest realm="r", nonce="n`}, ""},
		"qop without end":           {[]string{`Digest realm="r", nonce="n", qop="auth`}, ""},
		"escape without end":        {[]string{`Digest realm="r", nonce="n\`}, ""},
		"no commas":                 {[]string{`Digest realm="r" nonce="n"`}, ""},
		"no value":                  {[]string{`Digest realm="r", nonce=`}, ""},
		"nonce twice":               {[]string{`Digest realm="r", nonce="n", nonce="m"`}, ""},
		"unknown algorithm":         {[]string{`Digest realm="r", nonce="n", algorithm=MD4`}, ""},
		"empty algorithm":           {[]string{`Digest realm="r", nonce="n", algorithm=""`}, `response=`},
		"-sess of nothing":          {[]string{`Digest realm="r", nonce="n", algorithm=-sess`}, ""},
		"unknown qop":               {[]string{`Digest realm="r", nonce="n", qop="auth-conf"`}, ""},
		"empty qop":                 {[]string{`Digest realm="r", nonce="n", qop=""`}, ""},
		"algorithm with a header":   {[]string{"Digest realm=\"r\", nonce=\"n\", algorithm=\"MD5\r\nX: 1\""}, ""},
		"nonce with a line":         {[]string{"Digest realm=\"r\", nonce=\"n\r\nX-Admin: 1\""}, ""},
		"nonce with a zero":         {[]string{"Digest realm=\"r\", nonce=\"n\x00\""}, ""},
		"long nonce":                {[]string{`Digest realm="r", nonce="` + strings.Repeat("n", longestParameter+1) + `"`}, ""},
		"long opaque":               {[]string{`Digest realm="r", nonce="n", opaque="` + strings.Repeat("n", longestParameter+1) + `"`}, ""},
		"nonce that breaks out":     {[]string{`Digest realm="r", nonce="n\", uri=\"/other"`}, `nonce="n\", uri=\"/other"`},
		"unquoted":                  {[]string{`Digest realm=r, nonce=a/b+c==,qop=auth, algorithm=MD5`}, `nonce="a/b+c=="`},
		"blanks":                    {[]string{"  dIgEsT   REALM = \"r\" ,\tNonce\t=\"n\"  "}, `nonce="n"`},
		"behind basic":              {[]string{`Basic realm="a, b", ` + good}, `nonce="n"`},
		"before basic":              {[]string{good + `, Basic realm="x"`}, `nonce="n"`},
		"behind negotiate":          {[]string{`Negotiate, NTLM abc==, ` + good}, `nonce="n"`},
		"behind bearer":             {[]string{`Bearer realm="x", error="invalid_token"`, good}, `nonce="n"`},
		"parameter of basic":        {[]string{`Basic realm="Digest realm=x, nonce=y"`}, ""},
		"broken, then good":         {[]string{`Digest realm="r", nonce="x`, good}, `nonce="n"`},
		"strongest of two":          {[]string{good, `Digest realm="r", nonce="m", algorithm=SHA-256, qop="auth"`}, `nonce="m"`},
		"strongest in one line":     {[]string{`Digest realm="r", nonce="m", algorithm=SHA-256, ` + good}, `nonce="m"`},
		"unknown beside known":      {[]string{`Digest realm="r", nonce="m", algorithm=SHA3-256`, good}, `nonce="n"`},
		"first of two equally good": {[]string{good, `Digest realm="r", nonce="m"`}, `nonce="n"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := &answers{header: []http.Header{{"Www-Authenticate": c.header}}}
			resp, err := new(Strategy).RoundTrip(httptest.NewRequest(http.MethodGet, "/x", nil), ann(), a)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if c.want == "" {
				if len(a.sent) != 1 || resp.StatusCode != http.StatusUnauthorized {
					t.Errorf("it was answered: %q", a.sent)
				}
				return
			}
			if len(a.sent) != 2 || a.sent[0] != "" || !strings.Contains(a.sent[1], c.want) || strings.ContainsAny(a.sent[1], "\r\n\x00") {
				t.Errorf("sent %q, want %q", a.sent, c.want)
			}
		})
	}
}

// TestNames refuses what no header can carry.
func TestNames(t *testing.T) {
	t.Parallel()
	a := &answers{header: []http.Header{{"Www-Authenticate": {`Digest realm="r", nonce="n", qop="auth"`}}}}
	_, err := new(Strategy).RoundTrip(httptest.NewRequest(http.MethodGet, "/", nil), session.Caller{User: "hunter2\r\nX-Admin: 1", Basic: true}, a)
	e, ok := errors.AsType[*session.LoginError](err)
	if !ok || e.Kind != session.BadCredentials || strings.Contains(fmt.Sprintf("%v %+v", e, e), "hunter2") || len(a.sent) != 1 {
		t.Errorf("%v, %q", err, a.sent)
	}
}

// TestErrorsPass checks that errors of the transport and odd answers are handed on.
func TestErrorsPass(t *testing.T) {
	t.Parallel()
	for name, next := range map[string]func(*http.Request) (*http.Response, error){
		"error":  func(*http.Request) (*http.Response, error) { return nil, context.DeadlineExceeded },
		"nobody": func(*http.Request) (*http.Response, error) { return nil, nil },
		"bare": func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusUnauthorized}, nil
		},
	} {
		for _, body := range []io.Reader{nil, io.MultiReader(strings.NewReader("x"))} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://h/", body)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := new(Strategy).RoundTrip(req, ann(), roundTrip(next))
			if name == "error" && !errors.Is(err, context.DeadlineExceeded) || name == "nobody" && (resp != nil || err != nil) || name == "bare" && (err != nil || resp.StatusCode != http.StatusUnauthorized) {
				t.Errorf("%s: %v, %v", name, resp, err)
			}
			if resp != nil && resp.Body != nil {
				resp.Body.Close()
			}
		}
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestBodiesAreClosed checks that a body is closed although its request is never sent.
func TestBodiesAreClosed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		challenge string
		user      string
		err       error
	}{
		"error":             {"", "ann", context.DeadlineExceeded},
		"no challenge":      {`Basic realm="r"`, "ann", nil},
		"only auth-int":     {`Digest realm="r", nonce="n", qop="auth-int"`, "ann", nil},
		"name with a break": {`Digest realm="r", nonce="n"`, "a\nb", nil},
	} {
		body := &closing{Reader: strings.NewReader("x")}
		req := httptest.NewRequest(http.MethodPost, "/", body)
		resp, err := new(Strategy).RoundTrip(req, session.Caller{User: c.user, Basic: true}, roundTrip(func(r *http.Request) (*http.Response, error) {
			if r.Method != http.MethodHead {
				t.Errorf("%s: the request was sent", name)
			}
			return &http.Response{StatusCode: http.StatusUnauthorized, Header: http.Header{"Www-Authenticate": {c.challenge}}, Body: http.NoBody}, c.err
		}))
		if err == nil {
			resp.Body.Close()
		}
		if !body.closed {
			t.Errorf("%s: the body is open: %v", name, err)
		}
	}
}

type closing struct {
	io.Reader

	closed bool
}

func (c *closing) Close() error {
	c.closed = true
	return nil
}

// TestKinds says who is known to whom.
func TestKinds(t *testing.T) {
	t.Parallel()
	own, fixed := new(Strategy), &Strategy{User: "svc", Password: "x"}
	if !own.PerCaller() || own.ServiceAccount() || own.Mode() != session.ModeBasic || fixed.PerCaller() || !fixed.ServiceAccount() || fixed.Mode() != session.ModeNone {
		t.Error("the caller's and the gateway's are mixed up")
	}
	if diff := cmp.Diff([]string{"Authorization"}, own.SetsHeaders()); diff != "" {
		t.Error(diff)
	}
}

// TestNoncesAreBounded checks that many callers do not fill the memory, and that those who come again stay.
func TestNoncesAreBounded(t *testing.T) {
	t.Parallel()
	n := new(nonces)
	u := httptest.NewRequest(http.MethodGet, "http://h/", nil).URL
	regular := n.key(u, "ann", "pw")
	n.keep(regular, newNonce(&challenge{nonce: "n"}))
	for i := range 5 * mostNonces {
		n.keep(n.key(u, fmt.Sprint("user", i), "pw"), newNonce(&challenge{}))
		if i%1000 == 0 && n.find(regular) == nil {
			t.Fatal("who comes often is forgotten")
		}
	}
	if all := len(n.young) + len(n.old); all > 2*mostNonces {
		t.Errorf("%d are kept", all)
	}
	if n.key(u, "a", "bc") == n.key(u, "ab", "c") || n.key(u, "ann", "pw") != regular || new(nonces).key(u, "ann", "pw") == regular {
		t.Error("keys are mixed up, or the same in every process")
	}
}
