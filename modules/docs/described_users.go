package docs

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/fairway-gateway/fairway/modules/control/accounts"
)

func list(p ...*huma.Param) []*huma.Param { return p }

func required(p *huma.Param) *huma.Param {
	p.Required = true
	return p
}

// patches are the media types of a change: an array is a JSON Patch, an object a merge patch.
func patches() []string {
	return []string{"application/json", "application/merge-patch+json", "application/json-patch+json"}
}

func stale() map[int]string {
	return map[int]string{http.StatusPreconditionFailed: "It has changed since the ETag of If-Match."}
}

const patchText = "An object, or application/merge-patch+json, is RFC 7396; an array, or application/json-patch+json, is RFC 6902."

// users are Trends.Earth's, as far as they are not typed.
func users() map[string]described {
	invalid := badBody("A member is missing or wrong.")
	weak := map[int]string{http.StatusUnprocessableEntity: "The password is not good; messages says why."}
	credentials := map[int]string{http.StatusUnauthorized: "Credentials that are not needed, and wrong."}
	return map[string]described{
		"user.create": {
			summary: "Sign up", text: "Without a password a link is mailed by which it is set. Only super administrators make administrators.", body: newUser{},
			answer: data[accounts.TrendsUser]{}, fails: and(invalid, weak, credentials, map[int]string{http.StatusForbidden: "The role is not yours to give.", http.StatusTooManyRequests: "Too many sign-ups."}),
		},
		"user.me.password": {
			summary: "Change my password", body: ownPassword{}, answer: data[accounts.TrendsUser]{}, fails: and(invalid, weak),
		},
		"user.password": {
			summary: "Set a user's password", body: otherPassword{}, answer: data[accounts.TrendsUser]{}, fails: and(none(), invalid, weak),
		},
		"user.recover": {
			summary: "A mailed link for a new password", text: "The answer is the same whether there is such an account or not.",
			answer: data[message]{}, fails: map[int]string{http.StatusTooManyRequests: "Too many letters."},
		},
		"user.reset":      {summary: "Set a password by a mailed link", body: resetPassword{}, answer: data[message]{}, fails: and(invalid, weak, map[int]string{http.StatusNotFound: "The link is not good."})},
		"user.reset.page": {summary: "A page for who sets a password by a mailed link", query: list(query("token", "string", "That of the link.")), media: "text/html", answer: ""},
		"user.reset.form": {
			summary: "The form of that page", body: resetForm{}, types: form()[:1], media: "text/html", answer: "", page: true,
			fails: map[int]string{http.StatusBadRequest: "The body is no form.", http.StatusNotFound: "The link is not good.", http.StatusUnprocessableEntity: "The password is not good; the page says why."},
		},
	}
}
