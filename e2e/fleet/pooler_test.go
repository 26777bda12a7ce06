package fleet_test

import (
	"errors"
	"net/http"
	"os"
	"testing"

	"github.com/fairway-gateway/fairway/e2e/fleet"
	"github.com/fairway-gateway/fairway/internal/required"
)

// TestPooler has gateways, and runners, too, ask a PostgreSQL by way of a pgbouncer as Debian has it, which has fewer connections than they would have.
func TestPooler(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		required.Absent(t, "root", errors.New("executions of one runner are not to find those of others, which takes root"))
	}
	for name, o := range map[string]fleet.Options{
		"transactions of gateways": {Pooler: "transaction", PoolerConnections: 4},
		"transactions of all":      {Pooler: "transaction", PoolerConnections: 6, Pooled: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o.Gateways, o.Runners, o.Docs = 2, 2, docs
			f := fleet.Start(t, builder, o)
			c := administrator(t, f.Balancer.URL)
			tokens(t, f)
			purge(t, f, caller(t))
			script, err := c.Upload(t.Context(), "echo", echo)
			if err != nil {
				t.Fatal(err)
			}
			work := &orders{api: c, script: script, ending: make(chan struct{})}
			for range 4 {
				work.busy.Go(func() { work.order(t) })
			}
			work.more(t, 60)
			close(work.ending)
			work.busy.Wait()
			for _, id := range work.ids {
				ended(t, c, id)
			}
			for _, g := range f.Gateways {
				ready(t, g, http.StatusOK)
			}
			t.Logf("%d executions, %s connections to the server", len(work.ids), f.SQL(t, "select count(*) from pg_stat_activity where application_name = 'fairway'"))
		})
	}
}
