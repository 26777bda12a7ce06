package fairway

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

	"github.com/fairway-gateway/fairway/proxies/upstream"
	"github.com/fairway-gateway/fairway/proxies/wrap"
)

// provisioned is an app as Caddy makes it for one configuration.
func provisioned(t *testing.T, memory wrap.Size) *App {
	t.Helper()
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	t.Cleanup(cancel)
	a := new(App).CaddyModule().New().(*App)
	a.Memory = memory
	if err := a.Provision(ctx); err != nil {
		t.Fatal(err)
	}
	return a
}

// uses says how many hold an entry.
func uses(key string) int {
	n, _ := shared.References(key)
	return n
}

// TestLifeCycle goes through a reload: the new configuration finds what the old one has, and the last one to go lets go of all.
func TestLifeCycle(t *testing.T) { //nolint:paralleltest // what outlives a reload is one for the process
	old := provisioned(t, 1<<20)
	if err := old.Start(); err != nil {
		t.Fatal(err)
	}
	cfg := upstream.Config{Service: "s", Addresses: []string{"http://127.0.0.1:9"}}
	first, releaseFirst, err := old.backend(cfg)
	if err != nil {
		t.Fatal(err)
	}

	fresh := provisioned(t, 2<<20)
	if old.process != fresh.process {
		t.Error("the new configuration counts on its own")
	}
	second, releaseSecond, err := fresh.backend(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if first != second {
		t.Error("the backend of the new configuration is another, though nothing of it has changed")
	}
	changed := cfg
	changed.Addresses = []string{"http://127.0.0.1:10"}
	third, releaseThird, err := fresh.backend(changed)
	if err != nil {
		t.Fatal(err)
	}
	if third == first {
		t.Error("a backend at another address is the same")
	}
	key, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if n := uses("backend " + string(key)); n != 2 {
		t.Errorf("%d hold the backend, want 2", n)
	}

	releaseFirst()
	releaseFirst() // once more does nothing
	if err := old.Cleanup(); err != nil {
		t.Fatal(err)
	}
	if err := old.Cleanup(); err != nil {
		t.Fatal(err)
	}
	if n := uses("backend " + string(key)); n != 1 {
		t.Errorf("%d hold the backend after the old configuration has gone, want 1", n)
	}
	if n := uses(processKey); n != 1 {
		t.Errorf("%d hold what is of the process, want 1", n)
	}
	releaseSecond()
	releaseThird()
	if err := fresh.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := fresh.Cleanup(); err != nil {
		t.Fatal(err)
	}
	if n := uses("backend "+string(key)) + uses(processKey); n != 0 {
		t.Errorf("%d still hold something", n)
	}
}

// TestRenewedCertificate checks that a reload takes over files that were replaced in their place, and keeps what has not changed.
func TestRenewedCertificate(t *testing.T) { //nolint:paralleltest // what outlives a reload is one for the process
	a := provisioned(t, 0)
	t.Cleanup(func() {
		if err := a.Cleanup(); err != nil {
			t.Error(err)
		}
	})
	server := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	file := filepath.Join(t.TempDir(), "ca.pem")
	write := func(comment string) {
		text := append([]byte(comment), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})...)
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg := upstream.Config{Addresses: []string{"https://127.0.0.1:9"}, TLS: upstream.TLS{CA: []string{file}}}
	open := func() *upstream.Backend {
		b, release, err := a.backend(cfg)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(release)
		return b
	}
	write("# of last year\n")
	first := open()
	if open() != first {
		t.Error("the same files make another backend")
	}
	write("# of this year\n")
	if open() == first {
		t.Error("the renewed file is not read")
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if _, _, err := a.backend(cfg); err == nil {
		t.Error("a file that is gone is no error")
	}
}

// TestBackendRefused checks that a backend that cannot be made leaves nothing behind.
func TestBackendRefused(t *testing.T) { //nolint:paralleltest // what outlives a reload is one for the process
	a := provisioned(t, 0)
	t.Cleanup(func() {
		if err := a.Cleanup(); err != nil {
			t.Error(err)
		}
	})
	cfg := upstream.Config{Addresses: []string{"gopher://x"}}
	for range 2 {
		if _, _, err := a.backend(cfg); err == nil {
			t.Fatal("it is accepted")
		}
	}
	key, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if n := uses("backend " + string(key)); n != 0 {
		t.Errorf("%d hold it", n)
	}
}

func TestDefaultMemory(t *testing.T) {
	t.Parallel()
	for limit, want := range map[int64]wrap.Size{
		math.MaxInt64: DefaultMemory, 4 << 30: 2 << 30, 128 << 20: 64 << 20, 1 << 20: 64 << 20, 0: 64 << 20,
	} {
		if got := memoryUnder(limit); got != want {
			t.Errorf("of %d: %d, want %d", limit, got, want)
		}
	}
}

// TestMemoryOfJSON gives the app what no Caddyfile makes.
func TestMemoryOfJSON(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]wrap.Size{
		`{}`: 0, `{"memory":"64MiB"}`: 64 << 20, `{"memory":1048576}`: 1 << 20,
		`{"memory":-1}`: -1, `{"memory":"lots"}`: -1, `{"memory":""}`: -1, `{"memory":1.5}`: -1, `{"memory":[]}`: -1, `{"memory":"64MiB","database":"x"}`: -1,
	} {
		a := new(App)
		err := caddy.StrictUnmarshalJSON([]byte(text), a)
		if (err != nil) != (want < 0) || err == nil && a.Memory != want {
			t.Errorf("%s: %d, %v", text, a.Memory, err)
		}
	}
}

