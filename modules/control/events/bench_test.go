package events

import (
	"context"
	"testing"

	"github.com/fairway-gateway/fairway/modules/control/controltest"
)

// BenchmarkRelay tells a backlog within the process, to one who acknowledges at once: events/s.
func BenchmarkRelay(b *testing.B) {
	s := controltest.Store(b, "sqlite:"+b.TempDir()+"/s.db")
	must(b, s.BeginEvents(b.Context(), "p"))
	write(b, s, 100, 0, max(b.N/100, 1))
	bus := NewBus()
	got, err := bus.Subscribe(b.Context(), "t")
	must(b, err)
	told := make(chan struct{}, 1)
	go func() {
		n := 0
		for m := range got {
			m.Ack()
			if n++; n == b.N {
				told <- struct{}{}
			}
		}
	}()
	r, err := NewRelay(s, RelayConfig{Name: "p", Tell: Publish(bus, "/x", "t", 1)})
	must(b, err)
	ctx, cancel := context.WithCancel(b.Context())
	b.ResetTimer()
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.Run(ctx)
	}()
	<-told
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
	cancel()
	<-done
	must(b, bus.Close())
}
