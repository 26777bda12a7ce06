package main

import (
	"net/http"

	"github.com/fairway-gateway/fairway/bench/report"
	"github.com/fairway-gateway/fairway/bench/stats"
)

// Names of what W5 and the kept W2 compare.
const (
	singleName = "fairway, one of them"
	keptName   = "fairway, `cache 1s`"
)

// Limits of joining, in ms, and the clients of the cells whose time counts and not their cost.
const (
	latencyConnections = 16
	slowestPart        = 50  // of W5b
	partBudget         = 100 // of the part of W5c that hangs
)

// joins returns the cells of several fetches in one answer, W5, and of one that is kept, W2.
func (b *bench) joins(f *field) []*cell {
	merged := contains(`"a":{`, `"b":{`, `"c":{`)
	fairway := func(workload, gateway, note, path string, body func([]byte) error) *cell {
		return &cell{
			workload: workload, gateway: gateway, note: note, process: f.fairway, address: f.fairwayAt, path: path,
			status: http.StatusOK, contentType: "application/json", body: body,
		}
	}
	patient := func(c *cell) *cell {
		c.connections = latencyConnections
		return c
	}
	return []*cell{
		fairway("W2", keptName, "`decode kv` and `cache 1s`", "/kept/status", equalsJSON(map[string]any{"Température": "21.5 degrés"})),
		fairway("W5", fairwayName, "three `fetch`", "/w5/merge", merged),
		fairway("W5", singleName, "one `fetch`, for comparison", "/w5/one", contains(`{`)),
		{
			workload: "W5", gateway: luraName, note: "three backends in groups", process: f.lura, address: f.luraAt, path: "/merge",
			status: http.StatusOK, contentType: "application/json", body: merged,
		},
		patient(fairway("W5b", fairwayName, "backends that take 5, 20 and 50 ms", "/w5/slow", merged)),
		patient(fairway("W5c", fairwayName, "one part fails, one hangs for its `budget` of 100 ms", "/w5/partial", contains(`"a":{`, `"b":null,"c":null,"partial":[`))),
	}
}

// joinTargets are those of the cells of joins.
func joinTargets(cells []*cell, ratio func(a, b string) float64) []report.Target {
	median := func(workload string, of func(samples) []float64) float64 {
		for _, c := range cells {
			if c.workload == workload && c.gateway == fairwayName && !c.dropped {
				return stats.Of(of(c.samples)).Median
			}
		}
		return stats.Of(nil).Median
	}
	return []report.Target{
		{Name: "W2 with `cache 1s` / Caddy's `respond`", Value: ratio("W2 "+keptName, "W9 "+respondName), Limit: 1.25},
		{Name: "W2 with `cache 1s` / nginx+njs", Value: ratio("W2 "+keptName, "W2 "+njsName), Limit: 1, Below: true},
		{Name: "W5 / Lura's merge", Value: ratio("W5 "+fairwayName, "W5 "+luraName), Limit: 0.5},
		{Name: "W5 / one fetch of it", Value: ratio("W5 "+fairwayName, "W5 "+singleName), Limit: 2.2},
		{Name: "W5b p50 beyond the slowest part", Value: median("W5b", func(s samples) []float64 { return s.p50 }) - slowestPart, Limit: 3, Unit: " ms"},
		{Name: "W5c p99 / the budget of the part that hangs", Value: median("W5c", func(s samples) []float64 { return s.p99 }) / partBudget, Limit: 1.05},
	}
}
