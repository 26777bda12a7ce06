package kubernetes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/kubernetes/agent"
)

const (
	// reconcileEvery is how often it is looked at a pod of which nothing is told.
	reconcileEvery = 30 * time.Second
	// deafAfter is how long after its time a pod is there still that was to be killed, before its kubelet is told again.
	deafAfter = 3 * time.Second
	// podlessPause is how often it is looked for a pod that is not there.
	podlessPause = time.Second
)

// run is an attempt; all that it knows is its name.
type run struct {
	executor *Executor
	id       string
}

func (r *run) ID() string { return r.id }

// job asks the cluster for the attempt's Job, or says executor.ErrUnknown.
func (r *run) job(ctx context.Context) (*job, error) {
	var j job
	err := r.executor.api.call(ctx, http.MethodGet, r.executor.api.jobs(jobName(r.id)), nil, nil, &j)
	switch {
	case statusOf(err) == http.StatusNotFound:
		return nil, executor.ErrUnknown
	case err != nil:
		return nil, fmt.Errorf("look at attempt %s: %w", r.id, r.executor.explain(err))
	case j.Metadata.Annotations[noteAttempt] != r.id || j.Metadata.Labels[labelManager] != managerName:
		return nil, fmt.Errorf("the Job %s is no attempt's", j.Metadata.Name)
	case j.Metadata.DeletionTimestamp != nil:
		return nil, executor.ErrUnknown
	}
	return &j, nil
}

// pod gives the attempt's pod, nil if there is none, and from what on a watch tells of it. Of several the first one counts.
func (r *run) pod(ctx context.Context) (first *pod, version string, err error) {
	var found list[pod]
	err = r.executor.api.call(ctx, http.MethodGet, r.executor.api.pods(), r.selector(), nil, &found)
	if err != nil {
		return nil, "", fmt.Errorf("look for the pod of attempt %s: %w", r.id, r.executor.explain(err))
	}
	for i := range found.Items {
		if p := &found.Items[i]; first == nil || earlier(p.Metadata.CreationTimestamp, first.Metadata.CreationTimestamp) {
			first = p
		}
	}
	return first, found.Metadata.ResourceVersion, nil
}

func earlier(a, b *time.Time) bool { return a != nil && b != nil && a.Before(*b) }

func (r *run) selector() url.Values {
	return url.Values{"labelSelector": {labelJob + "=" + jobName(r.id)}}
}

// removePods has the pods of an attempt end at once.
func (r *run) removePods(ctx context.Context) error {
	var found list[pod]
	if err := r.executor.api.call(ctx, http.MethodGet, r.executor.api.pods(), r.selector(), nil, &found); err != nil {
		return fmt.Errorf("look for the pod of attempt %s: %w", r.id, r.executor.explain(err))
	}
	for i := range found.Items {
		if err := r.removePod(ctx, found.Items[i].Metadata.Name, killSeconds); err != nil {
			return err
		}
	}
	return nil
}

// killSeconds is what a pod is left that is to be killed. Kubelets that have just begun to end it for another reason may not hear of that, and hear of
// less: killSecondsAgain. Less than a second is not asked for, since then the pod would be gone before its processes are.
const (
	killSeconds      = 2
	killSecondsAgain = 1
)

// removePod has the kubelet kill a pod.
func (r *run) removePod(ctx context.Context, name string, seconds int64) error {
	err := r.executor.api.call(ctx, http.MethodDelete, r.executor.api.pods(name), url.Values{"gracePeriodSeconds": {strconv.FormatInt(seconds, 10)}}, nil, nil)
	if err != nil && statusOf(err) != http.StatusNotFound {
		return fmt.Errorf("remove the pod of attempt %s: %w", r.id, r.executor.explain(err))
	}
	return nil
}

// Wait waits until the pod has ended. A cluster that does not answer is no end.
func (r *run) Wait(ctx context.Context) (executor.Exit, error) {
	for pause := 20 * time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
		s, err := r.look(ctx)
		switch {
		case ctx.Err() != nil:
			return executor.Exit{}, ctx.Err()
		case errors.Is(err, executor.ErrUnknown):
			return executor.Exit{}, err
		case err == nil && s.ended:
			return s.exit, nil
		case err == nil && s.hopeless != "":
			err = r.end(ctx, order{Outcome: executor.Refused, Reason: s.hopeless})
		case err == nil && s.pod.deaf(time.Now()):
			err = r.removePod(ctx, s.pod.Metadata.Name, killSecondsAgain)
		case err == nil:
			err = r.await(ctx, s, func(p *pod) bool {
				return over(nil, p) || p.Metadata.DeletionTimestamp != nil || p.hopeless(time.Now()) != ""
			})
		}
		if err == nil {
			pause = 10 * time.Millisecond
			continue
		}
		if err := sleep(ctx, pause); err != nil {
			return executor.Exit{}, err
		}
	}
}

