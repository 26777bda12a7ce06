package kubernetes

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/kubernetes/agent"
)

const (
	// imagePatience is for how long a pod may wait for an image that cannot be fetched.
	imagePatience = 3 * time.Minute
	// nodePatience is how long after its grace a pod may be there that was to end: then its node is gone.
	nodePatience = 2 * time.Minute
)

// seen is what was seen of an attempt.
type seen struct {
	pod     *pod
	version string // from which on a watch tells more
	begun   bool   // there is, or was, something of the script
	ended   bool
	exit    executor.Exit
	report  *agent.Report
	// hopeless is why it will never begin.
	hopeless string
}

// look asks the cluster how an attempt is.
func (r *run) look(ctx context.Context) (seen, error) {
	p, version, err := r.pod(ctx)
	if err != nil {
		return seen{}, err
	}
	s := seen{pod: p, version: version}
	if p != nil {
		s.begun = p.begun()
		if !over(nil, p) && p.Metadata.DeletionTimestamp == nil {
			s.hopeless = p.hopeless(time.Now())
			return s, nil
		}
	}
	// How it ended the Job says, too.
	j, err := r.job(ctx)
	if err != nil {
		return seen{}, err
	}
	s.judge(j, time.Now())
	return s, nil
}

// container is the state of the script's container, and that of the first of those before it that has not succeeded.
func (p *pod) container() (before, script containerState) {
	for _, c := range p.Status.InitContainerStatuses {
		if c.State.Terminated == nil || c.State.Terminated.ExitCode != 0 {
			before = c.State
			break
		}
	}
	for _, c := range p.Status.ContainerStatuses {
		if c.Name == containerScript {
			script = c.State
		}
	}
	return before, script
}

// begun says that there is, or was, something of the script.
func (p *pod) begun() bool {
	_, script := p.container()
	return script.Running != nil || script.Terminated != nil
}

// deaf says that a pod goes on that was to be killed, and whose kubelet can still be told of less time.
func (p *pod) deaf(now time.Time) bool {
	if p == nil || p.Metadata.DeletionTimestamp == nil || p.Metadata.DeletionGracePeriodSeconds == nil || over(nil, p) {
		return false
	}
	return *p.Metadata.DeletionGracePeriodSeconds == killSeconds && now.Sub(*p.Metadata.DeletionTimestamp) > deafAfter
}

// hopeless says why a pod will never run; empty: it may.
func (p *pod) hopeless(now time.Time) string {
	before, script := p.container()
	for _, state := range []containerState{before, script} {
		if state.Waiting == nil {
			continue
		}
		switch state.Waiting.Reason {
		case "InvalidImageName", "ErrImageNeverPull", "CreateContainerConfigError", "CreateContainerError", "RunContainerError":
		case "ErrImagePull", "ImagePullBackOff":
			if p.Metadata.CreationTimestamp == nil || now.Sub(*p.Metadata.CreationTimestamp) < imagePatience {
				continue
			}
		default:
			continue
		}
		return fmt.Sprintf("its pod cannot run: %s: %.500s", state.Waiting.Reason, state.Waiting.Message)
	}
	return ""
}

// reportOf reads what the agent said of an end, if it did.
func reportOf(t *terminated) *agent.Report {
	var report agent.Report
	if t == nil || len(t.Message) > agent.MostReport || json.Unmarshal([]byte(t.Message), &report) != nil {
		return nil
	}
	// What else there is the script may have written.
	if report.Code != t.ExitCode && report.Code != -1 {
		return nil
	}
	return &report
}

// judge says how an attempt has ended, if it has.
func (s *seen) judge(j *job, now time.Time) {
	ordered := orderOf(j)
	s.exit = executor.Exit{Code: -1, Ended: now.UTC()}
	switch {
	case s.pod == nil:
		s.judgeWithoutPod(j, ordered)
		return
	case over(j, s.pod):
		s.ended = true
	default: // it is to go
		grace := nodePatience
		if g := s.pod.Spec.TerminationGracePeriodSeconds; g != nil {
			grace += time.Duration(*g) * time.Second
		}
		if s.ended = now.Sub(*s.pod.Metadata.DeletionTimestamp) > grace; !s.ended {
			return
		}
		s.exit.Outcome, s.exit.Reason = executor.Lost, "its node "+s.pod.Spec.NodeName+" does not answer"
		return
	}
	before, script := s.pod.container()
	t := script.Terminated
	if t == nil || t.StartedAt == nil || t.StartedAt.Year() < 1980 {
		s.exit.Outcome, s.exit.Reason = s.unbegun(j, ordered, reportOf(before.Terminated), before.Terminated)
		return
	}
	s.report = reportOf(t)
	s.exit.Code, s.exit.Started, s.exit.Ended = t.ExitCode, t.StartedAt.UTC(), t.StartedAt.UTC()
	if t.FinishedAt != nil && t.FinishedAt.After(*t.StartedAt) {
		s.exit.Ended = t.FinishedAt.UTC()
	}
	s.exit.Signal = signalOf(t.ExitCode)
	if s.report != nil {
		s.exit.Signal = s.report.Signal
		s.exit.CPU, s.exit.PeakRSS, s.exit.Leftover, s.exit.Dropped = s.report.CPU, s.report.PeakRSS, s.report.Leftover, s.report.Dropped
	}
	s.exit.Outcome, s.exit.Reason = s.verdict(j, ordered, t)
	if s.exit.Outcome == executor.Refused {
		s.exit.Code, s.exit.Started = -1, time.Time{}
	}
}

