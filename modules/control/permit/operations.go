package permit

import "net/http"

// Short words for the tables below.
const (
	get    = http.MethodGet
	post   = http.MethodPost
	put    = http.MethodPut
	patch  = http.MethodPatch
	remove = http.MethodDelete
)

func readUsers() []string       { return []string{"user:read", "users:read"} }
func writeUsers() []string      { return []string{"user:write", "users:write"} }
func readAuth() []string        { return []string{"auth:read"} }
func writeAuth() []string       { return []string{"auth:write"} }
func list(s ...string) []string { return s }

// accountsOfTrends are users, sessions and service clients as Trends.Earth has them.
func accountsOfTrends() []Operation {
	role := map[string][]string{"role": {IsSuperadmin}}
	return []Operation{
		{ID: "auth.login", Method: post, Path: "/auth", Dialect: Trends, Permissions: list(Anybody)},
		{ID: "auth.refresh", Method: post, Path: "/auth/refresh", Dialect: Trends, Permissions: list(Anybody)},
		{ID: "auth.logout", Method: post, Path: "/auth/logout", Dialect: Trends, Scopes: writeAuth(), Permissions: list(LoggedIn)},
		{ID: "auth.logout_all", Method: post, Path: "/auth/logout-all", Dialect: Trends, Scopes: writeAuth(), Permissions: list(LoggedIn)},

		// The field role counts where it is another one than it was, and for a new user than USER.
		{ID: "user.create", Method: post, Path: "/api/v1/user", Dialect: Trends, Permissions: list(Anybody), Fields: role},
		{ID: "user.list", Method: get, Path: "/api/v1/user", Dialect: Trends, Scopes: readUsers(), Permissions: list(IsAdmin)},
		{ID: "user.export", Method: get, Path: "/api/v1/user/export", Dialect: Trends, Scopes: readUsers(), Permissions: list(IsAdmin)},
		{ID: "user.me.get", Method: get, Path: "/api/v1/user/me", Dialect: Trends, Scopes: readUsers(), Permissions: list(LoggedIn)},
		{ID: "user.me.change", Method: patch, Path: "/api/v1/user/me", Dialect: Trends, Scopes: writeUsers(), Permissions: list(LoggedIn)},
		{ID: "user.me.delete", Method: remove, Path: "/api/v1/user/me", Dialect: Trends, Scopes: writeUsers(), Permissions: list(NotAdmin, NotProtected)},
		{ID: "user.me.password", Method: patch, Path: "/api/v1/user/me/change-password", Dialect: Trends, Scopes: writeUsers(), Permissions: list(LoggedIn)},
		{ID: "user.me.clients", Method: get, Path: "/api/v1/user/me/clients", Dialect: Trends, Scopes: readUsers(), Permissions: list(LoggedIn)},
		{ID: "session.list", Method: get, Path: "/api/v1/user/me/sessions", Dialect: Trends, Scopes: readAuth(), Permissions: list(LoggedIn)},
		{ID: "session.delete_all", Method: remove, Path: "/api/v1/user/me/sessions", Dialect: Trends, Scopes: writeAuth(), Permissions: list(LoggedIn)},
		{ID: "session.delete", Method: remove, Path: "/api/v1/user/me/sessions/{session}", Dialect: Trends, Scopes: writeAuth(), Permissions: list(Self), Hidden: true},
		{ID: "user.get", Method: get, Path: "/api/v1/user/{user}", Dialect: Trends, Scopes: readUsers(), Permissions: list(IsAdmin)},
		{ID: "user.change", Method: patch, Path: "/api/v1/user/{user}", Dialect: Trends, Scopes: writeUsers(), Permissions: list(IsSuperadmin), Fields: role},
		{ID: "user.delete", Method: remove, Path: "/api/v1/user/{user}", Dialect: Trends, Scopes: writeUsers(), Permissions: list(IsSuperadmin, NotProtected)},
		{ID: "user.restore", Method: post, Path: "/api/v1/user/{user}/restore", Dialect: Trends, Scopes: writeUsers(), Permissions: list(IsSuperadmin)},
		{ID: "user.password", Method: patch, Path: "/api/v1/user/{user}/change-password", Dialect: Trends, Scopes: writeUsers(), Permissions: list(IsAdmin, NotAbove)},
		{ID: "user.recover", Method: post, Path: "/api/v1/user/{user}/recover-password", Dialect: Trends, Permissions: list(Anybody)},
		{ID: "user.reset", Method: post, Path: "/api/v1/user/reset-password", Dialect: Trends, Permissions: list(Anybody)},

		{ID: "client.token", Method: post, Path: "/api/v1/oauth/token", Dialect: Trends, Permissions: list(Anybody), OAuth: true},
		{ID: "client.list", Method: get, Path: "/api/v1/oauth/clients", Dialect: Trends, Scopes: readAuth(), Permissions: list(LoggedIn)},
		{ID: "client.create", Method: post, Path: "/api/v1/oauth/clients", Dialect: Trends, Scopes: writeAuth(), Permissions: list(LoggedIn)},
		{ID: "client.revoke", Method: remove, Path: "/api/v1/oauth/clients/{client}", Dialect: Trends, Scopes: writeAuth(), Permissions: list(Owner), Hidden: true},
	}
}

