package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/fairway-gateway/fairway/bench/load"
	"github.com/fairway-gateway/fairway/bench/process"
)

// errAnswer tells that a gateway does not answer as the workload wants.
var errAnswer = errors.New("wrong answer")

// cell is one gateway under one workload.
type cell struct {
	workload, gateway, note string
	process                 *process.Process // whose CPU time counts
	address, path           string
	// header are further lines of the request's head, each with its end.
	header      string
	status      int
	contentType string // how the content type begins; empty: any
	// body checks the first answer; the ones while measuring must equal it, or have about its length when it varies.
	body   func([]byte) error
	varies bool
	// connections ask at the same time; 0: as many as the flag says.
	connections int
	// prepare runs before each round; what it returns runs after it. May be nil.
	prepare func(context.Context) (finish func(context.Context) error, err error)

	samples samples
	dropped bool
}

// samples are a cell's figures, one of each per round.
type samples struct {
	cpu, rate, p50, p99 []float64 // µs, 1/s, ms, ms
}

// names of gateways and variants that figures are looked up by
const (
	directName       = "none"
	caddyName        = "Caddy reverse_proxy"
	luraName         = "Lura"
	fairwayName      = "fairway"
	fairwayReplyName = "fairway with reply"
	fairwayGCName    = "fairway, GOGC=100"
	streamName       = "fairway, streamed"
	bareCSVName      = "encoding/csv"
	njsName          = "nginx+njs"
	respondName      = "Caddy respond"
)

// cells returns what is to be measured, in order.
func (b *bench) cells(ctx context.Context, f *field) ([]*cell, error) {
	const reading = "21.5 degrés"
	direct, err := fetchAnswer(ctx, f.backendAt, "/json")
	if err != nil {
		return nil, err
	}
	sameJSON := equals(direct.body)
	object := func(key string) func([]byte) error { return equalsJSON(map[string]any{key: reading}) }

	all := []*cell{
		{
			workload: "W0", gateway: directName, note: "CPU time of the backend itself", process: f.backend,
			address: f.backendAt, path: "/json", status: http.StatusOK, body: sameJSON,
		},
		{workload: "W1", gateway: caddyName, process: f.caddy, address: f.caddyAt, path: "/json", status: http.StatusOK, body: sameJSON},
		{workload: "W1", gateway: "nginx", process: f.nginx, address: f.nginxAt, path: "/json", status: http.StatusOK, body: sameJSON},
		{workload: "W1", gateway: luraName, note: "no-op", process: f.lura, address: f.luraAt, path: "/pass", status: http.StatusOK, body: sameJSON},
		{
			workload: "W1", gateway: fairwayName, note: "Caddy's reverse_proxy in fairway, for information", process: f.fairway,
			address: f.fairwayPassAt, path: "/json", status: http.StatusOK, body: sameJSON,
		},
		{
			workload: "W2", gateway: fairwayName, note: "`decode kv`", process: f.fairway,
			address: f.fairwayAt, path: "/w2/status", status: http.StatusOK, contentType: "application/json", body: object("Température"),
		},
		{
			workload: "W2", gateway: fairwayReplyName, note: "`decode kv` and a jq `reply`", process: f.fairway,
			address: f.fairwayAt, path: "/w2/reading", status: http.StatusOK, contentType: "application/json", body: object("temperature"),
		},
		{
			workload: "W2", gateway: fairwayGCName, note: "`decode kv`, garbage collected as often as in Caddy and Lura", process: f.fairwayGC,
			address: f.fairwayGCAt, path: "/w2/status", status: http.StatusOK, contentType: "application/json", body: object("Température"),
		},
		{
			workload: "W2", gateway: luraName, note: "string in `content`: neither parsed nor transcoded", process: f.lura,
			address: f.luraAt, path: "/text", status: http.StatusOK, contentType: "application/json",
			body: equalsJSON(map[string]any{"content": "Temp\ufffdrature: 21.5 degr\ufffds\n"}),
		},
		{
			workload: "W9", gateway: fairwayName, note: "refusals; the backend is not asked", process: f.fairway,
			address: f.fairwayAt, path: "/w9/status", status: http.StatusServiceUnavailable, contentType: "application/problem+json",
			body: problem(http.StatusServiceUnavailable), varies: true,
			prepare: func(ctx context.Context) (func(context.Context) error, error) { return openBreaker(ctx, f) },
		},
	}
	all = append(all, &cell{
		workload: "W9", gateway: respondName, note: "a fixed 503, for information: the least a refusal can cost on Caddy", process: f.caddy,
		address: f.staticAt, path: "/", status: http.StatusServiceUnavailable, contentType: "application/problem+json",
		body: problem(http.StatusServiceUnavailable),
	})
	if b.programs.njs != "" {
		all = append(all, &cell{
			workload: "W2", gateway: njsName, note: "parsed and transcoded by a script", process: f.nginx,
			address: f.nginxAt, path: "/text", status: http.StatusOK, contentType: "application/json", body: object("Température"),
		})
	}

	all = append(all, b.documents(f)...)
	all = append(all, b.joins(f)...)
	all = append(all, pooled(f))
	all = append(all, f.callers()...)
	all = append(all, f.people.cells()...)
	all = append(all, f.document())
	all = append(all, f.watching()...)

	var wanted []*cell
	for _, c := range all {
		if b.wants(c.workload) && c.process != nil {
			wanted = append(wanted, c)
		}
	}
	return wanted, nil
}

