package wrap

import (
	"cmp"
	"errors"
	"log/slog"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fairway-gateway/fairway/proxies/cache"
	"github.com/fairway-gateway/fairway/proxies/cors"
	"github.com/fairway-gateway/fairway/proxies/observe"
	"github.com/fairway-gateway/fairway/proxies/rate"
	"github.com/fairway-gateway/fairway/proxies/upstream"
)

// DefaultBudget is the time for one request.
const DefaultBudget = 30 * time.Second

// Deps is what a service takes from the process. The zero value is for checking a configuration: no pool is opened
// and no secret is read.
type Deps struct {
	// Backend gives the pool for a backend, which may be shared with an earlier configuration, and what gives it back.
	Backend func(upstream.Config) (*upstream.Backend, func(), error)
	// Secret resolves {env.X} and {file./path}.
	Secret Secrets
	// Databases are those that sql may ask. Nil: it is not known which there are.
	Databases Databases
	// Memory is the budget that bodies of requests are charged to. Nil: they are not.
	Memory *upstream.Memory
	// Cache keeps what fetches with the word cache or stale give. Nil: nothing is kept.
	Cache *cache.Cache
	// Identifier knows the users of the store. Nil: a service with Callers users answers nobody.
	Identifier Identifier
	// Rates counts requests, for all services of the process. It is asked for where there is a limit. Nil: nothing is limited.
	Rates func() (*rate.Limiter, error)
	// Refused is told of each request that a limit refuses, and must not take long. Nil: nobody is.
	Refused func(rate.Refusal)
	// Executions have the answers that take longer than their callers wait. Nil: callers wait.
	Executions Executions
	// Ending is closed when answers are to end for which somebody waits. Nil: never.
	Ending <-chan struct{}
	// Address says where a request comes from, an IP address with or without a port. Default: its RemoteAddr.
	Address func(*http.Request) string
	// Metrics may be nil.
	Metrics *observe.Metrics
	// Logger gets a line for every request that failed. Default: none is written.
	Logger *slog.Logger
}

// Service is a compiled Config. It answers the requests under its prefixes; it is used concurrently.
type Service struct {
	Metadata
	prefixes []string // longest first
	document *Document
	budget   time.Duration
	backends []*backend
	origins  []*backend // of absolute targets
	// databases are those that its routes ask, by name.
	databases map[string]Database
	routes    []*route
	router    router[*route]
	debug     bool // callers may ask how bodies were read
	// users of the store alone may call, with these scopes.
	users      bool
	scopes     []string
	identifier Identifier
	called     *observe.CallerMetrics
	suffixes   bool // a route has outputs by suffix
	memory     *upstream.Memory
	release    []func()
	rate       *rate.Scope  // nil: no limit of its own
	cors       *cors.Policy // nil: pages of other origins may read nothing
	// crossRoutes says that a route has a policy of its own.
	crossRoutes bool
	address     func(*http.Request) string
	refused     func(rate.Refusal) // nil: nobody writes it down
	// refreshers load in the background between Start and Close.
	refreshers []*refresher
	tasks      sync.WaitGroup
	stop       func() // ends them; nil: they were not started
	// executes says that a route has answers that become executions.
	executes   bool
	executions Executions
	held       holding
	ending     <-chan struct{}
	followers  atomic.Int64 // who waits for long answers
	log        *slog.Logger
	config     *Config
}

