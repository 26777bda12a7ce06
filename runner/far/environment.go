package far

import (
	"maps"
	"strconv"

	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/kubernetes/agent"
)

// Environment is all variables of a script, beside those of its image. None is the runner's.
func Environment(attempt executor.Attempt) map[string]string {
	variables := map[string]string{
		"HOME": agent.Work, "TMPDIR": agent.Temp, "LANG": "C.UTF-8",
		"PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1",
		"OMP_NUM_THREADS": strconv.FormatInt(max((attempt.Limits.WithDefaults().CPU+999_999_999)/1_000_000_000, 1), 10),
		"ENV":             "prod", "EXECUTION_ID": attempt.Execution,
	}
	maps.Copy(variables, attempt.Env)
	maps.Copy(variables, map[string]string{
		executor.EnvExecution: attempt.Execution,
		executor.EnvAttempt:   attempt.ID,
		executor.EnvNumber:    strconv.Itoa(attempt.Number),
		executor.EnvScript:    attempt.Script.Slug,
		executor.EnvCode:      agent.Script,
		executor.EnvWork:      agent.Work,
		executor.EnvParams:    agent.Params,
		executor.EnvResults:   agent.Results,
	})
	return variables
}
