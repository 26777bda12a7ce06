package docs

import (
	"net/http"

	"github.com/fairway-gateway/fairway/modules/control/scripts"
)

// scriptUpload is a form with a file.
type scriptUpload struct {
	File string `json:"file" required:"true" format:"binary" doc:"The archive, or the file"`
}

// uploaded are the scripts of users.
func uploaded() map[string]described {
	away := map[int]string{http.StatusServiceUnavailable: "What is uploaded cannot be reached now."}
	one := func(summary string) described {
		return described{summary: summary, answer: data[scripts.Script]{}, fails: none()}
	}
	access := func(summary string) described {
		return described{summary: summary, answer: data[scripts.ScriptAccess]{}, fails: and(none(), badBody("A user or a role is not there, or there are too many."))}
	}
	upload := func(summary string) described {
		return described{
			summary: summary, body: scriptUpload{}, types: form()[1:], answer: data[scripts.Script]{},
			fails: and(badBody("There is no file, it is too large, its name is taken, or it is no script: detail says why."), away),
		}
	}
	archive := func(summary string) described {
		return described{summary: summary, media: "application/gzip", answer: "", fails: and(none(), away)}
	}
	change := one("Change what is said of a script")
	change.body, change.types, change.text = patchOperation{}, patches()[:2], patchText
	change.fails = and(none(), badBody("A member is wrong."), stale(), map[int]string{
		http.StatusConflict: "A test of the patch does not hold.", http.StatusUnprocessableEntity: "The patch is none, or a member is wrong.",
	})
	log := described{summary: "The log of a script's builds", answer: data[[]scripts.ScriptLog]{}, fails: and(none(), badBody("A parameter is wrong."))}
	return map[string]described{
		"script.list":                {summary: "Scripts", query: trendsList(), answer: data[[]scripts.Script]{}, fails: badBody("A parameter is wrong.")},
		"script.create":              upload("Upload a script"),
		"script.export":              {summary: "Scripts as CSV", query: trendsList()[:2], media: "text/csv", answer: "", fails: badBody("A parameter is wrong.")},
		"script.get":                 {summary: "A script, by id or slug", answer: data[scripts.Script]{}, fails: and(none(), badBody("A parameter is wrong."))},
		"script.upload":              upload("Upload another version of a script"),
		"script.delete":              one("Delete a script"),
		"script.config":              change,
		"script.publish":             one("Have everybody see a script"),
		"script.unpublish":           one("Have nobody else see a script any more"),
		"script.download":            archive("The newest version of a script"),
		"script.log":                 log,
		"script.versions":            {summary: "The versions of a script", query: trendsList(), answer: data[[]scripts.ScriptVersion]{}, fails: and(none(), badBody("A parameter is wrong."))},
		"script.version.download":    archive("A version of a script"),
		"script.access.get":          access("Who may see and run a script"),
		"script.access.clear":        access("End that a script is restricted"),
		"script.access.roles":        access("Say which roles may see and run a script"),
		"script.access.users":        access("Say which users may see and run a script"),
		"script.access.users.add":    access("Have a user see and run a script"),
		"script.access.users.remove": access("Have a user see a script no more"),
		"script.access.roles.add":    access("Have the users of a role see and run a script"),
		"script.access.roles.remove": access("Have the users of a role see a script no more"),
	}
}
