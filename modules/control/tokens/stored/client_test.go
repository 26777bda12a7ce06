package stored_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/fairway-gateway/fairway/modules/control/tokens"
)

// client asks the handlers of an authority.
type client struct {
	*tokens.Authority
	world
	mux *http.ServeMux
}

func newClient(a *tokens.Authority, w world) *client {
	c := &client{Authority: a, world: w, mux: http.NewServeMux()}
	a.Register(c.mux)
	return c
}

// login is what /auth answers.
type login struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
}

func (c *client) post(t *testing.T, path, bearer, body string) login {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(body))
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	w := httptest.NewRecorder()
	c.mux.ServeHTTP(w, r)
	var out login
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil || w.Code != http.StatusOK {
		t.Errorf("%s: %d %s", path, w.Code, w.Body)
	}
	return out
}

func (c *client) auth(t *testing.T) login {
	t.Helper()
	return c.post(t, "/auth", "", `{"email":"root","password":"q"}`)
}

func (c *client) refresh(t *testing.T, token string) login {
	t.Helper()
	return c.post(t, "/auth/refresh?rotate=true", "", `{"refresh_token":"`+token+`"}`)
}

func (c *client) logout(t *testing.T, access string) {
	t.Helper()
	c.post(t, "/auth/logout", access, "")
}