// accountsOfHouston are users, teams and OAuth2 as Houston has them.
func accountsOfHouston() []Operation {
	// Houston lets administrators make others such. Here that is for super administrators, as with Trends.Earth: two paths to
	// one table must not have two rules. A field counts where it changes.
	flags := map[string][]string{"is_active": {IsStaff}, "is_regular_user": {IsStaff}, "is_admin": {IsSuperadmin}}
	readTeams, writeTeams := list("teams:read"), list("teams:write")
	return []Operation{
		{ID: "oauth2.token", Method: post, Path: "/auth/oauth2/token", Dialect: Houston, Permissions: list(Anybody), OAuth: true},
		{ID: "oauth2.token.get", Method: get, Path: "/auth/oauth2/token", Dialect: Houston, Permissions: list(Anybody), OAuth: true},
		{ID: "oauth2.revoke", Method: post, Path: "/auth/oauth2/revoke", Dialect: Houston, Permissions: list(Anybody), OAuth: true},
		{ID: "oauth2.introspect", Method: post, Path: "/auth/oauth2/introspect", Dialect: Houston, Permissions: list(Anybody), OAuth: true},
		{ID: "oauth2.clients.list", Method: get, Path: "/api/v1/auth/oauth2_clients", Dialect: Houston, Scopes: readAuth(), Permissions: list(LoggedIn)},
		{ID: "oauth2.clients.create", Method: post, Path: "/api/v1/auth/oauth2_clients", Dialect: Houston, Scopes: writeAuth(), Permissions: list(LoggedIn)},

		{ID: "users.list", Method: get, Path: "/api/v1/users", Dialect: Houston, Scopes: readUsers(), Permissions: list(IsStaff)},
		{ID: "users.create", Method: post, Path: "/api/v1/users", Dialect: Houston, Permissions: list(Anybody)},
		{ID: "users.signup_form", Method: get, Path: "/api/v1/users/signup-form", Dialect: Houston, Permissions: list(Anybody)},
		{ID: "users.me.get", Method: get, Path: "/api/v1/users/me", Dialect: Houston, Scopes: readUsers(), Permissions: list(LoggedIn)},
		{ID: "users.get", Method: get, Path: "/api/v1/users/{user}", Dialect: Houston, Scopes: readUsers(), Permissions: list(Owner)},
		{ID: "users.change", Method: patch, Path: "/api/v1/users/{user}", Dialect: Houston, Scopes: writeUsers(), Permissions: list(Owner, MayWrite, NotAbove), Fields: flags},

		{ID: "teams.list", Method: get, Path: "/api/v1/teams", Dialect: Houston, Scopes: readTeams, Permissions: list(LoggedIn)},
		{ID: "teams.create", Method: post, Path: "/api/v1/teams", Dialect: Houston, Scopes: writeTeams, Permissions: list(LoggedIn)},
		{ID: "teams.get", Method: get, Path: "/api/v1/teams/{team}", Dialect: Houston, Scopes: readTeams, Permissions: list(Owner)},
		{ID: "teams.change", Method: patch, Path: "/api/v1/teams/{team}", Dialect: Houston, Scopes: writeTeams, Permissions: list(Owner, MayWrite)},
		{ID: "teams.delete", Method: remove, Path: "/api/v1/teams/{team}", Dialect: Houston, Scopes: writeTeams, Permissions: list(Owner, MayWrite)},
		{ID: "teams.members.list", Method: get, Path: "/api/v1/teams/{team}/members", Dialect: Houston, Scopes: readTeams, Permissions: list(Owner)},
		{ID: "teams.members.add", Method: post, Path: "/api/v1/teams/{team}/members", Dialect: Houston, Scopes: writeTeams, Permissions: list(Owner, MayWrite)},
		{ID: "teams.members.remove", Method: remove, Path: "/api/v1/teams/{team}/members/{user}", Dialect: Houston, Scopes: writeTeams, Permissions: list(Owner, MayWrite)},
	}
}

