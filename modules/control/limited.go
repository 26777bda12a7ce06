package control

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/fairway-gateway/fairway/modules/caddyfiles"
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
}

func (l *limited) provision(h *Handler, app *fairway.App) error {
	own, policy, err := h.check()
	if err != nil {
		return err
	}
	if l.limiter, err = app.Rates(); err != nil {
		return err
	}
	l.scope, l.cors = l.limiter.Scope(rate.ScopeOptions{Name: "control", Policy: "control", Limits: own}), policy
	return nil
}

// check compiles the limits. An error is a *wrap.ConfigError.
func (h *Handler) check() ([]rate.Limit, *cors.Policy, error) {
	own, i, err := rate.Settle(h.Rate, rate.ByAddress)
	if err != nil {
		return nil, nil, wrong("rate/"+strconv.Itoa(i), err)
	}
	if h.CORS == nil {
		return own, nil, nil
	}
	policy, err := cors.New(*h.CORS, cors.Defaults{Methods: append(wrap.Methods(), http.MethodHead), Expose: []string{"Content-Disposition"}})
	if err != nil {
		path := "cors"
		if e, ok := errors.AsType[*cors.Error](err); ok {
			path += "/" + e.Field
		}
		return nil, nil, wrong(path, err)
	}
	return own, policy, nil
}

func wrong(path string, err error) error {
	return &wrap.ConfigError{Path: path, Offset: -1, Where: "control", Msg: err.Error()}
}

// Cleanup takes the limits from those that there are.
func (h *Handler) Cleanup() error {
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
	}}
	if err := words.Parse(n); err != nil {
		return err
	}
	if _, _, err := h.check(); err != nil {
		return place.Locate(err, n.Word)
	}
	return nil
}
