package session

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/proxies/problem"
)

func TestRefusal(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err          LoginError
		status, ours int // to a caller with its own credentials, and under a service account
		code         string
	}{
		"wrong":              {LoginError{Kind: BadCredentials}, 401, 502, problem.BadCredentials},
		"second factor":      {LoginError{Kind: MFARequired}, 401, 502, problem.MFARequired},
		"page":               {LoginError{Kind: UnsupportedPage}, 502, 502, problem.UnsupportedLoginPage},
		"not allowed":        {LoginError{Kind: NotAllowed}, 403, 502, problem.NotAllowed},
		"unavailable":        {LoginError{Kind: Unavailable}, 502, 502, problem.LoginUnavailable},
		"unavailable for 3s": {LoginError{Kind: Unavailable, RetryAfter: 3 * time.Second}, 503, 503, problem.LoginUnavailable},
		"of no kind":         {LoginError{}, 502, 502, problem.LoginUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.err.Err = errors.New("s3cret")
			for account, status := range map[bool]int{false: c.status, true: c.ours} {
				p := c.err.Refusal("The backend x", "x", account)
				if p.Status != status || p.Code != c.code || p.RetryAfter != c.err.RetryAfter || !errors.Is(p, c.err.Err) {
					t.Errorf("%+v", p)
				}
				if (status == 401) != (p.Header.Get("WWW-Authenticate") == `Basic realm="x", charset="UTF-8"`) {
					t.Errorf("%d with %v", status, p.Header)
				}
				if !strings.HasPrefix(p.Detail, "The backend x ") || strings.Contains(p.Detail, "s3cret") || strings.Contains(p.Detail, "own") && !account {
					t.Error(p.Detail)
				}
				detailed := c.err
				detailed.Detail = "the page has no form"
				if got := detailed.Refusal("The backend x", "x", account).Detail; got != "The page has no form." {
					t.Error(got)
				}
			}
		})
	}
}

func TestCallerOf(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		headers []string
		want    Caller
	}{
		"none":         {nil, Caller{}},
		"basic":        {[]string{"Basic YW5uOmE6Yg=="}, Caller{User: "ann", Password: "a:b", Basic: true}},
		"small":        {[]string{"basic YW5uOmE6Yg=="}, Caller{User: "ann", Password: "a:b", Basic: true}},
		"two":          {[]string{"Basic YW5uOmE6Yg==", "Basic Ym9iOng="}, Caller{}},
		"bearer":       {[]string{"Bearer x"}, Caller{}},
		"no colon":     {[]string{"Basic YW5u"}, Caller{}},
		"bad encoding": {[]string{"Basic %"}, Caller{}},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		if c.headers != nil {
			r.Header["Authorization"] = c.headers
		}
		if got := CallerOf(r); got != c.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if got := NoCredentials(`a"\b`); got.Status != 401 || got.Header.Get("WWW-Authenticate") != `Basic realm="a\"\\b", charset="UTF-8"` {
		t.Errorf("%+v", got)
	}
}
