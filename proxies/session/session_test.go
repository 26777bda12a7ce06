package session

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type sentTo func(*http.Request) (*http.Response, error)

func (f sentTo) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestWhoseCredentialsAreSent(t *testing.T) {
	t.Parallel()
	type seen struct {
		User, Password          string
		Sent, Caller, OfGateway bool
		Mode                    Mode
	}
	for name, c := range map[string]struct {
		strategy Strategy
		want     seen
	}{
		"none":   {None{}, seen{Mode: ModeNone}},
		"caller": {Basic{}, seen{"ann", "a:b", true, true, false, ModeBasic}},
		"fixed":  {Basic{User: "svc", Password: "s"}, seen{"svc", "s", true, false, true, ModeNone}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := seen{Caller: c.strategy.PerCaller(), OfGateway: c.strategy.ServiceAccount(), Mode: c.strategy.Mode()}
			req := httptest.NewRequest(http.MethodGet, "/", nil)
			_, err := c.strategy.RoundTrip(req, Caller{User: "ann", Password: "a:b", Basic: true}, sentTo(func(r *http.Request) (*http.Response, error) {
				got.User, got.Password, got.Sent = r.BasicAuth()
				return nil, nil
			}))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
