package docs

import "net/http"

// ofTyped is what operations whose handlers have types cannot say of themselves: what failures mean there, and the media type of what
// is no JSON. All else huma knows.
func ofTyped() map[string]described {
	change := described{fails: and(none(), badBody("A member is missing or wrong."), map[int]string{http.StatusConflict: "A test of the patch does not hold, or the address is taken."})}
	fields := map[int]string{
		http.StatusConflict:            "Taken, or a test of the patch does not hold.",
		http.StatusUnprocessableEntity: "Members are wrong; messages says which, and why.",
	}
	signUp := map[int]string{
		http.StatusUnauthorized: "Credentials that are not needed, and wrong.", http.StatusForbidden: "recaptcha_key is another than the form's.",
		http.StatusTooManyRequests: "Too many sign-ups.",
	}
	return map[string]described{
		"user.export":          {media: "text/csv", answer: ""},
		"user.me.get":          {fails: none()},
		"user.me.change":       change,
		"user.me.delete":       {fails: none()},
		"user.change":          change,
		"users.create":         {fails: and(fields, signUp)},
		"users.change":         {fails: fields},
		"teams.create":         {fails: fields},
		"teams.change":         {fails: fields},
		"teams.members.add":    {fails: fields},
		"teams.members.remove": {fails: map[int]string{http.StatusConflict: "The last leader cannot be taken out."}},
	}
}
