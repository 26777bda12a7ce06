package docs

import (
	"encoding/json"
	"net/http"

	"github.com/fairway-gateway/fairway/modules/control/executions"
	"github.com/fairway-gateway/fairway/modules/control/live"
)

// followed are the logs and events of executions.
func followed() map[string]described {
	part := and(none(), badBody("A parameter is wrong."))
	crowded := map[int]string{http.StatusTooManyRequests: "The caller follows too many executions at once.", http.StatusServiceUnavailable: "Too many are followed at once."}
	return map[string]described{
		"execution.log":         {summary: "The log of an execution", answer: data[[]live.LogLine]{}, fails: part},
		"execution.log.text":    {summary: "The whole log of an execution as text", media: "text/plain", answer: "", fails: none()},
		"execution.log.add":     {summary: "Add a line to the log of an execution", answer: data[live.LogLine]{}, fails: and(none(), badBody("Text or level are missing or wrong."), map[int]string{http.StatusConflict: "The attempt of the token runs no more."})},
		"execution.docker_logs": {summary: "The log of an execution, as that of its container", answer: data[[]executions.ContainerLine]{}, fails: part},
		"execution.batch_logs":  {summary: "The logs of jobs of an execution at others: none", answer: data[[]executions.ContainerLine]{}, fails: none()},
		"execution.events":      {summary: "What happens to an execution, while it happens", media: "text/event-stream", answer: "", also: data[[]live.Event]{}, nothing: "The caller has the event that was the end.", fails: and(part, crowded)},
		"execution.params":      {summary: "The parameters of an execution", answer: json.RawMessage{}, fails: none()},
		"execution.files":       {summary: "The files of the script that an execution runs", media: "application/gzip", answer: []byte{}, fails: none()},
		"execution.hand_over": {
			summary: "Hand results over to the runner", text: "What a script left as its results, where its runner cannot see them: for the token of the attempt alone. The runner judges them when the script has ended.",
			types: []string{"application/octet-stream"}, body: []byte{}, status: http.StatusNoContent, fails: and(none(), badBody("The body broke off."), map[int]string{http.StatusRequestEntityTooLarge: "There are more than 64 MiB."}),
		},
	}
}
