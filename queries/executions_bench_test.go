package queries

import (
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
)

// benchServer has benchmarks use a server of one's own, such as one that syncs: that of tests does not.
const benchServer = "FAIRWAY_BENCH_DSN"

// BenchmarkExecutions is what the store does for one execution that is run, in batches: made, claimed, started, finished. It
// reports how many there are in a second for claim and finish, and for all.
func BenchmarkExecutions(b *testing.B) {
	for name, dsn := range map[string]func(testing.TB) string{"sqlite": sqliteDSN, "postgres": benchDSN} {
		b.Run(name, func(b *testing.B) {
			s := openStore(b, dsn(b))
			sc := aScript(b, s, benchUser(b, s), "bench-"+fresh().String())
			const batch, workers = 100, 4
			begun := time.Now()
			b.ResetTimer()
			all(workers, func(int) {
				for n := b.N / workers; n > 0; n -= batch {
					some := make([]NewExecution, min(n, batch))
					for i := range some {
						some[i] = execution(sc)
					}
					if _, err := s.CreateExecutions(b.Context(), Limits{}, some); err != nil {
						b.Error(err)
					}
				}
			})
			made := time.Now()
			var done atomic.Int64
			all(workers, func(int) {
				runner := fresh()
				for {
					got, err := s.Claim(b.Context(), ClaimRequest{Runner: runner, Queues: []string{DefaultQueue}, Most: batch})
					if err != nil {
						b.Error(err)
					}
					if len(got) == 0 {
						return
					}
					starts, ends := make([]StartRequest, len(got)), make([]FinishRequest, len(got))
					for i, c := range got {
						starts[i], ends[i] = StartRequest{Holder: c.Holder, Timeout: c.Timeout}, FinishRequest{Holder: c.Holder, Outcome: OutcomeSucceeded}
					}
					if _, err := s.Start(b.Context(), starts, 0); err != nil {
						b.Error(err)
					}
					if _, err := s.Finish(b.Context(), ends); err != nil {
						b.Error(err)
					}
					done.Add(int64(len(got)))
				}
			})
			end := time.Now()
			b.ReportMetric(float64(done.Load())/end.Sub(made).Seconds(), "finished/s")
			b.ReportMetric(float64(done.Load())/made.Sub(begun).Seconds(), "made/s")
			b.ReportMetric(0, "ns/op")
		})
	}
}

func benchDSN(t testing.TB) string {
	t.Helper()
	if dsn := os.Getenv(benchServer); dsn != "" {
		return dsn
	}
	return postgresDSN(t)
}

// all runs a function so many times at once.
func all(n int, f func(i int)) {
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() { f(i) })
	}
	group.Wait()
}

func benchUser(b *testing.B, s *Store) uuid.UUID {
	b.Helper()
	u, err := s.CreateUser(b.Context(), by(), aUser("bench"+fresh().String()+"@x.org"))
	if err != nil {
		b.Fatal(err)
	}
	return u.ID
}

// BenchmarkLogs has eight attempts send chunks of 64 KiB, 655 lines of 100 bytes each, four at once. It reports lines in a second.
func BenchmarkLogs(b *testing.B) {
	for name, dsn := range map[string]func(testing.TB) string{"sqlite": sqliteDSN, "postgres": benchDSN} {
		b.Run(name, func(b *testing.B) {
			s := openStore(b, dsn(b))
			sc := aScript(b, s, benchUser(b, s), "logs-"+fresh().String())
			const writers, lines, together = 8, 655, 4
			held := make([]Claimed, writers)
			for i := range held {
				n := execution(sc)
				n.Queue = "logs-" + fresh().String()
				run1(b, s, Limits{}, n)
				got, err := s.Claim(b.Context(), ClaimRequest{Runner: fresh(), Queues: []string{n.Queue}, Most: 1, Lease: time.Hour})
				if err != nil || len(got) != 1 {
					b.Fatal(got, err)
				}
				held[i] = got[0]
			}
			data := []byte(strings.Repeat("2026-01-01T00:00:00Z INFO some words of a script that says what it does, one hundred bytes of it ...\n", lines))
			each := max(1, b.N/writers/together)
			begun := time.Now()
			b.ResetTimer()
			all(writers, func(w int) {
				seq := int64(0)
				for range each {
					chunks := make([]LogChunk, together)
					for i := range chunks {
						seq++
						chunks[i] = LogChunk{Seq: seq, Lines: lines, First: begun, Last: begun, Data: data}
					}
					if err := s.AppendLog(b.Context(), held[w].Holder, chunks); err != nil {
						b.Error(err)
					}
				}
			})
			b.ReportMetric(float64(each*writers*together*lines)/time.Since(begun).Seconds(), "lines/s")
			b.ReportMetric(0, "ns/op")
		})
	}
}