// tokens are those of programs: one kind, with scopes that the caller himself has.
func tokens() []Operation {
	read, write := list("tokens:read"), list("tokens:write")
	// What is made is a field's value: tokens that are nobody's are for administrators to make, and no program is a user. Programs
	// may have temporary ones made, for those whom they start.
	kinds := map[string][]string{"typ=prm": {IsAdmin}, "typ=usr": {LoggedIn}}
	return []Operation{
		// Programs may ask for the list, too: everybody gets what he may see, which may be none.
		{ID: "tokens.list", Method: get, Path: "/api/v1/tokens", Dialect: Fairway, Scopes: read, Permissions: list(Known)},
		{ID: "tokens.create", Method: post, Path: "/api/v1/tokens", Dialect: Fairway, Scopes: write, Permissions: list(Known), Fields: kinds},
		// Who shows the token may see what it is, if it is his to see.
		{ID: "tokens.query", Method: post, Path: "/api/v1/tokens/query", Dialect: Fairway, Scopes: read, Permissions: list(Known)},
		{ID: "tokens.get", Method: get, Path: "/api/v1/tokens/{token}", Dialect: Fairway, Scopes: read, Permissions: list(Owner), Hidden: true},
		{ID: "tokens.change", Method: patch, Path: "/api/v1/tokens/{token}", Dialect: Fairway, Scopes: write, Permissions: list(Owner), Hidden: true},
		{ID: "tokens.revoke", Method: remove, Path: "/api/v1/tokens/{token}", Dialect: Fairway, Scopes: write, Permissions: list(Owner), Hidden: true},
	}
}

