package fuzz_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

// password is that of every user.
const password = "Fairway-fuzz: 9 irons & 1 putter"

// caller is somebody who calls. When he is not known any more, because something was done to him, another one takes his place.
type caller struct {
	name string
	// make gives the value of Authorization; "": there is none.
	make func(c *caller) (string, error)

	authorization string
	known         bool
	// email and number are those of the user who he is, or for whom he acts; session is one of his logins.
	email   string
	number  float64
	session any
}

// callers are those of each role, and programs. Who may do more is there more often.
func (w *world) callers() []*caller {
	basic := func(role string, more func(*db.User)) func(*caller) (string, error) {
		return func(c *caller) (string, error) {
			err := w.user(c, role, more)
			r, _ := http.NewRequestWithContext(context.Background(), http.MethodGet, "/", http.NoBody)
			r.SetBasicAuth(c.email, password)
			return r.Header.Get("Authorization"), err
		}
	}
	bearer := func(role string, more func(*db.User)) func(*caller) (string, error) {
		return func(c *caller) (string, error) {
			if err := w.user(c, role, more); err != nil {
				return "", err
			}
			return w.login(c)
		}
	}
	fixed := func(value string) func(*caller) (string, error) {
		return func(*caller) (string, error) { return value, nil }
	}
	chief := &caller{name: "chief", make: bearer("SUPERADMIN", nil)}
	user := &caller{name: "user", make: bearer("USER", nil)}
	return []*caller{
		{name: "nobody", make: fixed("")},
		{name: "forged", make: fixed("Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.")},
		{name: "wrong", make: fixed("Basic !!!")},
		{name: "other", make: basic("USER", nil)},
		{name: "admin", make: bearer("ADMIN", nil)},
		{name: "super", make: bearer("SUPERADMIN", nil)},
		{name: "internal", make: bearer("USER", func(u *db.User) { u.IsInternal = true })},
		{name: "irregular", make: bearer("USER", func(u *db.User) { u.IsRegularUser = false })},
		{name: "program", make: w.program},
		{name: "client", make: w.serviceClient},
		chief, chief, chief, user, user,
	}
}

// user makes a caller one.
func (w *world) user(c *caller, role string, more func(*db.User)) error {
	random := strings.ReplaceAll(uuid.NewString(), "-", "")[:12]
	username := c.name + "_" + random
	u := db.User{
		Email: c.name + "." + random + "@example.org", Username: &username, Name: "The " + c.name, Role: role, PasswordHash: w.hash,
		IsActive: true, IsRegularUser: true, IsPluginUser: true,
	}
	if more != nil {
		more(&u)
	}
	made, err := w.store.CreateUser(context.Background(), queries.By{Actor: "test"}, u)
	if err != nil {
		return err
	}
	c.email, c.number = u.Email, float64(made.Number)
	for _, v := range []any{made.ID.String(), c.number, c.email} {
		w.maker.keep("user", v)
	}
	w.maker.keep("number", c.number)
	w.maker.keep("email", u.Email)
	w.maker.keep("username", username)
	return nil
}

// login gives the Authorization of who has logged in.
func (w *world) login(c *caller) (string, error) {
	body, err := json.Marshal(map[string]string{"email": c.email, "password": password})
	if err != nil {
		return "", err
	}
	var said struct {
		Access string `json:"access_token"`
	}
	err = w.obtain(&said, "/auth", "", body, func() string { return said.Access })
	return "Bearer " + said.Access, err
}

// program gives the Authorization of a program of an administrator's.
func (w *world) program(c *caller) (string, error) {
	if err := w.user(c, "ADMIN", nil); err != nil {
		return "", err
	}
	owner, err := w.login(c)
	if err != nil {
		return "", err
	}
	var said struct {
		Token string `json:"token"`
	}
	err = w.obtain(&said, "/api/v1/tokens", owner, []byte(`{"typ":"usr","description":"fuzz","scopes":["users:read","teams:read","tokens:read"]}`), func() string { return said.Token })
	w.maker.keep("api_token", said.Token)
	return "Bearer " + said.Token, err
}

// serviceClient gives the Authorization of a service client of a user's.
func (w *world) serviceClient(c *caller) (string, error) {
	if err := w.user(c, "USER", nil); err != nil {
		return "", err
	}
	owner, err := w.login(c)
	if err != nil {
		return "", err
	}
	var made struct {
		Data struct {
			ID     string `json:"client_id"`
			Secret string `json:"client_secret"`
		} `json:"data"`
	}
	if err := w.obtain(&made, "/api/v1/oauth/clients", owner, []byte(`{"name":"fuzz"}`), func() string { return made.Data.Secret }); err != nil {
		return "", err
	}
	w.maker.keep("pair", object{"client_id": made.Data.ID, "client_secret": made.Data.Secret})
	body, err := json.Marshal(map[string]string{"grant_type": "client_credentials", "client_id": made.Data.ID, "client_secret": made.Data.Secret})
	if err != nil {
		return "", err
	}
	var said struct {
		Access string `json:"access_token"`
	}
	err = w.obtain(&said, "/api/v1/oauth/token", "", body, func() string { return said.Access })
	return "Bearer " + said.Access, err
}

// obtain posts JSON, and reads what came.
func (w *world) obtain(said any, path, authorization string, body []byte, got func() string) error {
	a := &attempt{method: http.MethodPost, target: path, header: http.Header{"Content-Type": {"application/json"}}, body: body}
	if authorization != "" {
		a.header.Set("Authorization", authorization)
	}
	answer, err := w.ask(a)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(answer.body, said); err != nil || got() == "" {
		return fmt.Errorf("POST %s: %d %s", path, answer.status, answer.body)
	}
	return nil
}
