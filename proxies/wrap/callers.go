package wrap

import (
	"net/http"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/attribute"

	"github.com/fairway-gateway/fairway/proxies/identity"
	"github.com/fairway-gateway/fairway/proxies/observe"
	"github.com/fairway-gateway/fairway/proxies/problem"
	"github.com/fairway-gateway/fairway/proxies/session"
)

// Callers is who may call a service.
type Callers struct {
	// Who is anyone, or users: those of the store, who show a password or a token. Default: anyone.
	Who string `json:"who,omitempty"`
	// Scopes are those that a caller must have, all of them. Who shows a password has every one. Default: none.
	Scopes []string `json:"scopes,omitempty"`
}

// What Callers.Who may be.
const (
	Anyone = "anyone"
	Users  = "users"
	SignIn = "signin" // in a later version
)

// Identifier knows the users of the store.
type Identifier interface {
	// Identify says who shows credentials with r, if it has all of the scopes; else the problem is the answer.
	Identify(r *http.Request, scopes []string) (*identity.User, *problem.Problem)
}

// Check says what is wrong.
func (c *Callers) Check() error {
	if err := c.check(place{}); err != nil {
		return err
	}
	return nil
}

func (c *Callers) check(at place) *ConfigError {
	kinds := []string{Anyone, Users, SignIn}
	switch c.Who {
	case "", Anyone:
		if len(c.Scopes) > 0 {
			return at.errf("callers anyone has no scopes: who shows nothing has none; write: callers users %s", strings.Join(c.Scopes, " "))
		}
	case Users:
	case SignIn:
		return at.errf("callers signin is not available in this version of Fairway")
	default:
		return at.errf("callers is anyone, users or signin, not %q%s", c.Who, Suggest(c.Who, kinds))
	}
	for i, s := range c.Scopes {
		switch {
		case !IsScope(s):
			return at.field("scopes/"+itoa(i)).errf("%q is no scope: letters, digits and signs of ASCII, without blanks, quotes and backslashes", s)
		case slices.Contains(c.Scopes[:i], s):
			return at.field("scopes/"+itoa(i)).errf("the scope %s is there twice", s)
		}
	}
	return nil
}

// IsScope says whether a text may be a scope (RFC 6749, 3.3).
func IsScope(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' })
}

// compileCallers settles who may call, before anything that may use something of the caller.
func (s *Service) compileCallers(c *Config, deps Deps, at place) error {
	if err := c.Callers.check(at.field("callers")); err != nil {
		return err
	}
	if c.Callers.Who != Users {
		return nil
	}
	s.users, s.scopes, s.identifier = true, c.Callers.Scopes, deps.Identifier
	for i, b := range c.Backends {
		if b.Auth != nil && b.Auth.PerCaller() {
			return at.in("backends/"+itoa(i), strings.TrimSpace("backend "+b.Name)).field("auth").errf(
				"callers users and an auth that sends the caller's own credentials both claim the header Authorization: " +
					"give the auth an account of the gateway's, or write: callers anyone")
		}
	}
	if deps.Metrics != nil {
		s.called = deps.Metrics.Callers(s.Name)
		s.release = append(s.release, s.called.Close)
	}
	return nil
}

// compileIdentity makes headers of the words identity: what the backend is told of the caller, in each header what it has with
// those who use to send it.
func (s *Service) compileIdentity(b *backend, sc scope, at place) error {
	for i, name := range b.Identity {
		at := at.field("identity/" + itoa(i))
		canonical, err := identity.Check(name)
		if err != nil {
			return at.errf("%v; header sends others: header %s {caller.user}", err, name)
		}
		field, known := identity.FieldOf(canonical)
		taken := func(h header) bool { return identity.Same(h.name, canonical) }
		switch {
		case !s.users:
			return at.errf("identity tells who the user is, and here anyone may call; add a line to the service: callers users")
		case identity.HoldsToken(canonical):
			return at.errf("%s holds what somebody could log in with, and no backend is sent that", canonical)
		case !known:
			return at.errf("nobody knows what %s should say of a user; write: header %s {caller.user}", canonical, canonical)
		case slices.ContainsFunc(b.header, taken):
			return at.errf("the header %s is there twice", canonical)
		case slices.ContainsFunc(setHeaders(b.Auth), func(h string) bool { return identity.Same(h, canonical) }):
			return at.errf("the backend's auth sets %s already", canonical)
		}
		compiled, cerr := sc.compileHeader(Header{Name: canonical, Value: "{caller." + field + "}"}, at)
		if cerr != nil {
			return cerr
		}
		b.header = append(b.header, *compiled)
	}
	return nil
}

// identify finds out who calls, where only users may.
func (x *exchange) identify() *problem.Problem {
	s := x.route.service
	if !s.users {
		return nil
	}
	if s.identifier == nil {
		return &problem.Problem{Code: problem.StoreUnavailable, Status: http.StatusServiceUnavailable, Detail: "There is no store that knows users."}
	}
	r := x.r
	ctx, span := observe.Start(x.ctx, "fairway.caller", attribute.String("fairway.service", s.Name))
	if span.IsRecording() {
		r = r.WithContext(ctx)
	}
	user, p := s.identifier.Identify(r, s.scopes)
	outcome, result := observe.OK, observe.ByPassword
	switch {
	case p != nil:
		outcome, result = p.Code, p.Code
	case user.ByToken:
		result = observe.ByToken
	}
	observe.End(span, outcome)
	if s.called != nil {
		s.called.Caller(result)
	}
	if p != nil {
		return p
	}
	if x.user = user; len(r.Header["Authorization"]) == 0 && x.writer != nil {
		// Shared caches keep away from answers to requests with Authorization alone (RFC 9111, 3.5).
		x.writer.Header()["Cache-Control"] = []string{"private"}
	}
	return nil
}

// named gives a field of the caller as text, and whether there is one.
func (x *exchange) named(field string) (string, bool) {
	if x.user != nil {
		text := x.user.Text(field)
		return text, text != ""
	}
	return x.caller.User, x.caller.Basic
}

// callerValue is $caller: null for an anonymous one, {user} where anyone may call, else what the store knows.
func (x *exchange) callerValue() any {
	switch {
	case x.user != nil:
		return userValue(x.user)
	case x.caller.Basic:
		return map[string]any{"user": strings.ToValidUTF8(x.caller.User, "\uFFFD")}
	}
	return nil
}

func userValue(u *identity.User) map[string]any {
	text := func(s string) any {
		if s == "" {
			return nil
		}
		return s
	}
	scopes := make([]any, len(u.Scopes))
	for i, s := range u.Scopes {
		scopes[i] = s
	}
	out := map[string]any{
		"id": text(u.ID), "number": nil, "user": text(u.User), "email": text(u.Email), "name": text(u.Name), "role": text(u.Role), "scopes": scopes,
	}
	if u.Number != 0 {
		out["number"] = int(u.Number)
	}
	if u.Client != "" {
		out["client"] = u.Client
	}
	return out
}

// whose is what keeps apart the values that are kept for different callers.
func (x *exchange) whose() []string {
	if x.user != nil {
		return []string{"user of the store", x.user.Key}
	}
	basic := "false"
	if x.caller.Basic {
		basic = "true"
	}
	return []string{basic, x.caller.User, x.caller.Password}
}

// mode is what callers must send, for the metadata.
func (s *Service) mode() session.Mode {
	mode := session.ModeNone
	if s.users {
		mode = session.ModeBasic
	}
	for _, b := range s.backends {
		if m := b.Auth.Mode(); m == session.ModeBitlyProxy || mode == session.ModeNone {
			mode = m
		}
	}
	return mode
}
