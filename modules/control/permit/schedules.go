package permit

// schedules are ours: what is run by itself. Who neither owns one nor is an administrator is told of it as if it were not there.
func schedules() []Operation {
	const all, one = "/api/v1/schedule", "/api/v1/schedule/{schedule}"
	read, write := list("schedule:read"), list("schedule:write")
	op := func(id, method, path string, scopes []string, permissions ...string) Operation {
		return Operation{ID: "schedule." + id, Method: method, Path: path, Dialect: Trends, Scopes: scopes, Permissions: permissions}
	}
	return []Operation{
		op("list", get, all, read, LoggedIn),
		op("create", post, all, write, LoggedIn),
		op("get", get, one, read, Sees, Keeps),
		op("change", patch, one, write, Sees, Keeps),
		op("delete", remove, one, write, Sees, Keeps),
		op("pause", post, one+"/pause", write, Sees, Keeps),
		op("resume", post, one+"/resume", write, Sees, Keeps),
		op("run", post, one+"/run", write, Sees, Keeps),
		op("next", get, one+"/next", read, Sees, Keeps),
		op("history", get, one+"/history", read, Sees, Keeps),
	}
}
