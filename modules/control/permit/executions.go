package permit

// executions are those of scripts, as Trends.Earth has them, with what is ours: GET of run, what happened to one, and repeating it. Who
// neither owns one nor is an administrator is told of it as if it were not there.
func executions() []Operation {
	const all, one, run = "/api/v1/execution", "/api/v1/execution/{execution}", "/api/v1/script/{script}/run"
	read, write := list("execution:read"), list("execution:write")
	op := func(id, method, path string, scopes []string, permissions ...string) Operation {
		return Operation{ID: "execution." + id, Method: method, Path: path, Dialect: Trends, Scopes: scopes, Permissions: permissions}
	}
	own := func(id, method, path string, scopes []string) Operation {
		return op(id, method, path, scopes, Sees, Keeps)
	}
	script := func(o Operation) Operation {
		o.Scripts = true
		return o
	}
	return []Operation{
		op("run", post, run, write, LoggedIn, Sees),
		op("run.get", get, run, write, LoggedIn, Sees),
		op("list", get, all, read, LoggedIn),
		op("mine", get, all+"/user", read, LoggedIn),
		op("export", get, all+"/export", read, IsAdmin),
		own("get", get, one, read),
		script(op("change", patch, one, write, IsAdmin, Sees)),
		own("delete", remove, one, write),
		own("cancel", post, one+"/cancel", write),
		own("rerun", post, one+"/rerun", write),
		own("results", get, one+"/results", read),
		own("results.download", get, one+"/download-results", read),
		own("history", get, one+"/history", read),
		own("attempts", get, one+"/attempts", read),

		own("log", get, one+"/log", read),
		own("log.text", get, one+"/log.txt", read),
		script(op("log.add", post, one+"/log", write, IsAdmin, Sees)),
		op("docker_logs", get, one+"/docker-logs", read, IsAdmin, Sees),
		op("batch_logs", get, one+"/batch-logs", read, IsAdmin, Sees),
		own("events", get, one+"/events", read),
		script(own("params", get, one+"/params", read)),
		script(op("files", get, one+"/files", read, IsAdmin, Sees)),
		script(op("hand_over", put, one+"/handover", write, IsAdmin, Sees)),
	}
}
