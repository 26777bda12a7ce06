package firing_test

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/schedules/firing"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

// childEnv has the tests' binary fire the schedules of the store of a DSN without end, as if the time were killAt.
const childEnv = "FAIRWAY_TEST_FIRE"

var kills = flag.Int("kills", 12, "how often processes that fire are killed")

func killAt() time.Time { return time.Date(2026, 5, 1, 2, 30, 0, 0, time.UTC) }

func fireForever(dsn string) error {
	s, err := opened(context.Background(), queries.Config{DSN: dsn, Clock: killAt})
	if err != nil {
		return err
	}
	l := firing.New(firing.Config{Store: s, Planner: planner{}, Batch: 3})
	fmt.Println("begins")
	for {
		if err := l.Step(context.Background()); err != nil {
			return err
		}
		time.Sleep(time.Millisecond)
	}
}

// child is a process that fires.
type child struct {
	cmd   *exec.Cmd
	ended chan struct{}
}

func start(t *testing.T, dsn string) *child {
	t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+dsn)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	c := &child{cmd: cmd, ended: make(chan struct{})}
	if !bufio.NewScanner(out).Scan() {
		t.Error("a process did not begin")
	}
	go func() {
		defer close(c.ended)
		_ = cmd.Wait() // it is killed
	}()
	return c
}

func (c *child) kill() {
	_ = c.cmd.Process.Kill() // it may have ended
	<-c.ended
}

// TestKill kills one of two processes that fire schedules, at random times, again and again: each schedule is fired once, and what was
// begun is wholly there or not at all.
func TestKill(t *testing.T) {
	t.Parallel()
	both(t, killAt().Add(-time.Hour), func(t *testing.T, s *site) {
		t.Helper()
		at := killAt()
		var made atomic.Int64
		more := func(n int) {
			for range n {
				s.schedule(t, at, func(n *db.Schedule) { n.Cron, n.OnceAt = "", &at })
				made.Add(1)
			}
		}
		more(100)
		seed := rand.New(rand.NewPCG(7, 7))
		one, other := start(t, s.dsn), start(t, s.dsn)
		for range *kills {
			more(20) // there is always something to be fired
			time.Sleep(time.Duration(seed.IntN(40)) * time.Millisecond)
			one.kill()
			one, other = other, start(t, s.dsn)
		}
		one.kill()
		defer other.kill()
		wait := time.Now().Add(2 * time.Minute)
		for {
			_, waits, err := s.store.NextWake(t.Context())
			must(t, err)
			if !waits {
				break
			}
			if time.Now().After(wait) {
				t.Fatal("not all are fired")
			}
			time.Sleep(5 * time.Millisecond)
		}
		fired := map[uuid.UUID]int{}
		for _, f := range s.allFirings(t) {
			if f.Outcome != queries.ScheduleFired || f.ExecutionID == nil || f.Status == nil {
				t.Errorf("%+v", f)
			}
			fired[f.ScheduleID]++
		}
		n := int(made.Load())
		for id, times := range fired {
			if times != 1 {
				t.Errorf("schedule %s was fired %d times", id, times)
			}
		}
		if all := len(s.executions(t)); len(fired) != n || all != n {
			t.Errorf("%d schedules made %d executions, and say so of %d", n, all, len(fired))
		}
	})
}
