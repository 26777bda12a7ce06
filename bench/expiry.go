package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/fairway-gateway/fairway/bench/process"
	"github.com/fairway-gateway/fairway/bench/report"
)

// sessionName is W2 behind a login.
const sessionName = "fairway, a pooled session"

// What W8 does.
const (
	expiryCallers = 256
	expiryUsers   = 8 // whose credentials the callers have
	// loginTime is how long the backend takes to log somebody in.
	loginTime = 200 * time.Millisecond
	// before and after the sessions end, callers ask.
	beforeExpiry, afterExpiry = 500 * time.Millisecond, 1500 * time.Millisecond
	// between two calls of one caller, so that it is not the load that is measured
	callerPause = 20 * time.Millisecond
)

// basic is the head line of a user's credentials.
func basic(user string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(user+":secret")) + "\r\n"
}

// pooled is W2 with a session that the first call made.
func pooled(f *field) *cell {
	return &cell{
		workload: "W2", gateway: sessionName, note: "`decode kv` behind `auth oauth2_proxy`, logged in", process: f.fairway, address: f.fairwayAt,
		path: "/guarded/status", header: basic("ann"), status: http.StatusOK, contentType: "application/json", body: equalsJSON(map[string]any{"Température": "21.5 degrés"}),
	}
}

// expiry is a set of gateways before one backend whose sessions end.
type expiry struct {
	name     string
	gateways []string // addresses
	backend  string
	secret   string          // which gateways that share a store have in common
	slowest  []time.Duration // of each caller in each round
	logins   int             // more than one of a user, over all rounds
}

// measureExpiries measures W8: one gateway, and two that share a store of each kind.
func (b *bench) measureExpiries(ctx context.Context) error {
	_, ports, err := b.startBackend(ctx)
	if err != nil {
		return err
	}
	stores := []struct {
		name, store string
		gateways    int
	}{
		{"one gateway", "sqlite:" + filepath.Join(b.directory, "one.db"), 1},
		{"two gateways over SQLite", "sqlite:" + filepath.Join(b.directory, "two.db"), 2},
	}
	dsn, err := b.startPostgres(ctx)
	switch {
	case errors.Is(err, errNoPostgres):
		b.failures = append(b.failures, "W8 over PostgreSQL: absent (Debian: postgresql)")
	case err != nil:
		b.fail("W8 over PostgreSQL", err)
	default:
		stores = append(stores, struct {
			name, store string
			gateways    int
		}{"two gateways over PostgreSQL", dsn, 2})
	}
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // it never fails
	for _, s := range stores {
		e := &expiry{name: s.name, backend: local(ports[0]), secret: base64.StdEncoding.EncodeToString(secret)}
		if err := b.measureExpiry(ctx, e, s.store, s.gateways, ports[0]); err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			b.fail("W8 "+s.name, err)
			continue
		}
		slices.Sort(e.slowest)
		p99 := e.slowest[len(e.slowest)*99/100]
		b.say("W8 %s: the slowest call of %d callers at expiry: median %v, p99 %v", e.name, expiryCallers, e.slowest[len(e.slowest)/2], p99)
		b.targets = append(b.targets,
			report.Target{Name: "W8 " + e.name + ", p99 of calls at expiry / a login of 200 ms", Value: p99.Seconds() / loginTime.Seconds(), Limit: 2.5, Below: true},
			report.Target{Name: "W8 " + e.name + ", logins of one user at expiry, at most", Value: float64(e.logins), Limit: 1})
	}
	return nil
}

