package docs

import (
	"net/http"

	"github.com/fairway-gateway/fairway/modules/control/webhooks"
)

// hooked are addresses where events go.
func hooked() map[string]described {
	member := badBody("A member is wrong.")
	create := described{summary: "Have events go to an address", body: webhooks.NewWebhook{}, answer: data[webhooks.Webhook]{}, fails: and(member, map[int]string{
		http.StatusConflict: "The caller has as many webhooks as may be.", http.StatusForbidden: "The events of all are for administrators.", http.StatusUnprocessableEntity: "A member is missing, or of another type.",
	})}
	one := described{summary: "A webhook", answer: data[webhooks.Webhook]{}, fails: none()}
	change := described{summary: "Change a webhook", answer: data[webhooks.Webhook]{}, fails: and(none(), member, stale(), map[int]string{
		http.StatusConflict: "A test of the patch does not hold, or others change it.", http.StatusForbidden: "The events of all are for administrators.", http.StatusUnprocessableEntity: "The patch is none, or a member is wrong.",
	})}
	change.body, change.types, change.text = patchOperation{}, patches()[:2], patchText
	remove := one
	remove.summary = "Delete a webhook"
	return map[string]described{
		"webhook.list":   {summary: "Webhooks", answer: data[[]webhooks.Webhook]{}},
		"webhook.create": create,
		"webhook.get":    one,
		"webhook.change": change,
		"webhook.delete": remove,
		"webhook.dead":   {summary: "What could not be sent to a webhook", answer: data[[]webhooks.DeadEvent]{}, fails: none()},
		"webhook.retry":  {summary: "Send again what could not be sent", answer: data[webhooks.Retried]{}, fails: and(none(), member)},
	}
}
