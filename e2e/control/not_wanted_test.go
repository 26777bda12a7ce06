package control_test

// notWanted are paths of the older systems that nobody is to answer, whoever asks, by whatever method.
func notWanted() []row {
	absent := func(says string, paths ...string) row {
		r := row{says: says + ": 404"}
		for _, path := range paths {
			for _, target := range []string{"/api/v1" + path, path} {
				for _, make := range []func(string) *ask{get, post, put, patch, remove, options} {
					r.moves = append(r.moves, make(target).gives(404), make(target).bearer("{super.access}").gives(404))
				}
			}
			r.moves = append(r.moves, get("/api/v1"+path+"/").bearer("{super.access}").gives(404))
		}
		return r
	}
	return []row{
		absent("/news, /admin/news", "/news", "/news/1", "/admin/news", "/admin/news/1", "/admin/news/1/translations"),
		absent("/bulk-email/*", "/bulk-email", "/bulk-email/recipient-lists", "/bulk-email/drafts", "/bulk-email/1/send-verification", "/bulk-email/1/send"),
		absent("/data/*", "/data", "/data/boundaries", "/data/boundaries/list", "/data/boundaries/last-updated"),
		absent("gee-*", "/user/me/gee-credentials", "/user/me/gee-credentials/test", "/user/me/gee-credentials/project", "/user/me/gee-oauth/initiate", "/user/me/gee-oauth/callback", "/user/me/gee-service-account",
			"/user/{user.id}/gee-credentials", "/user/{user.id}/gee-service-account"),
		absent("openeo-*", "/user/me/openeo-credentials", "/user/me/openeo-credentials/check", "/user/{user.id}/openeo-credentials"),
		absent("google-groups", "/user/me/google-groups", "/user/me/google-groups/sync", "/google-groups/info"),
		absent("/status/swarm, /status/cluster", "/status/swarm", "/status/cluster"),
		absent("/stats/*", "/stats", "/stats/dashboard", "/stats/executions", "/stats/users"),
		absent("/admin/client-stats", "/admin/client-stats"),
		absent("RelengAPI's /badpenny and its pages", "/badpenny", "/badpenny/tasks", "/badpenny/tasks/1/run-now", "/badpenny/jobs", "/badpenny/jobs/1/logs", "/auth/login", "/userauth/login"),
		absent("RelengAPI's /tokenauth, and its list of permissions", "/tokenauth", "/tokenauth/tokens", "/tokenauth/tokens?typ=usr", "/tokenauth/tokens/query", "/tokenauth/tokens/1", "/auth/permissions"),
		absent("Houston's /auth/oauth2/authorize, errors and other modules", "/auth/oauth2/authorize", "/auth/oauth2/errors", "/auth/login_as"),
	}
}