func TestServices(t *testing.T) {
	t.Parallel()
	a := new(App)
	one, two := new(wrap.Service), new(wrap.Service)
	a.Announce(one)
	before := a.Services()
	a.Announce(two)
	if after := a.Services(); len(before) != 1 || len(after) != 2 || after[0] != one || after[1] != two {
		t.Errorf("before %v, after %v", before, after)
	}
}

func TestOption(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ text, want, err string }{
		"memory":          {"fairway {\nmemory 64MiB\n}", `{"memory":67108864}`, ""},
		"nothing":         {"fairway {\n}", `{}`, ""},
		"no block":        {"fairway", `{}`, ""},
		"an argument":     {"fairway 64MiB", "", "takes nothing on its line"},
		"memory twice":    {"fairway {\nmemory 1MiB\nmemory 2MiB\n}", "", "memory is there twice"},
		"memory of none":  {"fairway {\nmemory\n}", "", "takes one size"},
		"memory of zero":  {"fairway {\nmemory 0\n}", "", "is no size"},
		"memory misspelt": {"fairway {\nmemory 64MB/s\n}", "", "is no size"},
		"memory's block":  {"fairway {\nmemory 1MiB {\nx\n}\n}", "", "takes no block"},
		"a misspelt word": {"fairway {\nmemroy 1MiB\n}", "", `no word memroy; did you mean "memory"?`},
		"databases": {
			"fairway {\ndatabase {env.URL}\ndatabase jobs sqlite:/x/jobs.db\ndatabase logs postgres://u:{env.PW}@h:5432/logs\n}",
			`{"databases":[{"dsn":"{env.URL}"},{"name":"jobs","dsn":"sqlite:/x/jobs.db"},{"name":"logs","dsn":"postgres://u:{env.PW}@h:5432/logs"}]}`, "",
		},
		"the store by default":   {"fairway {\ndatabase\n}", `{"databases":[{}]}`, ""},
		"a database's name":      {"fairway {\ndatabase jobs\n}", "", "needs an address"},
		"a database twice":       {"fairway {\ndatabase a sqlite:a\ndatabase a sqlite:b\n}", "", `two databases of the name "a"`},
		"two stores":             {"fairway {\ndatabase sqlite:a\ndatabase sqlite:b\n}", "", `two databases of the name ""`},
		"a name that is none":    {"fairway {\ndatabase a-b sqlite:a\n}", "", "is no name"},
		"the store's name":       {"fairway {\ndatabase store sqlite:a\n}", "", "without a name"},
		"three arguments":        {"fairway {\ndatabase a b sqlite:a\n}", "", "takes a name and an address"},
		"a database's block":     {"fairway {\ndatabase a sqlite:a {\nx\n}\n}", "", "database has no word x"},
		"another engine":         {"fairway {\ndatabase a mysql://h/x\n}", "", "sqlite:<path> or postgres://"},
		"another with a secret":  {"fairway {\ndatabase a mysql://u:{env.PW}@h/x\n}", "", "sqlite:<path> or postgres://"},
		"a password":             {"fairway {\ndatabase a postgres://u:s3cret@h/x\n}", "", "password of a database must be"},
		"half a password":        {"fairway {\ndatabase a postgres://u:x{env.PW}@h/x\n}", "", "password of a database must be"},
		"a password as option":   {"fairway {\ndatabase a postgres://h/x?user=u&password=s3cret\n}", "", "password of a database must be"},
		"a database in memory":   {"fairway {\ndatabase a sqlite::memory:\n}", "", "is a file"},
		"an address of nonsense": {"fairway {\ndatabase a postgres://h:port/x\n}", "", "cannot be read"},
		"the option again":       {"fairway", "", "is there twice"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var existing any
			if name == "the option again" {
				existing = httpcaddyfile.App{}
			}
			v, err := parseOption(caddyfile.NewTestDispenser(test.text), existing)
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Errorf("the error is %v, want %q", err, test.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if app := v.(httpcaddyfile.App); app.Name != "fairway" || string(app.Value) != test.want {
				t.Errorf("%s: %s, want %s", app.Name, app.Value, test.want)
			}
		})
	}
}

func TestSecret(t *testing.T) {
	t.Setenv("FAIRWAY_TEST_SECRET", "a{env.FAIRWAY_TEST_OTHER}b")
	t.Setenv("FAIRWAY_TEST_EMPTY", "")
	file := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(file, []byte("line one\nline two\r\n\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for text, test := range map[string]struct{ want, err string }{
		"plain":                     {"plain", ""},
		"":                          {"", ""},
		"{env.FAIRWAY_TEST_SECRET}": {"a{env.FAIRWAY_TEST_OTHER}b", ""}, // what comes of one is not looked at again
		"x{env.FAIRWAY_TEST_SECRET}y{file." + file + "}": {"xa{env.FAIRWAY_TEST_OTHER}byline one\nline two", ""},
		"{http.request.host}":                            {"{http.request.host}", ""},
		"{env.FAIRWAY_TEST_EMPTY}":                       {"", "{env.FAIRWAY_TEST_EMPTY} is not set or empty"},
		"{env.FAIRWAY_TEST_UNSET}{file./nowhere}":        {"", "{file./nowhere} cannot be read"},
		"{file.": {"{file.", ""},
	} {
		got, err := Resolve(text)
		if test.err != "" {
			if err == nil || !strings.Contains(err.Error(), test.err) {
				t.Errorf("%s: %v", text, err)
			}
			continue
		}
		if err != nil || got != test.want {
			t.Errorf("%s: %q, %v", text, got, err)
		}
	}
	if _, err := Secret("{env.FAIRWAY_TEST_UNSET}"); err == nil || errors.Unwrap(err) != nil && strings.Contains(err.Error(), "UNSET") {
		t.Errorf("%v", err)
	}
}
