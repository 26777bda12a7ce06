package identity

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestFieldOf is what each header of the family says of a user, if anything.
func TestFieldOf(t *testing.T) {
	t.Parallel()
	got := map[string]string{}
	for _, name := range family() {
		if of, ok := FieldOf(name); ok {
			got[name] = of
		}
	}
	want := map[string]string{
		"X-Forwarded-User": "user", "X-Forwarded-Email": "email", "X-Forwarded-Groups": "role", "X-Forwarded-Preferred-Username": "user",
		"X-Auth-Request-User": "user", "X-Auth-Request-Email": "email", "X-Auth-Request-Groups": "role", "X-Auth-Request-Preferred-Username": "user",
		"Remote-User": "user", "Remote-Email": "email", "Remote-Groups": "role", "Remote-Name": "name", "REMOTE_USER": "user",
		"X-authentik-username": "user", "X-WEBAUTH-USER": "user", "X-WEBAUTH-ROLE": "role", "X-Remote-User": "user", "X-Remote-Group": "role",
		"X-Vouch-User": "user", "X-Vouch-IdP-Claims-Groups": "role", "X-Auth-Username": "user", "X-Auth-Email": "email", "X-Auth-Roles": "role",
		"X-Token-User-Email": "email", "X-Consumer-Username": "user", "X-Authenticated-Userid": "id",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, name := range append(others(), "X-Forwarded-Tls-Client-Cert", "X-Auth-Request-Access-Token", "X-Forwarded-Id-Token") {
		if of, ok := FieldOf(name); ok {
			t.Errorf("%s has %s of a user", name, of)
		}
	}
}

func TestUserText(t *testing.T) {
	t.Parallel()
	u := &User{
		Key: "user:a1", ID: "a1", Number: 1 << 40, User: "ann", Email: "ann@example.org", Name: "Ann", Role: "USER",
		Scopes: []string{"a", "b"}, Client: "c",
	}
	got, none := map[string]string{}, map[string]string{}
	for _, name := range Fields() {
		got[name], none[name] = u.Text(name), new(User).Text(name)
	}
	want := map[string]string{
		"user": "ann", "id": "a1", "number": "1099511627776", "email": "ann@example.org", "name": "Ann", "role": "USER", "scopes": "a b", "client": "c",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for name, text := range none {
		if text != "" {
			t.Errorf("nobody has %s %q", name, text)
		}
	}
	if u.Text("key") != "" || u.Text("password") != "" {
		t.Error("a field that is none has text")
	}
}

func TestSame(t *testing.T) {
	t.Parallel()
	for _, s := range spellings("X-Forwarded-User") {
		if !Same(s, "x-forwarded-user") {
			t.Errorf("%q is another name", s)
		}
	}
	if Same("X-Forwarded-User", "X-Forwarded-Users") {
		t.Error("two names are one")
	}
}
