package executions

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"time"

	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/modules/control/callers"
	"github.com/fairway-gateway/fairway/modules/control/refusals"
	"github.com/fairway-gateway/fairway/proxies/problem"
	"github.com/fairway-gateway/fairway/proxies/rate"
)

// scope is what the rates are of, as refusals name it.
const scope = "executions"

// Rate is how many executions a user may ask for in a time.
type Rate struct {
	Most int
	Per  time.Duration
}

// usualRates are those of Trends.Earth.
func usualRates() []Rate { return []Rate{{10, time.Minute}, {40, time.Hour}} }

// rated counts an execution that a caller asks for, who is no administrator, in the store: all gateways count together.
func (x *Executions) rated(ctx context.Context, r *http.Request, c *callers.Caller) error {
	if c.IsAdmin() {
		return nil
	}
	for _, limit := range x.options.Rates {
		key := sha256.Sum256(fmt.Appendf(nil, "%s\x00%d/%s\x00%s", scope, limit.Most, limit.Per, c.ID))
		took, err := x.store.TakeRate(ctx, key[:], limit.Most, limit.Per)
		if err != nil {
			return err
		}
		if took.OK {
			continue
		}
		if x.options.Refused != nil {
			said := rate.Refusal{Scope: scope, Limit: rate.Limit{N: limit.Most, Per: limit.Per, By: rate.ByCaller}, Retry: took.Retry}
			said.Key, said.Method, said.Endpoint, said.Agent = c.Name(), r.Method, refusals.Endpoint(r), r.UserAgent()
			said.User, said.Email, said.Role = c.ID, c.Email, c.Role
			if said.Address = r.RemoteAddr; x.options.Address != nil {
				said.Address = x.options.Address(r)
			}
			x.options.Refused(said)
		}
		return api.Failure{Status: http.StatusTooManyRequests, Type: problem.RateLimited, Code: "RATE_LIMIT_EXCEEDED", Detail: rate.Detail, RetryAfter: took.Retry}
	}
	return nil
}
