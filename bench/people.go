package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/fairway-gateway/fairway/bench/process"
	"github.com/fairway-gateway/fairway/bench/report"
	"github.com/fairway-gateway/fairway/bench/stats"
)

// barePgxName is W14 without all that a gateway does: the query, and its row as JSON.
const barePgxName = "net/http and pgx"

// mePath is what W14 asks for.
const mePath = "/api/v1/user/me"

// people are who answer W14, over one PostgreSQL. Zero: there are none.
type people struct {
	fairway, bare                   *process.Process
	fairwayAt, fairwayAdmin, bareAt string
	user                            enrolled
	// shown is the user as both must answer him.
	shown map[string]any
}

// startPeople starts a gateway with the control API, makes a user, and starts the bare handler beside it.
func (b *bench) startPeople(ctx context.Context) (p people, err error) {
	dsn, err := b.startPostgres(ctx)
	if errors.Is(err, errNoPostgres) {
		return people{}, fmt.Errorf("%w (Debian: postgresql)", err)
	}
	if err != nil {
		return people{}, err
	}
	ports, err := process.FreePorts(3)
	if err != nil {
		return people{}, err
	}
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // it never fails
	env := []string{"STORE=" + dsn, "FAIRWAY_SECRET=" + base64.StdEncoding.EncodeToString(secret)}
	p = people{fairwayAt: local(ports[0]), fairwayAdmin: local(ports[1]), bareAt: local(ports[2])}
	if p.fairway, err = b.startCaddy(ctx, "people", b.programs.fairway, "http://"+p.fairwayAt+"/.well-known/jwks.json", map[string]string{"Admin": ports[1], "Port": ports[0]}, env...); err != nil {
		return people{}, err
	}
	if p.user, err = b.enroll(ctx, "people", ports[0], env...); err != nil {
		return people{}, err
	}
	spec := b.gatewaySpec("pgx", b.programs.pgx, "-listen", p.bareAt, "-email", benchUser)
	spec.Env = append(spec.Env, env...)
	if p.bare, err = b.start(spec); err != nil {
		return people{}, err
	}
	first, err := p.bare.AwaitOK(ctx, "http://"+p.bareAt+mePath, startLimit)
	if err != nil {
		return people{}, err
	}
	return p, json.Unmarshal(first, &p.shown)
}

// cells are those of W14.
func (p people) cells() []*cell {
	if p.fairway == nil {
		return nil
	}
	one := func(gateway, note, address, header string, of *process.Process) *cell {
		return &cell{
			workload: "W14", gateway: gateway, note: note, process: of, address: address, path: mePath, header: header,
			status: http.StatusOK, contentType: "application/json", body: equalsJSON(p.shown),
		}
	}
	return []*cell{
		one(fairwayName, "`GET /api/v1/user/me` with a Bearer token, over PostgreSQL", p.fairwayAt, p.user.bearer, p.fairway),
		one(barePgxName, "the same query and the same JSON; nobody asks who calls: the yardstick", p.bareAt, "", p.bare),
	}
}

// peopleTarget is what the control API may cost.
func peopleTarget(within func(name, a, b string, limit float64) report.Target) report.Target {
	return within("W14 / the same query by net/http and pgx alone, CPU per request", "W14 "+fairwayName, "W14 "+barePgxName, 2)
}

// What W15 asks for, and how many at once.
const (
	documentPath        = "/api/v1/openapi.json"
	documentServices    = 1000
	documentConnections = 8
	documentLimit       = 5 // ms
)

// startDocumented starts a gateway with many services and the control API, and has it make their document.
func (b *bench) startDocumented(ctx context.Context, backendPort string) (*process.Process, string, error) {
	ports, err := process.FreePorts(2)
	if err != nil {
		return nil, "", err
	}
	var names []string
	for i := range documentServices {
		names = append(names, fmt.Sprintf("s%04d", i+1))
	}
	path, err := b.configure("documented.Caddyfile", "documented.Caddyfile", map[string]any{"Admin": ports[1], "Port": ports[0], "Backend": backendPort, "Names": names})
	if err != nil {
		return nil, "", err
	}
	p, err := b.start(b.gatewaySpec("documented", b.programs.fairway, "run", "--config", path, "--adapter", "caddyfile"))
	if err != nil {
		return nil, "", err
	}
	address := local(ports[0])
	_, err = p.AwaitOK(ctx, "http://"+address+documentPath, startLimit)
	return p, address, err
}

// document is the cell of W15.
func (f *field) document() *cell {
	return &cell{
		workload: "W15", gateway: fairwayName, note: fmt.Sprintf("the document of %d services, as it was made", documentServices), process: f.documented, address: f.documentedAt,
		path: documentPath, status: http.StatusOK, contentType: "application/json", body: contains(`"openapi":"3.1.0"`, `"/s0001/kv"`, fmt.Sprintf(`"/s%04d/kv"`, documentServices)), connections: documentConnections,
	}
}

// documentTarget is what a document may cost.
func documentTarget(microseconds []float64) report.Target {
	return report.Target{Name: fmt.Sprintf("W15 CPU of the document of %d services", documentServices), Value: stats.Of(microseconds).Median / 1000, Limit: documentLimit, Unit: " ms", Below: true}
}
