package wrap

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/fairway-gateway/fairway/proxies/problem"
	"github.com/fairway-gateway/fairway/proxies/reply"
)

// Defaults and limits of a fan-out.
const (
	DefaultConcurrency = 8
	mostConcurrency    = 256
	DefaultItems       = 1000
	mostItems          = 100_000
)

// itemName is what the fetches of a fan-out call the item that they are for.
const itemName = "item"

// fanOut is a compiled FanOut: a worker that runs a plan for each item of a list.
type fanOut struct {
	FanOut
	step *step
	list *program
	plan *plan
}

func (rt *route) compileFanOut(c *Config, f *Fetch, sc scope, deps Deps, at place) error {
	switch {
	case f.fetches() || f.SQL != nil:
		return at.errf("each fetches nothing itself: what is fetched stands in the fetches of its block")
	case f.Name == "":
		return at.errf("each needs a name, for its list of results: each nodes `$status.nodes`")
	case slices.Contains(sc.names, itemName) || sc.plan.find(itemName) != nil:
		return at.errf("{item} is what the fetches of each call their item; choose another name for the other %s", itemName)
	case sc.plan.owner != nil:
		return at.errf("an each inside another is not available; make one list of both in its program")
	case f.Each.Concurrency < 0 || f.Each.Concurrency > mostConcurrency:
		return at.field("each/concurrency").errf("concurrency is 1 to %d", mostConcurrency)
	case f.Each.Limit < 0 || f.Each.Limit > mostItems:
		return at.field("each/limit").errf("limit is 1 to %d items", mostItems)
	}
	out := &fanOut{FanOut: *f.Each, step: sc.step, plan: newPlan(f.Each.Fetches, sc.step)}
	if out.Concurrency == 0 {
		out.Concurrency = DefaultConcurrency
	}
	if out.Limit == 0 {
		out.Limit = DefaultItems
	}
	sc.step.work = out
	at = at.field("each")
	var err *ConfigError
	if out.list, err = rt.compileProgram("each", out.List, sc.step, sc.plan.without(sc.step), at.field("list")); err != nil {
		return err
	}
	out.list.fetch = f.Name
	for _, s := range out.plan.steps {
		s.caller = sc.step.caller // an item may be the caller
	}
	sc.plan = out.plan
	if len(f.Each.Fetches) == 0 {
		return at.errf("each fetches nothing; it needs a line: fetch /path/{item}")
	}
	return rt.compileFetches(c, f.Each.Fetches, sc, deps, at)
}

// fetches says whether something stands there that only a request to a backend has.
func (f *Fetch) fetches() bool {
	return f.Target != "" || f.URL != "" || len(f.DecodeRaw) > 0 || f.Decoder != nil || f.Method != "" || f.Body != nil || len(f.Header) > 0 ||
		f.Backend != "" || f.FailWhen != "" || f.Charset != "" || f.CharsetErrors != "" || f.Pages != nil || f.Cache != nil || f.Stale != 0 || f.Refresh != nil
}

// adopt has the plan of each item make what is wanted of the whole.
func (e *fanOut) adopt() {
	for _, s := range e.plan.steps {
		s.used, s.tree, s.text, s.checked = true, s.tree || e.step.tree, e.step.text, e.step.checked
	}
}

