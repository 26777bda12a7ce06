package fairway

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/runner"
	"github.com/fairway-gateway/fairway/runner/executor"
)

// stateDir is where runners of root keep what they have to: what systemd says (StateDirectory=), or rootRunners.
func stateDir() string {
	if dir, _, _ := strings.Cut(os.Getenv("STATE_DIRECTORY"), ":"); filepath.IsAbs(dir) {
		return dir
	}
	return rootRunners
}

// isRoot says whether this process is the machine's superuser.
func isRoot() bool { return os.Geteuid() == 0 }

// alone says that the process is a runner and nothing else.
func (a *App) alone() bool { return a.Runner != nil && a.Runner.Mode == RunnerAlone }

// UseExecutions says that a module that is being provisioned makes executions: they are admitted and looked after by this process, and
// run by it where nothing else is said. It comes after Realm.
func (a *App) UseExecutions() error {
	if err := a.useStore(); err != nil {
		return err
	}
	a.store.dispatches.Store(true)
	a.executes = true
	return nil
}

// checkRunner finds what is wrong with the runner of a configuration, and what it needs.
func (a *App) checkRunner() error {
	if err := a.Runner.check(); err != nil {
		return err
	}
	if a.Runner == nil {
		return nil
	}
	api, err := Resolve(a.Runner.API)
	if err != nil {
		return fmt.Errorf("api: %w", err)
	}
	if err := checkAPI(api); err != nil {
		return err
	}
	a.api = strings.TrimSuffix(api, "/")
	if a.Runner.ExecutorRaw != nil {
		v, err := a.ctx.LoadModule(a.Runner, "ExecutorRaw")
		if err != nil {
			return fmt.Errorf("executor: %w", err)
		}
		var ok bool
		if a.executor, ok = v.(Executor); !ok {
			return fmt.Errorf("executor: %T is none", v)
		}
	}
	if a.Runner.Mode == RunnerEmbedded || a.alone() {
		return a.useStore()
	}
	return nil
}

// embeds says whether this process is to run executions.
func (a *App) embeds() bool {
	mode := ""
	if a.Runner != nil {
		mode = a.Runner.Mode
	}
	switch mode {
	case RunnerOff:
		return false
	case RunnerEmbedded, RunnerAlone:
		return true
	}
	return a.executes && !queries.IsPostgres(a.store.dsn)
}

// startRunner has what this configuration wants of executions be done.
func (a *App) startRunner() error {
	if a.store == nil {
		return nil
	}
	w := &wish{store: a.store, blobs: a.blobs, keep: a.Executions.retention(), tend: a.executes, limits: a.Executions.config().Limits, log: a.ctx.Slogger()}
	if a.embeds() {
		var err error
		if w.run, err = a.running(); err != nil {
			return fmt.Errorf("runner: %w", err)
		}
		if err := a.tryExecutor(w); err != nil {
			return fmt.Errorf("runner: %w", err)
		}
	}
	a.wish = w
	ctx, cancel := context.WithTimeout(a.ctx, storePatience)
	defer cancel()
	a.process.runners.add(ctx, w)
	return nil
}

// stopRunner has this configuration not be obeyed any more.
func (a *App) stopRunner() {
	if a.wish != nil {
		a.process.runners.remove(a.wish)
	}
}

// running is what the runner of this configuration is made of.
func (a *App) running() (*running, error) {
	words := a.Runner
	if words == nil {
		words = new(Runner)
	}
	if a.executor == nil {
		v, err := a.ctx.LoadModuleByID(executorNamespace+".process", nil)
		if err != nil {
			return nil, err
		}
		a.executor = v.(Executor)
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	name := cmp.Or(words.Name, host)
	own := ""
	if a.alone() {
		own = name
		if !runnerName().MatchString(own) {
			own = digest(own)
		}
	}
	kind := executorName(words.ExecutorRaw)
	home := cmp.Or(a.executor.Home(), runnerHome(own, isRoot()))
	if home, err = filepath.Abs(home); err != nil {
		return nil, err
	}
	queues := words.Queues
	if len(queues) == 0 {
		queues = []string{queries.DefaultQueue}
	}
	drain := time.Duration(usualDrain)
	if words.Drain != nil {
		drain = time.Duration(*words.Drain)
	}
	tracer, err := a.tracer()
	if err != nil {
		return nil, err
	}
	r := &running{
		home: home, executor: kind, drain: drain, store: a.store, blobs: a.blobs, log: a.ctx.Slogger(),
		config: runner.Config{
			Name: name, Host: host, Version: caddyVersion(), Queues: queues, Slots: cmp.Or(words.Slots, usualSlots), Lease: time.Duration(cmp.Or(words.Lease, usualLease)),
			Limits: a.Executions.config().Limits, Guest: a.alone(), APIURL: a.api, Secrets: secretsOf(a.store.dsn), Observer: a.store.executions, Tracer: tracer, Logger: a.ctx.Slogger(),
		},
	}
	place := Place{Directory: home, Hidden: a.hidden(a.store.dsn), Blobs: a.blobs.get}
	guest := a.executor
	r.open = func() (executor.Executor, error) { return guest.Open(place) }
	key, err := json.Marshal([]any{
		words.ExecutorRaw, place, name, queues, r.config.Slots, r.config.Lease, r.drain, r.config.Limits, a.api, a.store.dsn, a.blobs.key(),
	})
	r.key = string(key)
	return r, err
}

// tryExecutor opens the executor. Where nobody wrote of a runner, and the machine cannot isolate executions, there is none.
func (a *App) tryExecutor(w *wish) (err error) {
	if a.process.runners.has(w.run.key) {
		return nil
	}
	if err := makeHome(w.run.home, isRoot()); err != nil {
		return a.without(w, fmt.Errorf("its directory cannot be made: %w", err), "a directory that it can write")
	}
	w.run.opened, err = w.run.open()
	if err == nil {
		return nil
	}
	missing := "see the log"
	if level, ok := errors.AsType[*executor.LevelError](err); ok {
		missing = level.Error()
	}
	return a.without(w, err, missing)
}

// without goes on without a runner, if nobody wrote of one.
func (a *App) without(w *wish, err error, missing string) error {
	if a.Runner != nil {
		return err
	}
	w.run, w.missing = nil, missing
	a.ctx.Slogger().Error("executions are not run by this gateway: they cannot be isolated here; write runner off if others run them", slog.Any("error", err))
	return nil
}

// RunnerHealth tells how the runner of this process is; nil: there is none, and none should be. Idle says that the process has nothing else
// to do, and does not run executions.
func (a *App) RunnerHealth() (h *RunnerHealth, idle bool) {
	h = a.process.runners.health()
	return h, a.alone() && (h == nil || h.State != RunnerRunning)
}

// has says whether there is a runner that is made of the same.
func (m *runners) has(key string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.all {
		if e.key == key && !e.stopping() && !isClosed(e.ended) {
			return true
		}
	}
	return false
}

// executorName is the name of an executor's module.
func executorName(raw json.RawMessage) string {
	var of struct {
		Executor string `json:"executor"`
	}
	if json.Unmarshal(raw, &of) != nil || of.Executor == "" {
		return "process"
	}
	return of.Executor
}

// caddyVersion is the version of the binary.
func caddyVersion() string {
	simple, _ := caddy.Version()
	return simple
}

// secretsOf are the secrets of a store's address, which no log of a script may have.
func secretsOf(dsn string) []string {
	if !queries.IsPostgres(dsn) {
		return nil
	}
	if _, password := queries.Sockets(dsn); password != "" {
		return []string{password}
	}
	return nil
}
