package fleet_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/fairway-gateway/fairway/e2e/api"
	"github.com/fairway-gateway/fairway/e2e/fleet"
	"github.com/fairway-gateway/fairway/e2e/gateway"
	"github.com/fairway-gateway/fairway/internal/required"
)

// start starts three gateways and two runners.
func start(t *testing.T, graceful bool) *fleet.Fleet {
	t.Helper()
	if os.Geteuid() != 0 {
		required.Absent(t, "root", errors.New("executions of one runner are not to find those of others, which takes root"))
	}
	return fleet.Start(t, builder, fleet.Options{Gateways: 3, Runners: 2, Docs: docs, Graceful: graceful})
}

// administrator is one who has logged in, and asks by way of an origin.
func administrator(t *testing.T, url string) *api.Client {
	t.Helper()
	c := &api.Client{Email: fleet.AdminEmail, Password: fleet.AdminPassword, Patience: patience, HTTP: caller(t)}
	c.At(url)
	await(t, "a login", func() error {
		c.Login(t.Context())
		if a := c.Ask(t.Context(), http.MethodGet, "/api/v1/user/me", nil, nil); a.Status != http.StatusOK {
			return fmt.Errorf("%d %s", a.Status, a.Body)
		}
		return nil
	})
	return c
}

// TestFleet holds that what one gateway knows the others do, too.
func TestFleet(t *testing.T) {
	t.Parallel()
	f := start(t, false)
	by := caller(t)
	administrator(t, f.Balancer.URL)
	t.Run("one login for all", func(t *testing.T) {
		t.Parallel()
		for round := range 2 {
			before := f.Login.Logins()
			var all sync.WaitGroup
			for i := range 60 {
				all.Go(func() {
					origin := f.Balancer.URL
					if i%2 == 0 {
						origin = f.Gateways[i/2%len(f.Gateways)].URL
					}
					want(t, by, fmt.Sprintf("%s/guarded/%d", origin, i), http.StatusOK, fmt.Sprintf(`{"path":"/guarded","id":"%d"}`, i)+"\n")
				})
			}
			all.Wait()
			if n := f.Login.Logins() - before; n != 1 {
				t.Errorf("round %d: %d logins", round, n)
			}
			f.Login.End()
		}
	})
	t.Run("a token of one is good at all, and revoked by one at all", func(t *testing.T) {
		t.Parallel()
		tokens(t, f)
	})
	t.Run("a limit is counted by all", func(t *testing.T) {
		t.Parallel()
		var allowed, refused atomic.Int64
		var all sync.WaitGroup
		for i := range 60 {
			all.Go(func() {
				switch status, body, err := fleet.Get(t.Context(), by, f.Balancer.URL+"/rated/"+strconv.Itoa(i)); {
				case err == nil && status == http.StatusOK:
					allowed.Add(1)
				case err == nil && status == http.StatusTooManyRequests:
					refused.Add(1)
				default:
					t.Error(status, body, err)
				}
			})
		}
		all.Wait()
		if allowed.Load() != 20 || refused.Load() != 40 {
			t.Errorf("%d were let through, %d refused", allowed.Load(), refused.Load())
		}
	})
	t.Run("what one is told to forget all forget", func(t *testing.T) {
		t.Parallel()
		purge(t, f, by)
	})
	t.Run("a time of a schedule is fired once", func(t *testing.T) {
		t.Parallel()
		schedules(t, f)
	})
	t.Run("the metrics of all are those of the fleet", func(t *testing.T) {
		t.Parallel()
		const n = 120
		for i := range n {
			want(t, by, f.Balancer.URL+"/joined/"+strconv.Itoa(i), http.StatusOK, fmt.Sprintf(`{"other":"%d","part":"%d"}`, i, i)+"\n")
		}
		sum, busy := 0, 0
		for i, g := range f.Gateways {
			// The balancer may have found one to be slow, and asked the others.
			want(t, by, g.URL+"/joined/"+strconv.Itoa(i), http.StatusOK, fmt.Sprintf(`{"other":"%d","part":"%d"}`, i, i)+"\n")
			one := metric(t, g, `fairway_request_duration_seconds_count{code="200",route="GET /{id}",service="joined"}`)
			if sum += one; one > 0 {
				busy++
			}
		}
		if sum != n+len(f.Gateways) || busy != len(f.Gateways) {
			t.Errorf("%d of %d requests at %d gateways", sum, n, busy)
		}
	})
}

