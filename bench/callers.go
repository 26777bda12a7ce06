package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"github.com/fairway-gateway/fairway/bench/report"
)

// callersName is W2 for users alone: W11 with a token, W12 with a password.
const callersName = "fairway, `callers users`"

// benchUser is the address of the one user of a gateway's store.
const benchUser = "ann@example.org"

// enrolled is what the one user of a gateway's store shows.
type enrolled struct{ bearer, basic string }

// enroll makes a user with a token in the store of a gateway that startCaddy started.
// env is what the gateway's environment has beside that of all.
func (b *bench) enroll(ctx context.Context, name, port string, env ...string) (enrolled, error) {
	secret := make([]byte, 16)
	_, _ = rand.Read(secret) // it never fails
	password := "Aa1!" + hex.EncodeToString(secret)
	file := filepath.Join(b.directory, name+".password")
	if err := os.WriteFile(file, []byte(password+"\n"), 0o600); err != nil {
		return enrolled{}, fmt.Errorf("a user: %w", err)
	}
	name += "-" + port
	if _, err := b.command(ctx, env, name, "user", "add", benchUser, "--password-file", file); err != nil {
		return enrolled{}, err
	}
	out, err := b.command(ctx, env, name, "token", "create", "--user", benchUser, "--scope", "all", "--description", "measuring", "--json")
	if err != nil {
		return enrolled{}, err
	}
	var made struct{ Token string }
	if err := json.Unmarshal(out, &made); err != nil || made.Token == "" {
		return enrolled{}, fmt.Errorf("a token: %.100q: %w", out, errAnswer)
	}
	return enrolled{
		bearer: "Authorization: Bearer " + made.Token + "\r\n",
		basic:  "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(benchUser+":"+password)) + "\r\n",
	}, nil
}

// command runs one of fairway's commands with configuration and data of a gateway.
func (b *bench) command(ctx context.Context, env []string, gateway string, args ...string) ([]byte, error) {
	args = append(args, "--config", filepath.Join(b.directory, gateway+".Caddyfile"))
	cmd := exec.CommandContext(ctx, b.programs.fairway, args...) //nolint:gosec // what the benchmark built
	cmd.Env = slices.Concat(os.Environ(), b.gatewaySpec(gateway, "").Env, env)
	var says bytes.Buffer
	cmd.Stderr = &says
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("fairway %s %s: %w: %s", args[0], args[1], err, says.String())
	}
	return out, nil
}

// callers are W11 and W12.
func (f *field) callers() []*cell {
	one := func(workload, header, note string) *cell {
		return &cell{
			workload: workload, gateway: callersName, note: note, process: f.fairway, address: f.fairwayAt, path: "/users/status", header: header,
			status: http.StatusOK, contentType: "application/json", body: equalsJSON(map[string]any{"Température": "21.5 degrés"}),
		}
	}
	if f.user == (enrolled{}) {
		return nil
	}
	return []*cell{
		one("W11", f.user.bearer, "`decode kv`; a token that is remembered"),
		one("W12", f.user.basic, "`decode kv`; a password that is remembered"),
	}
}

// callerTargets are what finding out who calls may cost.
func callerTargets(within func(name, a, b string, limit float64) report.Target) []report.Target {
	return []report.Target{
		within("W11, a Bearer check / W2", "W11 "+callersName, "W2 "+fairwayName, 1.15),
		within("W12, a cached Basic check / W2", "W12 "+callersName, "W2 "+fairwayName, 1.10),
	}
}
