// Package programs knows when users called last, and with which programs, in which version: by the header X-TE-Client that those of
// Trends.Earth send, and else by User-Agent.
//
// It costs a request a look into memory. What is new of a user is written by the request that tells it, at most mostWrites times in
// ten minutes whatever a caller sends, and a user has mostPrograms of them.
package programs

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"hash/maphash"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/modules/control/callers"
	"github.com/fairway-gateway/fairway/modules/control/memo"
	"github.com/fairway-gateway/fairway/modules/control/typed"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

const (
	// every is how often it is written down that a program was seen.
	every = 10 * time.Minute
	// mostPrograms is how many a user has, mostWrites how often a gateway writes of one in the time of every.
	mostPrograms, mostWrites = 20, 20
	// mostUsers is of how many users a gateway remembers what it has written, some 3 MB.
	mostUsers = 10_000
	// usualPatience is how long a request waits for the store.
	usualPatience = 2 * time.Second
)

// Programs is used concurrently.
type Programs struct {
	store    *queries.Store
	log      *slog.Logger
	patience time.Duration
	seed     maphash.Seed
	known    *memo.Memo[string, *written]
	making   sync.Mutex // of what is known
}

// Options are what Programs may have beside a store.
type Options struct {
	// Patience is how long a request waits for the store, if it has something new. Default 2 seconds.
	Patience time.Duration
	// Logger is told what could not be written. Default none.
	Logger *slog.Logger
}

// written is what was written of a user.
type written struct {
	mu    sync.Mutex
	heads map[uint64]bool
}

// New makes Programs over an open store.
func New(store *queries.Store, o Options) *Programs {
	if o.Patience <= 0 {
		o.Patience = usualPatience
	}
	return &Programs{
		store: store, log: cmp.Or(o.Logger, slog.New(slog.DiscardHandler)), patience: o.Patience,
		seed: maphash.MakeSeed(), known: memo.New[string, *written](mostUsers),
	}
}

// See looks at who calls, and with which program. That a user calls is written once in ten minutes, too. It is api.Options.Seen. Programs that call as a user with a token of their own are
// none of his.
func (p *Programs) See(r *http.Request, c *callers.Caller) {
	if c == nil || c.ID == "" || c.Token != nil && (c.Token.ByClient || c.Token.ByAPIToken) {
		return
	}
	header, agent := first(r.Header[Header]), first(r.Header["User-Agent"])
	w, began := p.of(c.ID)
	isNew := w.isNew(p.sum(header, agent))
	if !began && !isNew {
		return
	}
	id, err := uuid.Parse(c.ID)
	if err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), p.patience)
	defer cancel()
	if began {
		_, err = p.store.Queries().TouchActivity(ctx, db.TouchActivityParams{ID: id, EveryMs: time.Minute.Milliseconds()})
	}
	if program, ok := Parse(header, agent); ok && isNew {
		err = errors.Join(err, p.store.SeeClient(ctx, id, program, mostPrograms))
	}
	if err != nil {
		p.log.WarnContext(ctx, "that a user calls, and with which program, could not be written down", slog.Any("error", err))
	}
}

func first(values []string) string {
	if len(values) == 0 || len(values[0]) > mostHeader {
		return ""
	}
	return values[0]
}

// sum tells headers from others.
func (p *Programs) sum(header, agent string) uint64 {
	var h maphash.Hash
	h.SetSeed(p.seed)
	_, _ = h.WriteString(header)
	_ = h.WriteByte(0)
	if header == "" {
		_, _ = h.WriteString(agent)
	}
	return h.Sum64()
}

// isNew says whether headers have to be looked at: they were not, of this user, for some time.
func (w *written) isNew(sum uint64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.heads[sum] || len(w.heads) >= mostWrites {
		return false
	}
	w.heads[sum] = true
	return true
}

// of gives what was written of a user, and whether that begins now.
func (p *Programs) of(user string) (w *written, began bool) {
	if w, ok := p.known.Get(user, time.Now()); ok {
		return w, false
	}
	p.making.Lock()
	defer p.making.Unlock()
	now := time.Now()
	w, ok := p.known.Get(user, now)
	if !ok {
		w = &written{heads: map[uint64]bool{}}
		p.known.Put(user, w, now.Add(every), p.known.Epoch())
	}
	return w, !ok
}

// Program is one of a user's, as Trends.Earth's clients know it.
type Program struct {
	ID       string         `json:"id" required:"true" format:"uuid"`
	User     string         `json:"user_id" required:"true" format:"uuid"`
	Type     string         `json:"client_type" required:"true" example:"qgis_plugin" doc:"The kind of program; there is one entry for each"`
	Version  *string        `json:"client_version" required:"true" example:"2.2.4" nullable:"true"`
	OS       *string        `json:"os" required:"true" example:"Windows" nullable:"true"`
	QGIS     *string        `json:"qgis_version" required:"true" example:"3.34.0" nullable:"true"`
	Language *string        `json:"language" required:"true" example:"en" nullable:"true"`
	Extra    map[string]any `json:"extra_metadata" required:"true" nullable:"true" doc:"What else the header X-TE-Client said"`
	LastSeen string         `json:"last_seen_at" required:"true" doc:"UTC, exact to ten minutes" example:"2026-03-18T12:00:00.000000"`
	Created  string         `json:"created_at" required:"true" example:"2026-01-15T10:30:00.000000"`
}

// Register has GET /api/v1/user/me/clients handled.
func (p *Programs) Register(t *typed.API) {
	typed.Register(t, typed.Operation{
		ID: "user.me.clients", Summary: "With which programs I call",
		Description: "One entry for each kind of program, the one that was seen last first: by the header X-TE-Client (type=qgis_plugin; version=2.2.4; qgis_version=3.34.0; os=Windows; lang=en), and else by User-Agent.",
	}, p.list)
}

func (p *Programs) list(ctx context.Context, _ *struct{}) (*typed.Answer[[]Program], error) {
	caller, err := api.CallerIn(ctx)
	if err != nil {
		return nil, err
	}
	id, err := uuid.Parse(caller.ID)
	if err != nil {
		return nil, api.ErrNotFound
	}
	all, err := p.store.Queries().ListUserClients(ctx, id)
	if err != nil {
		return nil, err
	}
	out := make([]Program, len(all))
	for i, row := range all {
		out[i] = Program{
			ID: row.ID.String(), User: row.UserID.String(), Type: row.ClientType, Version: known(row.ClientVersion), OS: known(row.Os), QGIS: known(row.QgisVersion),
			Language: known(row.Language), LastSeen: naive(row.LastSeenAt), Created: naive(row.CreatedAt),
		}
		if len(row.ExtraMetadata) > len("{}") {
			if err := json.Unmarshal(row.ExtraMetadata, &out[i].Extra); err != nil {
				return nil, err
			}
		}
	}
	return typed.Of(out), nil
}

func known(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func naive(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000") }