// answer is a response as read by net/http.
type answer struct {
	status      int
	contentType string
	body        []byte
}

// header are further lines of the request's head.
func fetchAnswer(ctx context.Context, address, path string, header ...string) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+path, nil)
	if err != nil {
		return answer{}, fmt.Errorf("GET %s: %w", path, err)
	}
	for line := range strings.Lines(strings.Join(header, "")) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		request.Header.Set(name, value)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close() //nolint:errcheck // it was only read
	body, err := io.ReadAll(io.LimitReader(response.Body, 16<<20))
	if err != nil {
		return answer{}, fmt.Errorf("GET %s: %w", path, err)
	}
	return answer{response.StatusCode, response.Header.Get("Content-Type"), body}, nil
}

// verify fetches the cell's answer once, checks all of it, and returns the check for the answers while measuring.
func (c *cell) verify(ctx context.Context) (func(load.Answer) error, error) {
	first, err := fetchAnswer(ctx, c.address, c.path, c.header)
	if err != nil {
		return nil, err
	}
	if first.status != c.status || !strings.HasPrefix(first.contentType, c.contentType) {
		return nil, fmt.Errorf("%d %q, not %d %q: %.300q: %w", first.status, first.contentType, c.status, c.contentType, first.body, errAnswer)
	}
	if err := c.body(first.body); err != nil {
		return nil, err
	}
	return func(a load.Answer) error {
		same := bytes.Equal(a.Body, first.body)
		if c.varies { // request ids and remaining seconds differ
			same = max(len(a.Body), len(first.body))-min(len(a.Body), len(first.body)) <= 8
		}
		if a.Status != c.status || !same {
			return fmt.Errorf("%d %.300q, not %d %.300q: %w", a.Status, a.Body, c.status, first.body, errAnswer)
		}
		return nil
	}, nil
}

func equals(want []byte) func([]byte) error {
	return func(got []byte) error {
		if !bytes.Equal(got, want) {
			return fmt.Errorf("%.300q, not %.300q: %w", got, want, errAnswer)
		}
		return nil
	}
}

func equalsJSON(want map[string]any) func([]byte) error {
	return func(body []byte) error {
		var got map[string]any
		if err := json.Unmarshal(body, &got); err != nil {
			return fmt.Errorf("%.300q: %w", body, errors.Join(errAnswer, err))
		}
		if !reflect.DeepEqual(got, want) {
			return fmt.Errorf("%v, not %v: %w", got, want, errAnswer)
		}
		return nil
	}
}

func problem(status int) func([]byte) error {
	return func(body []byte) error {
		var got struct{ Status int }
		if err := json.Unmarshal(body, &got); err != nil || got.Status != status {
			return fmt.Errorf("%.300q is no problem document with status %d: %w", body, status, errAnswer)
		}
		return nil
	}
}

// openBreaker makes the backend of W9 fail until fairway refuses, and returns a check that the backend is not asked from then on.
func openBreaker(ctx context.Context, f *field) (func(context.Context) error, error) {
	for tries := 0; ; tries++ {
		got, err := fetchAnswer(ctx, f.fairwayAt, "/w9/status")
		if err != nil {
			return nil, err
		}
		if got.status == http.StatusServiceUnavailable {
			break
		}
		if tries == 50 {
			return nil, fmt.Errorf("the breaker does not open: %d %.300q: %w", got.status, got.body, errAnswer)
		}
	}
	before, err := backendCount(ctx, f.failingAt)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		asked, err := backendCount(ctx, f.failingAt)
		if err != nil {
			return err
		}
		if asked -= before + 1; asked != 0 { // the first look at the counter counted
			return fmt.Errorf("the backend was asked %d times behind an open breaker: %w", asked, errAnswer)
		}
		return nil
	}, nil
}

func backendCount(ctx context.Context, address string) (int64, error) {
	got, err := fetchAnswer(ctx, address, "/count")
	if err != nil {
		return 0, err
	}
	count, err := strconv.ParseInt(string(got.body), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("backend's count: %w", err)
	}
	return count, nil
}
