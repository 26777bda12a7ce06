//go:build linux

package docker_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/runner/docker"
	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/executor/executortest"
)

// page is docs/containers.md.
func page(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/containers.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestPage runs the script of docs/containers.md, whose log and results are the block that follows it.
func TestPage(t *testing.T) {
	t.Parallel()
	example := regexp.MustCompile("(?s)```sh\n(#!.*?)```\n.*?```text\n(.*?)```\n").FindStringSubmatch(page(t))
	if example == nil {
		t.Fatal("there is no example")
	}
	e := open(t, options(t))
	run := begin(t, e, executor.Attempt{ID: "page", Script: executortest.Script("page", map[string]string{"main.sh": example[1]}), Params: []byte(`{"name": "Ada"}`)})
	exit, said := executortest.End(t, run)
	if exit.Outcome != executor.Succeeded {
		t.Fatalf("%+v\n%s", exit, said)
	}
	said = strings.ReplaceAll(said, "::fairway ", "") + executortest.Results(t, run) + "\n"
	if diff := cmp.Diff(example[2], said); diff != "" {
		t.Error(diff)
	}
}

// TestPageErrors holds what the page says of an engine that is not there to what is said.
func TestPageErrors(t *testing.T) {
	t.Parallel()
	const nowhere = "unix:///nowhere/docker.sock"
	_, err := docker.New(t.Context(), docker.Options{Directory: t.TempDir(), Image: "busybox", Host: nowhere})
	if err == nil {
		t.Fatal("there is one")
	}
	for line := range strings.Lines(page(t)) {
		if strings.HasPrefix(line, "there is no Docker Engine at ") {
			if want := strings.Replace(strings.TrimSpace(line), "unix:///var/run/docker.sock", nowhere, 1); !strings.HasPrefix(err.Error(), want) {
				t.Errorf("it says: %v", err)
			}
			return
		}
	}
	t.Error("the page does not say it")
}
