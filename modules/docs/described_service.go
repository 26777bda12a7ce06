package docs

import "net/http"

// apiTokens are tokens of our own paths.
func apiTokens() map[string]described {
	kinds := choice("typ", "Only those of a type: permanent, a user's, temporary.", "prm", "usr", "tmp")
	argument := badBody("The query has a parameter that is not known.")
	return map[string]described{
		"tokens.list": {summary: "Tokens", text: "One's own; all for who may see all; none for programs.", query: list(kinds), answer: []apiToken{}, fails: badBody("There is no such type, or the query has a parameter that is not known.")},
		"tokens.create": {
			summary: "A new token", text: "It is shown this once. Its scopes are some of those that its maker has.", body: newAPIToken{},
			answer: apiToken{}, status: http.StatusCreated, header: map[string]string{"Location": "Where the token is."},
			fails: badBody("The body is wrong, or a scope is not yours to give."),
		},
		"tokens.query":  {summary: "What a token is", text: "The body is the token, a JSON text, so that it is in no URL.", body: "", answer: apiToken{}, fails: and(badBody("The body is no text."), none())},
		"tokens.get":    {summary: "A token", answer: apiToken{}, fails: argument},
		"tokens.change": {summary: "Disable, enable or describe a token", body: changedToken{}, answer: apiToken{}, fails: badBody("Nothing is to change, or a member is wrong.")},
		"tokens.revoke": {summary: "Revoke a token", status: http.StatusNoContent, fails: argument},
	}
}

// service is about the gateway.
func service() map[string]described {
	letter := described{
		summary: "Send mail", text: "One letter to each recipient. The answer comes when they are in the outbox.", body: newLetter{}, answer: data[queuedLetter]{},
		fails: map[int]string{
			http.StatusBadRequest: "A member is wrong.", http.StatusUnsupportedMediaType: "Mail is sent as application/json.",
			http.StatusRequestEntityTooLarge: "The body is longer than 1 MiB.", http.StatusServiceUnavailable: "Too many letters wait.",
		},
	}
	away := map[int]string{http.StatusServiceUnavailable: "The store that counts requests does not answer."}
	return map[string]described{
		"mail.send": letter, "mail.send.bare": letter,
		"limits.status": {summary: "Rate limits", text: "The limits that there are, and how many callers or addresses each counts.", answer: limitStatus{}, fails: away},
		"limits.reset":  {summary: "Reset all rate limits", answer: message{}, fails: away},
		"limits.reset_one": {
			summary: "Reset the rate limits of a caller or an address", text: "An identifier is user:<id>, client:<id>, token:<id> or ip:<address>.",
			answer: message{}, fails: and(away, none(), badBody("That is no identifier.")),
		},
		"health.trends":      {summary: "Whether the gateway is there, and its store", text: "For monitors of Trends.Earth: always a 200. /ready of the directive health says more.", answer: trendsHealth{}},
		"health.trends_ping": {summary: "Whether the gateway is there", answer: trendsPong{}},
		"permissions.list":   {summary: "All scopes, and what they allow", answer: []scope{}},
	}
}

// documents are this document's own.
func documents() map[string]described {
	kept := map[int]string{http.StatusNotModified: "It is what If-None-Match names."}
	return map[string]described{
		"docs.trends":       {summary: "This document, OpenAPI 3.0, where clients of Trends.Earth look for it", answer: map[string]any{}},
		"docs.trends_pages": {summary: "This document as a page, where people of Trends.Earth look for it", media: "text/html", answer: ""},
		"docs.pages":        {summary: "This document as a page", media: "text/html", answer: ""},
		"docs.assets":       {summary: "Files of that page", media: "*/*", answer: "", fails: none()},
		"docs.openapi":      {summary: "This document, OpenAPI 3.1", answer: map[string]any{}, fails: kept},
		"docs.openapi_yaml": {summary: "This document as YAML", media: "application/yaml", answer: "", fails: kept},
		"docs.swagger":      {summary: "This document as Swagger 2.0, for older programs", answer: map[string]any{}, fails: kept},
	}
}
