package permit

// hooks are ours: by which others start scripts, and what became of events that arrived. Who neither owns one nor is an administrator is told
// of it as if it were not there. Who delivers shows a signature, and no credentials.
func hooks() []Operation {
	const all, one = "/api/v1/hook", "/api/v1/hook/{hook}"
	read, write := list("hook:read"), list("hook:write")
	op := func(id, method, path string, scopes []string, permissions ...string) Operation {
		return Operation{ID: id, Method: method, Path: path, Dialect: Trends, Scopes: scopes, Permissions: permissions}
	}
	return []Operation{
		op("hook.list", get, all, read, LoggedIn),
		op("hook.create", post, all, write, LoggedIn),
		op("hook.get", get, one, read, Sees, Keeps),
		op("hook.delete", remove, one, write, Sees, Keeps),
		op("hook.rotate", post, one+"/rotate", write, Sees, Keeps),
		op("hook.history", get, one+"/history", read, Sees, Keeps),
		op("hook.deliver", post, one+"/message", nil, Anybody),
		op("arrival.list", get, "/api/v1/arrival", read, LoggedIn),
	}
}
