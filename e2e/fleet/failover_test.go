package fleet_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/fairway-gateway/fairway/e2e/api"
	"github.com/fairway-gateway/fairway/e2e/fleet"
	"github.com/fairway-gateway/fairway/e2e/gateway"
	"github.com/fairway-gateway/fairway/internal/required"
)

// copied asks a database that is the standby of the store, and would change it.
const copied = `	service /copied {
		version 1.0.0
		repository https://github.com/example/fleet
		description "Of the standby"
		GET / {
			sql users copy ` + "`select count(*) as n from users`" + `
			reply ` + "`$users[0]`" + `
		}
		POST / {
			sql made copy exec ` + "`update users set email = email`" + `
			reply ` + "`$made`" + `
		}
	}
`

// TestFailover kills PostgreSQL while executions are asked for, and has its synchronous standby lead, whose address gateways and runners know. Nobody restarts
// them: what was acknowledged is there and ends, tokens of before are good, one gateway hears of what others revoke, and a runner leads the queue.
func TestFailover(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		required.Absent(t, "root", errors.New("executions of one runner are not to find those of others, which takes root"))
	}
	f := fleet.Start(t, builder, fleet.Options{Gateways: 2, Runners: 2, Docs: docs, Standby: true, Services: copied, Databases: func(f *fleet.Fleet) string {
		return "\n\t\tdatabase copy " + f.Standby.DSN("postgres")
	}})
	c, by := administrator(t, f.Balancer.URL), caller(t)
	script, err := c.Upload(t.Context(), "echo", echo)
	if err != nil {
		t.Fatal(err)
	}
	await(t, "the standby knows the administrator", func() error {
		if status, body, err := fleet.Get(t.Context(), by, f.Balancer.URL+"/copied/"); err != nil || status != http.StatusOK || body != `{"n":1}`+"\n" {
			return fmt.Errorf("%d %s, %w", status, body, err)
		}
		return nil
	})
	changes(t, f, http.StatusServiceUnavailable)

	work := &orders{api: c, script: script, ending: make(chan struct{})}
	for range 3 {
		work.busy.Go(func() { work.order(t) })
	}
	work.more(t, 20)
	token := c.Token()
	if err := f.Server.Crash(); err != nil {
		t.Fatal(err)
	}
	for _, g := range f.Gateways {
		ready(t, g, http.StatusServiceUnavailable)
	}
	f.Promote(t)
	for _, g := range f.Gateways {
		ready(t, g, http.StatusOK)
	}
	work.more(t, 20)
	close(work.ending)
	work.busy.Wait()
	for _, g := range f.Gateways {
		if a := show(t, by, g, token); a != http.StatusOK {
			t.Errorf("a token of before: %d", a)
		}
	}
	for _, id := range work.ids {
		ended(t, c, id)
	}
	t.Logf("%d executions were acknowledged", len(work.ids))
	await(t, "one runner leads the queue", func() error {
		if n := f.SQL(t, "select count(*) from river_leader where expires_at > now()"); n != "1" {
			return errors.New(n + " lead")
		}
		return nil
	})
	await(t, "gateways listen again", func() error {
		n, err := strconv.Atoi(f.SQL(t, "select count(*) from pg_stat_activity where query ilike 'listen%fairway_revocations%'"))
		if err != nil || n < len(f.Gateways) {
			return fmt.Errorf("%d of them, %w", n, err)
		}
		return nil
	})
	tokens(t, f)
	changes(t, f, http.StatusOK)
}

// changes asks for a change by way of the named database.
func changes(t *testing.T, f *fleet.Fleet, want int) {
	t.Helper()
	a, err := f.Gateways[0].Do(f.Gateways[0].Request(http.MethodPost, "/copied/", "", "", nil))
	if err != nil || a.Status != want {
		t.Errorf("%s, %v; want %d", a, err, want)
	}
}

// ready waits until a gateway says so, or that it is not.
func ready(t *testing.T, g *gateway.Gateway, want int) {
	t.Helper()
	await(t, "/ready", func() error {
		if a := g.Get("/ready", "", ""); a.Status != want {
			return fmt.Errorf("%s", a)
		}
		return nil
	})
}

// show asks a gateway who somebody with a token is, and gives the status.
func show(t *testing.T, by *http.Client, g *gateway.Gateway, token string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, g.URL+"/api/v1/user/me", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := by.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	return response.StatusCode
}

// ended waits until an execution has ended well.
func ended(t *testing.T, c *api.Client, id string) {
	t.Helper()
	await(t, "an execution ends well", func() error {
		a, err := c.Insist(t.Context(), http.MethodGet, "/api/v1/execution/"+id, nil, nil)
		if err != nil {
			return err
		}
		if d, err := a.Data(); err != nil || d.Data.Status != "FINISHED" {
			return fmt.Errorf("%s %s, %w", d.Data.Status, d.Data.Reason, err)
		}
		return nil
	})
}

// orders are executions that are asked for, one after the other by each of several.
type orders struct {
	api    *api.Client
	script string
	ending chan struct{}
	busy   sync.WaitGroup
	number atomic.Int64

	mu  sync.Mutex
	ids []string // which were acknowledged
}

// order asks until it is to end.
func (o *orders) order(t *testing.T) {
	t.Helper()
	for {
		select {
		case <-o.ending:
			return
		default:
		}
		a := o.api.Ask(t.Context(), http.MethodPost, "/api/v1/script/"+o.script+"/run", []byte(`{"n":`+strconv.FormatInt(o.number.Add(1), 10)+`}`), nil)
		if d, err := a.Data(); err == nil {
			o.mu.Lock()
			o.ids = append(o.ids, d.Data.ID)
			o.mu.Unlock()
		} else if a.Status != 0 && a.Status < 500 {
			t.Errorf("%d %s", a.Status, a.Body)
		}
	}
}

// more waits until so many more were acknowledged.
func (o *orders) more(t *testing.T, n int) {
	t.Helper()
	count := func() int {
		o.mu.Lock()
		defer o.mu.Unlock()
		return len(o.ids)
	}
	before := count()
	await(t, "executions are acknowledged", func() error {
		if now := count(); now < before+n {
			return fmt.Errorf("%d", now-before)
		}
		return nil
	})
}
