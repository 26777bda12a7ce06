package realm

import (
	"cmp"
	"context"
	"time"

	"github.com/fairway-gateway/fairway/modules/control/schedules/firing"
	"github.com/fairway-gateway/fairway/proxies/observe"
	"github.com/fairway-gateway/fairway/queries"
)

// FireSchedules has schedules be fired by this process, as long as the realm is there: by one that makes executions, whose queue is told of
// them.
func (r *Realm) FireSchedules() {
	r.starting.Lock()
	defer r.starting.Unlock()
	if r.fires {
		return
	}
	if r.fires = true; r.started {
		r.done.Go(func() { r.fire(r.background) })
	}
}

// fire fires schedules as soon as there is a store.
func (r *Realm) fire(ctx context.Context) {
	for {
		p, err := r.Open(ctx)
		if err == nil {
			counted := cmp.Or(r.cfg.Metrics, observe.New()).Schedules(queries.ScheduleOutcomes())
			defer counted.Close()
			r.loop(p, counted.Counted).Run(ctx)
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(retryAfter):
		}
	}
}

func (r *Realm) loop(p *Parts, counted func(outcome string, n int)) *firing.Loop {
	return firing.New(firing.Config{
		Store: p.Store, Planner: p.Starter, Limits: p.Executions.Limits, Tell: firing.ByMail(p.Mail.Notice, p.Mail.PublicURL()), Counted: counted, Logger: r.cfg.Logger,
	})
}
