package wrap

import (
	"encoding/json"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
	"time"

	"github.com/fairway-gateway/fairway/proxies/cors"
	"github.com/fairway-gateway/fairway/proxies/observe"
	"github.com/fairway-gateway/fairway/proxies/rate"
)

// Methods are those that a route and a fetch may have. HEAD and OPTIONS of routes are answered by themselves.
func Methods() []string {
	return []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}
}

// route is a compiled Route.
type route struct {
	service  *Service
	method   string
	pattern  string
	names    []string // of the wildcards, in order
	params   []*param
	strict   bool
	plan     *plan
	fetches  []*fetch
	failWhen *program
	reply    *program
	status   *program
	header   []replyHeader
	body     *requestBody // nil: it takes none
	keyed    int          // how many fetches send a key; those inside a fan-out count twice
	each     *Each        // nil: the answer is made whole
	execute  *executing   // nil: whoever asks waits for the answer
	outputs  []string
	suffix   bool
	columns  []string // that are declared; nil: none are
	promise  *promise // nil: none
	budget   time.Duration
	caches   bool // a fetch keeps its values
	creds    bool // a fetch needs the caller's Basic credentials
	metrics  *observe.RouteMetrics
	rate     *rate.Scope  // nil: no limit of its own
	cors     *cors.Policy // nil: the service's
}

func (s *Service) compileRoute(c *Config, i int, deps Deps, at place) (*route, []segment, error) {
	r := &c.Routes[i]
	at = at.in("routes/"+itoa(i), "route "+r.Method+" "+r.Pattern)
	if !slices.Contains(Methods(), r.Method) {
		return nil, nil, at.field("method").errf("%q is no method of a route; it is one of %s%s", r.Method, strings.Join(Methods(), ", "), Suggest(r.Method, Methods()))
	}
	segments, err := parsePattern(r.Pattern)
	if err != nil {
		return nil, nil, at.field("pattern").errf("%v", err)
	}
	rt := &route{service: s, method: r.Method, pattern: r.Pattern, strict: r.ParamsStrict, budget: time.Duration(r.Budget), plan: newPlan(r.Fetches, nil)}
	if rt.budget == 0 {
		rt.budget = s.budget
	}
	sc := scope{secret: deps.Secret, plan: rt.plan, users: s.users}
	for _, seg := range segments {
		if !seg.wildcard {
			continue
		}
		if slices.Contains(reserved(), seg.text) || strings.HasPrefix(seg.text, "__") {
			return nil, nil, at.field("pattern").errf("{%s} has a name that is reserved; choose another", seg.text)
		}
		rt.names = append(rt.names, seg.text)
		if seg.rest {
			sc.rest = seg.text
		}
	}
	sc.names = rt.names
	if err := rt.compileParams(r, at); err != nil {
		return nil, nil, err
	}
	sc.declared = rt.params
	if err := rt.compileRequestBody(r, at); err != nil {
		return nil, nil, err
	}
	sc.body = rt.body != nil
	if err := rt.compileFetches(c, r.Fetches, sc, deps, at); err != nil {
		return nil, nil, err
	}
	if err := rt.compilePrograms(r, at); err != nil {
		return nil, nil, err
	}
	if err := rt.compileShape(r, at); err != nil {
		return nil, nil, err
	}
	if r.Example != "" && !json.Valid([]byte(r.Example)) {
		return nil, nil, at.field("example").errf("the example is not JSON")
	}
	if err := rt.compileExecute(r, segments, at); err != nil {
		return nil, nil, err
	}
	rt.metrics = s.routeMetrics(deps, r)
	return rt, segments, nil
}

// compileShape compiles what the answer looks like.
func (rt *route) compileShape(r *Route, at place) error {
	if err := rt.compileOutput(r, at); err != nil {
		return err
	}
	if err := rt.compileEach(r, at); err != nil {
		return err
	}
	for _, c := range r.Columns {
		rt.columns = append(rt.columns, c.Name)
	}
	return rt.compilePromise(r, at)
}

func (rt *route) compileParams(r *Route, at place) error {
	for i, p := range r.Params {
		at := at.in("params/"+itoa(i), "param "+p.Name)
		inPattern := slices.Contains(rt.names, p.Name)
		switch {
		case p.In == "" && inPattern:
			p.In = inPath
		case p.In == "":
			p.In = inQuery
		}
		switch {
		case p.In == inPath && !inPattern:
			return at.errf("the pattern %s has no {%s}%s", r.Pattern, p.Name, Suggest(p.Name, rt.names))
		case p.In == inHeader && !isToken(p.Name):
			return at.errf("%q is no name of a header", p.Name)
		case !slices.Contains([]string{inPath, inQuery, inHeader}, p.In):
			return at.errf("a parameter is in path, query or header, not in %q%s", p.In, Suggest(p.In, []string{inPath, inQuery, inHeader}))
		case p.Name == "":
			return at.errf("a parameter needs a name")
		}
		for _, other := range rt.params {
			if other.In == p.In && other.Name == p.Name {
				return at.errf("the %s parameter %s is declared twice", p.In, p.Name)
			}
		}
		compiled, err := compileParam(p, at)
		if err != nil {
			return err
		}
		rt.params = append(rt.params, compiled)
	}
	return nil
}

// isToken says whether s is a token of RFC 9110, as names of headers are.
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) >= 0 {
			return false
		}
	}
	return s != ""
}

