package runner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/logs"
	"github.com/fairway-gateway/fairway/runner/ticket"
)

// errFenced ends an attempt that somebody else holds.
var errFenced = errors.New("the attempt is not this runner's any more")

// attempt is one that the runner holds.
type attempt struct {
	queries.Claimed
	// ctx ends when the attempt is somebody else's, or the runner ends; end ends it.
	ctx context.Context //nolint:containedctx // it is that of all that is done for the attempt
	end context.CancelCauseFunc
	// stop is told once why the run is to end.
	stop chan queries.Outcome
	// percent is how far the script says that it is, -1: nothing was said; told is what the store knows.
	percent, told atomic.Int64
	// finishing says that the store is being told how it ended.
	finishing atomic.Bool
	// log is where the log is.
	seq int64
	at  logs.Position
	// script has the configuration of the version.
	config configuration
}

// newAttempt holds an attempt: its lease is renewed from now on.
func (r *Runner) newAttempt(c queries.Claimed) *attempt {
	ctx, end := context.WithCancelCause(r.work)
	a := &attempt{Claimed: c, ctx: ctx, end: end, stop: make(chan queries.Outcome, 1), seq: c.LogSeq, at: logs.Start()}
	a.percent.Store(-1)
	a.told.Store(-1)
	r.hold(a)
	return a
}

// begin runs an attempt that was claimed. release gives its slot back.
func (r *Runner) begin(a *attempt, release func()) {
	r.follow(a, release, func(ctx context.Context, release func()) ending { return r.attempt(ctx, a, nil, release) })
}

// follow has something done for an attempt to its end, in a goroutine, and says to the store what came of it.
func (r *Runner) follow(a *attempt, release func(), do func(ctx context.Context, release func()) ending) {
	release = sync.OnceFunc(release)
	r.running.Go(func() { // ends with the work at the latest
		defer a.end(nil)
		defer r.drop(a)
		defer release()
		span := r.span(a)
		e := do(a.ctx, release)
		endSpan(span, e.finish.Outcome, r.settle(a.ctx, a, e))
	})
}

func (r *Runner) hold(a *attempt) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.held[a.Attempt] = a
}

func (r *Runner) drop(a *attempt) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.held, a.Attempt)
}

// ending is how an attempt ended.
type ending struct {
	finish queries.FinishRequest
	// kept says that the executor keeps something of it.
	kept bool
	// err says that the runner is not to say anything: the attempt is another's, or goes on without it.
	err error
}

// refused is the end of what could not be begun.
func refused(a *attempt, outcome queries.Outcome, format string, args ...any) ending {
	return ending{finish: queries.FinishRequest{Holder: a.Holder, Outcome: outcome, Reason: fmt.Sprintf(format, args...)}}
}

// attempt prepares and starts an attempt, or goes on with one that is under way, and follows it to its end. release gives the slot back, as soon as nothing runs any more.
func (r *Runner) attempt(ctx context.Context, a *attempt, run executor.Run, release func()) ending {
	if run == nil {
		var e *ending
		if run, e = r.start(ctx, a); e != nil {
			return *e
		}
	}
	shipped := make(chan error, 1)
	go func() { // ends with the output, or with ctx
		shipped <- r.ship(ctx, a, run)
	}()
	exit, err := r.wait(ctx, a, run)
	release()
	shipErr := <-shipped
	if err = cmp.Or(err, shipErr); err != nil {
		return ending{err: err, kept: true}
	}
	e := ending{kept: true, finish: queries.FinishRequest{Holder: a.Holder, Outcome: queries.Outcome(exit.Outcome), Reason: exit.Reason}}
	e.finish.Unbegun = exit.Started.IsZero()
	if exit.Code >= 0 {
		code := int64(exit.Code)
		e.finish.ExitCode = &code
	}
	if err := r.results(ctx, a, run, &e.finish); err != nil {
		return ending{err: err, kept: true}
	}
	return e
}

