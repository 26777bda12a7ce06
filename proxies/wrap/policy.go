package wrap

import (
	"context"

	"github.com/fairway-gateway/fairway/proxies/problem"
	"github.com/fairway-gateway/fairway/proxies/reply"
)

// policy says what a step's failure does to the answer. The zero value: the answer fails with it.
type policy struct {
	optional bool
	fallback *program // makes the value instead; nil: null
}

func (rt *route) compilePolicy(s *step, f *Fetch, at place) error {
	switch {
	case f.Optional && f.Fallback != "":
		return at.field("optional").errf("a fetch with a fallback is optional already; leave the word optional out")
	case f.Budget < 0:
		return at.field("budget").errf("the budget must be more than nothing")
	}
	s.policy.optional = f.Optional
	if f.Fallback == "" {
		return nil
	}
	p, err := rt.compileProgram("fallback", f.Fallback, s, s.plan.without(s), at.field("fallback"))
	if err != nil {
		return err
	}
	p.fetch, s.policy.fallback = f.Name, p
	return nil
}

// tolerates says whether the answer goes on without the step's value. It does not where the caller made a mistake or is not
// let in, or the gateway itself failed: those are no failures of a part.
func (p *policy) tolerates(failure *problem.Problem) bool {
	if !p.optional && p.fallback == nil {
		return false
	}
	switch failure.Code {
	case problem.BadParameter, problem.BadBody, problem.BadPath, problem.NoCredentials, problem.Internal:
		return false
	}
	return failure.Status != statusClientClosed
}

// settle runs the step, and where it fails lets its policy make the value.
func (s *step) settle(ctx context.Context, fr *frame) *problem.Problem {
	failure := s.work.run(ctx, fr)
	if failure != nil && failure.Fetch == "" && (failure.Code == problem.BadValue || failure.Code == problem.DependencyFailed) {
		failure.Fetch = s.name
	}
	if failure == nil || ctx.Err() != nil || !s.policy.tolerates(failure) {
		return failure
	}
	fr.logPart(failure)
	res := &fr.results[s.index]
	*res = result{answer: res.answer, frames: res.frames, pages: res.pages, rows: res.rows, json: []byte("null"), failed: failure}
	if s.policy.fallback == nil {
		return nil
	}
	v, err := s.policy.fallback.run(ctx, fr, failure.Part())
	if err != nil {
		return replyFailed("The fallback of the fetch could not be made.", s.name, err)
	}
	text, err := reply.Marshal(v)
	if err != nil {
		return replyFailed("The fallback of the fetch could not be written.", s.name, err)
	}
	res.json, res.tree = text, v
	return nil
}
