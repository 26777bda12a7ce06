package wrap

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/fairway-gateway/fairway/proxies/cors"
	"github.com/fairway-gateway/fairway/proxies/problem"
	"github.com/fairway-gateway/fairway/proxies/rate"
	"github.com/fairway-gateway/fairway/proxies/session"
)

// compileLimits settles how many requests may be made, and whose pages may read answers, of the service and of each route.
func (s *Service) compileLimits(c *Config, deps Deps, at place) error {
	s.address = deps.Address
	if s.address == nil {
		s.address = func(r *http.Request) string { return r.RemoteAddr }
	}
	s.refused = deps.Refused
	own := slices.ContainsFunc(s.backends, func(b *backend) bool { return b.Auth.PerCaller() })
	var err error
	if s.rate, err = s.compileRate(c.Rate, own, rate.ScopeOptions{Name: "service " + s.Name, Policy: "service"}, deps, at); err != nil {
		return err
	}
	defaults := s.crossDefaults(s.routes...)
	defaults.Methods = append(defaults.Methods, http.MethodGet, http.MethodHead) // of the metadata
	if s.cors, err = compileCORS(c.CORS, defaults, at); err != nil {
		return err
	}
	for i, rt := range s.routes {
		r, at := &c.Routes[i], at.in("routes/"+itoa(i), "route "+rt.method+" "+rt.pattern)
		o := rate.ScopeOptions{Name: "service " + s.Name + " route " + rt.method + " " + rt.pattern, Policy: "route"}
		if rt.rate, err = s.compileRate(r.Rate, rt.creds, o, deps, at); err != nil {
			return err
		}
		if rt.cors, err = compileCORS(r.CORS, s.crossDefaults(rt), at); err != nil {
			return err
		}
		s.crossRoutes = s.crossRoutes || rt.cors != nil
		for j, h := range rt.header {
			limited := len(c.Rate)+len(r.Rate) > 0 && strings.Contains(h.name, "Ratelimit")
			crossed := (c.CORS != nil || r.CORS != nil) && strings.HasPrefix(h.name, "Access-Control-")
			if limited || crossed {
				return at.field("header/"+itoa(j)).errf("the header %s of answers is made by the gateway", h.name)
			}
		}
	}
	return nil
}

// compileRate makes a scope of limits. Own says that callers show credentials of their own, which a backend gets.
func (s *Service) compileRate(limits []rate.Limit, own bool, o rate.ScopeOptions, deps Deps, at place) (*rate.Scope, error) {
	by := rate.ByAddress
	if s.users {
		by = rate.ByCaller
	}
	var err error
	var i int
	if o.Limits, i, err = rate.Settle(limits, by); err != nil {
		return nil, at.field("rate/"+itoa(i)).errf("%v", err)
	}
	for i, l := range o.Limits {
		if l.By == rate.ByCaller && !s.users && !own {
			return nil, at.field("rate/" + itoa(i)).errf("nobody knows the caller here: write by address, or have callers say who they are: callers users, or a backend whose auth takes their credentials")
		}
	}
	if len(o.Limits) == 0 || deps.Rates == nil {
		return nil, nil
	}
	limiter, err := deps.Rates()
	if err != nil {
		return nil, at.field("rate").errf("%v", err)
	}
	scope := limiter.Scope(o)
	s.release = append(s.release, scope.Close)
	return scope, nil
}

// crossDefaults are what pages may use of routes.
func (s *Service) crossDefaults(routes ...*route) cors.Defaults {
	d := cors.Defaults{Expose: []string{driftHeader, partialHeader, "Age", "Cache-Status"}}
	if s.debug {
		d.Headers, d.Expose = append(d.Headers, debugHeader), append(d.Expose, decodeHeader)
	}
	for _, rt := range routes {
		d.Methods = append(d.Methods, rt.method)
		if rt.method == http.MethodGet {
			d.Methods = append(d.Methods, http.MethodHead)
		}
		for _, p := range rt.params {
			if p.In == inHeader {
				d.Headers = append(d.Headers, p.Name)
			}
		}
		for _, h := range rt.header {
			d.Expose = append(d.Expose, h.name)
		}
	}
	return d
}

func compileCORS(c *cors.Config, d cors.Defaults, at place) (*cors.Policy, error) {
	if c == nil {
		return nil, nil
	}
	p, err := cors.New(*c, d)
	if e, ok := errors.AsType[*cors.Error](err); ok {
		return nil, at.field("cors").field(e.Field).errf("%s", e.Msg)
	}
	if err != nil {
		return nil, at.field("cors").errf("%v", err)
	}
	return p, nil
}

// crossOrigin adds to the answer whose pages may read it. True: a browser asked whether a request may be made, and is answered
// before anybody is asked who he is.
func (s *Service) crossOrigin(w http.ResponseWriter, r *http.Request, rest string) bool {
	policy := s.cors
	if s.crossRoutes && checkPath(rest) == nil && !s.document.Has(rest) {
		method := r.Method
		if cors.Preflight(r) {
			method = r.Header.Get("Access-Control-Request-Method")
		}
		rt, _, _ := s.suffixed(method, rest)
		if rt == nil {
			rt, _, _, _ = s.router.find(method, rest, nil)
		}
		if rt != nil && rt.cors != nil {
			policy = rt.cors
		}
	}
	return policy.Serve(w, r)
}

// limited counts the request with those limits of its route and service that are by these.
func (x *exchange) limited(by rate.By) *problem.Problem {
	rt := x.route
	if !rt.rate.Has(by) && !rt.service.rate.Has(by) {
		return nil
	}
	key := x.limitKey(by)
	ok := rt.rate.Take(x.ctx, by, key, &x.verdict) && rt.service.rate.Take(x.ctx, by, key, &x.verdict)
	x.verdict.WriteHeader(x.writer.Header())
	if ok {
		return nil
	}
	x.refused(key)
	return &problem.Problem{Code: problem.RateLimited, Status: http.StatusTooManyRequests, Detail: rate.Detail, RetryAfter: x.verdict.RetryAfter()}
}

// addressOf is the address that a request counts for.
func (s *Service) addressOf(r *http.Request) string { return rate.AddressText(s.address(r)) }

// refused has it written down that a limit refused the request of whom it calls key.
func (x *exchange) refused(key string) {
	s := x.route.service
	if s.refused == nil {
		return
	}
	said, _ := x.verdict.Refusal()
	said.Key, said.Address, said.Method, said.Agent = key, s.address(x.r), x.r.Method, x.r.UserAgent()
	if strings.HasPrefix(key, basicKey) {
		said.Key = "" // it has the password
	}
	for _, prefix := range s.prefixes {
		if _, ok := cutPrefix(x.r.URL.EscapedPath(), prefix); ok {
			said.Endpoint = strings.TrimSuffix(prefix, "/") + x.route.pattern
			break
		}
	}
	if x.user != nil {
		said.User, said.Email, said.Role = x.user.ID, x.user.Email, x.user.Role
	}
	s.refused(said)
}

// basicKey begins the key of who sends a password that a backend is asked about.
const basicKey = "basic:"

// limitKey is whose requests are counted together. Who sends a password that a backend is asked about is counted by name and
// password, since nobody here knows whether it is right: else anybody could use up what others may. Who shows nothing is
// counted by address.
func (x *exchange) limitKey(by rate.By) string {
	if by == rate.ByCaller {
		if x.user != nil {
			return x.user.Key
		}
		if c := session.CallerOf(x.r); c.Basic {
			return basicKey + c.User + "\x00" + c.Password
		}
	}
	return x.route.service.addressOf(x.r)
}
