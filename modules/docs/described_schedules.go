package docs

import (
	"net/http"

	"github.com/fairway-gateway/fairway/modules/control/schedules"
)

// scheduled are scripts that run at times.
func scheduled() map[string]described {
	wrong := badBody("A parameter is wrong.")
	one := func(summary string, more ...map[int]string) described {
		return described{summary: summary, answer: data[schedules.Schedule]{}, fails: and(append([]map[int]string{none()}, more...)...)}
	}
	member := badBody("A member is wrong, or the script does not take these parameters.")
	create := described{summary: "Have a script run at times", body: schedules.NewSchedule{}, answer: data[schedules.Schedule]{}, fails: and(member, map[int]string{
		http.StatusConflict: "The caller has as many schedules as may be.", http.StatusUnprocessableEntity: "The body is no object, or a member is of another type.",
	})}
	change := one("Change a schedule", member, stale(), map[int]string{
		http.StatusConflict: "A test of the patch does not hold.", http.StatusUnprocessableEntity: "The patch is none, or a member is wrong.",
	})
	change.body, change.types, change.text = patchOperation{}, patches()[:2], patchText
	return map[string]described{
		"schedule.list":    {summary: "Schedules", query: trendsList(), answer: data[[]schedules.Schedule]{}, fails: wrong},
		"schedule.create":  create,
		"schedule.get":     one("A schedule, with the times that come next", wrong),
		"schedule.change":  change,
		"schedule.delete":  one("Delete a schedule", stale()),
		"schedule.pause":   one("Have a schedule fire no more", stale()),
		"schedule.resume":  one("Have a schedule fire again", stale(), badBody("Its script is not there any more, or takes other parameters.")),
		"schedule.run":     {summary: "Run the script of a schedule now", answer: data[schedules.ScheduleRun]{}, fails: and(none(), badBody("Its script cannot be run."), map[int]string{http.StatusConflict: "The one before is not over.", http.StatusTooManyRequests: "As many executions of the owner wait as may."})},
		"schedule.next":    {summary: "When a schedule is due next", answer: data[[]string]{}, fails: and(none(), wrong)},
		"schedule.history": {summary: "What became of the times of a schedule", query: trendsList(), answer: data[[]schedules.ScheduleFiring]{}, fails: and(none(), wrong)},
	}
}
