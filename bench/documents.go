package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/fairway-gateway/fairway/bench/load"
	"github.com/fairway-gateway/fairway/bench/proc"
	"github.com/fairway-gateway/fairway/bench/process"
	"github.com/fairway-gateway/fairway/bench/report"
	"github.com/fairway-gateway/fairway/bench/stats"
)

const (
	csvConnections = 8     // clients of W4
	csvRows        = 10000 // of the backend's table
	streamsLimit   = 16    // MB that streaming may add to the memory of an idle gateway
)

// documents returns the cells of larger documents: W3, W4 and W6.
func (b *bench) documents(f *field) []*cell {
	json := func(workload, gateway, note, path string, body func([]byte) error) *cell {
		return &cell{
			workload: workload, gateway: gateway, note: note, process: f.fairway, address: f.fairwayAt, path: path,
			status: http.StatusOK, contentType: "application/json", body: body,
		}
	}
	wide := func(c *cell) *cell {
		c.connections = csvConnections
		return c
	}
	lura := json("W3", luraName, "mxj", "/xml", contains(`"Genève \u0026 Fils"`, `"a \u003c b"`, `"-operator":"Météo"`))
	lura.process, lura.address = f.lura, f.luraAt
	all := []*cell{
		json("W3", fairwayName, "`decode xml`", "/w3/stations", contains(`"Genève & Fils"`, `"a < b"`, `"Météo"`)),
		lura,
		wide(json("W4", streamName, "`decode csv`, `reply each`", "/w4/streamed", rows(csvRows))),
		wide(json("W4", fairwayName, "`decode csv`, buffered", "/w4/buffered", rows(csvRows))),
		wide(json("W4", fairwayReplyName, "`decode csv` and a jq `reply` over the whole", "/w4/replied", rows(csvRows))),
		wide(json("W4", "fairway, streamed with reply", "`decode csv` and `reply each` with a jq program", "/w4/each", rows(csvRows))),
		wide(&cell{
			workload: "W4", gateway: bareCSVName, note: "ReuseRecord, in memory, nothing written: the yardstick", process: f.csv, address: f.csvAt, path: "/",
			status: http.StatusOK, body: equals(fmt.Appendln(nil, 10*(csvRows+1))),
		}),
		wide(&cell{
			workload: "W4", gateway: caddyName, note: "passed on unread: the floor", process: f.caddy, address: f.caddyAt, path: "/csv",
			status: http.StatusOK, body: contains("row 9999, of"),
		}),
		json("W6", fairwayName, "`decode html` with `table`", "/w6/hosts", contains(`"Genève & Cie"`, `"Host":"host-0001"`)),
	}
	if b.programs.njs != "" {
		all = append(all, &cell{
			workload: "W6", gateway: njsName, note: "regular expressions made for this page", process: f.nginx, address: f.nginxAt, path: "/table",
			status: http.StatusOK, contentType: "application/json", body: contains(`"Genève & Cie"`, `"Host":"host-0001"`),
		})
	}
	return all
}

func contains(parts ...string) func([]byte) error {
	return func(body []byte) error {
		for _, part := range parts {
			if !strings.Contains(string(body), part) {
				return fmt.Errorf("no %s in %.300q: %w", part, body, errAnswer)
			}
		}
		return nil
	}
}

// rows wants a list of n objects that are not empty.
func rows(n int) func([]byte) error {
	return func(body []byte) error {
		var got []map[string]any
		if err := json.Unmarshal(body, &got); err != nil {
			return fmt.Errorf("%.300q: %w", body, errors.Join(errAnswer, err))
		}
		if len(got) != n || len(got[n-1]) == 0 {
			return fmt.Errorf("%d rows, not %d: %w", len(got), n, errAnswer)
		}
		return nil
	}
}

// measureStreams measures how much memory a gateway of its own takes for streams, over what it takes when idle.
func (b *bench) measureStreams(ctx context.Context, f *field) error {
	var grown []float64
	for range b.rounds {
		mb, err := b.streamMemory(ctx, f)
		if err != nil {
			return err
		}
		grown = append(grown, mb)
		b.say("W4 memory of %d streams: %.1f MB over idle", csvConnections, mb)
	}
	b.targets = append(b.targets, report.Target{
		Name: fmt.Sprintf("W4 memory that %d streams at once add to an idle gateway, at most", csvConnections), Value: stats.Of(grown).Median, Limit: streamsLimit, Unit: " MB",
	})
	return nil
}

func (b *bench) streamMemory(ctx context.Context, f *field) (mb float64, err error) {
	ports, err := process.FreePorts(3)
	if err != nil {
		return 0, err
	}
	_, backend, _ := strings.Cut(f.backendAt, ":")
	_, failing, _ := strings.Cut(f.failingAt, ":")
	path, err := b.configure("fairway.Caddyfile", "fairway-streams.Caddyfile", map[string]string{
		"Admin": ports[0], "Port": ports[1], "Pass": ports[2], "Backend": backend, "Failing": failing,
	})
	if err != nil {
		return 0, err
	}
	p, err := process.Start(b.gatewaySpec("fairway-streams", b.programs.fairway, "run", "--config", path, "--adapter", "caddyfile"))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, p.Stop()) }()
	address := local(ports[1])
	if _, err := p.AwaitOK(ctx, "http://"+address+"/w2/status", startLimit); err != nil {
		return 0, err
	}
	if err := pause(ctx, settle); err != nil {
		return 0, err
	}
	idle, err := proc.TreeMemory(p.PID())
	if err != nil {
		return 0, err
	}
	c := cell{address: address, path: "/w4/streamed", status: http.StatusOK, contentType: "application/json", body: rows(csvRows)}
	check, err := c.verify(ctx)
	if err != nil {
		return 0, err
	}
	run := load.Start(load.Options{Address: address, Path: c.path, Connections: csvConnections, Check: check})
	waited := pause(ctx, b.duration)
	if result := run.Stop(); result.Failed > 0 {
		return 0, fmt.Errorf("%d answers were wrong: %w", result.Failed, result.FirstFailure)
	}
	if waited != nil {
		return 0, waited
	}
	most, err := proc.TreeMemory(p.PID())
	if err != nil {
		return 0, err
	}
	return megabytes(most.Peak - idle.RSS), nil
}