func (rt *route) compileFetches(c *Config, fetches []Fetch, sc scope, deps Deps, at place) error {
	if len(fetches) == 0 {
		return at.errf("the route fetches nothing; it needs a line: fetch /path")
	}
	for i, f := range fetches {
		if err := checkFetchName(c, fetches, sc, i, at.in("fetches/"+itoa(i), f.where())); err != nil {
			return err
		}
	}
	for i := range fetches {
		sc.step = sc.plan.steps[i]
		if err := rt.compileStep(c, &fetches[i], sc, deps, at.in("fetches/"+itoa(i), fetches[i].where())); err != nil {
			return err
		}
	}
	if err := sc.plan.link(at); err != nil {
		return err
	}
	return nil
}

func (rt *route) compileStep(c *Config, f *Fetch, sc scope, deps Deps, at place) error {
	if err := rt.compilePolicy(sc.step, f, at); err != nil {
		return err
	}
	switch {
	case f.Each != nil:
		return rt.compileFanOut(c, f, sc, deps, at)
	case f.SQL != nil:
		q, err := rt.compileQuery(f, sc, deps, at)
		if err != nil {
			return err
		}
		sc.step.work = q
		return nil
	}
	out, err := rt.compileFetch(f, sc, deps, at)
	if err != nil {
		return err
	}
	sc.step.work = out
	rt.fetches = append(rt.fetches, out)
	rt.creds = rt.creds || out.strategy.PerCaller()
	return nil
}

// where names the step for people.
func (s *step) where() string {
	if _, ok := s.work.(*query); ok {
		return (&Fetch{Name: s.name, SQL: new(SQL)}).where()
	}
	return (&Fetch{Name: s.name}).where()
}

// where names the fetch for people.
func (f *Fetch) where() string {
	word := "fetch"
	if f.SQL != nil {
		word = "sql"
	}
	return strings.TrimSuffix(word+" "+f.Name, " ")
}

// checkFetchName keeps the one name space of a route: fetches and path parameters are all jq variables.
func checkFetchName(c *Config, fetches []Fetch, sc scope, i int, at place) error {
	name := fetches[i].Name
	at = at.field("name")
	for _, other := range fetches[:i] {
		if other.Name != name {
			continue
		}
		if name == "" {
			return at.errf("the route has two fetches without a name; name them: fetch a %s", fetches[i].Target)
		}
		return at.errf("the route has two fetches of the name %s", name)
	}
	switch {
	case name == "":
		return nil
	case !IsName(name):
		return at.errf("%q is no name for a fetch: use letters, digits and _", name)
	case slices.ContainsFunc(Methods(), func(m string) bool { return strings.EqualFold(m, name) }):
		return at.errf("a fetch may not be called %s, which is a method", name)
	case slices.Contains(reserved(), name) || strings.HasPrefix(name, "__"):
		return at.errf("%s is a reserved name; choose another", name)
	case sc.plan.owner != nil && sc.plan.owner.plan.find(name) != nil:
		return at.errf("%s is the name of a fetch around each; choose another", name)
	case slices.Contains(sc.names, name):
		return at.errf("%s is already a parameter of the path; both would be $%s", name, name)
	case slices.ContainsFunc(c.Backends, func(b Backend) bool { return b.Name == name }):
		return at.errf("%s is the name of a backend; say backend %s inside the fetch, or choose another name", name, name)
	}
	return nil
}

func (rt *route) compilePrograms(r *Route, at place) error {
	var err *ConfigError
	if r.FailWhen != "" {
		if rt.failWhen, err = rt.compileProgram("route fail_when", r.FailWhen, nil, rt.plan.steps, at.field("fail_when")); err != nil {
			return err
		}
	}
	if r.Reply != "" {
		sees := rt.plan.steps
		if r.Each != nil {
			sees = nil
		}
		if rt.reply, err = rt.compileProgram("reply", r.Reply, nil, sees, at.field("reply")); err != nil {
			return err
		}
	}
	if r.Status != "" {
		if rt.status, err = rt.compileProgram("reply status", r.Status, nil, rt.plan.steps, at.field("status")); err != nil {
			return err
		}
	}
	if err := rt.compileReplyHeaders(r, at); err != nil {
		return err
	}
	for i, s := range rt.plan.steps {
		switch {
		case r.Each != nil: // its records are the dot
			s.used, s.tree = true, s.tree || rt.reply != nil
		case s.name == "":
			s.used = true
			s.tree = s.tree || rt.failWhen != nil || rt.reply != nil || rt.status != nil || len(rt.header) > 0
		case r.Reply == "":
			s.used = true
		case !s.used && s.writes(): // what it does counts
			s.used = true
		case !s.used:
			return at.in("fetches/"+itoa(i), s.where()).errf("nothing uses the %s: reply has no $%s", s.where(), s.name)
		}
		s.text = r.Reply == ""
		if e, ok := s.work.(*fanOut); ok {
			e.adopt()
		}
	}
	for _, f := range rt.fetches {
		f.settleCache()
		rt.caches = rt.caches || f.cache != nil
		if err := rt.settleRefresh(f, f.at); err != nil {
			return err
		}
	}
	return nil
}

// canonicalHeader checks and canonicalises a header that a configuration adds to requests.
func canonicalHeader(name string, at place) (string, *ConfigError) {
	if !isToken(name) {
		return "", at.errf("%q is no name of a header", name)
	}
	h := textproto.CanonicalMIMEHeaderKey(name)
	switch h {
	case "Connection", "Keep-Alive", "Transfer-Encoding", "Te", "Trailer", "Upgrade", "Content-Length", "Proxy-Connection":
		return "", at.errf("the header %s belongs to the connection and cannot be set", h)
	case "Accept-Encoding":
		return "", at.errf("the header %s is set by the gateway, which has to decode the answer", h)
	}
	return h, nil
}
