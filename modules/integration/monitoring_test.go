package integration_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/fairway-gateway/fairway/internal/required"
)

// shownMetrics are the metrics of the page on observability, with their labels.
func shownMetrics(t *testing.T) map[string][]string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(root, "docs", "observability.md"))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `(fairway_[a-z_]+)` \\| ([a-z]+) \\|([^|]*)\\|").FindAllStringSubmatch(string(raw), -1) {
		labels := regexp.MustCompile("[a-z]+").FindAllString(row[3], -1)
		names := []string{row[1]}
		if row[2] == "histogram" {
			names, labels = []string{row[1] + "_bucket", row[1] + "_count", row[1] + "_sum"}, append(labels, "le")
		}
		for _, name := range names {
			out[name] = labels
		}
	}
	return out
}

// TestMonitoringKnowsMetrics: what alerts and the dashboard ask for is there, by labels that it has.
func TestMonitoringKnowsMetrics(t *testing.T) {
	t.Parallel()
	metrics := shownMetrics(t)
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	raw, err := os.ReadFile(filepath.Join(root, "deploy", "grafana", "fairway.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &dashboard); err != nil {
		t.Fatal(err)
	}
	var asked []string
	for _, p := range dashboard.Panels {
		for _, target := range p.Targets {
			asked = append(asked, target.Expr)
		}
	}
	if raw, err = os.ReadFile(filepath.Join(root, "deploy", "prometheus", "fairway.rules.yaml")); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(raw)) {
		if !strings.Contains(line, "#") && !strings.Contains(line, "record:") {
			asked = append(asked, line)
		}
	}
	name := regexp.MustCompile(`(?:^|[^:a-z_])(fairway_[a-z_]+)`)
	chosen := regexp.MustCompile(`(fairway_[a-z_]+)\{([^}]*)\}`)
	label := regexp.MustCompile(`([a-z_]+)\s*(?:=~|!~|!=|=)`)
	found := 0
	for _, expression := range asked {
		for _, m := range name.FindAllStringSubmatch(expression, -1) {
			found++
			if _, ok := metrics[m[1]]; !ok {
				t.Errorf("there is no metric %s: %s", m[1], expression)
			}
		}
		for _, m := range chosen.FindAllStringSubmatch(expression, -1) {
			for _, l := range label.FindAllStringSubmatch(m[2], -1) {
				if !slices.Contains(metrics[m[1]], l[1]) {
					t.Errorf("%s has no label %s: %s", m[1], l[1], expression)
				}
			}
		}
	}
	if found < 40 {
		t.Errorf("%d metrics were found in alerts and the dashboard", found)
	}
}

// TestAlerts has Prometheus' own program check the alerts, and those that tests hold them to, and what the page says of its configuration.
func TestAlerts(t *testing.T) {
	t.Parallel()
	promtool := required.Program(t, "promtool")
	rules := filepath.Join(root, "deploy", "prometheus")
	dir := t.TempDir()
	for _, f := range pageFences(t, "docs/monitoring.md") {
		if f.language == "caddyfile" {
			if out, err := validate(t, f.caddyfile(t)); err != nil {
				t.Errorf("%s:%d: %v\n%s", f.page, f.line, err, out)
			}
		}
		if f.language == "yaml" {
			text := strings.ReplaceAll(f.text, "/etc/prometheus", "rules")
			if err := os.WriteFile(filepath.Join(dir, "prometheus.yaml"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := os.CopyFS(filepath.Join(dir, "rules"), os.DirFS(rules)); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"check", "rules", "rules/fairway.rules.yaml"}, {"test", "rules", "rules/fairway.rules.test.yaml"}, {"check", "config", "prometheus.yaml"}} {
		cmd := exec.CommandContext(t.Context(), promtool, args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	// Each alert is tested.
	tests, err := os.ReadFile(filepath.Join(rules, "fairway.rules.test.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(root, "docs", "monitoring.md"))
	if err != nil {
		t.Fatal(err)
	}
	all, err := os.ReadFile(filepath.Join(rules, "fairway.rules.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`alert: (\w+)`).FindAllStringSubmatch(string(all), -1) {
		if !strings.Contains(string(tests), "alertname: "+m[1]) || !strings.Contains(string(page), "`"+m[1]+"`") {
			t.Errorf("%s is not tested, or not on the page", m[1])
		}
	}
}
