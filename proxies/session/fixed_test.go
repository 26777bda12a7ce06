package session

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestFixed sends what belongs to the gateway, whatever the caller sent.
func TestFixed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		strategy Strategy
		want     http.Header
		sets     []string
	}{
		"bearer":        {Bearer{"abc.d-e_f~+/=="}, http.Header{"Authorization": {"Bearer abc.d-e_f~+/=="}}, []string{"Authorization"}},
		"header":        {Header{"X-Api-Key", "k"}, http.Header{"X-Api-Key": {"k"}}, []string{"X-Api-Key"}},
		"authorization": {Header{"Authorization", "Token token=k"}, http.Header{"Authorization": {"Token token=k"}}, []string{"Authorization"}},
		"certificate":   {Certificate{"c", "k"}, http.Header{}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			req := httptest.NewRequest(http.MethodGet, "/", nil)
			_, err := c.strategy.RoundTrip(req, Caller{User: "ann", Password: "pw", Basic: true}, sentTo(func(r *http.Request) (*http.Response, error) {
				if diff := cmp.Diff(c.want, r.Header); diff != "" {
					t.Error(diff)
				}
				return nil, nil
			}))
			if err != nil || c.strategy.PerCaller() || !c.strategy.ServiceAccount() || c.strategy.Mode() != ModeNone {
				t.Error(err, "taken for the caller's")
			}
			var sets []string
			if s, ok := c.strategy.(HeaderSetter); ok {
				sets = s.SetsHeaders()
			}
			if diff := cmp.Diff(c.sets, sets); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestHeaderSpellings sends a caller's header of the same name in no spelling.
func TestHeaderSpellings(t *testing.T) {
	t.Parallel()
	req := httptest.NewRequest(http.MethodGet, "/", nil)
	for _, name := range []string{"X-Api-Key", "x-api-key", "X_Api_Key", "X.API-KEY", "X-Api_Key", "X-Api-Keys", "X-Apikey", "X-Api1Key"} {
		req.Header[name] = []string{"a caller's"}
	}
	_, err := Header{"X-Api-Key", "k"}.RoundTrip(req, Caller{}, sentTo(func(r *http.Request) (*http.Response, error) {
		want := http.Header{"X-Api-Key": {"k"}, "X-Api-Keys": {"a caller's"}, "X-Apikey": {"a caller's"}, "X-Api1Key": {"a caller's"}}
		if diff := cmp.Diff(want, r.Header); diff != "" {
			t.Error(diff)
		}
		return nil, nil
	}))
	if err != nil {
		t.Error(err)
	}
}

// TestFixedRefused checks what cannot be sent; no error tells a secret.
func TestFixedRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		check error
		want  string
	}{
		"token":            {Bearer{"ey.hunter2"}.Check(), ""},
		"empty token":      {Bearer{}.Check(), "the token is empty"},
		"line in token":    {Bearer{"hunter2\r\nX-Admin: 1"}.Check(), "a line's end"},
		"blank in token":   {Bearer{"hunter2 x"}.Check(), "a blank"},
		"latin-1 in token": {Bearer{"hunter2\xe9"}.Check(), "not of ASCII"},
		"letter in token":  {Bearer{"hunter2é"}.Check(), "not of ASCII"},
		"header":           {Header{"X-Api-Key", "hunter2 with blanks"}.Check(), ""},
		"empty value":      {Header{"X-Api-Key", ""}.Check(), "the value is empty"},
		"line in value":    {Header{"X-Api-Key", "hunter2\nX-Admin: 1"}.Check(), "a line's end"},
		"zero in value":    {Header{"X-Api-Key", "hunter2\x00"}.Check(), "what no header may"},
		"blank before":     {Header{"X-Api-Key", " hunter2"}.Check(), "begins or ends with a blank"},
		"small letters":    {Header{"x-api-key", "hunter2"}.Check(), "is written X-Api-Key"},
		"no name":          {Header{"", "hunter2"}.Check(), "is no name"},
		"blank in name":    {Header{"X Api", "hunter2"}.Check(), "is no name"},
		"colon in name":    {Header{"X-Api:", "hunter2"}.Check(), "is no name"},
		"host":             {Header{"Host", "hunter2"}.Check(), "carries no credentials"},
		"connection":       {Header{"Connection", "hunter2"}.Check(), "carries no credentials"},
		"length":           {Header{"Content-Length", "1"}.Check(), "carries no credentials"},
		"encoding":         {Header{"Accept-Encoding", "gzip"}.Check(), "carries no credentials"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			switch {
			case c.want == "" && c.check != nil, c.want != "" && (c.check == nil || !strings.Contains(c.check.Error(), c.want)):
				t.Errorf("the error is %v, want %q", c.check, c.want)
			case c.check != nil && strings.Contains(c.check.Error(), "hunter2"):
				t.Errorf("the error tells a secret: %v", c.check)
			}
		})
	}
}
