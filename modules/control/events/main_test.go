package events

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/modules/control/controltest"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

var engines = controltest.NewEngines()

// relayEnv has the tests' binary tell the events of a store into a file: <dsn> <path>.
const relayEnv = "FAIRWAY_TEST_RELAY"

func TestMain(m *testing.M) {
	if of := os.Getenv(relayEnv); of != "" {
		dsn, path, _ := strings.Cut(of, "\n")
		fmt.Fprintln(os.Stderr, relayInto(context.Background(), dsn, path))
		os.Exit(1)
	}
	os.Exit(engines.Main(m))
}

// relayInto tells events into a file, a line for each, without end.
func relayInto(ctx context.Context, dsn, path string) error {
	s, err := queries.Open(ctx, queries.Config{DSN: dsn})
	if err != nil {
		return err
	}
	defer s.Close()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	tell := func(_ context.Context, all []queries.Event) (func(db.Querier) error, error) {
		for _, e := range all {
			if _, err := fmt.Fprintf(f, "%s %s\n", e.Subject, e.Data); err != nil {
				return nil, err
			}
		}
		return nil, nil
	}
	r, err := NewRelay(s, RelayConfig{Name: "file", Tell: tell, Batch: 7, Lease: 2 * time.Second, Every: 20 * time.Millisecond})
	if err != nil {
		return err
	}
	r.Run(ctx)
	return nil
}

var must = controltest.Must

// write writes events of so many subjects, numbered from first to last each.
func write(t testing.TB, s *queries.Store, subjects, first, last int) {
	t.Helper()
	must(t, s.InTx(t.Context(), func(q db.Querier) error {
		for n := first; n <= last; n++ {
			for i := range subjects {
				err := queries.Tell(t.Context(), q, queries.Event{At: time.Now(), Type: "execution.running", Subject: fmt.Sprintf("execution/%d", i), Data: json.RawMessage(fmt.Sprint(n))})
				if err != nil {
					return err
				}
			}
		}
		return nil
	}))
}

// order remembers what was told: each number of a subject is first told after the one before.
type order struct {
	next map[string]int
	bad  string
}

func (o *order) add(subject, number string) {
	if o.next == nil {
		o.next = map[string]int{}
	}
	var n int
	if _, err := fmt.Sscan(number, &n); err != nil || n > o.next[subject] {
		o.bad = fmt.Sprintf("of %s %s was told where %d is next", subject, number, o.next[subject])
	}
	if n == o.next[subject] {
		o.next[subject]++
	}
}

// all says whether each of so many subjects was told up to a number.
func (o *order) all(subjects, last int) bool {
	for i := range subjects {
		if o.next[fmt.Sprintf("execution/%d", i)] != last+1 {
			return false
		}
	}
	return true
}

// run runs a relay until the function is called, or the test ends.
func run(t testing.TB, s Store, cfg RelayConfig) (stop func()) {
	t.Helper()
	r, err := NewRelay(s, cfg)
	must(t, err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.Run(ctx)
	}()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return stop
}
