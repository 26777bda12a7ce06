package control

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/fairway-gateway/fairway/modules/caddyfiles"
	"github.com/fairway-gateway/fairway/modules/control/limits"
	"github.com/fairway-gateway/fairway/modules/fairway"
	"github.com/fairway-gateway/fairway/proxies/cors"
	"github.com/fairway-gateway/fairway/proxies/rate"
	"github.com/fairway-gateway/fairway/proxies/wrap"
)

// limited are the limits of a handler, and the limiter that has those of all services.
type limited struct {
	limiter *rate.Limiter
	scope   *rate.Scope
	cors    *cors.Policy
	exempt  limits.Exempt
	refused func(rate.Refusal)
}

// config is how the API is limited.
func (l *limited) config() limits.Config {
	return limits.Config{Scope: l.scope, Address: fairway.ClientAddress, Exempt: l.exempt, Refused: l.refused}
}

func (l *limited) provision(h *Handler, app *fairway.App) error {
	own, policy, exempt, err := h.check()
	if err != nil {
		return err
	}
	if l.limiter, err = app.Rates(); err != nil {
		return err
	}
	l.exempt, l.refused = exempt, app.Refused
	l.scope, l.cors = l.limiter.Scope(rate.ScopeOptions{Name: "control", Policy: "control", Limits: own}), policy
	return nil
}

// check compiles the limits. An error is a *wrap.ConfigError.
func (h *Handler) check() ([]rate.Limit, *cors.Policy, limits.Exempt, error) {
	own, i, err := rate.Settle(h.Rate, rate.ByAddress)
	if err != nil {
		return nil, nil, limits.Exempt{}, wrong("rate/"+strconv.Itoa(i), err)
	}
	exempt, i, err := limits.ParseExempt(h.Exempt)
	if err != nil {
		return nil, nil, exempt, wrong("exempt/"+strconv.Itoa(i), err)
	}
	if h.CORS == nil {
		return own, nil, exempt, nil
	}
	policy, err := cors.New(*h.CORS, cors.Defaults{Methods: append(wrap.Methods(), http.MethodHead), Expose: []string{"Content-Disposition"}})
	if err != nil {
		path := "cors"
		if e, ok := errors.AsType[*cors.Error](err); ok {
			path += "/" + e.Field
		}
		return nil, nil, exempt, wrong(path, err)
	}
	return own, policy, exempt, nil
}

func wrong(path string, err error) error {
	return &wrap.ConfigError{Path: path, Offset: -1, Where: "control", Msg: err.Error()}
}

// Cleanup takes the limits from those that there are, and ends what goes on for long.
func (h *Handler) Cleanup() error {
	h.end()
	h.limits.scope.Close()
	return nil
}

// parse reads the words of the directive.
func (h *Handler) parse(n caddyfiles.Node) error {
	if len(n.Args) > 0 {
		return n.Errorf("control takes nothing on its line; its words stand in a block: control { rate 100/m }")
	}
	place := caddyfiles.Place{}
	words := caddyfiles.Words{Owner: "control", Known: map[string]caddyfiles.Word{
		"rate": caddyfiles.RateWord(place, "", &h.Rate),
		"cors": caddyfiles.CORSWord(place, "", &h.CORS),
		"exempt": {Parse: func(n caddyfiles.Node) error {
			if n.HasBlock || len(n.Args) == 0 {
				return n.Errorf("exempt takes admins, networks, or nobody: exempt admins 10.0.0.0/8")
			}
			for i, t := range n.Args {
				place["exempt/"+strconv.Itoa(i)] = t
				h.Exempt = append(h.Exempt, t.Text)
			}
			return nil
		}},
	}}
	if err := words.Parse(n); err != nil {
		return err
	}
	if _, _, _, err := h.check(); err != nil {
		return place.Locate(err, n.Word)
	}
	return nil
}
