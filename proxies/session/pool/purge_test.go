package pool

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/fairway-gateway/fairway/proxies/session"
)

// TestPurge gives errors of logins that quote what they should not; what is no secret stays, however short a password is.
func TestPurge(t *testing.T) {
	t.Parallel()
	cause := errors.New("dial tcp: connection refused")
	for name, test := range map[string]struct {
		user, password string
		err            error
		want           string
	}{
		"harmless":         {"annabel", "misspelt", &session.LoginError{Kind: session.Unavailable, Err: cause}, "login_unavailable: dial tcp: connection refused"},
		"of one letter":    {"a", "c", &session.LoginError{Kind: session.Unavailable, Err: cause}, "login_unavailable: dial tcp: connection refused"},
		"the password":     {"annabel", "misspelt", &session.LoginError{Kind: session.Unavailable, Err: errors.New("tried misspelt")}, "login_unavailable: the cause is withheld, since it holds credentials"},
		"the user":         {"annabel", "misspelt", errors.New("no annabel"), "login_unavailable: the cause is withheld, since it holds credentials"},
		"in the detail":    {"annabel", "misspelt", &session.LoginError{Kind: session.BadCredentials, Detail: "No misspelt"}, "bad_credentials"},
		"a URL with codes": {"annabel", "misspelt", &session.LoginError{Kind: session.Unavailable, Err: &url.Error{Op: "Get", URL: "https://x/?code=1", Err: cause}}, "login_unavailable: dial tcp: connection refused"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q := &search{credentials: session.Credentials{User: test.user, Password: test.password}}
			if got := q.purge(test.err).Error(); strings.TrimSpace(got) != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}
