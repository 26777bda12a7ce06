package doctor

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/internal/pgtest"
	"github.com/fairway-gateway/fairway/modules/fairway"
	_ "github.com/fairway-gateway/fairway/modules/keeper" // the isolation is tried with the program that asks
	"github.com/fairway-gateway/fairway/modules/try"
	"github.com/fairway-gateway/fairway/runner/process/keeper"
)

// patience is how long who is asked has to answer in tests, where nothing else is said.
const patience = time.Minute

// server is the one that tests share.
var server pgtest.Shared //nolint:gochecknoglobals // stopped by TestMain

func TestMain(m *testing.M) {
	if os.Args[0] == keeper.Name {
		os.Exit(1) // it was to keep a script: tests that start tests would never end
	}
	code := m.Run()
	if err := server.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// of is an examination of a configuration, Caddy's JSON, that is read and not provisioned.
func of(t *testing.T, raw string) *examination {
	t.Helper()
	app, err := fairway.Read([]byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	return &examination{timeout: patience, now: time.Now, raw: []byte(raw), app: app, hide: try.Redactor([]byte(raw))}
}

// want holds a finding to a state, and to words in what is found and what is to be done.
func want(t *testing.T, got Finding, state State, words ...string) {
	t.Helper()
	if got.State != state {
		t.Errorf("%s is %s, want %s: %s", got.Check, got.State, state, got.Found)
	}
	if (got.Do == "") != (state == OK) {
		t.Errorf("%s is %s and says what to do: %q", got.Check, got.State, got.Do)
	}
	for _, w := range words {
		if !strings.Contains(got.Found+"\n"+got.Do, w) {
			t.Errorf("%s does not say %q: %s; %s", got.Check, w, got.Found, got.Do)
		}
	}
}
