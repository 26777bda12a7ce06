package wrap

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"time"

	"github.com/fairway-gateway/fairway/proxies/identity"
	"github.com/fairway-gateway/fairway/proxies/problem"
)

// Executions have the answers that take longer than their callers wait. All gateways of one store share them.
type Executions interface {
	// Begin makes an execution of an answer that is being made: it is this gateway's until it is ended. The problem is the caller's
	// answer; problem.StoreUnavailable says that nothing can be made of it, and then the caller waits on.
	Begin(ctx context.Context, l LongRequest) (LongRun, *problem.Problem)
	// Find gives a long answer; nil: there is none of this seeker.
	Find(ctx context.Context, s LongSeeker) (*LongState, *problem.Problem)
	// Changed is closed when something may have changed since the call.
	Changed() <-chan struct{}
	// Cancel has a long answer that Find gave be ended; where it has ended, nobody finds it any more. By is who wishes so.
	Cancel(ctx context.Context, l *LongState, by *identity.User) *problem.Problem
}

// LongRequest is a request whose answer takes long.
type LongRequest struct {
	// Service, and Route by method and pattern, are what was asked.
	Service, Route string
	// Prefix is that of the service; the answer is fetched at Prefix + longPath + / + id.
	Prefix string
	// Params say to people what was asked, JSON.
	Params json.RawMessage
	// Caller is what none but the caller has. It is kept as a keyed hash.
	Caller string
	// Counted is under which name PerCaller counts.
	Counted string
	// User is who calls; nil: anybody.
	User *identity.User
	// Secret says that who comes back shows a token.
	Secret bool
	// Again is what AskAgain needs, sealed where it is kept; nil: nobody may.
	Again []byte
	// Attempts is how often it may be asked for, if it may be.
	Attempts int
	// Timeout is how long it may go on, Keep for how long its answer is kept.
	Timeout, Keep time.Duration
	// AtOnce and PerCaller are how many there may be at once in this gateway.
	AtOnce, PerCaller int
}

// At is where the answer of an execution is fetched, without a token.
func (l *LongRequest) At(id string) string { return address(l.Prefix, id, "") }

// LongRun is a long answer that this gateway makes.
type LongRun interface {
	// ID names the execution, Token is what who comes back shows; empty: nothing.
	ID() string
	Token() string
	// Context ends when nobody wants the answer any more, or another gateway has it.
	Context() context.Context
	// End keeps the answer, and ends the execution. It is called once.
	End(a LongAnswer)
}

// LongAnswer is what was made of a request.
type LongAnswer struct {
	// Status, Header and Body are the answer. Status 0: there is none.
	Status int
	Header http.Header
	Body   []byte
	// Problem is what the answer says that went wrong; nil: nothing.
	Problem *problem.Problem
	// Keep is for how long it is kept.
	Keep time.Duration
}

// LongSeeker is who asks for a long answer.
type LongSeeker struct {
	// ID and Token are what the address has.
	ID, Token string
	// Service is the one that is asked.
	Service string
	// Callers are what the seeker may have been when asking: see LongRequest.Caller.
	Callers []string
}

// LongState is how a long answer is.
type LongState struct {
	ID string
	// Status is that of the execution, Reason why it has it.
	Status, Reason string
	// Began is when it was asked for.
	Began time.Time
	// Ended: Status does not change any more.
	Ended bool
	// Answer is what the caller is answered; nil: nothing.
	Answer *KeptAnswer
}

// KeptAnswer is a long answer that was made.
type KeptAnswer struct {
	Status int
	Header http.Header
	Size   int64
	// Open gives the body.
	Open func(context.Context) (io.ReadCloser, error)
}

// longParams say to people what was asked.
func longParams(r *http.Request) json.RawMessage {
	text, err := json.Marshal(map[string]string{"method": r.Method, "path": r.URL.EscapedPath()})
	if err != nil { // of texts
		return nil
	}
	return text
}
