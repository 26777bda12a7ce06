package control_test

func houstonClients() []row {
	list := func(query string) *ask { return get("/api/v1/auth/oauth2_clients/" + query).bearer("{user.oauth}") }
	create := func(pairs ...string) *ask {
		return post("/api/v1/auth/oauth2_clients/").bearer("{user.oauth}").form(pairs...)
	}
	made := `{"user_id":{user.number},"client_id":"<re:[A-Za-z0-9]{40}>","client_secret":"<re:[A-Za-z0-9]{50}>","client_type":"public","default_scopes":["users:read"],"redirect_uris":["https://app.example.org/back"]}`
	return []row{
		{"GET /auth/oauth2_clients/?user_id= (auth:read): user_id required, else 422", does(
			list("").gives(422, `{"status":422,"message":"The request was well-formed but was unable to be followed due to semantic errors.","messages":{"user_id":["<text>"]},"...":0}`))},
		{"GET /auth/oauth2_clients/?user_id= must be own, else 422", does(
			list("?user_id={other.number}").gives(422, `{"messages":{"user_id":["<text>"]},"...":0}`), list("?user_id=x").gives(422, `{"messages":{"user_id":["<text>"]},"...":0}`))},
		{"GET /auth/oauth2_clients/: a bare list, no X-Total-Count", does(
			list("?user_id={user.number}").gives(200, `[]`).with("X-Total-Count", ""),
			create("default_scopes", "users:read", "redirect_uris", "https://app.example.org/back").gives(200, made),
			list("?user_id={user.number}").gives(200, `[{"user_id":{user.number},"client_id":"<text>","!client_secret":0,"...":0}]`).with("X-Total-Count", ""))},
		{"POST /auth/oauth2_clients/ (auth:write, form) default_scopes[], redirect_uris[]: 200 {user_id, client_id (40), client_secret (50), client_type, default_scopes, redirect_uris}", does(
			create("default_scopes", "users:read", "redirect_uris", "https://app.example.org/back").gives(200, made))},
		{"POST /auth/oauth2_clients/, multipart form", does(
			post("/api/v1/auth/oauth2_clients").bearer("{user.oauth}").multipart("default_scopes", "users:read", "redirect_uris", "https://app.example.org/back").gives(200, made))},
		{"POST /auth/oauth2_clients/: client_credentials acts as the client's owner", does(
			create("default_scopes", "auth:read").gives(200, `{"client_id":"<text:made.id>","client_secret":"<text:made.secret>","...":0}`),
			token("grant_type", "client_credentials").basic("{made.id}", "{made.secret}").gives(200, `{"access_token":"<jwt:access>","scope":"auth:read","!refresh_token":0,"...":0}`),
			lives("{access}"))},
		{"POST /auth/oauth2_clients/: unknown scope 422", does(
			create("default_scopes", "users:fly").gives(422, `{"messages":{"default_scopes":["<has:users:fly>"]},"...":0}`))},
		{"Missing token and missing scope: 401 {status:401, message: The server could not verify that you are authorized…}", does(
			get("/api/v1/auth/oauth2_clients/?user_id=1").gives(401, `{"status":401,"message":"<re:The server could not verify that you are authorized.*>","...":0}`),
			token("grant_type", "client_credentials").basic("{service.id}", "{service.secret}").gives(200, `{"access_token":"<jwt:narrow>","scope":"user:read","...":0}`),
			get("/api/v1/auth/oauth2_clients/?user_id={user.number}").bearer("{narrow}").gives(401, `{"status":401,"message":"<re:The server could not verify that you are authorized.*>","...":0}`))},
		{"Invalid and expired token, inactive user: 401", does(
			get("/api/v1/auth/oauth2_clients/?user_id=1").bearer("abc").gives(401, `{"status":401,"message":"<re:The server could not verify.*>","...":0}`),
			get("/api/v1/auth/oauth2_clients/?user_id=1").bearer("{inactive.oauth}").gives(401, `{"status":401,"message":"<re:The server could not verify.*>","...":0}`))},
		{"A check passes if any listed scope is present: auth:write alone may make, not list", does(
			token("grant_type", "password", "scope", "auth:write").form("client_id", "documentation", "username", "{user.username}", "password", "{user.password}").gives(200, `{"access_token":"<jwt:narrow>","scope":"auth:write","...":0}`),
			post("/api/v1/auth/oauth2_clients").bearer("{narrow}").form("default_scopes", "auth:write").gives(200),
			get("/api/v1/auth/oauth2_clients/?user_id={user.number}").bearer("{narrow}").gives(401))},
		{"HTTP Basic of a user is as good as a token with all scopes (ours)", does(
			get("/api/v1/auth/oauth2_clients/?user_id={user.number}").basic("{user.username}", "{user.password}").gives(200, `[]`),
			get("/api/v1/auth/oauth2_clients/?user_id={user.number}").basic("{user.email}", "{user.password}").gives(200, `[]`))},
		{"HTTP Basic, wrong: 401 with a challenge for Basic", does(
			get("/api/v1/auth/oauth2_clients/?user_id=1").basic("{user.username}", "wrong").gives(401).with("WWW-Authenticate", `Basic realm="fairway", charset="UTF-8"`))},
		{"GET /users/me (users:read): detailed {id, username, email, first_name, middle_name, last_name, is_active, is_regular_user, is_admin, created, updated (ISO +00:00)}", does(
			get("/api/v1/users/me").bearer("{user.oauth}").gives(200, `{"id":{user.number},"username":"{user.username}","email":"{user.email}","first_name":"<any>","middle_name":"<any>","last_name":"<any>","is_active":true,"is_regular_user":true,"is_admin":false,"created":"<re:.*\\+00:00>","updated":"<offset>"}`),
			get("/api/v1/users/me").bearer("{admin.oauth}").gives(200, `{"is_admin":true,"...":0}`), get("/api/v1/users/me").gives(401))},
		{"OPTIONS: 204 with Allow = methods the caller may use", does(
			options("/api/v1/auth/oauth2_clients/").bearer("{user.oauth}").nothing(204).with("Allow", "GET, POST, OPTIONS"),
			options("/auth/oauth2/token").nothing(204).with("Allow", "POST, GET, OPTIONS"),
			options("/auth").nothing(204).with("Allow", "POST, OPTIONS"))},
		{"OPTIONS, anonymous: the methods that anybody may use", does(
			options("/api/v1/auth/oauth2_clients/").nothing(204).with("Allow", "OPTIONS"))},
		{"OPTIONS: 401 when resolving the object needs a login", does(
			options("/api/v1/oauth/clients/018f0000-0000-7000-8000-000000000000").gives(401))},
	}
}
