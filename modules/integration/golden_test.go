package integration_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	_ "github.com/caddyserver/caddy/v2/modules/standard" // what a Caddyfile may name beside our directives
	"github.com/google/go-cmp/cmp"

	_ "github.com/fairway-gateway/fairway/modules"
)

var update = flag.Bool("update", false, "write what is adapted into the accepted golden files")

// goldenEnv is the environment in which golden files and snippets of the documentation are adapted and loaded.
func goldenEnv(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	for name, value := range map[string]string{
		"HOME": dir, "XDG_DATA_HOME": dir, "XDG_CONFIG_HOME": dir,
		"BACKEND_URL": "http://127.0.0.1:9", "DATABASE_URL": "sqlite:/nowhere/any.db", "BACKEND_USER": "gateway", "BACKEND_PASSWORD": "secret", "TOKEN": "secret",
		"FAIRWAY_SECRET": someSecret, "FAIRWAY_OLD_SECRET": olderSecret,
		"BACKEND_TOKEN": "secret", "BACKEND_KEY": "secret", "CLIENT_ID": "gateway", "CLIENT_SECRET": "secret", "SMTP_PASSWORD": "secret", "NATS_PASSWORD": "secret", "AMQP_PASSWORD": "secret",
	} {
		t.Setenv(name, value)
	}
}

// adapt makes JSON of a Caddyfile that lies in a file, as it does in production: the raw text is then looked at, too.
func adapt(t *testing.T, text string) ([]byte, []caddyconfig.Warning, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "Caddyfile")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return caddyconfig.GetAdapter("caddyfile").Adapt([]byte(text), map[string]any{"filename": file})
}

// needsFiles are configurations that cannot be loaded without files that a test does not have.
var needsFiles = regexp.MustCompile(`\{file\./|\.pem"`)

// load provisions a configuration without starting it. It may not run beside another load.
func load(t *testing.T, config []byte) {
	t.Helper()
	if needsFiles.Match(config) {
		return
	}
	var c caddy.Config
	if err := json.Unmarshal(config, &c); err != nil {
		t.Fatal(err)
	}
	if err := caddy.Validate(&c); err != nil {
		t.Errorf("it is adapted but does not load: %v", err)
	}
}

// TestGolden adapts every file of caddyfile_adapt: a Caddyfile, a line of dashes, and what must come of it. That is
// JSON, or in a file named reject_ texts that the error must have, one on a line, its place in the file among them.
func TestGolden(t *testing.T) { //nolint:paralleltest // Caddy loads one configuration at a time, and the environment is set
	goldenEnv(t)
	files, err := filepath.Glob(filepath.Join("caddyfile_adapt", "*.caddyfiletest"))
	if err != nil {
		t.Fatal(err)
	}
	accepted, rejected := 0, 0
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".caddyfiletest")
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text, want, ok := strings.Cut(string(raw), "\n----------\n")
		if !ok {
			t.Errorf("%s has no line of ten dashes", file)
			continue
		}
		text += "\n"
		if strings.HasPrefix(name, "reject_") {
			rejected++
			t.Run(name, func(t *testing.T) { wantRejected(t, text, want) })
			continue
		}
		accepted++
		t.Run(name, func(t *testing.T) { wantAccepted(t, file, text, want) })
	}
	if accepted < 40 || rejected < 40 {
		t.Errorf("there are %d accepted and %d rejected files, want 40 of each at least", accepted, rejected)
	}
}

func wantAccepted(t *testing.T, file, text, want string) {
	t.Helper()
	config, warnings, err := adapt(t, text)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range warnings {
		t.Errorf("warning: %s", w)
	}
	var got bytes.Buffer
	if err := json.Indent(&got, config, "", "\t"); err != nil {
		t.Fatal(err)
	}
	got.WriteByte('\n')
	if *update {
		if err := os.WriteFile(file, []byte(text+"----------\n"+got.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		want = got.String()
	}
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	load(t, config)
}

// placed finds the place in an error.
var placed = regexp.MustCompile(`Caddyfile:[0-9]+`)

func wantRejected(t *testing.T, text, want string) {
	t.Helper()
	config, _, err := adapt(t, text)
	if err == nil {
		t.Fatalf("it is accepted:\n%s", config)
	}
	if !placed.MatchString(want) {
		t.Errorf("the file does not say at which line the error must be")
	}
	places := placed.FindAllString(err.Error(), -1)
	for line := range strings.Lines(want) {
		line = strings.TrimSuffix(line, "\n")
		// "Caddyfile:1" is no sign of "Caddyfile:12".
		if !strings.Contains(err.Error(), line) || placed.FindString(line) == line && !slices.Contains(places, line) {
			t.Errorf("the error lacks %q:\n%v", line, err)
		}
	}
}
