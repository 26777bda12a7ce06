package docs

import "net/http"

// logins are those of Trends.Earth's.
func logins() map[string]described {
	again := "too many attempts, wait for Retry-After"
	denied := func(text string) map[int]string {
		return map[int]string{http.StatusBadRequest: text, http.StatusUnauthorized: "Bad credentials.", http.StatusTooManyRequests: "Rate limit exceeded: " + again + "."}
	}
	return map[string]described{
		"auth.login": {
			summary: "Log in", text: "Gives an access token for an address and a password, and a refresh token that gives others.",
			body: login{}, types: jsonOrForm(), answer: loggedIn{}, fails: denied("Email and password are required."),
		},
		"auth.refresh": {
			summary: "Another access token", body: refresh{}, types: jsonOrForm(), answer: loggedIn{},
			query: list(query("rotate", "boolean", "Replace the refresh token, too.")), fails: denied("Refresh token is required."),
		},
		"auth.logout":        {summary: "Log out", text: "Ends the token's login, and that of a refresh token in the body.", body: refresh{}, types: jsonOrForm(), optional: true, answer: msg{}},
		"auth.logout_all":    {summary: "Log out everywhere", answer: msg{}},
		"session.list":       {summary: "My logins", answer: data[[]loginSession]{}},
		"session.delete":     {summary: "End one of my logins", answer: message{}},
		"session.delete_all": {summary: "End all my logins", answer: message{}},
	}
}

// oauth2 are the endpoints of RFC 6749, 7662 and 7009.
func oauth2() map[string]described {
	refused := map[int]string{http.StatusBadRequest: "The error of RFC 6749.", http.StatusUnauthorized: "The client is not known, or not its secret."}
	grant := "Grants are password, refresh_token and client_credentials. Parameters may stand in the query, too, and the client's id and secret in HTTP Basic; a public client has an empty secret."
	return map[string]described{
		"oauth2.token":      {summary: "A token", text: grant, body: tokenForm{}, types: form(), optional: true, answer: grantedToken{}, fails: refused, oauth: true},
		"oauth2.token.get":  {summary: "A token, by parameters of the query", text: grant, query: tokenQuery(), answer: grantedToken{}, fails: refused, oauth: true},
		"oauth2.revoke":     {summary: "Revoke a token", body: tokenOf{}, types: form(), fails: refused, oauth: true},
		"oauth2.introspect": {summary: "What a token is", text: "For the client to which it was given, with its secret.", body: tokenOf{}, types: form(), answer: introspection{}, fails: refused, oauth: true},
		"client.token": {
			summary: "A token for a service client", text: "The grant client_credentials alone.",
			body: serviceGrant{}, types: jsonOrForm(), answer: grantedToken{}, fails: refused, oauth: true,
		},
		"jwks": {summary: "The keys that sign tokens", answer: keySet{}, media: "application/jwk-set+json"},
	}
}

// clients are programs that act for a user, as both systems have them.
func clients() map[string]described {
	location := map[string]string{"Location": "Where the client is."}
	return map[string]described{
		"client.list": {summary: "My service clients", answer: data[[]serviceClient]{}},
		"client.create": {
			summary: "A new service client", text: "Its secret is shown this once. Without scopes it has those of its maker.", body: newServiceClient{},
			answer: data[serviceClient]{}, status: http.StatusCreated, header: location, fails: badBody("The body is wrong, or there are too many clients."),
		},
		"client.revoke": {summary: "Revoke a service client", answer: data[serviceClient]{}},
		"oauth2.clients.list": {
			summary: "My OAuth2 clients", query: append(list(required(query("user_id", "integer", "Your own id."))), houstonList()...),
			answer: []houstonClient{}, fails: map[int]string{http.StatusUnprocessableEntity: "user_id is missing, or is not your own."},
		},
		"oauth2.clients.create": {
			summary: "A new OAuth2 client", text: "Its secret is shown this once.", body: newHoustonClient{}, types: form(), answer: houstonClient{},
			fails: map[int]string{http.StatusConflict: "There are too many.", http.StatusUnprocessableEntity: "Members are wrong."},
		},
	}
}
