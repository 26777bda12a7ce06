package fuzz_test

import (
	"fmt"
	"maps"
	"regexp"
)

// recipe are values that go together, by the names of parameters and members, for an operation that chance alone does not find the
// way into; "" is the whole body. Nil: there is none.
func (w *world) recipe(op string, c *caller) object {
	m := w.maker
	one := func(all ...object) object { return maps.Clone(all[m.IntN(len(all))]) }
	pair := func(more object) object {
		out := maps.Clone(more)
		if v, ok := m.known("pair"); ok && m.IntN(2) == 0 {
			p, _ := v.(object)
			maps.Copy(out, p)
			return out
		}
		out["client_id"], out["client_secret"] = "documentation", ""
		return out
	}
	known := func(names ...string) any {
		v, _ := m.known(names...)
		return v
	}
	someone := known("user", "user", "email")
	switch op {
	case "auth.login":
		return object{"email": c.email, "password": password}
	case "auth.refresh", "auth.logout":
		return object{"refresh_token": known("refresh_token")}
	case "oauth2.token", "oauth2.token.get":
		return one(
			object{"grant_type": "password", "client_id": "documentation", "username": c.email, "password": password},
			object{"grant_type": "refresh_token", "client_id": "documentation", "refresh_token": known("refresh_token")},
			pair(object{"grant_type": "client_credentials"}),
		)
	case "oauth2.revoke", "oauth2.introspect":
		return pair(object{"token": known("access_token", "refresh_token")})
	case "client.token":
		return pair(object{"grant_type": "client_credentials"})
	case "oauth2.clients.list":
		return object{"user_id": c.number}
	case "tokens.create":
		return one(
			object{"typ": "usr", "description": "fuzz", "scopes": []any{"users:read"}}, object{"typ": "prm", "description": "fuzz", "scopes": []any{"users:read", "teams:read"}},
			object{"typ": "tmp", "scopes": []any{"users:read"}, "metadata": object{"a": 1.0}, "expires_at": "2099-01-01T00:00:00+00:00"},
		)
	case "tokens.query":
		return object{"": known("api_token")}
	case "tokens.get", "tokens.change", "tokens.revoke":
		return object{"token": known("token_id")}
	case "session.delete":
		return object{"session": c.session}
	case "users.create":
		return object{"username": fmt.Sprintf("u%d", m.IntN(1<<30)), "email": m.text("email", nil), "password": "Battery-Staple-2", "recaptcha_key": "secret_key"}
	case "user.list", "user.export":
		return one(object{"filter": "email like '%example%',role='USER'", "sort": "-created_at"}, object{"page": "1", "per_page": "3", "exclude": "name"}, object{"limit": "2", "offset": "1"}, object{"cursor": "*", "limit": "1"})
	case "users.list":
		return one(object{"filter": "(id>1 OR username='a')", "sort": "id desc"}, object{"page": "2", "per_page": "3"}, object{"limit": "2", "offset": "1"}, object{"cursor": "*", "limit": "1"})
	case "audit.list":
		return one(object{"filter": "at>2020-01-01", "limit": "2"}, object{"cursor": "*"}, object{"sort": "at"}, object{})
	case "user.create":
		return object{"email": m.text("email", nil), "name": "Ann Example", "country": "Kenya"}
	case "mail.send", "mail.send.bare":
		return object{"recipients": []any{"ann@example.org"}, "subject": "Fuzz", "html": "<p>Fuzz</p>"}
	case "client.create":
		return object{"name": "fuzz", "scopes": []any{"user:read"}}
	case "oauth2.clients.create":
		return object{"default_scopes": []any{"users:read"}, "client_type": "confidential"}
	case "user.me.password":
		return object{"old_password": password, "new_password": "Battery-Staple-2"}
	case "users.change":
		return object{"user": known("user"), "": []any{object{"op": "test", "path": "/current_password", "value": password}, object{"op": "replace", "path": "/middle_name", "value": "B."}}}
	case "user.change", "user.me.change":
		return one(object{"user": someone, "": object{"country": "Kenya"}}, object{"user": someone, "": []any{object{"op": "replace", "path": "/country", "value": "Peru"}}})
	case "user.get", "users.get", "user.delete", "user.restore", "user.recover":
		return object{"user": someone}
	case "user.password":
		return object{"user": someone, "new_password": "Battery-Staple-2"}
	case "user.reset", "user.reset.form":
		return object{"token": w.link(), "password": "Battery-Staple-2", "again": "Battery-Staple-2"}
	case "teams.create":
		return object{"title": fmt.Sprintf("Team %d", m.IntN(1<<30))}
	case "teams.get", "teams.delete", "teams.members.list":
		return object{"team": known("team")}
	case "teams.change":
		return object{"team": known("team"), "": []any{object{"op": "replace", "path": "/title", "value": fmt.Sprintf("Team %d", m.IntN(1<<30))}}}
	case "teams.members.add":
		return object{"team": known("team"), "user_id": known("number"), "is_leader": m.IntN(2) == 0}
	case "teams.members.remove":
		return object{"team": known("team"), "user": known("number", "user")}
	case "limits.reset_one":
		return object{"identifier": "ip:" + w.address}
	}
	return nil
}

// link is the token of a letter, which lies in the gateway's log where there is no server of mail.
func (w *world) link() any {
	all := regexp.MustCompile(`[?&]token=([A-Za-z0-9_-]+)`).FindAllStringSubmatch(w.gateway.Log(), -1)
	if len(all) == 0 {
		return ""
	}
	return all[len(all)-1][1]
}

// remember keeps what an operation told that recipes need.
func (w *world) remember(op string, c *caller, v any) {
	m := w.maker
	if o, ok := v.(object); ok && o["data"] != nil {
		v = o["data"]
	}
	switch o := v.(type) {
	case []any:
		if len(o) > 0 {
			w.remember(op, c, o[0])
		}
	case object:
		if o["client_id"] != nil && o["client_secret"] != nil {
			m.keep("pair", object{"client_id": o["client_id"], "client_secret": o["client_secret"]})
		}
		switch op {
		case "session.list":
			c.session = o["id"]
		case "tokens.create":
			m.keep("api_token", o["token"])
			m.keep("token_id", o["id"])
		case "tokens.list":
			m.keep("token_id", o["id"])
		case "teams.create", "teams.list":
			m.keep("team", o["id"])
		case "user.create", "users.create":
			m.keep("user", o["id"])
		}
	}
}