// start prepares an attempt and starts it, or says how it ended instead.
func (r *Runner) start(ctx context.Context, a *attempt) (executor.Run, *ending) {
	script, err := r.script(a)
	if err != nil {
		e := refused(a, queries.OutcomeFailed, "%v", err)
		return nil, &e
	}
	if err := r.insistOn(ctx, "a script is prepared", a.stop, func() error {
		return r.Executor.Prepare(ctx, script, func(text string) { r.note(ctx, a, text) })
	}); err != nil {
		if ctx.Err() != nil {
			return nil, &ending{err: context.Cause(ctx)}
		}
		e := unprepared(a, err)
		return nil, &e
	}
	r.prepared.Store(scriptVersion{a.Work.ScriptID, a.Work.ScriptVersion}, true)
	token, hash := ticket.Of(r.secret[:], a.Attempt[:])
	params, err := r.params(ctx, a)
	if err != nil {
		e := refused(a, queries.OutcomeRefused, "the parameters could not be read: %v", err)
		return nil, &e
	}
	timeout := a.Timeout
	verdict := queries.Verdict{Held: a.Started}
	if !a.Started {
		if err := r.insist(ctx, a, "the start", func() (err error) {
			verdict, err = r.starts.ask(ctx, r.calls, queries.StartRequest{Holder: a.Holder, Timeout: timeout, Handle: a.Attempt.String(), TokenHash: hash})
			return err
		}); err != nil {
			return nil, &ending{err: err}
		}
	}
	switch {
	case verdict.Stop != "":
		e := refused(a, verdict.Stop, "")
		return nil, &e
	case !verdict.Held:
		return nil, &ending{err: errFenced}
	}
	asked := executor.Attempt{
		ID: a.Attempt.String(), Execution: a.Execution.String(), Number: int(a.Number), Script: script, Params: params,
		Env: r.environment(a, token), Limits: r.limits(a, timeout), CPUReservation: a.config.reservation(a.config.CPU), MemoryReservation: a.config.reservation(a.config.Memory), Token: token,
	}
	var run executor.Run
	// Whether it is to end is looked at when it is known to have begun.
	if err := r.insistOn(ctx, "an attempt is started", nil, func() (err error) {
		run, err = r.Executor.Start(ctx, asked)
		return err
	}); err != nil {
		if ctx.Err() != nil {
			return nil, &ending{err: context.Cause(ctx), kept: true}
		}
		e := unstarted(a, err)
		return nil, &e
	}
	if a.Number == 1 {
		r.Observer.Started(max(0, r.Store.Now().Sub(a.Work.CreatedAt)))
	}
	return run, nil
}

// wait waits for the end of a run, and ends it when it is told to. An error says that the attempt is not the runner's to judge.
func (r *Runner) wait(ctx context.Context, a *attempt, run executor.Run) (executor.Exit, error) {
	waiting, cancel := context.WithCancel(ctx)
	defer cancel()
	stopped := make(chan struct{})
	go func() { // ends with the waiting
		defer close(stopped)
		timer := time.NewTimer(a.Timeout)
		defer timer.Stop()
		cause := executor.CauseCancel
		select {
		case outcome := <-a.stop:
			if outcome == queries.OutcomeTimeout {
				cause = executor.CauseTimeout
			}
		case <-timer.C:
			cause = executor.CauseTimeout
		case <-waiting.Done():
			return
		}
		for pause := 50 * time.Millisecond; ; pause = min(2*pause, 5*time.Second) {
			err := run.Cancel(waiting, cause)
			if err == nil || waiting.Err() != nil {
				return
			}
			r.Logger.WarnContext(ctx, "an execution could not be ended, and it is tried again", slog.String("attempt", run.ID()), slog.Any("error", err))
			timer.Reset(pause)
			select {
			case <-timer.C:
			case <-waiting.Done():
				return
			}
		}
	}()
	exit, err := run.Wait(ctx)
	cancel()
	<-stopped
	if err != nil && ctx.Err() != nil {
		return exit, context.Cause(ctx)
	}
	if err != nil { // how it ended cannot be known any more
		return executor.Exit{Outcome: executor.Lost, Code: -1, Reason: "its executor lost it: " + err.Error()}, nil
	}
	return exit, nil
}

