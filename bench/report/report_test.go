package report

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fairway-gateway/fairway/bench/stats"
)

func TestVerdict(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		in   Target
		want string
	}{
		{"below", Target{Value: 0.5, Limit: 0.85}, "ok"},
		{"at the limit", Target{Value: 0.85, Limit: 0.85}, "ok"},
		{"at a limit to stay below", Target{Value: 1, Limit: 1, Below: true}, "MISSED"},
		{"above", Target{Value: 0.86, Limit: 0.85, Aim: 0.7}, "MISSED"},
		{"between aim and limit", Target{Value: 0.8, Limit: 0.85, Aim: 0.7}, "ok (aim of 0.70 not reached)"},
		{"aim reached", Target{Value: 0.7, Limit: 0.85, Aim: 0.7}, "ok"},
		{"nothing", Target{Value: math.NaN(), Limit: 1}, "not measured"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := test.in.Verdict(); got != test.want {
				t.Errorf("Verdict = %q; want %q", got, test.want)
			}
		})
	}
}

func TestMarkdown(t *testing.T) {
	t.Parallel()
	text := Summary{
		Conditions: []string{"a machine"},
		Rows: []Row{{
			Workload: "W1", Gateway: "Caddy", CPU: stats.Of([]float64{193.4, 180, 210}), Ratio: stats.Of([]float64{1, 1}),
			Rate: stats.Of([]float64{12000}), P50: stats.Of([]float64{1.234}), P99: stats.Of(nil),
		}},
		Scales:   []Scale{{Services: 100, Gateway: "Caddy", Start: stats.Of([]float64{12.34}), Answers: 7}},
		Targets:  []Target{{Name: "memory", Value: 41.26, Limit: 100, Unit: " MB", Below: true}},
		Failures: []string{"njs: absent"},
	}.Markdown()
	for _, want := range []string{
		"- a machine\n",
		"- njs: absent\n",
		"| W1 | Caddy | 193 (180–210) | 1.00 | 12000 | 1.23 | – |  |\n",
		"| 100 | Caddy | 12.3 |",
		"| 0 of 7 |",
		"| memory | < 100 MB | 41.3 MB | ok |\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("Markdown lacks %q:\n%s", want, text)
		}
	}
}

func TestReplace(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "page.md")
	write := func(content string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("# Title\n" + begin + "\nold\n" + end + "\nend\n")
	for range 2 { // a second time changes nothing more
		if err := Replace(path, "new\n"); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if want := "# Title\n" + begin + "\nnew\n" + end + "\nend\n"; string(got) != want {
		t.Errorf("file = %q; want %q", got, want)
	}

	for _, content := range []string{"", begin, end + begin} {
		write(content)
		if err := Replace(path, "new"); !errors.Is(err, ErrMarkers) {
			t.Errorf("Replace in %q: error %v; want %v", content, err, ErrMarkers)
		}
	}
	if err := Replace(path+".absent", "new"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Replace in no file: error %v; want %v", err, os.ErrNotExist)
	}
}
