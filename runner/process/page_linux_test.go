//go:build linux && (amd64 || arm64)

package process_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/executor/executortest"
)

// TestProtocolPage runs the scripts of docs/script-protocol.md, whose output is the block that follows them.
func TestProtocolPage(t *testing.T) {
	t.Parallel()
	if os.Getenv("FAIRWAY_TEST_ATTACKER") != "" {
		t.Skip("the source is elsewhere")
	}
	page, err := os.ReadFile("../../docs/script-protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := regexp.MustCompile("(?s)```(sh|python)\n(.*?)```\n.*?```text\n(.*?)```\n").FindAllStringSubmatch(string(page), -1)
	if blocks := regexp.MustCompile("(?m)^```(sh|python)$").FindAllString(string(page), -1); len(examples) != len(blocks) || len(blocks) != 2 {
		t.Fatalf("there are %d examples", len(examples))
	}
	p := open(t, nil)
	for _, example := range examples {
		language, text, want := example[1], example[2], example[3]
		name := map[string]string{"sh": "main.sh", "python": "src/main.py"}[language]
		if language == "python" {
			python(t)
		}
		run := p.begin(executor.Attempt{ID: language, Script: executortest.Script(language, map[string]string{name: text}), Params: []byte(`{"name": "Ada"}`)})
		exit, said := executortest.End(t, run)
		if exit.Outcome != executor.Succeeded {
			t.Errorf("%+v\n%s", exit, said)
			continue
		}
		var got strings.Builder
		for _, line := range lines(t, run) {
			switch line.Kind {
			case executor.KindProgress:
				got.WriteString(strings.TrimPrefix(strings.TrimSpace(executor.ProgressLine(line.Progress)+" "+line.Text), "::fairway ") + "\n")
			case executor.KindLog:
				got.WriteString(line.Level + " " + line.Text + "\n")
			case executor.KindText:
				got.WriteString(line.Text + "\n")
			}
		}
		got.WriteString(executortest.Results(t, run) + "\n")
		if diff := cmp.Diff(want, got.String()); diff != "" {
			t.Errorf("%s: %s", language, diff)
		}
	}
}
