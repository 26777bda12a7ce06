package patch_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/modules/control/patch"
)

// person is something whose password is only written.
type person struct {
	ID       int            `json:"id"`
	Name     string         `json:"name"`
	Email    string         `json:"email"`
	Active   bool           `json:"is_active"`
	Tags     []string       `json:"tags"`
	Profile  map[string]any `json:"profile"`
	Nick     *string        `json:"nick"`
	Password *string        `json:"password,omitempty"`
}

func ann() person {
	return person{ID: 7, Name: "Ann", Email: "ann@x.org", Tags: []string{"a", "b"}, Profile: map[string]any{"x": "y"}}
}

func fields() map[string]patch.Field {
	return map[string]patch.Field{
		"id": {Access: patch.ReadOnly}, "name": {NotNull: true}, "email": {}, "is_active": {Access: patch.ReadOnly},
		"tags": {}, "profile": {}, "nick": {}, "password": {Access: patch.WriteOnly, NotNull: true},
	}
}

// guarded are the rules of who shows a password first.
func guarded() patch.Rules {
	return patch.Rules{Fields: fields(), GuardFirst: true, Guards: map[string]patch.Guard{
		"/current_password": func(_ context.Context, v any) error {
			if v != "secret" {
				return errors.New("Wrong password")
			}
			return nil
		},
	}}
}

