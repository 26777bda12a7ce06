package integration_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// trapped is a backend behind a proxy whose identity provider is odd in a way that the start's query names.
type trapped struct {
	proxy, idp, alien *httptest.Server
	logins, strayed   atomic.Int64
}

func startTrapped(t *testing.T) *trapped {
	t.Helper()
	s := &trapped{}
	s.alien = httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { s.strayed.Add(1) }))
	s.idp = httptest.NewServer(http.HandlerFunc(s.provide))
	s.proxy = httptest.NewServer(http.HandlerFunc(s.serve))
	for _, server := range []*httptest.Server{s.alien, s.idp, s.proxy} {
		t.Cleanup(server.Close)
	}
	return s
}

const trappedFields = `<input name="login"><input type="password" name="password"><button>Go</button></form>`

func (s *trapped) provide(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html")
	trap := r.URL.Query().Get("trap")
	show := func(status int, page string) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "<title>s3cret-page</title>"+page)
	}
	form := `<form method="post">` + trappedFields
	if r.Method != http.MethodPost {
		switch trap {
		case "script":
			show(http.StatusOK, `<div id="root"></div><script src="app.js"></script>`)
		case "two steps":
			show(http.StatusOK, `<form method="post"><input type="email" name="email"><button>Next</button></form>`)
		case "action":
			show(http.StatusOK, `<form method="post" action="`+s.alien.URL+`/login">`+trappedFields)
		case "base":
			show(http.StatusOK, `<base href="`+s.alien.URL+`"><form method="post" action="login">`+trappedFields)
		case "in the URL":
			show(http.StatusOK, `<form>`+trappedFields)
		case "circle":
			http.Redirect(w, r, r.URL.RequestURI(), http.StatusFound) //nolint:gosec // its own
		case "down":
			show(http.StatusBadGateway, "")
		case "busy":
			w.Header().Set("Retry-After", "7")
			show(http.StatusTooManyRequests, form)
		case "slow":
			<-r.Context().Done()
		case "huge":
			show(http.StatusOK, strings.Repeat("<p>s3cret</p>", 100_000)+form)
		default:
			show(http.StatusOK, form)
		}
		return
	}
	s.logins.Add(1)
	back := s.proxy.URL + "/oauth2/callback?code=s3cret-code&state=" + strings.ReplaceAll(trap, " ", "+")
	switch {
	case r.PostFormValue("password") != "s3cret-annabel":
		show(http.StatusUnprocessableEntity, form)
	case trap == "second factor":
		show(http.StatusOK, `<form method="post"><input name="otp" autocomplete="one-time-code"><button>Verify</button></form>`)
	case trap == "consent":
		show(http.StatusOK, `<form method="post"><button name="approve" value="1">Allow</button><button name="deny" value="1">Deny</button></form>`)
	case trap == "307":
		http.Redirect(w, r, s.alien.URL+"/login", http.StatusTemporaryRedirect)
	default:
		http.Redirect(w, r, back, http.StatusSeeOther) //nolint:gosec // its own
	}
}

func (s *trapped) serve(w http.ResponseWriter, r *http.Request) {
	trap := r.URL.Query().Get("trap")
	switch r.URL.Path {
	case "/oauth2/start":
		if trap == "start" {
			http.Redirect(w, r, s.alien.URL, http.StatusFound)
			return
		}
		http.Redirect(w, r, s.idp.URL+"/login?"+r.URL.RawQuery, http.StatusFound) //nolint:gosec // its own
	case "/oauth2/callback":
		switch r.URL.Query().Get("state") {
		case "not allowed":
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, `<form action="/"><button>Go back</button></form><form action="/oauth2/sign_in"><button>Sign in</button></form>`)
		case "lost":
			http.Redirect(w, r, "/oauth2/start?trap=lost", http.StatusFound)
		default:
			http.Error(w, "s3cret", http.StatusInternalServerError)
		}
	default:
		http.Error(w, "no", http.StatusUnauthorized)
	}
}

// TestLoginsThatFail is what callers see of logins that fail: each way has its own problem, and only wrong credentials are
// remembered.
func TestLoginsThatFail(t *testing.T) {
	t.Parallel()
	s := startTrapped(t)
	traps := []struct {
		trap, password string
		status         int
		code, detail   string
		logins         int64 // at the identity provider, of two calls
	}{
		{"wrong", "s3cret-wrong", 401, "bad_credentials", "", 1},
		{"second factor", "", 401, "mfa_required", "second factor", 2},
		{"not allowed", "", 403, "not_allowed", "may not in", 2},
		{"consent", "", 502, "unsupported_login_page", "consent approve is not set", 2},
		{"lost", "", 502, "unsupported_login_page", "asked for another one", 2},
		{"callback", "", 502, "login_unavailable", "500", 2},
		{"script", "", 502, "unsupported_login_page", "needs scripts", 0},
		{"two steps", "", 502, "unsupported_login_page", "another page", 0},
		{"in the URL", "", 502, "unsupported_login_page", "into a URL", 0},
		{"circle", "", 502, "unsupported_login_page", "circle", 0},
		{"huge", "", 502, "unsupported_login_page", "1 MiB", 0},
		{"start", "", 502, "unsupported_login_page", s.alien.URL + ", which is not among the login_origins", 0},
		{"action", "", 502, "unsupported_login_page", "login_origins", 0},
		{"base", "", 502, "unsupported_login_page", "login_origins", 0},
		{"307", "", 502, "unsupported_login_page", "login_origins", 2},
		{"down", "", 502, "login_unavailable", "502", 0},
		{"busy", "", 503, "login_unavailable", "429", 0},
		{"slow", "", 503, "login_unavailable", "too long", 0},
	}
	var services strings.Builder
	for i, c := range traps {
		timeout := "25s"
		if c.trap == "slow" {
			timeout = "2s"
		}
		fmt.Fprintf(&services, `
	service /s%d {
		version 1.0.0
		repository https://example.org/x
		description "Behind a proxy"
		backend %s {
			auth oauth2_proxy "/oauth2/start?trap=%s" {
				login_origins %s
				login_timeout %s
			}
			retries 0
		}
		GET /x {
			fetch /x {
				decode json
			}
		}
	}`, i, s.proxy.URL, strings.ReplaceAll(c.trap, " ", "+"), s.idp.URL, timeout)
	}
	g := startGateway(t, site(services.String()))
	for i, c := range traps {
		t.Run(c.trap, func(t *testing.T) { //nolint:paralleltest // they share the count of logins
			s.logins.Store(0)
			password := c.password
			if password == "" {
				password = "s3cret-annabel"
			}
			for range 2 {
				status, body, header := g.as(fmt.Sprint("annabel", i), password, fmt.Sprintf("/s%d/x", i))
				if status != c.status || !strings.Contains(body, c.code) || !strings.Contains(body, c.detail) {
					t.Errorf("%d %s", status, body)
				}
				if want := c.status == http.StatusServiceUnavailable; want != (header.Get("Retry-After") != "") {
					t.Errorf("Retry-After %q", header.Get("Retry-After"))
				}
				for _, seen := range []string{body, fmt.Sprint(header), g.log.String()} {
					if strings.Contains(seen, "s3cret") || strings.Contains(seen, "annabel") {
						t.Errorf("it leaks: %s", seen)
					}
				}
			}
			if n := s.logins.Load(); n != c.logins {
				t.Errorf("the credentials came %d times, want %d", n, c.logins)
			}
		})
	}
	if n := s.strayed.Load(); n != 0 {
		t.Errorf("the alien was asked %d times", n)
	}
}
