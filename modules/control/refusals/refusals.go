// Package refusals writes down whom limits refused, for administrators who ask later.
//
//	rec := refusals.New(refusals.Config{Store: store})
//	go rec.Run(ctx)   // until ctx ends
//	rec.Refused(r)
//
// A request never waits for it: refusals are held in memory, those of one caller or address at one endpoint as one, and written
// every second. Who has more addresses than are held is written down as many others, without saying which.
package refusals

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/proxies/rate"
	"github.com/fairway-gateway/fairway/queries"
)

// Kinds of refusals, as Trends.Earth's clients know them.
const (
	// Auth is of those who tried passwords too often.
	Auth = "AUTH"
	// User is of one caller, wherever he is, IP of one address.
	User = "USER"
	IP   = "IP"
)

// Store takes refusals. *queries.Store is one.
type Store interface {
	AddRefusals(ctx context.Context, all []queries.Refused) error
}

// Config is where refusals are written, and how.
type Config struct {
	// Store gives the store, or the error of why it is not open.
	Store func(context.Context) (Store, error)
	// Every is how often they are written. Default 1s.
	Every time.Duration
	// Most is how many callers, addresses and endpoints are told apart between two writings. Default 1000, about 1 MB.
	Most int
	// Batch is how many rows one transaction writes. Default 100.
	Batch int
	// Timeout is how long one transaction may take. Default 5s.
	Timeout time.Duration
	// Drain is how long the last writing may take when Run is to end. Default 2s.
	Drain time.Duration
	// Logger is told when the store does not answer, and when it does again. Default none.
	Logger *slog.Logger
}

// Recorder holds refusals until they are written. It is used concurrently.
type Recorder struct {
	cfg  Config
	wake chan struct{} // something is in it when there is something to write
	down bool          // the store did not answer; Run's own

	mu   sync.Mutex
	held map[key]*entry
}

// key is what refusals have in common that are written as one.
type key struct {
	kind, scope, limit, who, method, endpoint string
}

// entry is refusals of one key.
type entry struct {
	rate.Refusal
	count       int64
	first, last time.Time
}

// New makes a Recorder, which writes nothing before Run.
func New(cfg Config) *Recorder {
	cfg.Every = cmp.Or(cfg.Every, time.Second)
	cfg.Most = cmp.Or(cfg.Most, 1000)
	cfg.Batch = cmp.Or(cfg.Batch, 100)
	cfg.Timeout = cmp.Or(cfg.Timeout, 5*time.Second)
	cfg.Drain = cmp.Or(cfg.Drain, 2*time.Second)
	cfg.Logger = cmp.Or(cfg.Logger, slog.New(slog.DiscardHandler))
	return &Recorder{cfg: cfg, wake: make(chan struct{}, 1), held: map[key]*entry{}}
}

// Refused writes down that a limit refused a request. It does not wait. A nil Recorder does nothing.
func (r *Recorder) Refused(said rate.Refusal) {
	if r == nil {
		return
	}
	kind := User
	if said.Key == "" && said.Limit.By == rate.ByAddress || strings.HasPrefix(said.Key, addressKey) {
		kind = IP
	}
	said.Key = Key(said.Key)
	r.add(kind, said)
}

// Throttled writes down that somebody tried passwords of a user too often: what he typed is kept as a hash. Request, which may be
// nil, is the one that was refused.
func (r *Recorder) Throttled(request *http.Request, from netip.Addr, user string, retry time.Duration) {
	if r == nil {
		return
	}
	address := ""
	if from.IsValid() {
		address = from.Unmap().String()
	}
	sum := sha256.Sum256([]byte(queries.Key(user)))
	said := rate.Refusal{Scope: "passwords", Retry: retry, Key: "auth:" + hex.EncodeToString(sum[:8]) + ":" + address, Address: address}
	if request != nil {
		said.Method, said.Endpoint, said.Agent = request.Method, Endpoint(request), request.UserAgent()
	}
	r.add(Auth, said)
}

// Endpoint is the pattern of paths by which a request was found, without its method; "": it was found by none.
func Endpoint(r *http.Request) string {
	_, path, ok := strings.Cut(r.Pattern, " ")
	if !ok {
		return r.Pattern
	}
	return path
}

// addressKey begins what limits call an address.
const addressKey = "ip:"

// Key is what a record calls whom a limit calls identity: user:<id>, ip:192.0.2.1, ip:2001:db8::/64.
func Key(identity string) string {
	if !strings.HasPrefix(identity, addressKey) {
		return identity
	}
	return strings.TrimSuffix(identity, "/32")
}