// service is what is about the gateway itself.
func service() []Operation {
	read, write := list("limits:read"), list("limits:write")
	mail := list("mail:write")
	return []Operation{
		{ID: "mail.send", Method: post, Path: "/api/v1/email", Dialect: Trends, Scopes: mail, Permissions: list(IsAdmin)},
		{ID: "mail.send.bare", Method: post, Path: "/email", Dialect: Trends, Scopes: mail, Permissions: list(IsAdmin)},
		{ID: "limits.status", Method: get, Path: "/api/v1/rate-limit/status", Dialect: Trends, Scopes: read, Permissions: list(IsSuperadmin)},
		{ID: "limits.reset", Method: post, Path: "/api/v1/rate-limit/reset", Dialect: Trends, Scopes: write, Permissions: list(IsSuperadmin)},
		{ID: "limits.reset_one", Method: post, Path: "/api/v1/rate-limit/reset/{identifier}", Dialect: Trends, Scopes: write, Permissions: list(IsSuperadmin)},
		{ID: "limits.events", Method: get, Path: "/api/v1/rate-limit/events", Dialect: Trends, Scopes: read, Permissions: list(IsAdmin)},
		{ID: "audit.list", Method: get, Path: "/api/v1/audit-log", Dialect: Fairway, Scopes: list("audit:read"), Permissions: list(IsAdmin)},
		{ID: "permissions.list", Method: get, Path: "/api/v1/permissions", Dialect: Fairway, Permissions: list(Anybody)},
		{ID: "user.reset.page", Method: get, Path: "/reset-password", Dialect: Fairway, Permissions: list(Anybody)},
		{ID: "user.reset.form", Method: post, Path: "/reset-password", Dialect: Fairway, Permissions: list(Anybody)},
		{ID: "jwks", Method: get, Path: "/.well-known/jwks.json", Dialect: Fairway, Permissions: list(Anybody)},
		{ID: "health.trends", Method: get, Path: "/api-health", Dialect: Trends, Permissions: list(Anybody)},
		{ID: "health.trends_ping", Method: get, Path: "/ping", Dialect: Trends, Permissions: list(Anybody)},
		{ID: "docs.trends", Method: get, Path: "/swagger.json", Dialect: Trends, Permissions: list(Anybody)},
		{ID: "docs.trends_pages", Method: get, Path: "/api/docs", Dialect: Trends, Permissions: list(Anybody)},
		{ID: "docs.pages", Method: get, Path: "/api/v1", Dialect: Fairway, Permissions: list(Anybody)},
		{ID: "docs.assets", Method: get, Path: "/api/v1/assets/{file}", Dialect: Fairway, Permissions: list(Anybody)},
		{ID: "docs.openapi", Method: get, Path: "/api/v1/openapi.json", Dialect: Fairway, Permissions: list(Anybody)},
		{ID: "docs.openapi_yaml", Method: get, Path: "/api/v1/openapi.yaml", Dialect: Fairway, Permissions: list(Anybody)},
		{ID: "docs.swagger", Method: get, Path: "/api/v1/swagger.json", Dialect: Fairway, Permissions: list(Anybody)},
	}
}

// scripts are those that users upload, as Trends.Earth has them, with their versions, which are ours.
func scripts() []Operation {
	const all, one = "/api/v1/script", "/api/v1/script/{script}"
	read, write := list("script:read"), list(UploadScope)
	op := func(id, method, path string, scopes []string, permissions ...string) Operation {
		return Operation{ID: "script." + id, Method: method, Path: path, Dialect: Trends, Scopes: scopes, Permissions: permissions}
	}
	// Who does not keep a script is told by these as if it were not there.
	hidden := func(o Operation) Operation {
		o.Hidden = true
		return o
	}
	return []Operation{
		op("list", get, all, read, LoggedIn),
		op("create", post, all, write, LoggedIn, Uploads),
		op("export", get, all+"/export", read, IsAdmin),
		op("get", get, one, read, Sees),
		op("upload", patch, one, write, Sees, Keeps),
		op("delete", remove, one, write, IsAdmin, Sees),
		op("config", patch, one+"/config", write, Sees, Keeps),
		hidden(op("publish", post, one+"/publish", write, Sees, Keeps)),
		hidden(op("unpublish", post, one+"/unpublish", write, Sees, Keeps)),
		op("download", get, one+"/download", read, Sees),
		op("log", get, one+"/log", read, Sees),
		op("versions", get, one+"/versions", read, Sees),
		op("version.download", get, one+"/versions/{version}/download", read, Sees),
		op("access.get", get, one+"/access", read, IsAdmin, Sees),
		op("access.clear", remove, one+"/access", write, IsAdmin, Sees),
		op("access.roles", put, one+"/access/roles", write, IsAdmin, Sees),
		op("access.users", put, one+"/access/users", write, IsAdmin, Sees),
		op("access.users.add", post, one+"/access/users/{user}", write, IsAdmin, Sees),
		op("access.users.remove", remove, one+"/access/users/{user}", write, IsAdmin, Sees),
		op("access.roles.add", post, one+"/access/roles/{role}", write, IsAdmin, Sees),
		op("access.roles.remove", remove, one+"/access/roles/{role}", write, IsAdmin, Sees),
	}
}