// settle tells the store how an attempt ended, as long as the attempt is its own, and has the executor forget it. An error says why
// nothing was told.
func (r *Runner) settle(ctx context.Context, a *attempt, e ending) error {
	if errors.Is(e.err, errDetached) {
		return e.err
	}
	if e.err == nil {
		e.err = r.finish(ctx, a, e.finish)
	}
	if e.err != nil {
		if errors.Is(e.err, errDetached) {
			return e.err // whoever finds it says it
		}
		if errors.Is(e.err, errFenced) {
			r.Observer.LeaseLost()
		}
		r.Logger.WarnContext(ctx, "an attempt was given up", slog.String("attempt", a.Attempt.String()), slog.Any("error", e.err))
	}
	wake(r.ended)
	if e.kept {
		r.forget(ctx, a.Attempt.String())
	}
	return e.err
}

// finish says how an attempt ended until the store has heard it, or says that it is not the runner's.
func (r *Runner) finish(ctx context.Context, a *attempt, f queries.FinishRequest) error {
	a.finishing.Store(true)
	var done queries.Finished
	err := r.insist(ctx, a, "the end", func() (err error) {
		done, err = r.finishes.ask(ctx, r.calls, f)
		return err
	})
	if err == nil && done.Status == "" {
		return errFenced
	}
	return err
}

// insist does what the store has to be told, again and again while the store fails: until the attempt is somebody else's, or the runner ends.
func (r *Runner) insist(ctx context.Context, a *attempt, what string, do func() error) error {
	const longest = 10 * time.Second
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, longest) {
		err := do()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err == nil {
			return nil
		}
		r.Logger.WarnContext(ctx, "something of an execution could not be asked or written yet", slog.String("what", what), slog.String("attempt", a.Attempt.String()), slog.Any("error", err))
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		}
	}
}

// beginning says how an attempt is started together with its claim: if this process has run its script before, and the store has its parameters.
func (r *Runner) beginning(c *queries.Claimed) *queries.StartRequest {
	if _, ok := r.prepared.Load(scriptVersion{c.Work.ScriptID, c.Work.ScriptVersion}); !ok || c.Work.ParamsKey != "" {
		return nil
	}
	_, hash := ticket.Of(r.secret[:], c.Attempt[:])
	return &queries.StartRequest{Timeout: c.Timeout, Handle: c.Attempt.String(), TokenHash: hash}
}

// scriptVersion is a version of a script.
type scriptVersion struct {
	script  uuid.UUID
	version int64
}

// environment is what a script of Trends.Earth finds. The password is the token of its attempt, which can do nothing else.
func (r *Runner) environment(a *attempt, token string) map[string]string {
	env := map[string]string{
		"ENV": "prod", "EXECUTION_ID": a.Execution.String(), "API_USER": a.Attempt.String(), "API_PASSWORD": token,
	}
	if r.APIURL != "" {
		env["API_URL"] = r.APIURL
	}
	if !a.Work.UsesGee {
		env["SKIP_GEE_INIT"] = "true"
	}
	return env
}

// limits are those of the script, within the bounds.
func (r *Runner) limits(a *attempt, timeout time.Duration) executor.Limits {
	l := r.Bounds
	l.Timeout = timeout
	l.Memory = least(a.Work.MemoryLimit, r.Bounds.Memory)
	l.CPU = least(a.Work.CpuLimit, r.Bounds.CPU)
	return l
}

// least is the smaller one of two limits, of which 0 is none.
func least(a, b int64) int64 {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// version names a version of a script for executors.
func version(a *attempt) string {
	return a.Work.ScriptID.String() + "-" + strconv.FormatInt(a.Work.ScriptVersion, 10)
}
