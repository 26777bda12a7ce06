package scopes_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/modules/control/callers"
	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/modules/control/scopes"
	"github.com/fairway-gateway/fairway/modules/control/tokens"
)

func book() *scopes.Book {
	return scopes.New(permit.New(), permit.Scope{Name: "jobs:run", Doc: "Run jobs"}, permit.Scope{Name: "users:read", Doc: "another word"})
}

func TestCheck(t *testing.T) {
	t.Parallel()
	if n := len(book().All()); n != len(permit.Scopes())+1 {
		t.Errorf("there are %d", n)
	}
	for _, c := range []struct {
		wanted string
		says   string
	}{
		{"", ""},
		{"all", ""},
		{"users:read jobs:run", ""},
		{"users:read nothing more", `Unknown scope: "nothing".`},
		{"users:read all", "cannot be combined"},
		{"USERS:READ", "Unknown"},
		{strings.Repeat("x", 100), `"` + strings.Repeat("x", 40) + `…"`},
	} {
		err := book().Check(strings.Fields(c.wanted))
		if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%q: %v", c.wanted, err)
		}
		if e, ok := errors.AsType[*scopes.Error](err); err != nil && !ok {
			t.Errorf("%v", e)
		}
	}
}

// TestLacking has nobody give what he has not: by his token, by his role, or at all.
func TestLacking(t *testing.T) {
	t.Parallel()
	caller := func(role string, has ...string) *callers.Caller {
		return &callers.Caller{User: tokens.User{ID: "u", Role: role, Active: true}, Scopes: has}
	}
	program := &callers.Caller{Scopes: []string{"tokens:write", "mail:write"}, Token: &tokens.Access{ByAPIToken: true}}
	for _, c := range []struct {
		name   string
		who    *callers.Caller
		wanted string
		want   string
	}{
		{"everything", caller("USER", "all"), "users:read jobs:run all", ""},
		{"not the role's", caller("USER", "all"), "users:read mail:write", "mail:write"},
		{"the role's", caller("ADMIN", "all"), "mail:write", ""},
		{"not an administrator's", caller("ADMIN", "all"), "limits:write", "limits:write"},
		{"narrow", caller("ADMIN", "users:read"), "users:read users:write all", "users:write all"},
		{"unknown role", caller("OWNER", "all"), "mail:write users:read", "mail:write"},
		{"nobody", nil, "users:read", "users:read"},
		{"a program", program, "mail:write users:read", "users:read"},
		{"nothing", caller("USER"), "", ""},
	} {
		if d := cmp.Diff(c.want, strings.Join(book().Lacking(c.who, strings.Fields(c.wanted)), " ")); d != "" {
			t.Errorf("%s: %s", c.name, d)
		}
	}
}

func TestOnce(t *testing.T) {
	t.Parallel()
	if d := cmp.Diff([]string{"b", "a"}, scopes.Once([]string{"b", "a", "b", "a"})); d != "" {
		t.Error(d)
	}
}
