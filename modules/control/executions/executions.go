// Package executions has the executions of scripts over HTTP, as Trends.Earth has them: running a script, following what runs,
// cancelling and repeating it, its results and its log. What moves them is package queries, and what runs them package runner.
//
// An execution is its owner's: administrators see all, and for others there is none, whatever they ask.
package executions

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/accounts"
	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/modules/control/callers"
	"github.com/fairway-gateway/fairway/modules/control/listing"
	"github.com/fairway-gateway/fairway/modules/control/live"
	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/modules/control/typed"
	"github.com/fairway-gateway/fairway/proxies/rate"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/rows"
	"github.com/fairway-gateway/fairway/runner/blobs"
)

// Options are what Executions may have beside a store.
type Options struct {
	// Blobs gives the place where large parameters and results are kept. Required.
	Blobs func(context.Context) (*blobs.Blobs, error)
	// Limits say how many executions are admitted. Default: any number.
	Limits queries.Limits
	// Live has those who follow executions. Required.
	Live *live.Hub
	// Ending is closed when streams are to end, whose readers come again. Default nil: never.
	Ending <-chan struct{}
	// Ping is after what time without events a stream says that it is there. Default 15s.
	Ping time.Duration
	// Recheck is how often it is asked whether the reader of a stream may still read it. Default 1m.
	Recheck time.Duration
	// Pace is how much the script of one attempt may ask for, at this gateway. Default 50 requests a second, 500 at once.
	Pace Pace
	// MostLog is how long a log may be to which scripts add lines by their tokens, in bytes. Default 64 MiB.
	MostLog int64
	// Timeout is how long an attempt may run whose script and caller say nothing, and the most that they may say. Default
	// queries.DefaultTimeout.
	Timeout time.Duration
	// Rates are how many executions a user may ask for who is no administrator. Default: 10 in a minute, and 40 in an hour.
	Rates []Rate
	// Refused is told whom the rates refuse, and must not take long. Default nobody.
	Refused func(rate.Refusal)
	// Address says where a request comes from, an IP address with or without a port. Default: the connection.
	Address func(*http.Request) string
	// Logger is told of what failed that is no caller's fault. Default none.
	Logger *slog.Logger
}

// Executions has the handlers of executions. It is used concurrently.
type Executions struct {
	store   *queries.Store
	options Options

	resource *listing.Resource
	paces    *paces
	// checking has room for those who hold parameters to a schema.
	checking chan struct{}
}

// New makes Executions over an open store. The error is a mistake in what can be listed.
func New(store *queries.Store, o Options) (*Executions, error) {
	o.Timeout, o.Logger = cmp.Or(o.Timeout, queries.DefaultTimeout), cmp.Or(o.Logger, slog.New(slog.DiscardHandler))
	o.Ping, o.Recheck = cmp.Or(o.Ping, 15*time.Second), cmp.Or(o.Recheck, time.Minute)
	o.MostLog = cmp.Or(o.MostLog, 64<<20)
	if o.Rates == nil {
		o.Rates = usualRates()
	}
	listed, err := listing.New(resource())
	return &Executions{store: store, options: o, resource: listed, paces: newPaces(o.Pace), checking: make(chan struct{}, checkedAtOnce)}, err
}

// Register has the operations of executions handled, and {execution} looked up by a. {script} is package scripts' to look up.
func (x *Executions) Register(a *api.API, t *typed.API) {
	a.Resolve("execution", x.Resolve)
	x.registerRuns(t)
	x.registerLists(t)
	x.registerOne(t)
	x.registerLive(a, t)
}

// Resolve gives the execution of an id, if the caller may see it. Its value is a queries.ExecutionHead.
func (x *Executions) Resolve(ctx context.Context, value string, c *callers.Caller) (api.Target, error) {
	id, err := uuid.Parse(value)
	if err != nil || len(value) != len(uuid.UUID{}.String()) {
		return api.Target{}, missing()
	}
	seen, err := seenBy(c)
	if err != nil {
		return api.Target{}, err
	}
	this, err := rows.Compare(rows.NewColumn("e.id", rows.ID), rows.Equal, id)
	if err != nil {
		return api.Target{}, err
	}
	all, err := queries.List(ctx, x.store, queries.ExecutionHeads(), rows.Request{Where: rows.All(this, seen), Limit: 1})
	if err != nil {
		return api.Target{}, err
	}
	if len(all) == 0 {
		return api.Target{}, missing()
	}
	return api.Target{Object: permit.Object{Owners: ownersOf(all[0]), Execution: all[0].ID.String()}, Value: all[0]}, nil
}

// ownersOf are those whose an execution is: nobody, or one.
func ownersOf(e queries.ExecutionHead) []string {
	if e.UserID == nil {
		return nil
	}
	return []string{e.UserID.String()}
}

// idText is an id, empty where there is none.
func idText(id *uuid.UUID) string {
	if id == nil {
		return ""
	}
	return id.String()
}

// found is what {execution} names, which the caller may see.
func found(ctx context.Context) (queries.ExecutionHead, error) {
	if e, ok := api.TargetIn(ctx).Value.(queries.ExecutionHead); ok {
		return e, nil
	}
	return queries.ExecutionHead{}, missing()
}

// missing is what is told of an execution that is not there, or another's.
func missing() error { return api.Failure{Status: http.StatusNotFound, Detail: "Ticket Not Found"} }

// seenBy holds for executions that a caller may see.
func seenBy(c *callers.Caller) (rows.Condition, error) {
	if c.IsAdmin() {
		return rows.All(), nil
	}
	if c == nil {
		return rows.Any(), nil
	}
	if run := c.Run(); run != nil {
		return rows.Compare(rows.NewColumn("e.id", rows.ID), rows.Equal, run.Execution)
	}
	return own(c, rows.NewColumn("e.user_id", rows.ID))
}

// caller is who calls, and with what request.
func caller(ctx context.Context) (*callers.Caller, *http.Request, error) {
	c, err := api.CallerIn(ctx)
	if err == nil && c == nil {
		err = missing()
	}
	return c, api.RequestIn(ctx), err
}

// refused is what a client is told of what he sent.
func refused(text string) error { return api.Failure{Status: http.StatusBadRequest, Detail: text} }

// failure makes what a caller is told of an error.
func failure(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, sql.ErrNoRows) { // it was deleted a moment ago
		return missing()
	}
	if f, ok := accounts.Failure(err); ok {
		return f
	}
	return err
}

// instant is a time as Python writes it without a zone, which is UTC.
func instant(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000") }

func moment(t *time.Time) *string {
	if t == nil {
		return nil
	}
	text := instant(*t)
	return &text
}
