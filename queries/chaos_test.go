package queries

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/fairway-gateway/fairway/queries/db"
)

// chaosEnv has the tests' binary do what chaos does, in the store of a DSN without end, for the script of chaosScript: it is the
// second process, which is killed.
const (
	chaosEnv    = "FAIRWAY_TEST_CHAOS"
	chaosScript = "FAIRWAY_TEST_CHAOS_SCRIPT"
)

// chaos is many who make, claim, start, renew, log, finish, cancel and sweep executions, at random, and give up at random.
type chaos struct {
	s      *Store
	script db.Script
	limits Limits

	mu      sync.Mutex
	made    []uuid.UUID
	held    []Claimed
	claims  map[uuid.UUID]int // by attempt
	done    map[uuid.UUID]int // attempts whose end was accepted
	adopted map[uuid.UUID]bool
	runners []uuid.UUID
}

func newChaos(s *Store, script db.Script) *chaos {
	c := &chaos{s: s, script: script, limits: Limits{PerUser: 40, Global: 60}, claims: map[uuid.UUID]int{}, done: map[uuid.UUID]int{}, adopted: map[uuid.UUID]bool{}}
	for range 4 {
		c.runners = append(c.runners, fresh())
	}
	return c
}

// passes says of an error that it may be, where connections are cut.
func passes(err error) bool { return err == nil || Away(err) || errors.Is(err, ErrFenced) }

// step does one thing.
func (c *chaos) step(ctx context.Context) error {
	lease := time.Duration(1+rand.IntN(40)) * time.Millisecond
	switch rand.IntN(12) {
	case 0, 1:
		return c.make(ctx)
	case 2, 3, 4:
		return c.claim(ctx, lease)
	case 5:
		_, err := c.s.SweepAttempts(ctx, 20)
		return err
	case 6:
		_, err := c.s.Admit(ctx, c.limits, 20)
		return err
	case 7:
		if id, ok := c.any(); ok {
			_, err := c.s.Cancel(ctx, by(), id, "chaos")
			if _, is := errors.AsType[*StatusError](err); is || errors.Is(err, sql.ErrNoRows) {
				return nil
			}
			return err
		}
	case 8:
		return c.adopt(ctx, lease)
	default:
		return c.work(ctx, lease)
	}
	return nil
}

func (c *chaos) make(ctx context.Context) error {
	n := execution(c.script)
	n.MaxAttempts, n.RetryOn, n.Priority = 3, []Outcome{OutcomeLost, OutcomeFailed}, int64(rand.IntN(3))
	made, err := c.s.CreateExecutions(ctx, c.limits, slices.Repeat([]NewExecution{n}, 1+rand.IntN(4)))
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range made {
		c.made = append(c.made, e.ID)
	}
	return nil
}

func (c *chaos) claim(ctx context.Context, lease time.Duration) error {
	begin := func(*Claimed) *StartRequest {
		if rand.IntN(2) == 0 {
			return nil
		}
		return &StartRequest{Timeout: time.Duration(1+rand.IntN(100)) * time.Millisecond}
	}
	got, err := c.s.Claim(ctx, ClaimRequest{Runner: c.runners[rand.IntN(len(c.runners))], Queues: []string{DefaultQueue}, Most: 1 + rand.IntN(8), Lease: lease, Begin: begin})
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, one := range got {
		if c.claims[one.Attempt]++; c.claims[one.Attempt] > 1 {
			return fmt.Errorf("attempt %s was given to two", one.Attempt)
		}
	}
	c.held = append(c.held, got...)
	return nil
}

func (c *chaos) adopt(ctx context.Context, lease time.Duration) error {
	got, err := c.s.Adopt(ctx, c.runners[rand.IntN(len(c.runners))], lease)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, one := range got {
		c.held = append(c.held, one.Claimed)
	}
	return nil
}

func (c *chaos) any() (uuid.UUID, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.made) == 0 {
		return uuid.Nil, false
	}
	return c.made[rand.IntN(len(c.made))], true
}

// some takes a few of those that somebody held once; who has them may have lost them.
func (c *chaos) some() []Claimed {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := min(len(c.held), 1+rand.IntN(8))
	rand.Shuffle(len(c.held), func(i, j int) { c.held[i], c.held[j] = c.held[j], c.held[i] })
	return slices.Clone(c.held[:n])
}

