package swarm

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/moby/moby/api/types/swarm"

	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/kubernetes/agent"
)

// seen is what was seen of an attempt.
type seen struct {
	task   *swarm.Task
	begun  bool // there is, or was, a container
	ended  bool
	exit   executor.Exit
	report *agent.Report
	// hopeless is why it will never begin.
	hopeless string
}

// over says whether a task has ended.
func over(t *swarm.Task) bool {
	switch t.Status.State {
	case swarm.TaskStateComplete, swarm.TaskStateShutdown, swarm.TaskStateFailed, swarm.TaskStateRejected, swarm.TaskStateRemove, swarm.TaskStateOrphaned:
		return true
	default:
		return false
	}
}

// look asks the swarm how an attempt is.
func (r *run) look(ctx context.Context) (seen, error) {
	service, err := r.service(ctx)
	if err != nil {
		return seen{}, err
	}
	t, err := r.task(ctx)
	if err != nil {
		return seen{}, err
	}
	ordered := orderOf(service)
	s := seen{task: t, exit: executor.Exit{Code: -1, Ended: time.Now().UTC()}}
	s.begun = t != nil && t.Status.ContainerStatus != nil && t.Status.ContainerStatus.PID > 0 || t != nil && over(t) && t.Status.State != swarm.TaskStateRejected
	switch {
	case t == nil && ordered != nil:
		s.ended, s.exit.Outcome, s.exit.Reason, s.exit.Started = true, ordered.Outcome, ordered.Reason, ordered.Began
		return s, nil
	case t == nil && time.Since(service.CreatedAt) > r.executor.options.Wait:
		s.ended, s.exit.Outcome, s.exit.Reason, s.exit.Started = true, executor.Lost, "the swarm has lost its task", service.CreatedAt.UTC()
		return s, nil
	case t == nil:
		return s, nil
	case !over(t):
		if !s.begun && ordered == nil && time.Since(service.CreatedAt) > r.executor.options.Wait {
			s.hopeless = fmt.Sprintf("no node has run it for %s: %.500s", r.executor.options.Wait, cmp.Or(t.Status.Err, t.Status.Message))
		}
		return s, nil
	}
	s.ended = true
	if s.begun {
		if s.report, err = r.report(ctx); err != nil {
			return seen{}, err
		}
	}
	s.judge(ordered)
	return s, nil
}

// reportOf reads what an agent says of an end; nil: it did not.
func reportOf(text []byte) *agent.Report {
	var report agent.Report
	if len(text) > agent.MostReport || json.Unmarshal(text, &report) != nil {
		return nil
	}
	return &report
}

// judge says how an attempt has ended whose task has.
func (s *seen) judge(ordered *order) {
	t := s.task
	if s.report == nil {
		s.exit.Outcome, s.exit.Reason = executor.Lost, fmt.Sprintf("the swarm ended it: %.500s", cmp.Or(t.Status.Err, t.Status.Message))
		switch {
		case ordered != nil:
			s.exit.Outcome, s.exit.Reason = ordered.Outcome, ordered.Reason
		case t.Status.State == swarm.TaskStateRejected:
			s.exit.Outcome, s.exit.Reason = executor.Refused, fmt.Sprintf("its node cannot run it: %.500s", cmp.Or(t.Status.Err, t.Status.Message))
		}
		if s.begun {
			s.exit.Started = t.CreatedAt.UTC()
		}
		if c := t.Status.ContainerStatus; s.begun && c != nil && c.ExitCode > 0 {
			s.exit.Code = c.ExitCode
		}
		return
	}
	said := s.report
	s.exit.Code, s.exit.Signal, s.exit.Started = said.Code, said.Signal, said.Started
	s.exit.CPU, s.exit.PeakRSS, s.exit.Leftover, s.exit.Dropped = said.CPU, said.PeakRSS, said.Leftover, said.Dropped
	if !said.Ended.IsZero() {
		s.exit.Ended = said.Ended
	}
	switch {
	case said.Verdict == executor.TimedOut:
		s.exit.Outcome, s.exit.Reason = said.Verdict, said.Reason
	case ordered != nil && said.Asked:
		s.exit.Outcome, s.exit.Reason = ordered.Outcome, ordered.Reason
	case said.Verdict != "":
		s.exit.Outcome, s.exit.Reason = said.Verdict, said.Reason
	case said.Code == 0:
		s.exit.Outcome = executor.Succeeded
	case said.Asked:
		s.exit.Outcome, s.exit.Reason = executor.Lost, "the swarm ended it"
	case said.Signal != "":
		s.exit.Outcome, s.exit.Reason = executor.Failed, "it was ended by "+said.Signal
	default:
		s.exit.Outcome, s.exit.Reason = executor.Failed, fmt.Sprintf("it exited with %d", said.Code)
	}
}
