package pool

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/proxies/session"
)

// TestCookiesAreSentUntilTheyEnd: what is the same for every request is prepared, and no cookie is sent behind its end or its path.
func TestCookiesAreSentUntilTheyEnd(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	proxy := session.Cookie{Name: "_oauth2_proxy", Value: "a", Path: "/", Expires: now.Add(time.Hour)}
	short := session.Cookie{Name: "stick", Value: "b", Expires: now.Add(time.Minute)}
	below := session.Cookie{Name: "deep", Value: "c", Path: "/x", Expires: now.Add(time.Hour)}
	for name, c := range map[string]struct {
		list   []session.Cookie
		theirs string
		at     time.Duration
		want   string
	}{
		"none":                   {nil, "", 0, ""},
		"one":                    {[]session.Cookie{proxy}, "", 0, "_oauth2_proxy=a"},
		"one at its end":         {[]session.Cookie{proxy}, "", time.Hour, ""},
		"two":                    {[]session.Cookie{proxy, short}, "", 0, "_oauth2_proxy=a; stick=b"},
		"one of two has ended":   {[]session.Cookie{proxy, short}, "", 2 * time.Minute, "_oauth2_proxy=a"},
		"beside the caller's":    {[]session.Cookie{proxy, short}, "theme=dark; stick=z", 0, "theme=dark; _oauth2_proxy=a; stick=b"},
		"ended beside others":    {[]session.Cookie{proxy, short}, "theme=dark", 2 * time.Minute, "theme=dark; _oauth2_proxy=a"},
		"of another path":        {[]session.Cookie{proxy, below}, "", 0, "_oauth2_proxy=a"},
		"all ended, and callers": {[]session.Cookie{proxy}, "theme=dark; _oauth2_proxy=z", 2 * time.Hour, "theme=dark"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cookies := newCookies(c.list, nil)
			req := httptest.NewRequest(http.MethodGet, "http://backend.example.org/y", nil)
			if c.theirs != "" {
				req.Header.Set("Cookie", c.theirs)
			}
			cookies.apply(req, now.Add(c.at))
			if got := req.Header.Get("Cookie"); got != c.want || len(req.Header["Cookie"]) > 1 {
				t.Errorf("%q, want %q", req.Header["Cookie"], c.want)
			}
		})
	}
}
