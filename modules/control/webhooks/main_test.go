package webhooks

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/controltest"
	"github.com/fairway-gateway/fairway/modules/control/events"
	"github.com/fairway-gateway/fairway/modules/control/mail"
	"github.com/fairway-gateway/fairway/modules/control/outbox"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

var engines = controltest.NewEngines()

func TestMain(m *testing.M) { os.Exit(engines.Main(m)) }

var must = controltest.Must

// letters are those that were sent.
type letters struct {
	mu  sync.Mutex
	all []mail.Message
}

func (l *letters) Send(_ context.Context, _ queries.By, m mail.Message) (string, int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, m)
	return "", 1, nil
}

func (l *letters) sent() []mail.Message {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]mail.Message{}, l.all...)
}

// site is a store with webhooks that leave.
type site struct {
	*Webhooks
	store *queries.Store
	mail  *letters
	user  uuid.UUID
}

func quick() Config {
	return Config{
		Allowed: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Pause: time.Millisecond, Longest: 5 * time.Millisecond, Timeout: 10 * time.Second, Every: 10 * time.Millisecond,
		Outbox: outbox.Config{First: time.Millisecond, Longest: 5 * time.Millisecond},
	}
}

func open(t testing.TB, dsn string, cfg Config) *site {
	t.Helper()
	s, err := queries.Open(t.Context(), queries.Config{DSN: dsn})
	must(t, err)
	t.Cleanup(s.Close)
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	out := &site{store: s, mail: new(letters)}
	out.Webhooks, err = New(cfg, Deps{Store: s, Keys: [][]byte{key}, Mail: out.mail})
	must(t, err)
	must(t, s.BeginEvents(t.Context(), Reader))
	out.user = out.person(t, "a@x.org", "USER")
	return out
}

func (s *site) person(t testing.TB, email, role string) uuid.UUID {
	t.Helper()
	u, err := s.store.CreateUser(t.Context(), queries.By{Actor: "test"}, db.User{Email: email, EmailKey: email, Role: role, IsActive: true, Profile: json.RawMessage(`{}`)})
	must(t, err)
	return u.ID
}

// hook makes a webhook and gives its key.
func (s *site) hook(t testing.TB, user uuid.UUID, url string, all bool, types ...string) (db.Webhook, []byte) {
	t.Helper()
	id, err := uuid.NewV7()
	must(t, err)
	w := db.Webhook{ID: id, UserID: user}
	must(t, s.write(&w, WebhookSettings{URL: url, Types: types, All: all, Active: true}, []string{"url", "types", "all"}, true))
	var secret string
	w.Secret, secret = s.sealer.Fresh(id.String())
	w, err = s.store.CreateWebhook(t.Context(), queries.By{Actor: "test"}, w, 20)
	must(t, err)
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	must(t, err)
	return w, key
}

// tell writes events of a user's executions.
func (s *site) happen(t testing.TB, user uuid.UUID, execution string, first, last int) {
	t.Helper()
	for n := first; n <= last; n++ {
		data, err := json.Marshal(map[string]any{"user_id": user, "n": n})
		must(t, err)
		must(t, queries.Tell(t.Context(), s.store.Queries(), queries.Event{At: time.Now(), Type: "execution.running", Subject: "execution/" + execution, Data: data}))
	}
}

// start has them leave until the test ends, or the function is called.
func (s *site) start(t testing.TB) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Run(ctx)
	}()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return stop
}

// receiver is where events go.
type receiver struct {
	*httptest.Server
	mu    sync.Mutex
	calls int
	got   []events.CloudEvent
	bad   string
	// answer gives the status of a call; 0: 204.
	answer func(call int) int
	key    []byte
}

func receive(t testing.TB) *receiver {
	t.Helper()
	r := new(receiver)
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls++
	h := req.Header
	if err == nil {
		err = Verify(r.key, h.Get(HeaderID), h.Get(HeaderTimestamp), h.Get(HeaderSignature), body, time.Now())
	}
	var e events.CloudEvent
	if err == nil {
		err = json.Unmarshal(body, &e)
	}
	if err != nil || req.Method != http.MethodPost || h.Get("Content-Type") != events.ContentType || e.ID != h.Get(HeaderID) {
		r.bad = req.Method + " " + string(body)
	}
	status := http.StatusNoContent
	if r.answer != nil {
		if s := r.answer(r.calls); s != 0 {
			status = s
		}
	}
	if status/100 == 2 {
		r.got = append(r.got, e)
	}
	w.WriteHeader(status)
}

func (r *receiver) events() []events.CloudEvent {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]events.CloudEvent{}, r.got...)
}

func (s *site) dead1(t testing.TB, hook db.Webhook) string {
	t.Helper()
	all, err := s.store.DeadOfLane(t.Context(), queries.LaneOfWebhook(hook.ID), 10)
	must(t, err)
	if len(all) == 0 {
		return ""
	}
	return all[0].Why
}

func newEvent() events.CloudEvent {
	return events.CloudEvent{SpecVersion: "1.0", ID: "1", Source: "/x", Type: "t", Data: json.RawMessage(`{}`)}
}
