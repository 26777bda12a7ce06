package realm

import (
	"context"
	"errors"
	"net/netip"

	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/modules/control/passwords"
	"github.com/fairway-gateway/fairway/modules/control/refusals"
	"github.com/fairway-gateway/fairway/modules/control/throttle"
	"github.com/fairway-gateway/fairway/proxies/rate"
)

// recorded is a throttle whose refusals are written down.
type recorded struct {
	passwords.Throttle
	refusals *refusals.Recorder
}

// Begin implements passwords.Throttle.
func (r recorded) Begin(ctx context.Context, from netip.Addr, user string) (throttle.End, error) {
	end, err := r.Throttle.Begin(ctx, from, user)
	if e, ok := errors.AsType[*throttle.DelayedError](err); ok {
		r.refusals.Throttled(api.RequestIn(ctx), from, user, e.RetryAfter)
	}
	return end, err
}

// refused has it written down that an operation was asked for too often from an address.
func (r *Realm) refused(ctx context.Context, said rate.Refusal) {
	request := api.RequestIn(ctx)
	if request == nil {
		return
	}
	said.Method, said.Endpoint, said.Agent = request.Method, refusals.Endpoint(request), request.UserAgent()
	if r.cfg.Tokens.Address != nil {
		said.Address = r.cfg.Tokens.Address(request)
		said.Key = rate.AddressText(said.Address)
	}
	r.cfg.Refusals.Refused(said)
}
