// Package fuzz_test asks the running gateway what its API document says can be asked, and much that it does not say, by callers of
// each kind, and holds each answer to the document: its status, its media type, and its body. There is no 5xx.
//
//	go test ./fuzz -requests 20000 -seed 7
package fuzz_test

import (
	"context"
	"flag"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/e2e/build"
	"github.com/fairway-gateway/fairway/e2e/gateway"
	"github.com/fairway-gateway/fairway/internal/pgtest"
	"github.com/fairway-gateway/fairway/modules/control/accounts"
	"github.com/fairway-gateway/fairway/modules/control/passwords"
	"github.com/fairway-gateway/fairway/queries"
)

var (
	builder  = &build.Builder{Module: "..", Race: build.Race}
	requests = flag.Int("requests", 1300, "how many requests are made of each gateway")
	seed     = flag.Uint64("seed", 1, "what the requests are made of")
	most     = flag.Int("failures", 20, "how many different failures are told")
	trace    = flag.Bool("trace", false, "tell of all requests in which nothing was meant to be wrong")
	only     = flag.String("operation", "", "only operations whose id begins so")
)

func TestMain(m *testing.M) { os.Exit(builder.Main(m)) }

// world is a gateway, and the test's own way into its store.
type world struct {
	gateway *gateway.Gateway
	client  *http.Client
	store   *queries.Store
	// hash is that of password.
	hash  string
	maker *maker
	// address is from where the last request seemed to come.
	address string
}

// answer is what came.
type answer struct {
	status       int
	media, allow string
	body         []byte
}

// onEngines runs a test on both engines, at the same time.
func onEngines(t *testing.T, run func(t *testing.T, w *world)) {
	t.Helper()
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		run(t, newWorld(t, "sqlite:"+filepath.Join(t.TempDir(), "store.db")))
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		server := pgtest.For(t)
		run(t, newWorld(t, server.DSN("postgres")))
	})
}

func newWorld(t *testing.T, dsn string) *world {
	t.Helper()
	// The engines are not asked the same, so that more is asked.
	w := &world{maker: &maker{Rand: mathrand.New(mathrand.NewPCG(*seed, uint64(len(strings.Split(dsn, ":")[0])))), told: map[string][]any{"password": {password}}}} //nolint:gosec // no secret
	w.client = &http.Client{
		Timeout: time.Minute, Transport: &http.Transport{DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	t.Cleanup(w.client.CloseIdleConnections)
	w.gateway = gateway.Start(t, builder, gateway.Options{
		// Each request comes from an address of its own: limits by address are not what is looked at here.
		Global:  "\tservers {\n\t\ttrusted_proxies static 127.0.0.1/32\n\t}",
		Fairway: "\t\tdatabase {env.DATABASE_URL}\n\t\tsecret {env.FAIRWAY_SECRET}\n\t\tmail {\n\t\t\tpublic_url http://localhost\n\t\t}",
		Env:     []string{"DATABASE_URL=" + dsn, "FAIRWAY_SECRET=" + gateway.NewSecret()},
		Site:    "\tcontrol {\n\t\trate 100000/m by address\n\t}\n" + services(t),
	})
	if a := w.gateway.Get("/.well-known/jwks.json", "", ""); a.Status != http.StatusOK {
		t.Fatalf("the API does not answer: %v", a)
	}
	store, err := queries.Open(context.Background(), queries.Config{DSN: dsn})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	w.store = store
	checker, err := passwords.New(accounts.NewDirectory(store, accounts.DirectoryConfig{}), passwords.Config{Realm: "users", Scheme: passwords.Scheme{Algorithm: passwords.Argon2id, Passes: 1, MemoryKiB: 1 << 10, Lanes: 1}})
	if err != nil {
		t.Fatal(err)
	}
	if w.hash, err = checker.Hash(context.Background(), netip.Addr{}, password); err != nil {
		t.Fatal(err)
	}
	doc := w.gateway.Get("/api/v1/openapi.json", "", "")
	if w.maker.document, err = parseDocument([]byte(doc.Body)); err != nil {
		t.Fatal(err)
	}
	return w
}

// ask makes a request.
func (w *world) ask(a *attempt) (answer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	r, err := a.request(ctx, w.gateway.URL)
	if err != nil {
		return answer{}, err
	}
	m := w.maker
	w.address = fmt.Sprintf("10.%d.%d.%d", m.IntN(256), m.IntN(256), 1+m.IntN(254))
	r.Header.Set("X-Forwarded-For", w.address)
	resp, err := w.client.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return answer{}, err
	}
	return answer{status: resp.StatusCode, media: resp.Header.Get("Content-Type"), allow: resp.Header.Get("Allow"), body: body}, nil
}

// services are two that have all that a document says of routes.
func services(t *testing.T) string {
	t.Helper()
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // to its end
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"place":"Bonn","celsius":7.5,"tags":["a"]}`) // the gateway may have left
	}))
	t.Cleanup(backend.Close)
	schema := filepath.Join(t.TempDir(), "schema.json")
	const text = `{"type":"object","properties":{"place":{"type":"string","minLength":1},"celsius":{"type":["number","null"],"exclusiveMinimum":-274},"tags":{"type":"array","items":{"type":"string"},"maxItems":3}},"required":["place"]}`
	if err := os.WriteFile(schema, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	head := "\t\tversion 1.0.0\n\t\trepository https://github.com/example/weather\n\t\tdescription \"Weather\"\n\t\tbackend " + backend.URL + "\n"
	return strings.NewReplacer("HEAD", head, "SCHEMA", schema).Replace(`	service /weather {
HEAD		GET /places/{place} {
			summary "A place"
			param unit string default celsius enum celsius kelvin
			param word string pattern [a-z]+
			param n integer default 10 min 1 max 50
			param f number min -1.5 max 8
			param all bool
			param day date
			param X-Unit in header string
			schema SCHEMA
			fetch /{place}?unit={query.unit}&n={query.n} {
				decode json
			}
		}
		GET /table/{rest...} {
			output json csv
			fetch /x {
				decode json
			}
			reply "[.]"
		}
		POST /places {
			body json {
				schema SCHEMA
			}
			fetch POST /places {
				body json "$body"
				decode json
			}
		}
		PUT /form {
			body form
			fetch POST /x {
				body form "$body"
				decode json
			}
		}
	}
	service /duty {
HEAD		callers users users:read
		GET /{day} {
			param day date
			param strict string required
			fetch /{day} {
				decode json
			}
			reply "{ day: $day, caller: $caller.user }"
		}
	}`)
}
