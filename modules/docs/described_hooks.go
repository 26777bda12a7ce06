package docs

import (
	"net/http"

	"github.com/fairway-gateway/fairway/modules/control/hooks"
)

// inward is how others start scripts.
func inward() map[string]described {
	member := badBody("A member is wrong, or the script is not there, or not for the caller.")
	one := described{summary: "A hook", answer: data[hooks.Hook]{}, fails: none()}
	remove, rotate := one, one
	remove.summary, rotate.summary = "Delete a hook", "Give a hook another secret"
	rotate.fails = and(none(), map[int]string{http.StatusConflict: "It was changed meanwhile."})
	return map[string]described{
		"hook.list": {summary: "Hooks", answer: data[[]hooks.Hook]{}},
		"hook.create": {summary: "Have others start a script", body: hooks.NewHook{}, answer: data[hooks.Hook]{}, fails: and(member, map[int]string{
			http.StatusConflict: "The caller has as many hooks as may be.", http.StatusUnprocessableEntity: "A member is missing, or of another type.",
		})},
		"hook.get":     one,
		"hook.delete":  remove,
		"hook.rotate":  rotate,
		"hook.history": {summary: "What a hook has brought", answer: data[[]hooks.Arrival]{}, fails: none()},
		"arrival.list": {summary: "Events that arrived", answer: data[[]hooks.Arrival]{}},
		"hook.deliver": {summary: "Start the script of a hook", answer: data[hooks.Delivered]{}, fails: map[int]string{
			http.StatusBadRequest: "The body is no JSON object, or not what the script takes.", http.StatusUnauthorized: "The signature is not right, or too old, or there is no such hook.",
			http.StatusForbidden: "The owner of the hook is not there any more.", http.StatusNotFound: "The script is not there any more, or not for the owner.", http.StatusConflict: "The script is not built.",
			http.StatusRequestEntityTooLarge: "The body is too long.", http.StatusUnsupportedMediaType: "The body is compressed.", http.StatusTooManyRequests: "The owner may not run so much.",
		}},
	}
}
