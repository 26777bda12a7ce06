package fleet_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/e2e/api"
	"github.com/fairway-gateway/fairway/e2e/fleet"
	"github.com/fairway-gateway/fairway/e2e/gateway"
)

// TestRollingRestart replaces each gateway in turn, as an operator would, while callers ask over connections that they keep: none of
// them sees a failure, and what they write is written once.
func TestRollingRestart(t *testing.T) {
	t.Parallel()
	f := start(t, true)
	c := administrator(t, f.Balancer.URL)
	script, err := c.Upload(t.Context(), "echo", echo)
	if err != nil {
		t.Fatal(err)
	}
	l := &callers{f: f, api: c, script: script, by: caller(t)}
	ending := make(chan struct{})
	var busy sync.WaitGroup
	for i := range 8 {
		busy.Go(func() {
			for {
				select {
				case <-ending:
					return
				default:
				}
				if err := l.ask(context.Background(), i); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for _, g := range f.Gateways {
		before := l.asked.Load()
		await(t, "callers ask", func() error {
			if n := l.asked.Load() - before; n < 200 {
				return fmt.Errorf("%d times", n)
			}
			return nil
		})
		leaves(t, g)
		g.Run()
		await(t, "it is asked again", func() error {
			if metric(t, g, `fairway_request_duration_seconds_count{code="200",route="GET /{id}",service="plain"}`) == 0 {
				return fmt.Errorf("%s is not", g.URL)
			}
			return nil
		})
	}
	close(ending)
	busy.Wait()
	t.Logf("%d requests, %d of them wrote", l.asked.Load(), len(l.written)+len(l.runs))
	for _, id := range l.written {
		if n := f.Backend.Written(id); n != 1 {
			t.Errorf("%s was written %d times", id, n)
		}
	}
	for _, id := range l.runs {
		await(t, "an execution ends well", func() error {
			a, err := c.Insist(t.Context(), http.MethodGet, "/api/v1/execution/"+id, nil, nil)
			if err != nil {
				return err
			}
			if d, err := a.Data(); err != nil || d.Data.Status != "FINISHED" {
				return fmt.Errorf("%s %s, %w", d.Data.Status, d.Data.Reason, err)
			}
			return nil
		})
	}
}

// leaves has a gateway end, and holds that it says so before it takes no connections any more: to who asks whether it is ready, and
// to everybody who has a connection.
func leaves(t *testing.T, g *gateway.Gateway) {
	t.Helper()
	by := caller(t)
	want(t, by, g.URL+"/ready", http.StatusOK, "")
	if err := g.Leave(); err != nil {
		t.Fatal(err)
	}
	await(t, "it says that it leaves", func() error {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, g.URL+"/ready", http.NoBody)
		if err != nil {
			return err
		}
		response, err := by.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil || response.StatusCode != http.StatusServiceUnavailable || !response.Close || !bytes.Contains(body, []byte(`"status":"stopping"`)) {
			return fmt.Errorf("%d %s, Connection: close %v, %w", response.StatusCode, body, response.Close, err)
		}
		return nil
	})
	want(t, by, g.URL+"/plain/late", http.StatusOK, `{"path":"/plain","id":"late"}`+"\n")
	g.Ended(patience)
}

// callers ask the balancer.
type callers struct {
	f      *fleet.Fleet
	api    *api.Client
	script string
	by     *http.Client
	asked  atomic.Int64

	mu      sync.Mutex
	written []string
	runs    []string
}

// ask makes one request of a kind, and says what was wrong with the answer.
func (l *callers) ask(ctx context.Context, kind int) error {
	l.asked.Add(1)
	id := uuid.NewString()
	get := func(path, want string) error {
		status, body, err := fleet.Get(ctx, l.by, l.f.Balancer.URL+path)
		if err != nil || status != http.StatusOK || body != want+"\n" {
			return fmt.Errorf("%s: %d %.300s, %w", path, status, body, err)
		}
		return nil
	}
	switch kind % 6 {
	case 0, 1:
		return get("/plain/"+id, `{"path":"/plain","id":"`+id+`"}`)
	case 2:
		return get("/joined/"+id, `{"other":"`+id+`","part":"`+id+`"}`)
	case 3:
		return get("/guarded/"+id, `{"path":"/guarded","id":"`+id+`"}`)
	case 4:
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, l.f.Balancer.URL+"/written/", bytes.NewBufferString(`{"id":"`+id+`"}`))
		if err != nil {
			return err
		}
		request.Header.Set("Content-Type", "application/json")
		response, err := l.by.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if body, err := io.ReadAll(response.Body); err != nil || response.StatusCode != http.StatusOK || string(body) != `{"id":"`+id+`"}`+"\n" {
			return fmt.Errorf("POST /written/: %d %.300s, %w", response.StatusCode, body, err)
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		l.written = append(l.written, id)
		return nil
	default:
		time.Sleep(50 * time.Millisecond) // there are not to be thousands
		a := l.api.Ask(ctx, http.MethodPost, "/api/v1/script/"+l.script+"/run", []byte(`{"n":"`+id+`"}`), nil)
		d, err := a.Data()
		if err != nil {
			return fmt.Errorf("run: %w", err)
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		l.runs = append(l.runs, d.Data.ID)
		return nil
	}
}
