package swarm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"

	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/far"
	"github.com/fairway-gateway/fairway/runner/kubernetes/agent"
)

// longestPause is the longest between two looks at a task: swarms tell nobody what becomes of one.
const longestPause = time.Second

// run is an attempt; all that it knows is its name.
type run struct {
	executor *Executor
	id       string
}

func (r *run) ID() string { return r.id }

// service asks for the attempt's service, or says executor.ErrUnknown.
func (r *run) service(ctx context.Context) (swarm.Service, error) {
	ctx, stop := context.WithTimeout(ctx, patience)
	defer stop()
	found, err := r.executor.engine.ServiceInspect(ctx, far.Name(r.id), client.ServiceInspectOptions{})
	switch {
	case errdefs.IsNotFound(err):
		return swarm.Service{}, executor.ErrUnknown
	case err != nil:
		return swarm.Service{}, fmt.Errorf("look at attempt %s: %w", r.id, r.executor.explain(err))
	case found.Service.Spec.Labels[labelAttempt] != r.id:
		return swarm.Service{}, fmt.Errorf("the service %s is no attempt's", far.Name(r.id))
	}
	return found.Service, nil
}

// task gives the attempt's task; nil: there is none. Of several the first one counts.
func (r *run) task(ctx context.Context) (*swarm.Task, error) {
	ctx, stop := context.WithTimeout(ctx, patience)
	defer stop()
	found, err := r.executor.engine.TaskList(ctx, client.TaskListOptions{Filters: make(client.Filters).Add("service", far.Name(r.id))})
	if err != nil && !errdefs.IsNotFound(err) {
		return nil, fmt.Errorf("look for the task of attempt %s: %w", r.id, r.executor.explain(err))
	}
	var first *swarm.Task
	for i := range found.Items {
		if t := &found.Items[i]; first == nil || t.CreatedAt.Before(first.CreatedAt) {
			first = t
		}
	}
	return first, nil
}

// Wait waits until the task has ended. A manager that does not answer is no end.
func (r *run) Wait(ctx context.Context) (executor.Exit, error) {
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, longestPause) {
		s, err := r.look(ctx)
		switch {
		case ctx.Err() != nil:
			return executor.Exit{}, ctx.Err()
		case errors.Is(err, executor.ErrUnknown):
			return executor.Exit{}, err
		case err == nil && s.ended:
			return s.exit, nil
		case err == nil && s.hopeless != "":
			_ = r.end(ctx, order{Outcome: executor.Refused, Reason: s.hopeless}) // or it is tried again
		}
		if err := sleep(ctx, pause); err != nil {
			return executor.Exit{}, err
		}
	}
}

// sleep waits for a while, or for the context.
func sleep(ctx context.Context, pause time.Duration) error {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// order is why an attempt was ended by others, as the service keeps it.
type order struct {
	Outcome executor.Outcome `json:"outcome"`
	Reason  string           `json:"reason"`
	// Began is when its container was there; the zero: it was not.
	Began time.Time `json:"began,omitzero"`
}

// orderOf reads it; nil: there is none.
func orderOf(s swarm.Service) *order {
	text := s.Spec.Labels[labelEnd]
	if text == "" {
		return nil
	}
	var o order
	if json.Unmarshal([]byte(text), &o) != nil || o.Outcome == "" {
		return &order{Outcome: executor.Lost, Reason: "it was ended, and nobody knows why", Began: s.CreatedAt}
	}
	return &o
}

// Cancel has the swarm ask, and kill after the grace, which it does without us.
func (r *run) Cancel(ctx context.Context, cause executor.Cause) error {
	reason := "its runner does not hold it any more"
	switch cause {
	case executor.CauseCancel:
		reason = "it was cancelled"
	case executor.CauseTimeout:
		reason = "it took too long"
	case executor.CauseLost:
	}
	return r.end(ctx, order{Outcome: cause.Outcome(), Reason: reason})
}

// Kill is Cancel: a swarm ends nothing without its grace.
func (r *run) Kill(ctx context.Context, cause executor.Cause) error { return r.Cancel(ctx, cause) }

// end keeps the first order, and has the swarm end the task. It can change a job only by asking for another run of it, of no task: with that the task goes, and both are one change, so that
// an order that is kept is carried out. What has ended, or is unknown, is left alone.
func (r *run) end(ctx context.Context, wanted order) error {
	for {
		s, err := r.service(ctx)
		if errors.Is(err, executor.ErrUnknown) {
			return nil
		}
		if err != nil || orderOf(s) != nil {
			return err
		}
		t, err := r.task(ctx)
		if err != nil || t != nil && over(t) {
			return err
		}
		wanted.Began = time.Time{}
		if t != nil && t.Status.ContainerStatus != nil {
			wanted.Began = t.CreatedAt.UTC()
		}
		text, err := json.Marshal(wanted)
		if err != nil {
			return fmt.Errorf("end attempt %s: %w", r.id, err)
		}
		spec := s.Spec
		spec.Labels[labelEnd] = string(text)
		spec.UpdateConfig, spec.RollbackConfig = nil, nil // which jobs must not have
		spec.Mode.ReplicatedJob = &swarm.ReplicatedJob{MaxConcurrent: new(uint64(1)), TotalCompletions: new(uint64(0))}
		spec.TaskTemplate.ForceUpdate++
		changing, stop := context.WithTimeout(ctx, patience)
		_, err = r.executor.engine.ServiceUpdate(changing, s.ID, client.ServiceUpdateOptions{Version: s.Version, Spec: spec})
		stop()
		switch {
		case err == nil, errdefs.IsNotFound(err):
			return nil
		case strings.Contains(err.Error(), "update out of sequence"): // somebody else was faster
			continue
		default:
			return fmt.Errorf("end attempt %s: %w", r.id, r.executor.explain(err))
		}
	}
}

// Results gives what the agent handed over.
func (r *run) Results(ctx context.Context) (io.ReadCloser, error) {
	s, err := r.look(ctx)
	if err != nil {
		return nil, err
	}
	if !s.ended {
		return nil, fmt.Errorf("attempt %s has not ended", r.id)
	}
	if s.report != nil && s.report.Results == agent.HandedSpoilt {
		return nil, errors.New(s.report.Spoilt)
	}
	if s.report != nil && s.report.Results == agent.HandedNone {
		return nil, executor.ErrNoResults
	}
	return r.executor.handover.Results(ctx, r.id) //nolint:wrapcheck // it says what it is
}