// measureExpiry starts gateways and has sessions end under load, once per round.
func (b *bench) measureExpiry(ctx context.Context, e *expiry, store string, gateways int, backendPort string) (err error) {
	for i := range gateways {
		ports, err := process.FreePorts(2)
		if err != nil {
			return err
		}
		file := fmt.Sprintf("expiry-%s.Caddyfile", ports[0])
		path, err := b.configure("expiry.Caddyfile", file, map[string]any{"Admin": ports[1], "Port": ports[0], "Backend": backendPort})
		if err != nil {
			return err
		}
		spec := b.gatewaySpec(fmt.Sprintf("expiry-%d-%s", i, ports[0]), b.programs.fairway, "run", "--config", path, "--adapter", "caddyfile")
		spec.Env = append(spec.Env, "STORE="+store, "FAIRWAY_SECRET="+e.secret)
		p, err := process.Start(spec)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, p.Stop()) }()
		if _, err := p.AwaitOK(ctx, "http://"+local(ports[0])+"/guarded/metadata", startLimit); err != nil {
			return err
		}
		e.gateways = append(e.gateways, local(ports[0]))
	}
	for range b.rounds {
		if err := e.round(ctx); err != nil {
			return err
		}
	}
	return nil
}

// round has all callers ask, ends the sessions, and looks how long that was felt.
func (e *expiry) round(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if _, err := fetchAnswer(ctx, e.backend, "/expire"); err != nil {
		return err
	}
	// The first calls log in, and are not what is measured.
	for i := range expiryUsers {
		for _, gateway := range e.gateways {
			if a, err := fetchAnswer(ctx, gateway, "/guarded/status", basic(user(i))); err != nil || a.status != http.StatusOK {
				return fmt.Errorf("%d %.300q: %w", a.status, a.body, errors.Join(err, errAnswer))
			}
		}
	}
	slowest, failures := make([]time.Duration, expiryCallers), make([]error, expiryCallers)
	expired := make(chan struct{})
	var callers sync.WaitGroup
	transport := &http.Transport{MaxIdleConnsPerHost: expiryCallers}
	defer transport.CloseIdleConnections()
	for i := range expiryCallers {
		callers.Go(func() { slowest[i], failures[i] = e.call(ctx, transport, i, expired) })
	}
	if err := pause(ctx, beforeExpiry); err != nil {
		return err
	}
	_, err := fetchAnswer(ctx, e.backend, "/expire")
	close(expired)
	if err == nil {
		err = pause(ctx, afterExpiry)
	}
	cancel()
	callers.Wait()
	if i := slices.IndexFunc(failures, func(err error) bool { return err != nil }); err == nil && i >= 0 {
		err = fmt.Errorf("a caller: %w", failures[i])
	}
	if err != nil {
		return err
	}
	got, err := fetchAnswer(context.WithoutCancel(ctx), e.backend, "/logins")
	if err != nil {
		return err
	}
	var all, most int
	if _, err := fmt.Sscanf(string(got.body), "%d %d", &all, &most); err != nil {
		return fmt.Errorf("logins: %q: %w", got.body, err)
	}
	if all < expiryUsers {
		return fmt.Errorf("%d logins of %d users: %w", all, expiryUsers, errAnswer)
	}
	e.logins = max(e.logins, most)
	e.slowest = append(e.slowest, slowest...)
	return nil
}

func user(i int) string { return fmt.Sprintf("user-%d", i%expiryUsers) }

// call is one caller: it asks until ctx ends and gives its slowest answer since the sessions ended. A failure is an error.
func (e *expiry) call(ctx context.Context, transport *http.Transport, i int, expired <-chan struct{}) (time.Duration, error) {
	// Which gateway it asks does not depend on whose credentials it has.
	url := "http://" + e.gateways[i/expiryUsers%len(e.gateways)] + "/guarded/status"
	var slowest time.Duration
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return 0, err
		}
		request.SetBasicAuth(user(i), "secret")
		began := time.Now()
		response, err := transport.RoundTrip(request)
		if err == nil {
			_, err = io.Copy(io.Discard, response.Body)
			_ = response.Body.Close() // it was read
			if err == nil && response.StatusCode != http.StatusOK {
				return 0, fmt.Errorf("%s: %w", response.Status, errAnswer)
			}
		}
		if ctx.Err() != nil {
			return slowest, nil //nolint:nilerr // the end of the round
		}
		if err != nil {
			return 0, err
		}
		select {
		case <-expired:
			slowest = max(slowest, time.Since(began))
		default:
		}
		if pause(ctx, callerPause) != nil {
			return slowest, nil //nolint:nilerr // the end of the round
		}
	}
}
