// Package fairway is the Caddy app and global option `fairway`: what the services of a configuration share.
package fairway

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/fairway-gateway/fairway/modules/control/answers"
	"github.com/fairway-gateway/fairway/modules/control/events"
	"github.com/fairway-gateway/fairway/modules/control/mail"
	"github.com/fairway-gateway/fairway/modules/control/realm"
	"github.com/fairway-gateway/fairway/modules/control/refusals"
	"github.com/fairway-gateway/fairway/modules/control/scripts"
	"github.com/fairway-gateway/fairway/proxies/cache"
	"github.com/fairway-gateway/fairway/proxies/observe"
	"github.com/fairway-gateway/fairway/proxies/rate"
	"github.com/fairway-gateway/fairway/proxies/upstream"
	"github.com/fairway-gateway/fairway/proxies/wrap"
)

// DefaultMemory is the budget for buffered bytes where the process has no memory limit of its own.
const DefaultMemory = 512 << 20

// DefaultCache is how much the values in the cache may take, in bytes.
const DefaultCache = 64 << 20

// leastMemory is the smallest default.
const leastMemory = 64 << 20

func init() { caddy.RegisterModule(new(App)) }

// App is shared by all services of a configuration: the budget for buffered bytes, the metrics, the pools of
// connections to backends, and the list of services. Metrics, budget, pools and breakers outlive a reload.
type App struct {
	// Memory is the budget for buffered bytes of backends' answers, charged with the bytes of a body times the
	// factor of its format. Past it requests are answered 503. In bytes; default half of the process's memory limit
	// (GOMEMLIMIT, which Caddy sets from the container or machine), at least 64MiB, or 512MiB where there is no limit.
	Memory wrap.Size `json:"memory,omitempty"`
	// Cache is how much the values in the cache may take. In bytes; default 64MiB.
	Cache wrap.Size `json:"cache,omitempty"`
	// Databases are those that sql may ask, by their names, and at most one without a name, which is the store. Default: none.
	Databases []Database `json:"databases,omitempty"`
	// Secret is {env.X} or {file./path}: 32 random bytes, in base64 or hex, from which the keys of what is stored are derived.
	// All gateways of one store have the same. Default: the file fairway.key in Caddy's data directory, which is made when it is
	// needed; there is no default when the store is PostgreSQL.
	Secret string `json:"secret,omitempty"`
	// OldSecrets are written as Secret is. They open what was sealed before Secret was; nothing is sealed with them. Default: none.
	OldSecrets []string `json:"old_secrets,omitempty"`
	// Tokens is how the tokens are that the gateway gives out. Default: those of each of its words.
	Tokens *Tokens `json:"tokens,omitempty"`
	// BlobsAt is where scripts and large results are kept: file:///directory, or s3://bucket, with region, prefix, endpoint and
	// s3ForcePathStyle in its query; {env.X} in it is replaced. All gateways and runners of one store have the same. Default: the
	// directory blobs in Caddy's data directory.
	BlobsAt string `json:"blobs,omitempty"`
	// Mail says by which server mail is sent. Default: letters are written to the log.
	Mail *mail.Config `json:"mail,omitempty"`
	// Users is what holds for some of the users. Default: nothing.
	Users *Users `json:"users,omitempty"`
	// Runner says how executions are run. Default: see Runner.Mode, with the defaults of its words.
	Runner *Runner `json:"runner,omitempty"`
	// Executions is what holds for all executions of the store. Default: the defaults of its words.
	Executions *Executions `json:"executions,omitempty"`
	// Events says where changes are published. Default: nowhere but to webhooks.
	Events *Events `json:"events,omitempty"`

	ctx       caddy.Context
	process   *process
	keys      []string // what this instance took from the pool
	pools     named
	rates     *rate.Limiter      // nil: nobody needs it
	refusals  *refusals.Recorder // nil: there is no store
	purges    *purges            // nil: there is no store
	store     *store             // nil: nobody needs it
	mail      mail.Config        // with what placeholders stand for
	realm     *realm.Realm       // nil: nobody needs it
	blobs     *blobPlace
	answers   *answers.Keeper // nil: nobody needs it
	answersOf string          // a service that does
	relays    *relays         // nil: nothing is published
	realmKey  string          // that of realm in the usage pool
	// eventsDigest is another one for each configuration of events.
	eventsDigest string
	executor     Executor         // nil: the default, or none
	api          string           // where scripts reach the control API
	executes     bool             // this process makes executions
	wish         *wish            // what was started
	storeAt      *caddyfile.Token // where a Caddyfile says that the store is PostgreSQL

	secretOnce   sync.Once
	secretBytes  [][]byte
	secretErr    error
	secretWanted bool // somebody will want Keys
	secretUnmade bool // there was none when this was provisioned

	mu       sync.Mutex
	services []*wrap.Service
}

