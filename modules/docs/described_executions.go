package docs

import (
	"encoding/json"
	"net/http"

	"github.com/fairway-gateway/fairway/modules/control/executions"
)

// executed are the executions of scripts.
func executed() map[string]described {
	away := map[int]string{http.StatusServiceUnavailable: "What is too long for the store cannot be reached now."}
	wrong := badBody("A parameter is wrong.")
	several := data[[]executions.Execution]{}
	one := func(summary string, fails ...map[int]string) described {
		return described{summary: summary, answer: data[executions.Execution]{}, fails: and(append(fails, none())...)}
	}
	busy := map[int]string{http.StatusTooManyRequests: "As many executions wait as may, or too many were asked for."}
	key := map[int]string{http.StatusUnprocessableEntity: "The Idempotency-Key was sent with another request before."}
	run := func(summary string) described {
		return one(summary, badBody("The script is not built, or the parameters are not what it takes: messages says what is wrong, by their places."), busy, key, away,
			map[int]string{http.StatusConflict: "The execution of the Idempotency-Key was deleted."})
	}
	change := one("Say what became of an execution", badBody("Status, progress or results are missing or wrong."), stale(), away, map[int]string{
		http.StatusConflict: "The execution does not go from its status to that one, or a test of the patch does not hold.", http.StatusUnprocessableEntity: "The patch is none.",
	})
	change.body, change.types, change.text = patchOperation{}, patches(), patchText
	posted := run("Run a script")
	posted.body, posted.optional = map[string]any{}, true
	return map[string]described{
		"execution.run":              posted,
		"execution.run.get":          run("Run a script with a query"),
		"execution.list":             {summary: "Executions", query: trendsList(), answer: several, fails: wrong},
		"execution.mine":             {summary: "The caller's executions", query: trendsList(), answer: several, fails: wrong},
		"execution.export":           {summary: "Executions as CSV", query: trendsList()[:2], media: "text/csv", answer: "", fails: wrong},
		"execution.get":              one("An execution", wrong),
		"execution.change":           change,
		"execution.delete":           one("Delete an execution that has ended", stale(), map[int]string{http.StatusConflict: "It has not ended."}),
		"execution.cancel":           {summary: "Cancel an execution", status: http.StatusAccepted, answer: data[executions.Cancellation]{}, fails: and(none(), badBody("It has ended."), map[int]string{http.StatusConflict: "It is being cancelled."})},
		"execution.rerun":            run("Run an execution again"),
		"execution.results":          {summary: "The results of an execution", answer: json.RawMessage{}, fails: and(none(), away)},
		"execution.results.download": {summary: "The results of an execution, as a file", media: "text/plain", answer: "", fails: and(none(), away)},
		"execution.history":          {summary: "What an execution went through", answer: data[[]executions.StatusMove]{}, fails: none()},
		"execution.attempts":         {summary: "The attempts of an execution", answer: data[[]executions.ExecutionAttempt]{}, fails: none()},
	}
}