// metric is the value of a series at a gateway.
func metric(t *testing.T, g *gateway.Gateway, series string) int {
	t.Helper()
	found := regexp.MustCompile("(?m)^" + regexp.QuoteMeta(series) + " (.*)$").FindStringSubmatch(g.AdminText("/metrics"))
	if found == nil {
		return 0
	}
	n, err := strconv.ParseFloat(found[1], 64)
	if err != nil {
		t.Error(err)
	}
	return int(n)
}

// tokens has a token of one gateway be good at all of them, and end at all of them.
func tokens(t *testing.T, f *fleet.Fleet) {
	t.Helper()
	for i, g := range f.Gateways {
		c := administrator(t, g.URL)
		token := map[string]string{"Authorization": "Bearer " + c.Token()}
		ask := func(origin string) int {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, origin+"/api/v1/user/me", http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Authorization", token["Authorization"])
			response, err := c.HTTP.Do(request)
			if err != nil {
				t.Error(err)
				return 0
			}
			_ = response.Body.Close()
			return response.StatusCode
		}
		for _, other := range append([]*gateway.Gateway{f.Balancer}, f.Gateways...) {
			if status := ask(other.URL); status != http.StatusOK {
				t.Errorf("a token of %s at %s: %d", g.URL, other.URL, status)
			}
		}
		ender := f.Gateways[(i+1)%len(f.Gateways)]
		c.At(ender.URL)
		if a := c.Ask(t.Context(), http.MethodPost, "/auth/logout", nil, nil); a.Status != http.StatusOK {
			t.Fatalf("logout: %d %s", a.Status, a.Body)
		}
		for _, other := range append([]*gateway.Gateway{f.Balancer}, f.Gateways...) {
			await(t, "a token is no good", func() error {
				if status := ask(other.URL); status != http.StatusUnauthorized {
					return fmt.Errorf("%d", status)
				}
				return nil
			})
		}
	}
}

// purge fills the caches of all gateways, and has one of them be told to forget.
func purge(t *testing.T, f *fleet.Fleet, by *http.Client) {
	t.Helper()
	value := func(g *gateway.Gateway, path string) string {
		t.Helper()
		status, body, err := fleet.Get(t.Context(), by, g.URL+path)
		if err != nil || status != http.StatusOK {
			t.Errorf("%d %s, %v", status, body, err)
		}
		return body
	}
	for i, told := range f.Gateways {
		one, two := map[*gateway.Gateway]string{}, map[*gateway.Gateway]string{}
		for _, g := range f.Gateways {
			one[g], two[g] = value(g, "/cached/one"), value(g, "/cached/two")
			if again := value(g, "/cached/one"); again != one[g] {
				t.Errorf("%q and %q: nothing is kept", one[g], again)
			}
		}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, told.Admin+"/fairway/cache?service=cached&target=/counted%3Fid%3Done", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		a, err := told.Do(request)
		if err != nil || a.Status != http.StatusOK || a.Body != `{"purged":1}`+"\n" {
			t.Fatalf("%d: %s, %v", i, a, err)
		}
		for _, g := range f.Gateways {
			await(t, "a value is forgotten", func() error {
				if value(g, "/cached/one") == one[g] {
					return errors.New("it is not")
				}
				return nil
			})
			if got := value(g, "/cached/two"); got != two[g] {
				t.Errorf("%q and %q: more was forgotten than was said", got, two[g])
			}
		}
	}
}

// echo is a script that gives its parameters back.
const echo = "#!/bin/sh\ncat >\"$FAIRWAY_RESULTS\"\necho done\n"