func TestRules(t *testing.T) {
	t.Parallel()
	plain := patch.Rules{Fields: fields()}
	byValue := patch.Rules{Fields: fields(), RemoveByValue: true}
	lax := patch.Rules{Fields: fields(), IgnoreUnknown: true}
	text := func(s string) *string { return &s }
	for _, c := range []struct {
		name, body string
		rules      patch.Rules
		status     int
		detail     string
		changed    []string
		change     func(*person)
	}{
		{name: "a member", body: `[{"op":"replace","path":"/name","value":"Bea"}]`, rules: plain, changed: []string{"name"}, change: func(p *person) { p.Name = "Bea" }},
		{name: "what it is already", body: `[{"op":"replace","path":"/name","value":"Ann"}]`, rules: plain},
		{name: "there and back", body: `[{"op":"add","path":"/tags/-","value":"c"},{"op":"remove","path":"/tags/2"}]`, rules: plain},
		{name: "inside of a member", body: `[{"op":"add","path":"/profile/z","value":"w"}]`, rules: plain, changed: []string{"profile"}, change: func(p *person) { p.Profile["z"] = "w" }},
		{name: "merged", body: `{"name":"Bea","nick":"B","profile":{"x":null}}`, rules: plain, changed: []string{"name", "nick", "profile"}, change: func(p *person) {
			p.Name, p.Nick, p.Profile = "Bea", text("B"), map[string]any{}
		}},
		{name: "a password", body: `[{"op":"replace","path":"/password","value":"p"}]`, rules: plain, changed: []string{"password"}, change: func(p *person) { p.Password = text("p") }},
		{name: "a password that is added", body: `[{"op":"add","path":"/password","value":"p"}]`, rules: plain, changed: []string{"password"}, change: func(p *person) { p.Password = text("p") }},
		{name: "a password that is merged", body: `{"password":"p"}`, rules: plain, changed: []string{"password"}, change: func(p *person) { p.Password = text("p") }},
		{name: "a password of null", body: `[{"op":"replace","path":"/password","value":null}]`, rules: plain, status: 422, detail: "password: it may not be null"},
		{name: "a password is not tested", body: `[{"op":"test","path":"/password","value":null}]`, rules: plain, status: 422, detail: `operation 0: "/password" can only be written`},
		{name: "a password is not copied", body: `[{"op":"replace","path":"/password","value":"p"},{"op":"copy","from":"/password","path":"/name"}]`, rules: plain, status: 422, detail: `operation 1: "/password" can only be written`},
		{name: "a password is not moved", body: `[{"op":"move","from":"/password","path":"/name"}]`, rules: plain, status: 422, detail: `operation 0: "/password" can only be written`},
		{name: "inside of a password", body: `[{"op":"add","path":"/password/a","value":1}]`, rules: plain, status: 422, detail: `operation 0: there is no "/password/a"`},
		{name: "a name is copied into a password", body: `[{"op":"copy","from":"/name","path":"/password"}]`, rules: plain, changed: []string{"password"}, change: func(p *person) { p.Password = text("Ann") }},
		{name: "read-only", body: `[{"op":"replace","path":"/is_active","value":true},{"op":"remove","path":"/id"},{"op":"replace","path":"/is_active","value":false}]`, rules: plain, status: 403, detail: "these fields cannot be written: is_active, id"},
		{name: "read-only is not moved away", body: `[{"op":"move","from":"/id","path":"/nick"}]`, rules: plain, status: 403, detail: "these fields cannot be written: id"},
		{name: "inside of what is read-only", body: `[{"op":"add","path":"/id/x","value":1}]`, rules: plain, status: 403, detail: "these fields cannot be written: id"},
		{name: "read-only is tested", body: `[{"op":"test","path":"/id","value":7}]`, rules: plain},
		{name: "read-only is tested in vain", body: `[{"op":"test","path":"/id","value":8}]`, rules: plain, status: 409, detail: `operation 0: "/id" is not what is expected`},
		{name: "read-only in a merge", body: `{"id":8,"is_active":true,"name":"Bea"}`, rules: plain, status: 403, detail: "these fields cannot be written: id, is_active"},
		{name: "the whole as it was read", body: `{"id":7,"is_active":false,"name":"Bea"}`, rules: plain, changed: []string{"name"}, change: func(p *person) { p.Name = "Bea" }},
		{name: "unknown", body: `[{"op":"add","path":"/name","value":"x"},{"op":"add","path":"/role","value":"ADMIN"}]`, rules: plain, status: 422, detail: `operation 1: there is no "/role"; there are email, id, is_active, name, nick, password, profile, tags`},
		{name: "unknown in a merge", body: `{"role":"ADMIN"}`, rules: plain, status: 422, detail: `there is no "role"; there are email, id, is_active, name, nick, password, profile, tags`},
		{name: "unknown in a lax merge", body: `{"role":"ADMIN","name":"Bea"}`, rules: lax, changed: []string{"name"}, change: func(p *person) { p.Name = "Bea" }},
		{name: "unknown in lax operations", body: `[{"op":"add","path":"/role","value":"ADMIN"}]`, rules: lax, status: 422, detail: `operation 0: there is no "/role"; there are email, id, is_active, name, nick, password, profile, tags`},
		{name: "the whole", body: `[{"op":"replace","path":"","value":{"id":1}}]`, rules: plain, status: 422, detail: "operation 0: a path is about a member, and not about the whole; there are email, id, is_active, name, nick, password, profile, tags"},
		{name: "null", body: `{"name":null}`, rules: plain, status: 422, detail: "name: it may not be null"},
		{name: "a null that is replaced", body: `[{"op":"remove","path":"/name"},{"op":"add","path":"/name","value":"Bea"}]`, rules: plain, changed: []string{"name"}, change: func(p *person) { p.Name = "Bea" }},
		{name: "another type", body: `{"name":3}`, rules: plain, status: 422, detail: "name: it is of another type than a JSON number"},
		{name: "another type inside", body: `{"tags":["a",3]}`, rules: plain, status: 422, detail: "tags: it is of another type than a JSON number"},
		{name: "by value", body: `[{"op":"remove","path":"/tags","value":"a"}]`, rules: byValue, changed: []string{"tags"}, change: func(p *person) { p.Tags = []string{"b"} }},
		{name: "by a value that is not there", body: `[{"op":"remove","path":"/tags","value":"c"}]`, rules: byValue, status: 409, detail: `operation 0: "/tags" is not what is expected`},
		{name: "by its value", body: `[{"op":"remove","path":"/email","value":"ann@x.org"}]`, rules: byValue, changed: []string{"email"}, change: func(p *person) { p.Email = "" }},
		{name: "by another value", body: `[{"op":"remove","path":"/email","value":"x"}]`, rules: byValue, status: 409, detail: `operation 0: "/email" is not what is expected`},
		{name: "without a value", body: `[{"op":"remove","path":"/email"}]`, rules: byValue, changed: []string{"email"}, change: func(p *person) { p.Email = "" }},
		{name: "guarded", body: `[{"op":"test","path":"/current_password","value":"secret"},{"op":"replace","path":"/name","value":"Bea"}]`, rules: guarded(), changed: []string{"name"}, change: func(p *person) { p.Name = "Bea" }},
		{name: "guarded twice", body: `[{"op":"test","path":"/current_password","value":"secret"},{"op":"test","path":"/current_password","value":"secret"}]`, rules: guarded()},
		{name: "guarded by two words", body: `[{"op":"test","path":"/current_password","value":"secret"},{"op":"test","path":"/current_password","value":"x"}]`, rules: guarded(), status: 409, detail: `operation 1: "/current_password" is not what is expected`},
		{name: "guarded in a merge", body: `{"current_password":"secret","name":"Bea"}`, rules: guarded(), changed: []string{"name"}, change: func(p *person) { p.Name = "Bea" }},
		{name: "the wrong word", body: `[{"op":"test","path":"/current_password","value":"x"}]`, rules: guarded(), status: 403, detail: "Wrong password"},
		{name: "the wrong word in a merge", body: `{"current_password":"x","name":"Bea"}`, rules: guarded(), status: 403, detail: "Wrong password"},
		{name: "the word too late", body: `[{"op":"replace","path":"/name","value":"Bea"},{"op":"test","path":"/current_password","value":"secret"}]`, rules: guarded(), status: 409, detail: "nothing is written before a test of /current_password"},
		{name: "no word", body: `{"name":"Bea"}`, rules: guarded(), status: 409, detail: "nothing is written before a test of /current_password"},
		{name: "a test needs no word", body: `[{"op":"test","path":"/name","value":"Ann"}]`, rules: guarded()},
		{name: "a guard is not written", body: `[{"op":"replace","path":"/current_password","value":"secret"}]`, rules: guarded(), status: 422, detail: `operation 0: "/current_password" can only be tested`},
		{name: "a guard is not read", body: `[{"op":"test","path":"/current_password","value":"secret"},{"op":"copy","from":"/current_password","path":"/name"}]`, rules: guarded(), status: 422, detail: `operation 1: there is no "/current_password"; there are email, id, is_active, name, nick, password, profile, tags`},
		{name: "what is not allowed is told before the word is tried", body: `[{"op":"test","path":"/current_password","value":"x"},{"op":"replace","path":"/id","value":1}]`, rules: guarded(), status: 403, detail: "these fields cannot be written: id"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p, err := patch.Parse("", []byte(c.body), patch.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			before := ann()
			next, changed, err := patch.To(t.Context(), p, before, c.rules)
			if diff := cmp.Diff(ann(), before); diff != "" {
				t.Errorf("what was patched is changed: %s", diff)
			}
			if err != nil || c.status != 0 {
				if statusOf(err) != c.status || err.Error() != c.detail {
					t.Errorf("%d %v, want %d %s", statusOf(err), err, c.status, c.detail)
				}
				return
			}
			want := ann()
			if c.change != nil {
				c.change(&want)
			}
			if diff := cmp.Diff(want, next); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.changed, changed); diff != "" {
				t.Errorf("changed (-want +got):\n%s", diff)
			}
		})
	}
}