// work does what a runner does with a few attempts.
func (c *chaos) work(ctx context.Context, lease time.Duration) error {
	some := c.some()
	if len(some) == 0 {
		return nil
	}
	holders := make([]Holder, len(some))
	for i, one := range some {
		holders[i] = one.Holder
	}
	switch rand.IntN(5) {
	case 0:
		starts := make([]StartRequest, len(some))
		for i, one := range some {
			starts[i] = StartRequest{Holder: one.Holder, Timeout: time.Duration(1+rand.IntN(100)) * time.Millisecond}
		}
		_, err := c.s.Start(ctx, starts, lease)
		return err
	case 1:
		_, err := c.s.Renew(ctx, holders, lease)
		return err
	case 2:
		now := c.s.clock.Now()
		err := c.s.AppendLog(ctx, holders[0], []LogChunk{{Seq: 1 + int64(rand.IntN(3)), Lines: 2, First: now, Last: now, Data: []byte("x")}})
		if _, ok := errors.AsType[*SequenceError](err); ok {
			return nil
		}
		return err
	case 3:
		return c.s.Progress(ctx, holders[0], rand.IntN(101))
	}
	ends := make([]FinishRequest, len(some))
	for i, one := range some {
		ends[i] = FinishRequest{Holder: one.Holder, Outcome: []Outcome{OutcomeSucceeded, OutcomeSucceeded, OutcomeFailed, OutcomeOOM, OutcomeRefused}[rand.IntN(5)], Results: []byte("1")}
	}
	_, err := c.s.Finish(ctx, ends)
	return err
}

// run has so many do so many steps each. cut may happen.
func (c *chaos) run(t *testing.T, many, steps int) {
	t.Helper()
	all(many, func(int) {
		for range steps {
			if err := c.step(t.Context()); !passes(err) {
				t.Errorf("%v", err)
			}
		}
	})
}

// settle ends what there is, as a gateway and a runner do, until everything has ended.
func (c *chaos) settle(t *testing.T) {
	t.Helper()
	end := time.Now().Add(2 * time.Minute)
	for {
		if n := scalar(t, c.s, "select count(*) from executions where ended_at is null"); n == 0 {
			return
		} else if time.Now().After(end) {
			t.Fatalf("%d executions never end", n)
		}
		_, err1 := c.s.Admit(t.Context(), c.limits, 1000)
		_, err2 := c.s.SweepAttempts(t.Context(), 1000)
		got, err3 := c.s.Claim(t.Context(), ClaimRequest{Runner: c.runners[0], Queues: []string{DefaultQueue}, Most: 100, Lease: time.Minute})
		starts, ends := make([]StartRequest, len(got)), make([]FinishRequest, len(got))
		for i, one := range got {
			starts[i], ends[i] = StartRequest{Holder: one.Holder, Timeout: time.Hour}, FinishRequest{Holder: one.Holder, Outcome: OutcomeSucceeded}
		}
		_, err4 := c.s.Start(t.Context(), starts, time.Minute)
		_, err5 := c.s.Finish(t.Context(), ends)
		for _, err := range []error{err1, err2, err3, err4, err5} {
			if !passes(err) {
				t.Fatal(err)
			}
		}
	}
}

// check holds what must be of every execution that went through it.
func (c *chaos) check(t *testing.T) {
	t.Helper()
	for what, query := range map[string]string{
		"executions whose attempts are not numbered through": "select count(*) from executions e where e.attempt <> (select count(*) from execution_attempts a where a.execution_id = e.id and a.number between 1 and e.attempt)",
		"attempts that have not ended":                       "select count(*) from execution_attempts where state <> 'ENDED'",
		"attempts that ended before the one before":          "select count(*) from execution_attempts a join execution_attempts b on b.execution_id = a.execution_id and b.number = a.number - 1 where b.ended_at > a.created_at",
		"finished ones whose last attempt did not succeed":   "select count(*) from executions e where e.status = 'FINISHED' and not exists (select 1 from execution_attempts a where a.execution_id = e.id and a.number = e.attempt and a.outcome = 'SUCCEEDED' and a.started_at is not null)",
		"failed ones one of whose attempts succeeded":        "select count(*) from executions e where e.status = 'FAILED' and exists (select 1 from execution_attempts a where a.execution_id = e.id and a.outcome = 'SUCCEEDED')",
		"logs that begin with the end":                       "select count(*) from status_log l where l.status_from in ('FINISHED', 'FAILED', 'CANCELLED')",
		"executions that do not end once":                    "select count(*) from executions e where 1 <> (select count(*) from status_log l where l.execution_id = e.id and l.status_to = e.status and l.status_to in ('FINISHED', 'FAILED', 'CANCELLED'))",
		"executions that are logged as made twice":           "select count(*) from executions e where 1 <> (select count(*) from status_log l where l.execution_id = e.id and l.status_from = '')",
		"moves that do not begin where the one before led":   "select count(*) from status_log l join status_log b on b.execution_id = l.execution_id and b.id = (select max(p.id) from status_log p where p.execution_id = l.execution_id and p.id < l.id) where b.status_to <> l.status_from",
		"lines that two chunks have":                         "select count(*) from log_chunks a join log_chunks b on b.execution_id = a.execution_id and b.last_id > a.last_id and b.first_id <= a.last_id",
		"executions whose lines are not all there":           "select count(*) from executions e where e.last_log <> (select coalesce(sum(c.last_id - c.first_id + 1), 0) from log_chunks c where c.execution_id = e.id)",
		"failed ones whose log does not say it":              "select count(*) from executions e where e.status = 'FAILED' and not exists (select 1 from log_chunks c where c.execution_id = e.id and c.notice like '%failed.' and c.last_id = e.last_log)",
		"chunks of attempts whose end is in the log already": "select count(*) from log_chunks n join log_chunks c on c.execution_id = n.execution_id and c.last_id > n.last_id where c.attempt > 0 and n.notice like 'Attempt ' || c.attempt || ' ended%'",
	} {
		if n := scalar(t, c.s, query); n != 0 {
			t.Errorf("%d %s", n, what)
		}
	}
	if n := scalar(t, c.s, "select count(*) from executions"); n < len(c.made) {
		t.Errorf("%d executions were made, %d are there", len(c.made), n)
	}
}

