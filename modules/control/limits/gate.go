package limits

import (
	"net/http"

	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/modules/control/callers"
	"github.com/fairway-gateway/fairway/proxies/problem"
	"github.com/fairway-gateway/fairway/proxies/rate"
)

// exceeded is what clients of Trends.Earth's know a refusal by.
const exceeded = "RATE_LIMIT_EXCEEDED"

// Gate gives what api.Options.Admit asks: the limits of a scope, which may be nil. Address says where a request comes from.
func Gate(s *rate.Scope, address func(*http.Request) string) func(http.ResponseWriter, *http.Request, *callers.Caller, *rate.Verdict) *api.Failure {
	return func(w http.ResponseWriter, r *http.Request, c *callers.Caller, v *rate.Verdict) *api.Failure {
		by := rate.ByAddress
		if c != nil {
			by = rate.ByCaller
		}
		if !s.Has(by) {
			return nil
		}
		var who string
		if c != nil {
			who = c.Name()
		} else {
			who = rate.AddressText(address(r))
		}
		ok := s.Take(r.Context(), by, who, v)
		v.WriteHeader(w.Header())
		if ok {
			return nil
		}
		return &api.Failure{Status: http.StatusTooManyRequests, Type: problem.RateLimited, Code: exceeded, Detail: rate.Detail, RetryAfter: v.RetryAfter()}
	}
}