// TestGuardsOwnStatus holds that a guard decides what its refusal is.
func TestGuardsOwnStatus(t *testing.T) {
	t.Parallel()
	p, err := patch.Parse("", []byte(`[{"op":"test","path":"/word","value":1}]`), patch.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = p.Apply(t.Context(), []byte("{}"), patch.Rules{Guards: map[string]patch.Guard{
		"/word": func(context.Context, any) error { return &patch.PreconditionError{} },
	}})
	if statusOf(err) != http.StatusPreconditionFailed {
		t.Error(err)
	}
}

func TestTags(t *testing.T) {
	t.Parallel()
	tag := patch.Tag(12)
	for _, c := range []struct {
		value           []string
		match, modified bool
	}{
		{nil, true, true},
		{[]string{`"12"`}, true, false},
		{[]string{`"11", "12"`}, true, false},
		{[]string{`"11"`, `"12"`}, true, false},
		{[]string{`"11",W/"12"`}, false, false},
		{[]string{`"12-gzip"`}, true, false},
		{[]string{`*`}, true, false},
		{[]string{` * `}, true, false},
		{[]string{`"11"`}, false, true},
		{[]string{`12`}, false, true},
		{[]string{`"12`}, false, true},
		{[]string{`"1,2"`}, false, true},
		{[]string{`x, "12"`}, false, true},
		{[]string{``}, true, true},
	} {
		err := patch.IfMatch(tag, c.value...)
		if (err == nil) != c.match || err != nil && statusOf(err) != http.StatusPreconditionFailed {
			t.Errorf("If-Match %q: %v", c.value, err)
		}
		if got := patch.NotModified(tag, c.value...); got == c.modified {
			t.Errorf("If-None-Match %q: %v", c.value, got)
		}
	}
}
