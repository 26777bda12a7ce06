package control_test

// serviceToken asks for a token of a service client.
func serviceToken() *ask { return post("/api/v1/oauth/token") }

const serviceAnswer = `{"access_token":"<jwt:access>","token_type":"bearer","expires_in":1800}`

func trendsClients() []row { return append(trendsServiceTokens(), trendsServiceClients()...) }

func trendsServiceTokens() []row {
	return []row{
		{"POST /api/v1/oauth/token, JSON, client_credentials: 200 {access_token, token_type: bearer, expires_in:1800}", does(
			serviceToken().json(`{"grant_type":"client_credentials","client_id":"{service.id}","client_secret":"{service.secret}"}`).gives(200, serviceAnswer).with("Cache-Control", "no-store"))},
		{"POST /api/v1/oauth/token, form: the same", does(
			serviceToken().form("grant_type", "client_credentials", "client_id", "{service.id}", "client_secret", "{service.secret}").gives(200, serviceAnswer))},
		{"POST /api/v1/oauth/token, only client_credentials: 400 unsupported_grant_type", does(
			serviceToken().json(`{"grant_type":"password","username":"{user.email}","password":"{user.password}","client_id":"{service.id}","client_secret":"{service.secret}"}`).gives(400, `{"error":"unsupported_grant_type","...":0}`),
			serviceToken().json(`{}`).gives(400, `{"error":"unsupported_grant_type","...":0}`))},
		{"POST /api/v1/oauth/token: 400 invalid_request, without client_id or client_secret", does(
			serviceToken().json(`{"grant_type":"client_credentials"}`).gives(400, `{"error":"invalid_request","...":0}`),
			serviceToken().json(`{"grant_type":"client_credentials","client_id":"{service.id}"}`).gives(400, `{"error":"invalid_request","...":0}`),
			serviceToken().json(`{"grant_type":"client_credentials","client_secret":"{service.secret}"}`).gives(400, `{"error":"invalid_request","...":0}`))},
		{"POST /api/v1/oauth/token: 401 invalid_client, for a wrong secret and for an unknown client", does(
			serviceToken().json(`{"grant_type":"client_credentials","client_id":"{service.id}","client_secret":"te_cs_wrong"}`).gives(401, `{"error":"invalid_client","...":0}`),
			serviceToken().json(`{"grant_type":"client_credentials","client_id":"te_cid_nobody","client_secret":"{service.secret}"}`).gives(401, `{"error":"invalid_client","...":0}`))},
		{"a service client acts as its user, within its scopes; enforced for client-credential tokens: 403 Insufficient scope. Required: X", does(
			serviceToken().json(`{"grant_type":"client_credentials","client_id":"{service.id}","client_secret":"{service.secret}"}`).gives(200, serviceAnswer),
			whole("{access}").gives(403, `{"status":403,"detail":"Insufficient scope. Required: auth:read","msg":"<text>","...":0}`).with("WWW-Authenticate", `.*error="insufficient_scope".*scope="auth:read".*`))},
	}
}

// serviceClient is a service client as it is shown; with its secret when it is made.
func serviceClient(more string) string {
	return `{"id":"<uuid:made.uuid>","name":"nightly","client_id":"<re:te_cid_.+>","secret_prefix":"<text>","scopes":"user:read auth:read","user_id":"{user.id}","created_at":"<naive>","last_used_at":"<any>","expires_at":"<any>","revoked":false` + more + `}`
}