// run runs the plan for each item, several at once, and lists what came of them in the order of the items.
func (e *fanOut) run(ctx context.Context, fr *frame) *problem.Problem {
	v, err := e.list.run(ctx, fr, nil)
	if err != nil {
		return replyFailed("The list of each could not be made.", e.step.name, err)
	}
	items, ok := v.([]any)
	switch {
	case !ok:
		return replyFailed(fmt.Sprintf("The program of each %s gave no array.", e.step.name), e.step.name, nil)
	case len(items) > e.Limit:
		return replyFailed(fmt.Sprintf("The list of each %s has %d items, and its limit is %d.", e.step.name, len(items), e.Limit), e.step.name, nil)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	many := &fanned{e: e, outer: fr, frames: make([]frame, len(items)), failed: make([]*problem.Problem, len(items)), shared: newShared()}
	until := e.step.until(fr)
	for i, item := range items {
		many.frames[i] = frame{exchange: fr.exchange, plan: e.plan, outer: fr, deadline: until, item: item, number: i, shared: many.shared}
	}
	fr.results[e.step.index].frames = many.frames
	var tasks sync.WaitGroup
	concurrency := e.Concurrency
	if fr.trace != nil {
		concurrency = 1 // so that what is told of one item stands together
	}
	for range min(concurrency, len(items)) - 1 {
		tasks.Go(func() { many.work(ctx, cancel) })
	}
	many.work(ctx, cancel)
	tasks.Wait()
	if p := many.required.Load(); p != nil {
		return p
	}
	return many.result(&fr.results[e.step.index])
}

// fanned is a fan-out while it runs.
type fanned struct {
	e        *fanOut
	outer    *frame
	frames   []frame
	failed   []*problem.Problem // by item; nil: it has a value
	next     atomic.Int64
	required atomic.Pointer[problem.Problem] // the failure that ended the whole
	shared   *shared
}

// work takes one item after the other, until there is none or a required one has failed.
func (m *fanned) work(ctx context.Context, cancel context.CancelFunc) {
	for {
		i := int(m.next.Add(1)) - 1
		if i >= len(m.frames) || ctx.Err() != nil && m.required.Load() != nil {
			return
		}
		p := m.frames[i].guarded(ctx)
		if p == nil {
			continue
		}
		named := *p
		named.Fetch = m.nameOf(i, p)
		if !m.e.step.policy.optional || !m.e.step.policy.tolerates(p) {
			if m.required.CompareAndSwap(nil, &named) {
				cancel()
			}
			return
		}
		m.failed[i] = &named
		m.outer.logPart(&named)
	}
}

// guarded is run with a panic made a problem.
func (fr *frame) guarded(ctx context.Context) (p *problem.Problem) {
	defer recovered(&p, func() string { return "an item of each" })
	return fr.run(ctx)
}

// nameOf names where an item failed: nodes[3], or nodes[3].info.
func (m *fanned) nameOf(i int, p *problem.Problem) string {
	name := m.e.step.name + "[" + itoa(i) + "]"
	if p.Fetch != "" {
		name += "." + p.Fetch
	}
	return name
}

// result lists {item, status, value} of each item, with its problem where it has failed.
func (m *fanned) result(res *result) *problem.Problem {
	s := m.e.step
	list := make([]any, len(m.frames))
	text := append(make([]byte, 0, 64*len(m.frames)+2), '[')
	for i := range m.frames {
		fr := &m.frames[i]
		status, p := fr.status(m.failed[i])
		if m.failed[i] != nil {
			res.parts = append(res.parts, m.failed[i])
		} else {
			for _, part := range fr.failures() {
				named := *part
				named.Fetch = m.nameOf(i, part)
				res.parts = append(res.parts, &named)
			}
		}
		if s.tree || s.checked {
			entry := map[string]any{itemName: fr.item, "status": status, "value": nil}
			if m.failed[i] == nil {
				entry["value"] = fr.tree()
			}
			if p != nil {
				entry["problem"] = p.Part()
			}
			list[i] = entry
		}
		if s.text {
			var err error
			if text, err = fr.appendEntry(text, status, p, m.failed[i] != nil); err != nil {
				return replyFailed("An item of each could not be written.", s.name, err)
			}
		}
	}
	res.tree, res.json = list, append(text, ']')
	return nil
}

// status is what became of an item: the backend's status, or that of what failed.
func (fr *frame) status(failed *problem.Problem) (int, *problem.Problem) {
	if failed != nil {
		return failed.Status, failed
	}
	if parts := fr.failures(); len(parts) > 0 {
		return parts[0].Status, parts[0]
	}
	if len(fr.results) == 1 && fr.results[0].status != 0 {
		return fr.results[0].status, nil
	}
	return http.StatusOK, nil
}

// tree is the value of a plan for jq: the one value, or an object of the named ones.
func (fr *frame) tree() any {
	if fr.plan.single() {
		return fr.results[0].tree
	}
	out := make(map[string]any, len(fr.results))
	for i, s := range fr.plan.steps {
		out[s.name] = fr.results[i].tree
	}
	return out
}

// appendEntry appends an item's entry as JSON text, its value as it was decoded.
func (fr *frame) appendEntry(text []byte, status int, p *problem.Problem, failed bool) ([]byte, error) {
	item, err := reply.Marshal(fr.item)
	if err != nil {
		return nil, err
	}
	if len(text) > 1 {
		text = append(text, ',')
	}
	text = append(append(text, `{"item":`...), item...)
	text = fmt.Appendf(text, `,"status":%d,"value":`, status)
	if failed {
		text = append(text, "null"...)
	} else {
		text = append(text, fr.join()...)
	}
	if p == nil {
		return append(text, '}'), nil
	}
	part, err := reply.Marshal(p.Part())
	if err != nil {
		return nil, err
	}
	return append(append(append(text, `,"problem":`...), part...), '}'), nil
}
