package executions

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

// Later is how something is to be run later, which asks by no headers.
type Later struct {
	// Queue is whose runners run it. Default: as the script says, or the usual one.
	Queue string
	// Priority is -1000 to 1000; above 0 for administrators. Default 0.
	Priority int64
	// Timeout is how long an attempt may run. Default 0: as the script and the gateway say.
	Timeout time.Duration
	// Retries is how often it is tried again, 0 to 10; nil: as the script says.
	Retries *int
}

// Planned says how a version of a script is run with these parameters, which must be an object that the script takes, in a short form. An
// error that is an api.Failure is for who wishes it.
func (x *Executions) Planned(ctx context.Context, version db.ScriptVersion, params json.RawMessage, w Later, admin bool) (queries.SchedulePlan, error) {
	wish := wishes{queue: w.Queue, priority: w.Priority, timeout: w.Timeout, retries: -1}
	switch {
	case w.Queue != "" && !isQueue(w.Queue):
		return queries.SchedulePlan{}, refused("queue: the name of a queue has small letters and digits, with - or _ between them, at most 64")
	case w.Priority < -mostPriority || w.Priority > mostPriority:
		return queries.SchedulePlan{}, refused(fmt.Sprintf("priority: it is a whole number from %d to %d", -mostPriority, mostPriority))
	case w.Priority > 0 && !admin:
		return queries.SchedulePlan{}, api.Failure{Status: 403, Detail: "priority: only administrators run something before others"}
	case w.Retries != nil && (*w.Retries < 0 || *w.Retries > mostRetries):
		return queries.SchedulePlan{}, refused(fmt.Sprintf("retries: it is a whole number from 0 to %d", mostRetries))
	}
	if w.Retries != nil {
		wish.retries = *w.Retries
	}
	if version.Status != queries.BuildSuccess {
		return queries.SchedulePlan{}, refused(fmt.Sprintf("Script with id %s is not BUILT", version.ScriptID))
	}
	if err := x.check(ctx, params, version.Parameters); err != nil {
		return queries.SchedulePlan{}, err
	}
	n, err := x.plan(ctx, version.Configuration, wish)
	if err != nil {
		return queries.SchedulePlan{}, err
	}
	return queries.SchedulePlan{Queue: n.Queue, Priority: n.Priority, MaxAttempts: n.MaxAttempts, RetryOn: n.RetryOn, RetryDelay: n.RetryDelay, Timeout: n.Timeout}, nil
}