func trendsServiceClients() []row {
	make := func() *ask {
		return post("/api/v1/oauth/clients").bearer("{user.access}").json(`{"name":"nightly","scopes":"user:read auth:read","expires_in_days":30}`)
	}
	made := `{"data":{"id":"<uuid:made.uuid>","client_id":"<text:made.id>","client_secret":"<text:made.secret>","...":0}}`
	byMade := serviceToken().json(`{"grant_type":"client_credentials","client_id":"{made.id}","client_secret":"{made.secret}"}`)
	return []row{
		{"POST /oauth/clients {name, scopes, expires_in_days}: 201 data {id, name, client_id \"te_cid_…\", secret_prefix, scopes, user_id, created_at, last_used_at, expires_at, revoked, client_secret \"te_cs_…\" shown once}", does(
			make().gives(201, `{"data":`+serviceClient(`,"client_secret":"<re:te_cs_.+>"`)+`}`))},
		{"POST /oauth/clients: what was made gets tokens, which act as its user with its scopes", does(
			make().gives(201, made), byMade.gives(200, serviceAnswer), whole("{access}").gives(200))},
		{"POST /oauth/clients: expires_at is expires_in_days from now, null without", does(
			make().gives(201, `{"data":{"expires_at":"<naive>","...":0}}`),
			post("/api/v1/oauth/clients").bearer("{user.access}").json(`{"name":"forever","scopes":"user:read"}`).gives(201, `{"data":{"expires_at":null,"...":0}}`))},
		{"client_secret shown once: GET /oauth/clients does not have it", does(
			make().gives(201, made),
			get("/api/v1/oauth/clients").bearer("{user.access}").gives(200, `{"data":[`+serviceClient("")+`]}`).lacks("{made.secret}", "client_secret"))},
		{"GET /oauth/clients has the caller's own", does(
			make().gives(201, made), get("/api/v1/oauth/clients").bearer("{other.access}").gives(200, `{"data":[]}`))},
		{"DELETE /oauth/clients/<id> (revokes): tokens of the client end, no new ones are given", does(
			make().gives(201, made), byMade.gives(200, serviceAnswer), whole("{access}").gives(200),
			remove("/api/v1/oauth/clients/{made.uuid}").bearer("{user.access}").gives(200),
			dead("{access}"), byMade.gives(401, oauthSays("invalid_client")))},
		{"DELETE /oauth/clients/<id> of another, or of nothing: 404", does(
			make().gives(201, made),
			remove("/api/v1/oauth/clients/{made.uuid}").bearer("{other.access}").gives(404),
			remove("/api/v1/oauth/clients/018f0000-0000-7000-8000-000000000000").bearer("{user.access}").gives(404),
			byMade.gives(200, serviceAnswer))},
		{"DELETE /oauth/clients/<id> twice: 404", does(
			make().gives(201, made), remove("/api/v1/oauth/clients/{made.uuid}").bearer("{user.access}").gives(200), remove("/api/v1/oauth/clients/{made.uuid}").bearer("{user.access}").gives(404))},
		{"10 active per user", does(act(func(s *scene) {
			s.t.Helper()
			for range 10 {
				make().gives(201, made).do(s)
			}
		}), make().gives(400, trendsSays("Maximum of 10 active service clients reached. Revoke an existing client first.")),
			remove("/api/v1/oauth/clients/{made.uuid}").bearer("{user.access}").gives(200), make().gives(201, made))},
		{"Scopes: all cannot be combined", does(
			post("/api/v1/oauth/clients").bearer("{user.access}").json(`{"name":"x","scopes":"all user:read"}`).gives(400, `{"detail":"<has:cannot be combined>","...":0}`),
			post("/api/v1/oauth/clients").bearer("{user.access}").json(`{"name":"x","scopes":"all"}`).gives(201, `{"data":{"scopes":"all","...":0}}`))},
		{"Scopes: an unknown one 400", does(
			post("/api/v1/oauth/clients").bearer("{user.access}").json(`{"name":"x","scopes":"user:fly"}`).gives(400, `{"detail":"<has:user:fly>","...":0}`))},
		{"POST /oauth/clients without a name: 400", does(
			post("/api/v1/oauth/clients").bearer("{user.access}").json(`{"scopes":"user:read"}`).gives(400, `{"detail":"<has:name>","...":0}`))},
		{"POST, GET and DELETE /oauth/clients: 401 without a token", does(
			post("/api/v1/oauth/clients").json(`{"name":"x"}`).gives(401), get("/api/v1/oauth/clients").gives(401), remove("/api/v1/oauth/clients/018f0000-0000-7000-8000-000000000000").gives(401))},
		{"a client cannot make one that may more than itself", does(
			serviceToken().json(`{"grant_type":"client_credentials","client_id":"{client.id}","client_secret":"{client.secret}"}`).gives(200, serviceAnswer),
			post("/api/v1/oauth/clients").bearer("{access}").json(`{"name":"x","scopes":"all"}`).gives(403),
			post("/api/v1/oauth/clients").bearer("{access}").json(`{"name":"x","scopes":"users:read"}`).gives(201))},
	}
}
