package try

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

const loginConfig = `
{
	admin off
}
http://fairway.test {
	service /behind {
		version 1
		repository https://example.org/x
		description "Behind a login"
		backend %s {
			auth form /login {
				challenge 401
			}
		}
		GET /x {
			fetch /x {
				decode text
			}
		}
	}
}
`

// TestLogin shows nothing of a login, and makes none where a file answers.
func TestLogin(t *testing.T) { //nolint:paralleltest // as TestTry, and the environment is set
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	logins := 0
	const cookie = "cookie-of-ann"
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, _ := r.Cookie("sid")
		switch {
		case r.URL.Path == "/login" && r.Method == http.MethodPost:
			logins++
			w.Header().Set("Set-Cookie", "sid="+cookie)
			http.Redirect(w, r, "/?code=code-of-ann", http.StatusSeeOther)
		case r.URL.Path == "/login":
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, `<form method=post><input name=u><input type=password name=p></form>`)
		case c == nil:
			http.Error(w, "no", http.StatusUnauthorized)
		default:
			_, _ = io.WriteString(w, "hello "+c.Value)
		}
	}))
	defer s.Close()
	caddyfile := write(t, "Caddyfile", fmt.Sprintf(loginConfig, s.URL))
	for name, args := range map[string][]string{"live": nil, "a file": {"--backend-file", write(t, "saved", "hello there")}} {
		logins = 0
		all := append([]string{"GET", "/behind/x", "--user", "ann:" + password, "--config", caddyfile, "--adapter", "caddyfile"}, args...)
		code, out := invoke(t, all...)
		if code != 0 || !strings.Contains(out, "sent      GET /x") || !strings.Contains(out, "body      hello ") {
			t.Errorf("%s: exit code %d\n%s", name, code, out)
		}
		if want := map[bool]int{true: 1, false: 0}[args == nil]; logins != want {
			t.Errorf("%s: %d logins, want %d", name, logins, want)
		}
		for _, secret := range []string{password, url.QueryEscape(password), cookie, "code-of-ann", "/login"} {
			if strings.Contains(out, secret) {
				t.Errorf("%s: the output has %q\n%s", name, secret, out)
			}
		}
	}
}
