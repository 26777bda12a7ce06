package login

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/proxies/session"
)

func TestThroughProxy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got, err := w.login(Config{}, session.Credentials{User: user, Password: password})
	w.checkSecrets(err)
	if err != nil {
		t.Fatal(err)
	}
	want := []session.Cookie{{Name: "_oauth2_proxy", Value: secrets + "-session", Path: "/"}}
	for i := range got.Cookies {
		if got.Cookies[i].Expires.IsZero() {
			t.Error("the cookie has no end")
		}
		got.Cookies[i].Expires = want[0].Expires
	}
	if diff := cmp.Diff(want, got.Cookies); diff != "" {
		t.Error(diff)
	}
	if got.Expires.IsZero() {
		t.Error("the end of the session is known")
	}
	if want := "login=alice%40example.org&password=open+sesame+%26%C3%B6"; w.form != want {
		t.Errorf("sent %q", w.form)
	}
}

func TestWrongPassword(t *testing.T) {
	t.Parallel()
	for name, status := range map[string]int{"200": 200, "401": 401, "422": 422, "403": 403, "400": 400} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.idp.own.HandleFunc("POST /login", says(status, loginPage))
			_, err := w.login(Config{}, session.Credentials{User: user, Password: password})
			w.checkSecrets(err)
			w.want(err, session.BadCredentials, "shown again")
			if w.submitted != 1 {
				t.Errorf("sent %d times", w.submitted)
			}
		})
	}
}

func (w *world) want(err error, kind session.LoginKind, detail string) {
	w.t.Helper()
	e, ok := errors.AsType[*session.LoginError](err)
	if !ok || e.Kind != kind || !strings.Contains(e.Detail, detail) {
		w.t.Errorf("got %v, want %s with %q", err, kind, detail)
	}
}
