package identity

import (
	"slices"
	"strconv"
	"strings"
)

// User is who calls, as the gateway's store knows it: a user, or a program that acts as one or as nobody. It is shared by
// requests: nothing of it may be changed.
type User struct {
	// Key names the caller in keys, logs and limits: user:<id>, client:<id> or token:<id>. It is never empty.
	Key string
	// ID is the user's, a UUID; empty: the token is nobody's, and then what follows is empty, too.
	ID string
	// Number is the user's serial number.
	Number int64
	// User is the name that the user chose, or the e-mail address where there is none; Email the address; Name what people
	// call the user.
	User, Email, Name string
	// Role is SUPERADMIN, ADMIN or USER.
	Role string
	// Scopes bound what the caller may do; "all" is every one.
	Scopes []string
	// Client is the OAuth2 client that shows the token, if it came from one.
	Client string
	// ByToken says that a token was shown, and no password.
	ByToken bool
}

// Fields are the names that Text knows.
func Fields() []string {
	return []string{"user", "id", "number", "email", "name", "role", "scopes", "client"}
}

// Text gives a field as text, "" where there is none. Scopes have a blank between them.
func (u *User) Text(field string) string {
	switch field {
	case "user":
		return u.User
	case "id":
		return u.ID
	case "number":
		if u.Number == 0 {
			return ""
		}
		return strconv.FormatInt(u.Number, 10)
	case "email":
		return u.Email
	case "name":
		return u.Name
	case "role":
		return u.Role
	case "scopes":
		return strings.Join(u.Scopes, " ")
	case "client":
		return u.Client
	}
	return ""
}

// FieldOf gives the field of a User that a header of the family has with the products that send it: "email" of
// X-Forwarded-Email. False: the store knows nothing of the kind.
func FieldOf(header string) (string, bool) {
	var space [longest]byte
	n := string(normal(space[:0], header))
	if !Is(header) || HoldsToken(header) || !told(n) {
		return "", false
	}
	for _, end := range ends() {
		if slices.ContainsFunc(end.names, func(name string) bool { return strings.HasSuffix(n, "-"+name) }) {
			return end.field, true
		}
	}
	return "", false
}

// told says whether a normal name is one by which an application is told of a user: not of a certificate, and none that a
// cloud or a mesh signs.
func told(name string) bool {
	return slices.ContainsFunc([]string{
		"x-forwarded-", "x-auth-", "remote-", "x-remote-", "x-webauth-", "x-authentik-", "x-authenticated-", "x-consumer-", "x-vouch-",
		"x-token-user-", "x-credential-",
	}, func(beginning string) bool { return strings.HasPrefix(name, beginning) }) && !strings.Contains(name, "cert")
}

// ends are the last words of names, the longer ones first.
func ends() []struct {
	field string
	names []string
} {
	return []struct {
		field string
		names []string
	}{
		{"email", []string{"email", "mail"}},
		{"user", []string{"preferred-username", "username", "user", "login"}},
		{"id", []string{"uid", "userid", "user-id", "subject", "sub"}},
		{"role", []string{"roles", "role", "groups", "group"}},
		{"name", []string{"name"}},
	}
}