func scalar(t testing.TB, s *Store, query string) (n int) {
	t.Helper()
	var err error
	switch e := s.engine.(type) {
	case *file:
		err = e.read.QueryRowContext(t.Context(), query).Scan(&n)
	case *server:
		for range 10 { // connections are cut
			if err = e.pool.QueryRow(t.Context(), query).Scan(&n); !Away(err) {
				break
			}
		}
	}
	if err != nil {
		t.Fatal(query, err)
	}
	return n
}

// TestChaos holds that of many who do everything at once, none is given what another has, and that nothing is lost, ends twice, or
// does not end; and that no more run than may.
func TestChaos(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := openStore(t, dsn)
		c := newChaos(s, aScript(t, s, create(t, s, aUser("a@x.org")).ID, "one"))
		var told sync.Map
		s.OnReady(func(_ context.Context, _ db.Querier, ready []Ready) error {
			for _, r := range ready {
				told.Store(r.Attempt, true)
			}
			return nil
		})
		ctx, stop := context.WithCancel(t.Context())
		watched := make(chan struct{})
		go func() {
			defer close(watched)
			for range s.WatchExecutions(ctx, time.Second) { // until it stops
				if n := scalar(t, s, "select count(*) from executions where status in ('READY', 'RUNNING', 'CANCELLING')"); n > c.limits.PerUser {
					t.Errorf("%d run at once", n)
				}
			}
		}()
		c.run(t, 32, 25)
		stop()
		<-watched
		c.settle(t)
		c.check(t)
		if n := scalar(t, s, "select count(*) from executions"); n != len(c.made) {
			t.Errorf("%d executions were made, %d are there", len(c.made), n)
		}
		attempts := scalar(t, s, "select count(*) from execution_attempts")
		told.Range(func(any, any) bool { attempts--; return true })
		if attempts > 0 {
			t.Errorf("of %d attempts nobody was told", attempts)
		}
	})
}

// chaosForever is what the second process does.
func chaosForever(dsn string) error {
	s, err := Open(context.Background(), Config{DSN: dsn})
	if err != nil {
		return err
	}
	id, err := uuid.Parse(os.Getenv(chaosScript))
	if err != nil {
		return err
	}
	script, err := s.Queries().GetScript(context.Background(), id)
	if err != nil {
		return err
	}
	c := newChaos(s, script)
	errs := make(chan error)
	for range 8 {
		go func() {
			for {
				if err := c.step(context.Background()); !passes(err) {
					errs <- err
				}
				fmt.Println("step")
			}
		}()
	}
	return <-errs
}

// TestChaosOfProcesses is TestChaos of two processes, of which one is killed at random while it works, with a server that cuts
// connections in the middle of whatever they do.
func TestChaosOfProcesses(t *testing.T) {
	t.Parallel()
	dsn := postgresDSN(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s := openStore(t, dsn)
	c := newChaos(s, aScript(t, s, create(t, s, aUser("a@x.org")).ID, "one"))
	for range 3 {
		cmd := exec.CommandContext(t.Context(), self)
		cmd.Env = append(os.Environ(), chaosEnv+"="+dsn, chaosScript+"="+c.script.ID.String())
		var said strings.Builder
		cmd.Stderr = &said
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		killed := make(chan struct{})
		go func() {
			defer close(killed)
			lines, steps := bufio.NewScanner(out), 0
			for most := 100 + rand.IntN(100); steps < most && lines.Scan(); steps++ {
				if steps%40 == 20 {
					if err := cut(t.Context(), dsn); err != nil {
						t.Error(err)
					}
				}
			}
			if steps < 100 {
				t.Errorf("it ended by itself after %d steps: %s", steps, said.String())
			}
			_ = cmd.Process.Kill()
		}()
		c.run(t, 8, 20)
		<-killed
		_ = cmd.Wait()
	}
	c.settle(t)
	c.check(t)
}

// cut ends the connections of all others to a database.
func cut(ctx context.Context, dsn string) error {
	conn, err := pgx.Connect(ctx, strings.TrimSuffix(dsn, poolOption))
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	_, err = conn.Exec(ctx, "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()")
	return err
}