// CaddyModule returns the Caddy module information.
func (*App) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "fairway", New: func() caddy.Module { return new(App) }}
}

// processKey is the key of the one entry that all configurations share.
const processKey = "process"

// shared holds what outlives a reload, by key.
var shared = caddy.NewUsagePool()

// process lives as long as any configuration uses it.
type process struct {
	metrics *observe.Metrics
	memory  *upstream.Memory
	cache   *cache.Cache
	// packing has room for who looks at an upload.
	packing chan struct{}
	// runners are those of the process.
	runners *runners
	// bus is where events are published within the process.
	bus *events.Bus
	// secret is the id of the secret of this machine, if this process has made it.
	secret atomic.Pointer[string]
}

// Destruct ends what is loaded in the background.
func (p *process) Destruct() error {
	p.cache.Close()
	return p.bus.Close()
}

// pool is a backend in the usage pool.
type pool struct{ *upstream.Backend }

// Destruct closes the idle connections.
func (p pool) Destruct() error {
	p.Close()
	return nil
}

// Provision finds or makes what is shared.
func (a *App) Provision(ctx caddy.Context) error {
	a.ctx = ctx
	if a.Memory == 0 {
		a.Memory = defaultMemory()
	}
	if a.Cache == 0 {
		a.Cache = DefaultCache
	}
	v, err := a.take(processKey, func() (caddy.Destructor, error) {
		p := &process{metrics: observe.New(), memory: upstream.NewMemory(int64(a.Memory)), cache: cache.New(int64(a.Cache)), packing: make(chan struct{}, scripts.PackedAtOnce), runners: new(runners), bus: events.NewBus()}
		p.metrics.Watch(p.memory)
		p.metrics.WatchStore(p.cache)
		p.metrics.WatchSlots(p.runners)
		return p, nil
	})
	if err != nil {
		return err
	}
	a.process = v.(*process)
	if _, err := a.take(runnersKey, func() (caddy.Destructor, error) { return a.process.runners, nil }); err != nil {
		return err
	}
	if err := a.process.metrics.Register(ctx.GetMetricsRegistry()); err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	if err := a.checkSecrets(); err != nil {
		return err
	}
	if a.Tokens != nil {
		if err := a.Tokens.check(); err != nil {
			return fmt.Errorf("tokens: %w", err)
		}
	}
	if a.Users != nil {
		if err := a.Users.check(); err != nil {
			return fmt.Errorf("users: %w", err)
		}
	}
	if err := a.Executions.check(); err != nil {
		return fmt.Errorf("executions: %w", err)
	}
	if a.Secret != "" {
		if _, err := a.secrets(); err != nil {
			return err
		}
	}
	if err := a.resolveMail(); err != nil {
		return err
	}
	if err := a.openBlobs(); err != nil {
		return err
	}
	if err := a.openDatabases(); err != nil {
		return err
	}
	if err := a.checkRunner(); err != nil {
		return fmt.Errorf("runner: %w", err)
	}
	if err := a.provisionEvents(); err != nil {
		return fmt.Errorf("events: %w", err)
	}
	return nil
}

