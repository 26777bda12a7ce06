package permit

// webhooks are ours: where events go. Who neither owns one nor is an administrator is told of it as if it were not there.
func webhooks() []Operation {
	const all, one = "/api/v1/webhook", "/api/v1/webhook/{webhook}"
	read, write := list("webhook:read"), list("webhook:write")
	op := func(id, method, path string, scopes []string, permissions ...string) Operation {
		return Operation{ID: "webhook." + id, Method: method, Path: path, Dialect: Trends, Scopes: scopes, Permissions: permissions}
	}
	return []Operation{
		op("list", get, all, read, LoggedIn),
		op("create", post, all, write, LoggedIn),
		op("get", get, one, read, Sees, Keeps),
		op("change", patch, one, write, Sees, Keeps),
		op("delete", remove, one, write, Sees, Keeps),
		op("dead", get, one+"/dead", read, Sees, Keeps),
		op("retry", post, one+"/retry", write, Sees, Keeps),
	}
}
