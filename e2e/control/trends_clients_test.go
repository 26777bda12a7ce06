package control_test

// serviceToken asks for a token of a service client.
func serviceToken() *ask { return post("/api/v1/oauth/token") }

const serviceAnswer = `{"access_token":"<jwt:access>","token_type":"bearer","expires_in":1800}`

func trendsClients() []row {
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