// schedules has a schedule fire each second for a while, and each time be one execution, which ends.
func schedules(t *testing.T, f *fleet.Fleet) {
	t.Helper()
	c := administrator(t, f.Balancer.URL)
	script, err := c.Upload(t.Context(), "echo", echo)
	if err != nil {
		t.Fatal(err)
	}
	a, err := c.Insist(t.Context(), http.MethodPost, "/api/v1/schedule", []byte(`{"script":"`+script+`","name":"often","every":"1s","params":{"a":1},"overlap":"queue","catch_up":"all"}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	if a.Status != http.StatusCreated && a.Status != http.StatusOK {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	await(t, "it is fired", func() error {
		if n, _ := strconv.Atoi(f.SQL(t, "select count(*) from schedule_firings where outcome = 'FIRED'")); n < 6 {
			return fmt.Errorf("%d times", n)
		}
		return nil
	})
	for _, wrong := range []string{
		"select due_at, count(*) from schedule_firings where outcome = 'FIRED' group by 1 having count(*) > 1",
		"select execution_id, count(*) from schedule_firings where execution_id is not null group by 1 having count(*) > 1",
		"select f.execution_id from schedule_firings f left join executions e on e.id = f.execution_id where f.outcome = 'FIRED' and e.id is null",
		"select due_at from schedule_firings where outcome = 'MISSED'",
	} {
		if rows := f.SQL(t, wrong); rows != "" {
			t.Errorf("%s:\n%s", wrong, rows)
		}
	}
	await(t, "what was fired ends well", func() error {
		if n, _ := strconv.Atoi(f.SQL(t, "select count(*) from executions where status = 'FINISHED'")); n < 6 {
			return fmt.Errorf("%d did: %s", n, f.SQL(t, "select status, reason, count(*) from executions group by 1, 2"))
		}
		return nil
	})
}

// TestMigratedByOne starts five gateways at once on an empty PostgreSQL: each migration is applied by one of them, and all serve.
func TestMigratedByOne(t *testing.T) {
	t.Parallel()
	f := fleet.Start(t, builder, fleet.Options{Gateways: 5, Docs: docs})
	count := map[string]int{}
	for _, g := range f.Gateways {
		if a := g.Get("/ready", "", ""); a.Status != http.StatusOK {
			t.Errorf("%s", a)
		}
		for _, line := range regexp.MustCompile(`"migration": ?"([^"]*)"`).FindAllStringSubmatch(g.Log(), -1) {
			count[line[1]]++
		}
	}
	applied := strings.Fields(f.SQL(t, "select version_id from fairway_migrations where version_id > 0 and is_applied order by 1"))
	if len(count) != len(applied) || len(applied) == 0 {
		t.Errorf("the logs tell of %d migrations, and %d are applied", len(count), len(applied))
	}
	for name, n := range count {
		if n != 1 {
			t.Errorf("%s was applied %d times", name, n)
		}
	}
	want(t, caller(t), f.Balancer.URL+"/plain/x", http.StatusOK, `{"path":"/plain","id":"x"}`+"\n")
	c := administrator(t, f.Balancer.URL)
	if a := c.Ask(t.Context(), http.MethodGet, "/api/v1/user/me", nil, nil); a.Status != http.StatusOK {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	if n := f.SQL(t, "select count(*) from users"); n != "1" {
		t.Errorf("%s administrators were made", n)
	}
}

// TestLeaderIsKilled holds that of all runners one leads River, and that another one does when it is killed.
func TestLeaderIsKilled(t *testing.T) {
	t.Parallel()
	f := start(t, false)
	c := administrator(t, f.Balancer.URL)
	script, err := c.Upload(t.Context(), "echo", echo)
	if err != nil {
		t.Fatal(err)
	}
	leads := func(not *gateway.Runner) *gateway.Runner {
		t.Helper()
		var found *gateway.Runner
		await(t, "somebody leads", func() error {
			ids := strings.Fields(f.SQL(t, "select leader_id from river_leader where expires_at > now()"))
			if len(ids) != 1 {
				return fmt.Errorf("%d lead", len(ids))
			}
			for _, r := range f.Runners {
				if r != not && strings.Contains(r.Log(), ids[0]) {
					found = r
					return nil
				}
			}
			return fmt.Errorf("%s, whoever that is", ids[0])
		})
		return found
	}
	runs := func() {
		t.Helper()
		a, err := c.Insist(t.Context(), http.MethodPost, "/api/v1/script/"+script+"/run", []byte(`{"n":1}`), nil)
		if err != nil {
			t.Fatal(err)
		}
		d, err := a.Data()
		if err != nil {
			t.Fatal(err)
		}
		await(t, "an execution ends well", func() error {
			a, err := c.Insist(t.Context(), http.MethodGet, "/api/v1/execution/"+d.Data.ID, nil, nil)
			if err != nil {
				return err
			}
			last, err := a.Data()
			if err != nil || last.Data.Status != "FINISHED" {
				return fmt.Errorf("%s %s, %w", last.Data.Status, last.Data.Reason, err)
			}
			return nil
		})
	}
	runs()
	leader := leads(nil)
	leader.Kill()
	runs()
	if other := leads(leader); other == leader {
		t.Error("the dead lead")
	}
	runs()
}