func (r *Recorder) add(kind string, said rate.Refusal) {
	said.Method = methodOf(said.Method)
	said.Address = addressOf(said.Address)
	k := key{kind: kind, scope: said.Scope, limit: said.Limit.String(), who: said.Key, method: said.Method, endpoint: said.Endpoint}
	if said.Key == "" {
		k.who = said.Address
	}
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.put(k, &entry{Refusal: said, count: 1, first: now, last: now})
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// put adds refusals to those that are held. Beyond as many as may be held it does not tell who they are: of that there is one for
// each limit, and a configuration has not many.
func (r *Recorder) put(k key, e *entry) {
	was := r.held[k]
	if was == nil && len(r.held) >= r.cfg.Most {
		k = key{kind: k.kind, scope: k.scope, limit: k.limit}
		e = &entry{Refusal: rate.Refusal{Scope: e.Scope, Limit: e.Limit, Retry: e.Retry}, count: e.count, first: e.first, last: e.last}
		was = r.held[k]
	}
	if was == nil {
		e.Agent = strings.Clone(e.Agent[:min(len(e.Agent), 4*mostAgent)]) // not the whole head of the request
		r.held[k] = e
		return
	}
	was.count += e.count
	if e.first.Before(was.first) {
		was.first = e.first
	}
	if e.last.After(was.last) {
		was.last, was.Retry, was.Address = e.last, e.Retry, e.Address
	}
}

// mostAgent is how long a User-Agent may be in the store, in characters.
const mostAgent = 255

// methodOf is a method that there may be many of no more than there are.
func methodOf(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions, "":
		return method
	}
	return "OTHER"
}

// addressOf is an address without a port, "" where there is none.
func addressOf(text string) string {
	a, err := netip.ParseAddr(text)
	if err != nil {
		ap, err := netip.ParseAddrPort(text)
		if err != nil {
			return ""
		}
		a = ap.Addr()
	}
	return a.Unmap().WithZone("").String()
}

// Run writes what is held until ctx ends, and then once more. It runs once at a time.
func (r *Recorder) Run(ctx context.Context) {
	timer := time.NewTimer(r.cfg.Every)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.cfg.Drain)
			defer cancel()
			r.write(last)
			return
		case <-r.wake:
		}
		timer.Reset(r.cfg.Every)
		select {
		case <-ctx.Done():
		case <-timer.C:
			r.write(ctx)
		}
	}
}

// write writes what is held. What could not be written is held again.
func (r *Recorder) write(ctx context.Context) {
	r.mu.Lock()
	held := r.held
	r.held = map[key]*entry{}
	r.mu.Unlock()
	if len(held) == 0 {
		return
	}
	keys := make([]key, 0, len(held))
	for k := range held {
		keys = append(keys, k)
	}
	for batch := range slices.Chunk(keys, r.cfg.Batch) {
		err := r.writeBatch(ctx, batch, held)
		r.note(ctx, err)
		if err != nil && later(err) {
			r.hold(held)
			return
		}
		for _, k := range batch {
			delete(held, k)
		}
	}
}

// later says whether it may go well another time. What the store does not take it will never take.
func later(err error) bool { return queries.Away(err) || errors.Is(err, context.Canceled) }

// hold takes back what could not be written.
func (r *Recorder) hold(left map[key]*entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for k, e := range left {
		r.put(k, e)
	}
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

func (r *Recorder) writeBatch(ctx context.Context, batch []key, held map[key]*entry) error {
	ctx, cancel := context.WithTimeout(ctx, r.cfg.Timeout)
	defer cancel()
	store, err := r.cfg.Store(ctx)
	if err != nil {
		return err
	}
	all := make([]queries.Refused, len(batch))
	for i, k := range batch {
		all[i] = held[k].row(k)
	}
	return store.AddRefusals(ctx, all)
}

// note says once that the store does not answer, and once that it does.
func (r *Recorder) note(ctx context.Context, err error) {
	switch {
	case err != nil && !r.down:
		r.cfg.Logger.WarnContext(ctx, "whom limits refuse cannot be written down now", slog.Any("error", err))
	case err == nil && r.down:
		r.cfg.Logger.InfoContext(ctx, "whom limits refuse is written down again")
	}
	r.down = err != nil
}

// shortest and longest window of which the refusals are one row.
const (
	shortest = time.Minute
	longest  = time.Hour
)

// row is the entry as the store takes it.
func (e *entry) row(k key) queries.Refused {
	out := queries.Refused{
		Key: k.hash(), Window: min(max(e.Limit.Per, shortest), longest), First: time.Since(e.first), Last: time.Since(e.last), Count: e.count, Kind: k.kind,
		Email: e.Email, Role: e.Role, Scope: e.Scope, Endpoint: e.Endpoint, Method: e.Method, Limit: e.Limit.N, Per: e.Limit.Per, Retry: e.Retry,
		LimitKey: e.Refusal.Key, Address: e.Address, Agent: agentOf(e.Agent),
	}
	if e.Limit.N > 0 {
		out.Definition = e.Limit.String()
	}
	if id, err := uuid.Parse(e.User); err == nil {
		out.User = &id
	}
	return out
}

func (k key) hash() []byte {
	h := sha256.New()
	for _, part := range []string{k.kind, k.scope, k.limit, k.who, k.method, k.endpoint} {
		_, _ = h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		_, _ = h.Write([]byte(part))
	}
	return h.Sum(nil)
}

// agentOf makes text that both engines store of what a caller calls himself.
func agentOf(text string) string {
	runes := []rune(strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", " "), "\uFFFD"))
	return string(runes[:min(len(runes), mostAgent)])
}

var _ Store = (*queries.Store)(nil)
