package soak_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/e2e/api"
	"github.com/fairway-gateway/fairway/e2e/fleet"
	"github.com/fairway-gateway/fairway/e2e/process"
	"github.com/fairway-gateway/fairway/internal/required"
)

// soak is one run.
type soak struct {
	t      *testing.T
	f      *fleet.Fleet
	api    *api.Client
	by     *http.Client
	tally  *tally
	script string
	begun  time.Time
	ending chan struct{}
}

// TestSoak is what the package is for.
func TestSoak(t *testing.T) {
	if os.Geteuid() != 0 {
		required.Absent(t, "root", errors.New("executions of one runner are not to find those of others, which takes root"))
	}
	t.Logf("bench/soak %v %d", *duration, *seed)
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	t.Cleanup(transport.CloseIdleConnections)
	s := &soak{
		t: t, f: fleet.Start(t, builder, fleet.Options{Gateways: 3, Runners: 2, Docs: docs}),
		by: &http.Client{Transport: transport, Timeout: time.Minute}, tally: newTally(), ending: make(chan struct{}),
	}
	s.api = &api.Client{Email: fleet.AdminEmail, Password: fleet.AdminPassword, Patience: patience, HTTP: s.by}
	s.api.At(s.f.Balancer.URL)
	s.await("a login", func() error {
		s.api.Login(t.Context())
		if a := s.api.Ask(t.Context(), http.MethodGet, "/api/v1/user/me", nil, nil); a.Status != http.StatusOK {
			return fmt.Errorf("%d %s", a.Status, a.Body)
		}
		return nil
	})
	s.api.Refused.Store(0)
	var err error
	if s.script, err = s.api.Upload(t.Context(), "echo", echo); err != nil {
		t.Fatal(err)
	}
	s.begun = time.Now()
	var busy sync.WaitGroup
	ctx := context.WithoutCancel(t.Context())
	for i, work := range []func(context.Context, *rand.Rand){s.plain, s.joined, s.guarded, s.guarded, s.writes, s.names, s.tokens, s.purges} {
		busy.Go(func() { s.repeat(ctx, i, work) })
	}
	runs := &runs{soak: s, made: map[string]string{}}
	for i := range 2 {
		busy.Go(func() { s.repeat(ctx, 20+i, runs.run) })
	}
	busy.Go(func() { s.repeat(ctx, 30, runs.check) })
	watch := newWatch(s)
	busy.Go(func() { s.repeat(ctx, 31, watch.sample) })
	busy.Go(func() {
		s.repeat(ctx, 32, func(_ context.Context, r *rand.Rand) {
			s.rest(between(r, 2*time.Second, 20*time.Second))
			s.f.Login.End()
		})
	})
	s.kills()
	close(s.ending)
	busy.Wait()
	runs.end(ctx)
	s.held()
	if n := s.api.Refused.Load(); n > int64(*duration/(30*time.Minute)) {
		t.Errorf("good tokens were refused %d times", n)
	}
	t.Log("\n" + s.tally.report() + watch.report(t))
}

// repeat does something until the end.
func (s *soak) repeat(ctx context.Context, i int, work func(context.Context, *rand.Rand)) {
	r := rand.New(rand.NewPCG(*seed, uint64(i))) //nolint:gosec // no secret
	for {
		select {
		case <-s.ending:
			return
		default:
			work(ctx, r)
		}
	}
}

// rest waits, or until the end.
func (s *soak) rest(d time.Duration) {
	select {
	case <-s.ending:
	case <-time.After(d):
	}
}

// over says whether it is.
func (s *soak) over() bool {
	select {
	case <-s.ending:
		return true
	default:
		return false
	}
}

func between(r *rand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(r.Int64N(int64(most-least)))
}

// warmed is when what is watched is left alone.
func (s *soak) warmed() bool { return time.Since(s.begun) > *duration/4 }

// kills kills one after the other until the time is over. The first gateway and the first runner are among them until it is warm.
func (s *soak) kills() {
	r := rand.New(rand.NewPCG(*seed, 99)) //nolint:gosec // no secret
	type victim struct {
		name      string
		kill, run func()
		watched   bool
	}
	var all []victim
	for i, g := range s.f.Gateways {
		all = append(all, victim{fmt.Sprintf("gateway %d", i+1), g.Kill, g.Run, i == 0})
	}
	for i, g := range s.f.Runners {
		all = append(all, victim{fmt.Sprintf("runner %d", i+1), g.Kill, g.Run, i == 0})
	}
	all = append(
		all,
		victim{"PostgreSQL", func() {
			if err := s.f.Server.Crash(); err != nil {
				s.t.Fatal(err)
			}
		}, func() { s.await("PostgreSQL", s.f.Server.Restart) }, false},
		victim{"the backend", s.f.Backend.Kill, s.f.Backend.Run, false},
		victim{"the login", s.f.Login.Kill, s.f.Login.Run, false},
		victim{"the balancer", s.f.Balancer.Kill, s.f.Balancer.Run, false},
	)
	for time.Since(s.begun) < *duration {
		s.rest(between(r, time.Second, 10*time.Second))
		v, dead := all[r.IntN(len(all))], between(r, 0, 3*time.Second)
		if v.watched && s.warmed() {
			continue
		}
		s.t.Logf("%6.1fs %s is killed", time.Since(s.begun).Seconds(), v.name)
		s.tally.add("killed", v.name)
		s.api.Disturbed.Store(time.Now().Unix())
		v.kill()
		s.rest(dead)
		v.run()
	}
}

// await waits until something is as it must be.
func (s *soak) await(what string, is func() error) {
	s.t.Helper()
	if err := process.Until(patience, 20*time.Millisecond, is); err != nil {
		s.t.Errorf("%s: %v", what, err)
	}
}

// wrong says that an answer was.
func (s *soak) wrong(format string, args ...any) {
	s.t.Errorf("%6.1fs "+format, append([]any{time.Since(s.begun).Seconds()}, args...)...)
	s.tally.add("wrong", strings.Fields(format)[0])
}

// excused says whether nobody who was killed can be blamed otherwise: there was no answer, or one that says so.
func excused(status int) bool {
	switch status {
	case 0, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// held asks the store whether what it says is in itself right.
func (s *soak) held() {
	for what, statement := range map[string]string{
		"executions that did not end":                "select id, status from executions where status not in ('FINISHED', 'FAILED', 'CANCELLED') limit 10",
		"executions that failed and were not lost":   "select id, reason from executions e where status = 'FAILED' and not exists (select from execution_attempts a where a.execution_id = e.id and a.outcome = 'LOST') limit 10",
		"executions of which two attempts went well": "select execution_id from execution_attempts where outcome = 'SUCCEEDED' group by 1 having count(*) > 1 limit 10",
		"histories that do not end where it does":    "select e.id from executions e where status is distinct from (select status_to from status_log l where l.execution_id = e.id order by l.id desc limit 1) limit 10",
	} {
		if rows := s.f.SQL(s.t, statement); rows != "" {
			s.wrong("%s:\n%s", what, rows)
		}
	}
}