// signalOf is the signal that an exit code stands for, of those that others send.
func signalOf(code int) string {
	switch code {
	case 128 + 9:
		return "SIGKILL"
	case 128 + 15:
		return "SIGTERM"
	default:
		return ""
	}
}

// verdict says what it means how the script's container ended.
func (s *seen) verdict(j *job, ordered *order, t *terminated) (executor.Outcome, string) {
	said := s.report
	if said == nil {
		said = new(agent.Report)
	}
	failed, _ := j.is("Failed")
	switch {
	case said.Verdict == executor.TimedOut:
		return said.Verdict, said.Reason
	case ordered != nil:
		return ordered.Outcome, ordered.Reason
	case t.ExitCode == 0:
		return executor.Succeeded, ""
	case said.Verdict == executor.OOM, said.Verdict == executor.Refused, said.Verdict == executor.Failed:
		return said.Verdict, said.Reason
	case t.Reason == "OOMKilled":
		return executor.OOM, "it took more memory than its limit; what it writes to files counts, too"
	case failed.Reason == reasonDeadline:
		return executor.TimedOut, "it took longer than the cluster was told that it may"
	case said.Asked, s.report == nil, s.pod.Metadata.DeletionTimestamp != nil:
		return executor.Lost, "the cluster ended it" + s.pod.why(t)
	case said.Signal != "":
		return executor.Failed, "it was ended by " + said.Signal
	default:
		return executor.Failed, fmt.Sprintf("it exited with %d", t.ExitCode)
	}
}

// reasonDeadline is why a Job failed that took too long.
const reasonDeadline = "DeadlineExceeded"

// why is what the cluster says of the end of a pod.
func (p *pod) why(t *terminated) string {
	var texts []string
	for _, c := range p.Status.Conditions {
		if c.Type == "DisruptionTarget" && c.Status == "True" {
			texts = append(texts, c.Reason, c.Message)
		}
	}
	texts = append(texts, p.Status.Reason, p.Status.Message)
	if t != nil && t.Reason != "Error" {
		texts = append(texts, t.Reason)
	}
	var out strings.Builder
	for _, text := range texts {
		if text != "" && !strings.Contains(out.String(), text) {
			out.WriteString(": " + text)
		}
	}
	return fmt.Sprintf("%.500s", out.String())
}

// unbegun says why nothing of the script ran in a pod that has ended.
func (s *seen) unbegun(j *job, ordered *order, said *agent.Report, t *terminated) (executor.Outcome, string) {
	failed, _ := j.is("Failed")
	switch {
	case ordered != nil:
		return ordered.Outcome, ordered.Reason
	case failed.Reason == reasonDeadline:
		return executor.TimedOut, "it could not begin in the time that the cluster was told"
	case said != nil && said.Verdict != "":
		return executor.Refused, cmp.Or(said.Reason, "what it needs could not be fetched")
	case t != nil && t.ExitCode != 0:
		return executor.Refused, fmt.Sprintf("what it needs could not be fetched: %.500s", cmp.Or(t.Message, t.Reason))
	default:
		return executor.Lost, "the cluster ended it before it began" + s.pod.why(nil)
	}
}

// judgeWithoutPod says how an attempt has ended whose pod is not there, if none will come.
func (s *seen) judgeWithoutPod(j *job, ordered *order) {
	_, complete := j.is("Complete")
	failed, isFailed := j.is("Failed")
	_, suspended := j.is("Suspended")
	s.ended = complete || isFailed || suspended
	switch {
	case !s.ended:
	case ordered != nil:
		s.exit.Outcome, s.exit.Reason = ordered.Outcome, ordered.Reason
		if ordered.Kill && !suspended {
			s.exit.Code, s.exit.Signal = 128+9, "SIGKILL"
		}
	case complete:
		s.exit.Outcome, s.exit.Code = executor.Succeeded, 0
	case failed.Reason == reasonDeadline:
		s.exit.Outcome, s.exit.Reason = executor.TimedOut, "it took longer than the cluster was told that it may"
	default:
		s.exit.Outcome, s.exit.Reason = executor.Lost, fmt.Sprintf("its pod is gone: %.500s", failed.Message)
	}
}
