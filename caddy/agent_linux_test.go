package main

import (
	"os/exec"
	"strings"
	"testing"
)

// TestBinaryIsAnAgent has the binary be what runs in a pod, which it has to be before Caddy sees its arguments. Outside of a pod there is nothing to do, and it says so.
func TestBinaryIsAnAgent(t *testing.T) {
	t.Parallel()
	bin, err := build()
	if err != nil {
		t.Fatal(err)
	}
	for word, want := range map[string]string{
		"run": "/fairway/attempt/attempt.json", "install": "/fairway/packages/packages.json", "prepare": "/fairway/attempt/attempt.json",
		"fetch": "/fairway/attempt/attempt.json", "hand-over": "/fairway/attempt/attempt.json", "sing": `an agent does not know "sing"`,
	} {
		said, err := exec.CommandContext(t.Context(), bin, "pod-agent", word).CombinedOutput()
		if err == nil || !strings.Contains(string(said), want) {
			t.Errorf("%s: %v: %s", word, err, said)
		}
	}
}

// TestAgentWaitsForLittle: what a script in a pod waits for begins before the packages that take long to initialize.
func TestAgentWaitsForLittle(t *testing.T) {
	t.Parallel()
	bin, err := build()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), bin, "pod-agent", "run")
	cmd.Env = []string{"GODEBUG=inittrace=1"}
	said, _ := cmd.CombinedOutput() // there is nothing to run
	for _, slow := range []string{"github.com/alecthomas/chroma/v2/lexers", "github.com/santhosh-tekuri/jsonschema/v6", "net/http", "github.com/caddyserver/caddy/v2"} {
		if strings.Contains(string(said), "init "+slow+" @") {
			t.Errorf("%s is initialized before", slow)
		}
	}
	if !strings.Contains(string(said), "init runtime") {
		t.Errorf("%s", said)
	}
}
