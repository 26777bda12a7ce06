package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/fairway-gateway/fairway/bench/load"
)

// takeProfiles writes a CPU and an allocation profile of fairway for both variants of W2, and for W11, W12 and W14, taken apart from what is measured.
func (b *bench) takeProfiles(ctx context.Context, f *field) error {
	if err := os.MkdirAll(b.profile, 0o750); err != nil {
		return fmt.Errorf("profile: %w", err)
	}
	taken := map[string]*cell{"w2": {path: "/w2/status"}, "w2-reply": {path: "/w2/reading"}}
	if f.user != (enrolled{}) {
		taken["w11"] = &cell{path: "/users/status", header: f.user.bearer}
		taken["w12"] = &cell{path: "/users/status", header: f.user.basic}
	}
	for _, c := range taken {
		c.address = f.fairwayAt
	}
	if f.people.fairway != nil {
		taken["w14"] = &cell{address: f.people.fairwayAt, path: mePath, header: f.people.user.bearer}
	}
	for name, c := range taken {
		admin := f.fairwayAdminAt
		if c.address == f.people.fairwayAt {
			admin = f.people.fairwayAdmin
		}
		c.status, c.body = http.StatusOK, func([]byte) error { return nil }
		if err := b.profileOne(ctx, admin, name, c); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) profileOne(ctx context.Context, admin, name string, c *cell) error {
	check, err := c.verify(ctx)
	if err != nil {
		return fmt.Errorf("profile: %w", err)
	}
	run := load.Start(load.Options{Address: c.address, Path: c.path, Header: c.header, Connections: b.connections, Check: check})
	defer run.Stop()
	seconds := strconv.Itoa(int(math.Ceil(b.duration.Seconds())))
	for kind, file := range map[string]string{"profile": name + ".cpu.pprof", "allocs": name + ".allocs.pprof"} {
		target := filepath.Join(b.profile, file)
		if err := download(ctx, "http://"+admin+"/debug/pprof/"+kind+"?seconds="+seconds, target, b.duration+time.Minute); err != nil {
			return fmt.Errorf("profile: %w", err)
		}
		b.say("wrote %s", target)
	}
	return nil
}

func download(ctx context.Context, url, path string, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close() //nolint:errcheck // it was only read
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, response.Status)
	}
	content, err := io.ReadAll(io.LimitReader(response.Body, 64<<20))
	if err != nil {
		return err
	}
	return os.WriteFile(path, content, 0o600)
}