// await waits until enough is told of the attempt's pod, or it is time to look again. A watch that breaks off, or begins too early for the
// server, is one reason to look, and a pod that is gone is another.
func (r *run) await(ctx context.Context, s seen, enough func(*pod) bool) error {
	patience := reconcileEvery
	switch {
	case s.pod == nil:
		patience = podlessPause
	case s.pod.Metadata.DeletionTimestamp != nil:
		patience = deafAfter
	}
	ctx, stop := context.WithTimeout(ctx, patience)
	defer stop()
	query := r.selector()
	query.Set("watch", "true")
	query.Set("resourceVersion", s.version)
	query.Set("timeoutSeconds", strconv.FormatInt(*seconds(patience), 10))
	body, err := r.executor.api.open(ctx, http.MethodGet, r.executor.api.pods(), query, "", nil)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	defer body.Close()
	events := json.NewDecoder(io.LimitReader(body, mostAnswer))
	for {
		var told event
		err := events.Decode(&told)
		switch {
		case ctx.Err() != nil, errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("watch the pod of attempt %s: %w", r.id, err)
		case told.Type == "ERROR": // as that what it was to begin with is forgotten (410)
			return sleep(ctx, 10*time.Millisecond)
		case told.Type == "DELETED":
			return nil
		}
		var p pod
		if err := json.Unmarshal(told.Object, &p); err != nil {
			return fmt.Errorf("watch the pod of attempt %s: %w", r.id, err)
		}
		if enough(&p) {
			return nil
		}
	}
}

// order is why an attempt was ended by others, as the Job keeps it.
type order struct {
	Outcome executor.Outcome `json:"outcome"`
	Reason  string           `json:"reason"`
	Kill    bool             `json:"kill,omitempty"`
}

// orderOf reads it; nil: there is none.
func orderOf(j *job) *order {
	text := j.Metadata.Annotations[noteEnd]
	if text == "" {
		return nil
	}
	var o order
	if json.Unmarshal([]byte(text), &o) != nil || o.Outcome == "" {
		return &order{Outcome: executor.Lost, Reason: "it was ended, and nobody knows why"}
	}
	return &o
}

// Cancel has the kubelet ask, and kill after the grace, which it does without us.
func (r *run) Cancel(ctx context.Context, cause executor.Cause) error {
	return r.end(ctx, orderFor(cause, false))
}

// Kill does so without grace.
func (r *run) Kill(ctx context.Context, cause executor.Cause) error {
	return r.end(ctx, orderFor(cause, true))
}

func orderFor(cause executor.Cause, kill bool) order {
	reason := "its runner does not hold it any more"
	switch cause {
	case executor.CauseCancel:
		reason = "it was cancelled"
	case executor.CauseTimeout:
		reason = "it took too long"
	case executor.CauseLost:
	}
	return order{Outcome: cause.Outcome(), Reason: reason, Kill: kill}
}

// end keeps the first order, and has the cluster end the pod. What has ended, or is unknown, is left alone.
func (r *run) end(ctx context.Context, wanted order) error {
	for {
		j, err := r.job(ctx)
		if errors.Is(err, executor.ErrUnknown) {
			return nil
		}
		if err != nil {
			return err
		}
		p, _, err := r.pod(ctx)
		if err != nil {
			return err
		}
		if over(j, p) {
			return nil
		}
		kept := orderOf(j)
		if kept == nil || wanted.Kill && !kept.Kill {
			if kept != nil {
				kept.Kill = true
				wanted = *kept
			}
			switch err := r.note(ctx, j, wanted); {
			case statusOf(err) == http.StatusConflict: // somebody else was faster, or the Job has another status
				continue
			case err != nil && statusOf(err) != http.StatusNotFound:
				return fmt.Errorf("end attempt %s: %w", r.id, r.executor.explain(err))
			}
			kept = &wanted
		}
		return r.enforce(ctx, j, p, kept.Kill)
	}
}

// over says whether there is nothing to end.
func over(j *job, p *pod) bool {
	if p != nil {
		_, main := p.container()
		return main.Terminated != nil || p.Status.Phase == "Succeeded" || p.Status.Phase == "Failed"
	}
	_, complete := j.is("Complete")
	_, failed := j.is("Failed")
	return complete || failed
}

// note keeps an order, if the Job is as it was.
func (r *run) note(ctx context.Context, j *job, o order) error {
	text, err := json.Marshal(o)
	if err != nil {
		return fmt.Errorf("end attempt %s: %w", r.id, err)
	}
	return r.executor.api.call(ctx, http.MethodPatch, r.executor.api.jobs(j.Metadata.Name), nil, map[string]any{
		"metadata": map[string]any{"resourceVersion": j.Metadata.ResourceVersion, "annotations": map[string]string{noteEnd: string(text)}},
	}, nil)
}

// enforce has the cluster do what was ordered. A pod that a kubelet has is not deleted but given a deadline which is over: so its status and its log stay.
func (r *run) enforce(ctx context.Context, j *job, p *pod, kill bool) error {
	a := r.executor.api
	var err error
	switch {
	case p == nil || p.Status.StartTime == nil: // the Job is to make no other
		err = a.call(ctx, http.MethodPatch, a.jobs(j.Metadata.Name), nil, map[string]any{"spec": map[string]any{"suspend": true}}, nil)
	case kill:
		return r.removePod(ctx, p.Metadata.Name, killSeconds)
	case p.Spec.ActiveDeadlineSeconds == nil || *p.Spec.ActiveDeadlineSeconds > 1:
		err = a.call(ctx, http.MethodPatch, a.pods(p.Metadata.Name), nil, map[string]any{"spec": map[string]any{"activeDeadlineSeconds": 1}}, nil)
	}
	if err != nil && statusOf(err) != http.StatusNotFound {
		return fmt.Errorf("end attempt %s: %w", r.id, r.executor.explain(err))
	}
	return nil
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
