// Package eventstest has what every publisher of events is held to, before a real server.
package eventstest

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/fairway-gateway/fairway/modules/control/events"
	"github.com/fairway-gateway/fairway/queries"
)

// Peer is a server that keeps what is published in topics that begin with "fairway.".
type Peer interface {
	// Publisher connects to it; whoever asks closes it.
	Publisher(t testing.TB) message.Publisher
	// Stop ends the server, and Start has it be there again, with what it kept.
	Stop(t testing.TB)
	Start(t testing.TB)
	// Each tells of all messages that it keeps, in order, until enough says so.
	Each(t testing.TB, enough func(Message) bool)
}

// Message is what a server keeps.
type Message struct {
	Topic, ID, ContentType string
	Body                   []byte
}

// downFor is how long the server is down: as long as it takes to write events, or a minute where FAIRWAY_LONG is set. That a minute is no
// other is held by a test of package events, by a clock that is turned.
func downFor() time.Duration {
	if os.Getenv("FAIRWAY_LONG") == "" {
		return 0
	}
	return time.Minute
}

const subjects = 10

// Down has events be written while the server is there, down, and there again: none is lost, those of a subject are in order.
func Down(t *testing.T, dsn string, p Peer) {
	t.Helper()
	store, err := queries.Open(t.Context(), queries.Config{DSN: dsn})
	must(t, err)
	t.Cleanup(store.Close)
	publisher := p.Publisher(t)
	t.Cleanup(func() { _ = publisher.Close() })
	must(t, store.BeginEvents(t.Context(), "p"))
	cfg := events.RelayConfig{Name: "p", Tell: events.Publish(publisher, "/x", "fairway.{type}", 8), Batch: 50, Every: 20 * time.Millisecond}
	if downFor() == 0 {
		cfg.First, cfg.Longest = 10*time.Millisecond, 200*time.Millisecond
	}
	relay, err := events.NewRelay(store, cfg)
	must(t, err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan struct{})
	go func() {
		defer close(done)
		relay.Run(ctx)
	}()
	defer func() { cancel(); <-done }()
	n := 0
	write := func(rounds int) {
		t.Helper()
		for range rounds {
			for i := range subjects {
				must(t, queries.Tell(t.Context(), store.Queries(), queries.Event{At: time.Now(), Type: "execution.running", Subject: fmt.Sprintf("execution/%d", i), Data: json.RawMessage(strconv.Itoa(n))}))
			}
			n++
		}
	}
	told := func() bool {
		behind, err := store.EventsBehind(t.Context(), "p")
		return err == nil && behind == 0
	}
	write(10)
	Eventually(t, "the first are told", told)
	write(5) // some are on their way
	p.Stop(t)
	for end := time.Now().Add(downFor()); ; time.Sleep(time.Second) {
		write(10)
		if !time.Now().Before(end) {
			break
		}
	}
	if told() {
		t.Error("they are told to nobody")
	}
	p.Start(t)
	write(5)
	Eventually(t, "all are told", told)
	next, seen := map[string]int{}, map[string]bool{}
	p.Each(t, func(m Message) bool {
		var e events.CloudEvent
		must(t, json.Unmarshal(m.Body, &e))
		if m.Topic != "fairway.fairway.execution.running" || m.ContentType != events.ContentType || m.ID != e.ID {
			t.Error(m)
		}
		if !seen[e.ID] {
			seen[e.ID] = true
			if string(e.Data) != strconv.Itoa(next[e.Subject]) {
				t.Errorf("of %s %s is told where %d is next", e.Subject, e.Data, next[e.Subject])
			}
			next[e.Subject]++
		}
		return len(seen) == subjects*n
	})
	if len(seen) != subjects*n {
		t.Errorf("%d of %d are there", len(seen), subjects*n)
	}
}

// Eventually waits until something is so.
func Eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(3 * time.Minute); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("never: " + what)
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