// Compile checks c and makes a service of it. An error is a *ConfigError. The service must be closed.
func Compile(c *Config, deps Deps) (*Service, error) {
	s := &Service{Metadata: c.Metadata, budget: time.Duration(c.Budget), log: deps.Logger, memory: deps.Memory, config: c, debug: c.Debug, executions: deps.Executions, ending: deps.Ending, databases: map[string]Database{}}
	if s.budget == 0 {
		s.budget = DefaultBudget
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if err := s.compile(c, deps); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Service) compile(c *Config, deps Deps) error {
	if len(c.Prefixes) == 0 {
		return place{}.field("prefixes").errf("a service needs a prefix: service /name")
	}
	for i, p := range c.Prefixes {
		if err := checkPrefix(p, c.Prefixes[:i], place{}.in("prefixes/"+itoa(i), "service")); err != nil {
			return err
		}
	}
	s.prefixes = slices.SortedStableFunc(slices.Values(c.Prefixes), func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	at := place{where: "service " + c.Prefixes[0]}
	if s.Name == "" {
		s.Name = path.Base(c.Prefixes[0])
		if s.Name == "/" {
			return at.field("name").errf("a service at / needs a name: name <word>")
		}
	}
	s.APIVersion = cmp.Or(s.APIVersion, "1.0")
	if err := s.compileCallers(c, deps, at); err != nil {
		return err
	}
	if err := s.compileBackends(c, deps, at); err != nil {
		return err
	}
	if err := s.compileRoutes(c, deps, at); err != nil {
		return err
	}
	if err := s.checkUsed(at); err != nil {
		return err
	}
	if err := s.compileLimits(c, deps, at); err != nil {
		return err
	}
	return s.describe(at)
}

// checkPrefix refuses what cannot be a prefix.
func checkPrefix(p string, before []string, at place) error {
	switch {
	case p == "/":
	case !strings.HasPrefix(p, "/"):
		return at.errf("the prefix %q must start with /", p)
	case strings.HasSuffix(p, "/"):
		return at.errf("the prefix %q must not end in /", p)
	case strings.ContainsAny(p, "{}*?#%\\ ") || path.Clean(p) != p || checkText(p) != "":
		return at.errf("the prefix %q must be a plain path like /name or /group/name", p)
	}
	if slices.Contains(before, p) {
		return at.errf("the prefix %s is there twice", p)
	}
	return nil
}

func (s *Service) compileRoutes(c *Config, deps Deps, at place) error {
	if len(c.Routes) == 0 {
		return at.errf("the service has no route; add one: GET /path { fetch /path { decode json } }")
	}
	for i := range c.Routes {
		rt, segments, err := s.compileRoute(c, i, deps, at)
		if err != nil {
			return err
		}
		here := at.in("routes/"+itoa(i), "route "+rt.method+" "+rt.pattern)
		for _, other := range s.routes {
			if reason := conflict(other.method, other.pattern, rt.method, rt.pattern); reason != "" {
				return here.field("pattern").errf("the route conflicts with %s %s: some paths match both and neither is more specific", other.method, other.pattern)
			}
		}
		s.routes = append(s.routes, rt)
		s.router.add(rt.method, segments, rt)
	}
	return nil
}

func (s *Service) routeMetrics(deps Deps, r *Route) *observe.RouteMetrics {
	if deps.Metrics == nil {
		return nil
	}
	m := deps.Metrics.Route(s.Name, r.Method+" "+r.Pattern)
	s.release = append(s.release, m.Close)
	return m
}

// checkUsed refuses a backend that nothing speaks to: it is a misspelling or a leftover.
func (s *Service) checkUsed(at place) error {
	for i, b := range s.backends {
		used := slices.ContainsFunc(s.routes, func(rt *route) bool {
			return slices.ContainsFunc(rt.fetches, func(f *fetch) bool { return f.backend == b })
		})
		if !used {
			return at.in("backends/"+itoa(i), "backend "+b.Name).errf("nothing fetches from this backend")
		}
	}
	return nil
}

// describe makes the metadata, whose auth is the most that any backend needs of the caller.
func (s *Service) describe(at place) error {
	if s.Auth == "" {
		s.Auth = s.mode()
	}
	if err := s.Metadata.Check(); err != nil {
		if e, ok := errors.AsType[*ConfigError](err); ok {
			e.Where = at.where
		}
		return err
	}
	var err error
	if s.document, err = s.Metadata.Document(); err != nil {
		return at.errf("%v", err)
	}
	for i, rt := range s.routes {
		if s.document.Has(rt.pattern) {
			return at.in("routes/"+itoa(i)+"/pattern", "route "+rt.method+" "+rt.pattern).errf("the path is reserved for the service's metadata")
		}
	}
	return nil
}

// holding counts answers that are made, which need what the service has.
type holding struct {
	mu     sync.Mutex
	count  int
	closed bool
}

// hold has pools and metrics stay until unhold.
func (s *Service) hold() {
	s.held.mu.Lock()
	defer s.held.mu.Unlock()
	s.held.count++
}

func (s *Service) unhold() {
	s.held.mu.Lock()
	s.held.count--
	last := s.held.closed && s.held.count == 0
	s.held.mu.Unlock()
	if last {
		s.free()
	}
}

// Close gives back pools and metrics, as soon as no answer is made that has become an execution. The service answers nothing afterwards.
func (s *Service) Close() {
	if s.stop != nil {
		s.stop()
	}
	s.held.mu.Lock()
	s.held.closed = true
	last := s.held.count == 0
	s.held.mu.Unlock()
	if last {
		s.free()
	}
}

func (s *Service) free() {
	s.held.mu.Lock()
	all := s.release
	s.release = nil
	s.held.mu.Unlock()
	for _, f := range slices.Backward(all) {
		f()
	}
}
