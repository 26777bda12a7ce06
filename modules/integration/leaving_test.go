package integration_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// TestCallersLeave has callers of real connections leave routes of all kinds: the backend's requests end, the breaker stays closed,
// and no goroutine is left.
func TestCallersLeave(t *testing.T) {
	t.Parallel()
	var now atomic.Int32
	backend := startRecorder(t, func(w http.ResponseWriter, r *http.Request) {
		now.Add(1)
		defer now.Add(-1)
		switch {
		case strings.HasPrefix(r.URL.Path, "/hangs"):
			<-r.Context().Done()
		case r.URL.Path == "/pages":
			w.Header().Set("Link", "</hangs/page>; rel=next")
			_, _ = io.WriteString(w, "[1]")
		default:
			_, _ = io.WriteString(w, `{"n":1}`)
		}
	})
	g := startGateway(t, site(fmt.Sprintf(`
	health
	service /s {
		version 1.0.0
		repository https://example.org/s
		description "Left by its callers"
		backend %s {
			breaker 3 1h
			timeout 5m
		}
		budget 10m
		GET /fine {
			fetch /fine {
				decode json
			}
		}
		GET /alone {
			fetch /hangs/alone {
				decode json
			}
		}
		GET /several {
			fetch a /hangs/a {
				decode json
				optional
			}
			fetch b /hangs/b {
				decode json
			}
		}
		GET /after {
			fetch a /a {
				decode json
			}
			fetch b /hangs/{a.n} {
				decode json
			}
		}
		GET /each {
			each list `+"`[range(9)]`"+` {
				concurrency 3
				fetch /hangs/{item} {
					decode json
				}
			}
		}
		GET /pages {
			fetch /pages {
				decode json
				paginate link
			}
		}
		GET /cached {
			fetch /hangs/cached {
				decode json
				cache 1h
			}
		}
	}`, backend.url)))
	g.get(t, "/s/fine").wantJSON(t, http.StatusOK, `{"n":1}`)
	before := goroutines(t, g)
	for range 3 {
		const each = 4
		under := map[string]int32{"/alone": 1 * each, "/several": 2 * each, "/after": 1 * each, "/each": 3 * each, "/pages": 1 * each, "/cached": 1}
		ctx, leave := context.WithCancel(t.Context())
		var all sync.WaitGroup
		var want int32
		for path, n := range under {
			want += n
			for range each {
				all.Go(func() {
					if a, err := g.try(ctx, request{path: "/s" + path}); err == nil {
						t.Errorf("%s is answered %d %s", path, a.status, a.body)
					}
				})
			}
		}
		if err := waitFor(func() error {
			if n := now.Load(); n != want {
				return fmt.Errorf("the backend has %d requests, want %d", n, want)
			}
			return nil
		}); err != nil {
			t.Error(err)
		}
		leave()
		all.Wait()
		if err := waitFor(func() error {
			if n := now.Load(); n != 0 {
				return fmt.Errorf("the backend still has %d requests", n)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		g.get(t, "/s/fine").wantJSON(t, http.StatusOK, `{"n":1}`) // the breaker is closed
	}
	const slack = 8 // the runtime's and the admin endpoint's own
	if err := waitFor(func() error {
		if n := goroutines(t, g); n > before+slack {
			return fmt.Errorf("%d goroutines, %d before", n, before)
		}
		return nil
	}); err != nil {
		t.Errorf("%v\n%.20000s", err, g.profile(t, 2))
	}
}
