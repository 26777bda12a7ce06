package integration_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// examined is what fairway doctor prints as JSON.
type examined struct {
	State  string
	Checks []struct{ Check, State, Found, Do string }
}

func (s dbShell) doctor(t *testing.T, code int, args ...string) (out examined, c called) {
	t.Helper()
	c = s.call(t, "", append([]string{"doctor", "--json", "--timeout", patience.String()}, args...)...)
	if c.code != code || c.err != "" {
		t.Errorf("fairway doctor ends with %d, want %d: %s%s", c.code, code, c.err, c.out)
	}
	if err := json.Unmarshal([]byte(c.out), &out); err != nil {
		t.Fatalf("%v: %s", err, c.out)
	}
	return out, c
}

// TestDoctor looks at the shipped Caddyfile, before a gateway has run and while one does.
func TestDoctor(t *testing.T) {
	t.Parallel()
	shipped, err := os.ReadFile(filepath.Join(root, "Caddyfile"))
	if err != nil {
		t.Fatal(err)
	}
	_, legacy, _ := strings.Cut(freeAddress(t), ":")
	g := startGateway(t, strings.Replace(string(shipped), "https://localhost:8443", "http://localhost", 1), "LEGACY_PORT="+legacy)
	g.waitReady(t, `"store":"ok"`)
	s := dbShell{dir: filepath.Dir(g.config), env: g.env}
	before := dbShell{dir: s.dir, env: append(append([]string{}, g.env...), "XDG_DATA_HOME="+t.TempDir(), "LEGACY_PORT=1")}
	for _, shell := range []dbShell{before, s} {
		out, c := shell.doctor(t, 0)
		found := map[string]string{}
		for _, one := range out.Checks {
			found[one.Check] = one.Found
			// What the machine lacks is the machine's.
			if one.State != "ok" && !strings.HasPrefix(one.Check, "isolation") && !strings.HasPrefix(one.Check, "disk") && one.Check != "open files" {
				t.Errorf("%s is %s: %s", one.Check, one.State, one.Found)
			}
		}
		for _, check := range []string{"config", "secret", "store", "mail", "disk data", "disk runner", "isolation standard", "isolation strict", "time zones"} {
			if found[check] == "" {
				t.Errorf("%s was not looked at: %s", check, c.out)
			}
		}
		if want := map[bool]string{false: "none yet", true: "SQLite"}[shell.dir == s.dir && len(shell.env) == len(s.env)]; !strings.Contains(found["store"], want) {
			t.Errorf("the store is %q, want %q", found["store"], want)
		}
		if at := "backend /metrics http://127.0.0.1:"; !strings.Contains(c.out, at) {
			t.Errorf("there is no %s: %s", at, c.out)
		}
	}
}

// TestDoctorPage calls it as its page does, and with what nothing can be looked at by.
func TestDoctorPage(t *testing.T) {
	t.Parallel()
	s := newDBShell(t, "")
	var shown string
	for _, f := range pageFences(t, filepath.Join("docs", "doctor.md")) {
		switch f.language {
		case "caddyfile":
			s.write(t, "Caddyfile", f.text)
		case "console":
			shown = strings.TrimPrefix(f.text, "$ fairway doctor\n")
		}
	}
	c := s.call(t, "", "doctor", "--timeout", patience.String())
	// The system may have more to say of a name that there is none of.
	got := regexp.MustCompile(`(the name wind\.invalid): .*`).ReplaceAllString(c.out, "$1: no such host")
	table, todo, _ := strings.Cut(shown, "…\n")
	if c.code != 1 || !strings.HasPrefix(blanks(got), blanks(table)) || !strings.Contains(blanks(got), blanks(todo)) {
		t.Errorf("it ends with %d and says\n%s, the page\n%s", c.code, got, shown)
	}

	s.write(t, "Caddyfile", "http://127.0.0.1:1 {\n\tservice /x {\n\t\tverzion 1\n\t}\n}\n")
	out, _ := s.doctor(t, 1)
	if len(out.Checks) == 0 || out.State != "failure" || !strings.Contains(out.Checks[0].Found, "Caddyfile:3") {
		t.Errorf("it does not say where: %v", out)
	}
	s.wantCall(t, 2, "fairway doctor: --config: open no/such: no such file or directory\n", "", "doctor", "--config", "no/such")
	s.wantCall(t, 2, "fairway doctor: unknown flag: --bad\n", "", "doctor", "--bad")
	s.wantCall(t, 2, "fairway doctor: doctor takes nothing, not 1 arguments\n", "", "doctor", "now")
	s.wantCall(t, 2, "fairway doctor: --timeout is from 1ms to 10m\n", "", "doctor", "--timeout", "1h")
	if got := s.call(t, "", "__complete", "doctor", "--"); !strings.Contains(got.out, "--timeout") {
		t.Errorf("it is completed to %q", got.out)
	}
}

// blanks makes one of several, since columns are as wide as what is in them.
func blanks(text string) string { return regexp.MustCompile(` +`).ReplaceAllString(text, " ") }