func defaultMemory() wrap.Size {
	return memoryUnder(debug.SetMemoryLimit(-1)) // reads it
}

// memoryUnder is the default of a process that may have so many bytes.
func memoryUnder(limit int64) wrap.Size {
	if limit == math.MaxInt64 {
		return DefaultMemory
	}
	return wrap.Size(max(limit/2, leastMemory))
}

// take finds or makes an entry and remembers to give it back.
func (a *App) take(key string, construct func() (caddy.Destructor, error)) (any, error) {
	v, _, err := shared.LoadOrNew(key, construct)
	if err != nil {
		return nil, err
	}
	a.keys = append(a.keys, key)
	return v, nil
}

// Start makes this configuration's limits those that count, and starts what services do in the background; their own
// clean-up ends it.
func (a *App) Start() error {
	if a.secretWanted {
		if _, err := a.secrets(); err != nil {
			return err
		}
	}
	if err := a.startStore(); err != nil {
		return err
	}
	if a.purges != nil {
		a.purges.start()
	}
	a.process.memory.SetLimit(int64(a.Memory))
	a.process.cache.SetLimit(int64(a.Cache))
	if err := a.startRunner(); err != nil {
		return err
	}
	if a.relays != nil {
		a.relays.start()
	}
	if err := a.startSubscriptions(); err != nil {
		return err
	}
	if err := a.startAnswers(); err != nil {
		return err
	}
	for _, s := range a.Services() {
		s.Start()
	}
	return nil
}

// Stop has the runner take nothing more, unless another configuration goes on with it. Requests in flight end on what they hold.
func (a *App) Stop() error {
	a.stopRunner()
	return nil
}

// Cleanup gives back what this instance took.
func (a *App) Cleanup() error {
	a.stopRunner()
	var errs []error
	for _, key := range slices.Backward(a.keys) { // the store after who uses it
		if _, err := shared.Delete(key); err != nil {
			errs = append(errs, err)
		}
	}
	a.keys = nil
	return errors.Join(errs...)
}

// Deps is what wrap.Compile needs to make a service that works.
func (a *App) Deps(ctx caddy.Context) wrap.Deps {
	return wrap.Deps{Backend: a.backend, Secret: Secret, Databases: a.pools, Cache: a.process.cache, Rates: a.Rates, Refused: a.Refused, Address: ClientAddress, Memory: a.process.memory, Metrics: a.process.metrics, Logger: ctx.Slogger()}
}

// backend gives the pool of a backend: the one of an earlier configuration if nothing of it has changed.
func (a *App) backend(cfg upstream.Config) (*upstream.Backend, func(), error) {
	config, err := json.Marshal(cfg)
	if err != nil {
		return nil, nil, err
	}
	files, err := cfg.TLS.Fingerprint() // certificates are renewed in their place
	if err != nil {
		return nil, nil, err
	}
	key := "backend " + string(config) + files
	v, _, err := shared.LoadOrNew(key, func() (caddy.Destructor, error) {
		b, err := upstream.New(cfg, upstream.Options{Metrics: a.process.metrics, Memory: a.process.memory, Logger: a.ctx.Slogger()})
		return pool{b}, err
	})
	if err != nil {
		return nil, nil, err
	}
	release := sync.OnceFunc(func() { _, _ = shared.Delete(key) })
	return v.(pool).Backend, release, nil
}

// Loading lists what services load before they are ready, and have not yet.
func (a *App) Loading() []string {
	var out []string
	for _, s := range a.Services() {
		out = append(out, s.Loading()...)
	}
	return out
}

// Announce adds a service to the list.
func (a *App) Announce(s *wrap.Service) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.services = append(a.services, s)
}

// Services lists the services of this configuration in the order in which they were provisioned.
func (a *App) Services() []*wrap.Service {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clip(a.services)
}

// Interface guards.
var (
	_ caddy.App          = (*App)(nil)
	_ caddy.Provisioner  = (*App)(nil)
	_ caddy.CleanerUpper = (*App)(nil)
)
