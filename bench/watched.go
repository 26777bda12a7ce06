package main

import (
	"context"
	"net/http"

	"github.com/fairway-gateway/fairway/bench/process"
)

// watcher is one way of looking at a gateway under W25.
type watcher struct {
	name, note string
	// metrics is that Caddy counts requests, too; Fairway's own metrics are always there.
	metrics bool
	// log is that each request is a line of the access log, which is written and thrown away.
	log bool
	// ratio is the share of requests whose spans are sent; empty: nothing is traced.
	ratio string
}

// watched is a gateway that is looked at.
type watched struct {
	watcher
	process *process.Process
	address string
}

func watchers() []watcher {
	return []watcher{
		{name: fairwayName, note: "its own metrics, which are always there"},
		{name: "fairway, `metrics`", note: "Caddy's metrics of requests as well", metrics: true},
		{name: "fairway, traced for none", note: "`tracing`, sampled 0", ratio: "0"},
		{name: "fairway, traced for a tenth", note: "`tracing`, sampled 0.1", ratio: "0.1"},
		{name: "fairway, traced for all", note: "`tracing`, sampled 1: three spans for each request", ratio: "1"},
		{name: "fairway, `log`", note: "a line of JSON for each request, encoded and discarded", log: true},
	}
}

// startWatched starts a gateway for each way of looking at it. Spans go to the backend, which throws them away.
func (b *bench) startWatched(ctx context.Context, backendPort, spansPort string) ([]watched, error) {
	var all []watched
	for i, w := range watchers() {
		ports, err := process.FreePorts(2)
		if err != nil {
			return nil, err
		}
		name := "watched-" + string(rune('a'+i))
		path, err := b.configure("watched.Caddyfile", name+".Caddyfile", map[string]any{
			"Admin": ports[1], "Port": ports[0], "Backend": backendPort, "Metrics": w.metrics, "Traced": w.ratio != "", "Log": w.log,
		})
		if err != nil {
			return nil, err
		}
		spec := b.gatewaySpec(name, b.programs.fairway, "run", "--config", path, "--adapter", "caddyfile")
		if w.ratio != "" {
			spec.Env = append(spec.Env, "OTEL_EXPORTER_OTLP_ENDPOINT=http://"+local(spansPort), "OTEL_TRACES_SAMPLER=traceidratio", "OTEL_TRACES_SAMPLER_ARG="+w.ratio)
		}
		p, err := b.start(spec)
		if err != nil {
			return nil, err
		}
		address := local(ports[0])
		if _, err := p.AwaitOK(ctx, "http://"+address+"/w2/status", startLimit); err != nil {
			return nil, err
		}
		all = append(all, watched{w, p, address})
	}
	return all, nil
}

// watching are the cells of W25.
func (f *field) watching() []*cell {
	var cells []*cell
	for _, w := range f.watched {
		cells = append(cells, &cell{
			workload: "W25", gateway: w.name, note: w.note, process: w.process, address: w.address, path: "/w2/status",
			status: http.StatusOK, contentType: "application/json", body: equalsJSON(map[string]any{"Température": "21.5 degrés"}),
		})
	}
	return cells
}
