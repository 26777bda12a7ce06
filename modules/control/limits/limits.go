// Package limits shows and resets the limits of requests, on the paths that Trends.Earth's administrators know, and limits the
// control API itself.
package limits

import (
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/modules/control/listing"
	"github.com/fairway-gateway/fairway/modules/control/refusals"
	"github.com/fairway-gateway/fairway/modules/control/typed"
	"github.com/fairway-gateway/fairway/proxies/problem"
	"github.com/fairway-gateway/fairway/proxies/rate"
	"github.com/fairway-gateway/fairway/queries"
)

// Limits are the handlers. They are used concurrently.
type Limits struct {
	limiter *rate.Limiter
	store   *queries.Store
	log     *slog.Logger
	events  *listing.Resource
}

// New makes handlers for the limits of a Limiter, and for the refusals that a store has. log is told of resets. The error is a
// mistake in what can be listed.
func New(l *rate.Limiter, s *queries.Store, log *slog.Logger) (*Limits, error) {
	events, err := listing.New(eventsResource())
	return &Limits{limiter: l, store: s, log: log, events: events}, err
}

// Register adds the handlers to an API, which knows who may, and to its typed part.
func (l *Limits) Register(a *api.API, t *typed.API) {
	typed.Register(t, typed.Operation{
		ID: "limits.events", Summary: "Whom limits have refused",
		Description: "The last first. What one caller or address was refused at one endpoint within a minute, or within the time of the limit up to an hour, is one event with a count. They are kept for 30 days, the last 100,000.",
	}, l.Events)
	a.HandleFunc("limits.status", l.Status)
	a.HandleFunc("limits.reset", l.Reset)
	a.HandleFunc("limits.reset_one", l.ResetOne)
}

// limit is a limit in the answer of Status.
type limit struct {
	// Scope is what it is of: "service weather", "service weather route GET /x".
	Scope string `json:"scope"`
	// Limit is as a Caddyfile has it, N requests per so many seconds, by caller or address.
	Limit  string `json:"limit"`
	N      int    `json:"n"`
	PerSec int64  `json:"per_seconds"`
	By     string `json:"by"`
	// Counted is how many callers or addresses have made requests that count now, Refused how many of them are refused.
	Counted int `json:"counted"`
	Refused int `json:"refused"`
}

// Status answers GET /api/v1/rate-limit/status with the limits that there are, and how many callers or addresses each counts:
//
//	{"message": "Rate limits", "data": {"limits": [{"scope": "service weather", "limit": "100/m by address", …}]}}
func (l *Limits) Status(w http.ResponseWriter, r *http.Request) {
	all, err := l.limiter.Status(r.Context())
	if err != nil {
		api.Fail(w, r, away(err))
		return
	}
	out := make([]limit, 0, len(all))
	for _, s := range all {
		out = append(out, limit{
			Scope: s.Scope, Limit: s.Limit.String(), N: s.Limit.N, PerSec: int64(s.Limit.Per / time.Second), By: string(s.Limit.By),
			Counted: s.Used, Refused: s.Full,
		})
	}
	api.Answer(w, http.StatusOK, map[string]any{"message": "Rate limits", "data": map[string]any{"limits": out}})
}

// Reset answers POST /api/v1/rate-limit/reset: all limits forget everybody.
func (l *Limits) Reset(w http.ResponseWriter, r *http.Request) {
	n, err := l.limiter.ResetAll(r.Context())
	if err != nil {
		api.Fail(w, r, away(err))
		return
	}
	l.expire(r, "")
	l.log.InfoContext(r.Context(), "all rate limits were reset", slog.String("by", api.By(r).Actor), slog.Int("counters", n))
	message(w, "All rate limits have been reset")
}

// ResetOne answers POST /api/v1/rate-limit/reset/{identifier}: all limits forget one caller (user:<id>, client:<id>, token:<id>)
// or address (ip:<address>). Nobody else can be found: callers who show a password that only a backend knows have no name.
func (l *Limits) ResetOne(w http.ResponseWriter, r *http.Request) {
	text := r.PathValue("identifier")
	who, ok := identity(text)
	if !ok {
		api.Fail(w, r, api.Failure{
			Status: http.StatusBadRequest, Type: problem.BadParameter, Name: "invalid_identifier",
			Detail: "An identifier is user:<id>, client:<id>, token:<id> or ip:<address>.",
		})
		return
	}
	n, err := l.limiter.Reset(r.Context(), who)
	switch {
	case err != nil:
		api.Fail(w, r, away(err))
	case n == 0:
		const none = "No rate limit counts requests of this identifier."
		api.Fail(w, r, api.Failure{Status: http.StatusNotFound, Detail: none, Name: none})
	default:
		l.expire(r, refusals.Key(who))
		l.log.InfoContext(r.Context(), "the rate limits of a caller were reset", slog.String("by", api.By(r).Actor), slog.Int("counters", n))
		message(w, "Rate limits have been reset for "+text)
	}
}

// expire has what was refused be over, of one or of all. The limits are reset all the same where the store does not answer.
func (l *Limits) expire(r *http.Request, key string) {
	if _, err := l.store.ExpireRefusals(r.Context(), key); err != nil {
		l.log.WarnContext(r.Context(), "refusals before the reset of a limit are still shown as active", slog.Any("error", err))
	}
}

// identity is what limits call somebody.
func identity(text string) (string, bool) {
	kind, name, _ := strings.Cut(text, ":")
	switch kind {
	case "ip":
		if network, err := netip.ParsePrefix(name); err == nil && network == rate.Network(network.Addr()) { // as events have it
			return rate.Address(network.Addr()), true
		}
		a, err := netip.ParseAddr(name)
		return rate.Address(a), err == nil
	case "user":
		id, err := uuid.Parse(name)
		return "user:" + id.String(), err == nil
	case "client", "token":
		return text, name != "" && len(name) <= 256
	}
	return "", false
}

func message(w http.ResponseWriter, text string) {
	api.Answer(w, http.StatusOK, map[string]string{"message": text})
}

func away(err error) api.Failure {
	return api.Failure{
		Status: http.StatusServiceUnavailable, Type: problem.StoreUnavailable, RetryAfter: time.Second, Cause: err,
		Detail: "The store that counts requests does not answer; try again soon.",
	}
}
