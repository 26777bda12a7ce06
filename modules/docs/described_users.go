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

// users are Trends.Earth's.
func users() map[string]described {
	invalid := badBody("A member is missing or wrong.")
	weak := map[int]string{http.StatusUnprocessableEntity: "The password is not good; messages says why."}
	credentials := map[int]string{http.StatusUnauthorized: "Credentials that are not needed, and wrong."}
	one := func(summary string) described {
		return described{summary: summary, answer: data[accounts.TrendsUser]{}, fails: none()}
	}
	change := func(summary, text string) described {
		return described{
			summary: summary, text: text + patchText, body: changedUser{}, types: patches(), answer: data[accounts.TrendsUser]{},
			fails: and(none(), invalid, stale(), map[int]string{http.StatusConflict: "A test of the patch does not hold, or the address is taken."}),
		}
	}
	return map[string]described{
		"user.create": {
			summary: "Sign up", text: "Without a password a link is mailed by which it is set. Only super administrators make administrators.", body: newUser{},
			answer: data[accounts.TrendsUser]{}, fails: and(invalid, weak, credentials, map[int]string{http.StatusForbidden: "The role is not yours to give.", http.StatusTooManyRequests: "Too many sign-ups."}),
		},
		"user.list":      {summary: "Users", query: trendsList(), answer: userPage{}, fails: badBody("A parameter is wrong.")},
		"user.export":    {summary: "Users as CSV", query: trendsList()[:2], media: "text/csv", answer: "", fails: badBody("A parameter is wrong.")},
		"user.me.get":    one("Who I am"),
		"user.me.change": change("Change what is said of me", ""),
		"user.me.delete": one("Delete my account"),
		"user.me.password": {
			summary: "Change my password", body: ownPassword{}, answer: data[accounts.TrendsUser]{}, fails: and(invalid, weak),
		},
		"user.me.clients": {summary: "My service clients", answer: data[[]serviceClient]{}},
		"user.get":        one("A user, by id, number or address"),
		"user.change":     change("Change a user", ""),
		"user.delete":     one("Delete a user"),
		"user.restore":    one("Restore a deleted user"),
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

func signUpFails() map[int]string {
	return map[int]string{
		http.StatusUnauthorized: "Credentials that are not needed, and wrong.", http.StatusForbidden: "recaptcha_key is another than the form's.",
		http.StatusTooManyRequests: "Too many sign-ups.",
	}
}

// people are users as Houston has them.
func people() map[string]described {
	return map[string]described{
		"users.list":        {summary: "Users", query: houstonList(), answer: []houstonUser{}, header: map[string]string{"X-Total-Count": "How many there are."}, fails: wrongFields()},
		"users.create":      {summary: "Sign up", body: newHoustonUser{}, types: append(form(), "application/json"), answer: houstonUser{}, fails: and(wrongFields(), signUpFails())},
		"users.signup_form": {summary: "What signing up needs", answer: signUpForm{}},
		"users.me.get":      {summary: "Who I am", answer: houstonUser{}},
		"users.get":         {summary: "A user, by number or id", answer: houstonUser{}, fails: none()},
		"users.change": {
			summary: "Change a user", text: "Whoever changes himself shows his password first, by test of /current_password. " + patchText,
			body: []patchOperation{}, types: append(patches()[2:], "application/json", "application/merge-patch+json"), answer: houstonUser{}, fails: and(none(), wrongFields(), stale()),
		},
	}
}

// teams are Houston's.
func teams() map[string]described {
	patch := func(d described) described {
		d.body, d.types, d.text = []patchOperation{}, append(patches()[2:], "application/json", "application/merge-patch+json"), patchText
		return d
	}
	return map[string]described{
		"teams.list":           {summary: "Teams", query: houstonList(), answer: []team{}, header: map[string]string{"X-Total-Count": "How many there are."}, fails: wrongFields()},
		"teams.create":         {summary: "A new team", text: "Who makes it leads it.", body: newTeam{}, types: append(form(), "application/json"), answer: team{}, fails: wrongFields()},
		"teams.get":            {summary: "A team with its members", answer: detailedTeam{}, fails: none()},
		"teams.change":         patch(described{summary: "Change a team", answer: detailedTeam{}, fails: and(none(), wrongFields())}),
		"teams.delete":         {summary: "Delete a team", status: http.StatusNoContent, fails: none()},
		"teams.members.list":   {summary: "The members of a team", query: houstonList(), answer: []teamMember{}, fails: none()},
		"teams.members.add":    {summary: "Add a member to a team", body: newTeamMember{}, types: append(form(), "application/json"), answer: teamMember{}, fails: and(none(), wrongFields())},
		"teams.members.remove": {summary: "Take a member out of a team", status: http.StatusNoContent, fails: none()},
	}
}
