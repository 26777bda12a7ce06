package control_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/e2e/gateway"
)

// command runs a command of the binary with the configuration of options, and gives what it printed and its exit code.
func command(t *testing.T, o gateway.Options, input string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	path, err := builder.Fairway()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "Caddyfile")
	text := "{\n" + o.Global + "\n\tfairway {\n" + o.Fairway + "\n\t}\n}\n\nhttp://127.0.0.1:1 {\n" + o.Site + "\n}\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(context.Background(), path, append(args, "--config", config, "--adapter", "caddyfile")...) //nolint:gosec // ours
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}, o.Env...)
	cmd.Stdin = strings.NewReader(input)
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// TestSeedLines pastes the six curl lines of Houston's README into a shell; only host and port, and the tokens that came, are put
// into them.
func TestSeedLines(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("curl"); err != nil && !strings.Contains(os.Getenv("FAIRWAY_REQUIRE"), "curl") {
		t.Skip(err)
	}
	content, err := os.ReadFile("testdata/houston.txt")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(content)), "\n")
	onEngines(t, func(t *testing.T, e engine) {
		t.Helper()
		o := e.options()
		o.Env = o.Env[:2]
		if out, errs, code := command(t, o, "", "db", "seed", "--development"); code != 0 {
			t.Fatalf("db seed: %d %s%s", code, out, errs)
		}
		if out, errs, code := command(t, o, "", "db", "seed", "--development"); code == 0 || !strings.Contains(out+errs, "users") {
			t.Errorf("db seed of a store that has users: %d %s%s", code, out, errs)
		}
		w := start(t, e, o)
		s := w.scene(t)
		grant := `{"token_type":"Bearer","access_token":"<jwt:access>","refresh_token":"<opaque:refresh>","expires_in":3600,"scope":"<houston>"}`
		for i, want := range []string{
			grant, grant, grant,
			`{"id":1,"username":"root","email":"root@localhost","first_name":"","middle_name":"","last_name":"","is_active":true,"is_regular_user":true,"is_admin":true,"created":"<offset>","updated":"<offset>"}`,
			grant,
			`{"token_type":"Bearer","access_token":"<jwt:program>","expires_in":3600,"scope":"<houston>"}`,
		} {
			line := strings.NewReplacer("http://127.0.0.1:5000", w.gateway.URL, "oqvUpO4aKg5KgYK2EUY2HPsbOlAyEZ", s.vars["access"], "3UTjLPlnomJPx5FvgsC2wS7GfVNrfH", s.vars["refresh"]).Replace(lines[i])
			out, err := exec.CommandContext(context.Background(), "bash", "-c", line).Output() //nolint:gosec // it is what the README has
			if err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			if err := match(want, string(out), func(name, v string) { s.vars[name] = v }); err != nil {
				t.Errorf("%s\n%v\n%s", lines[i], err, out)
			}
		}
		lives(s.vars["access"]).do(s)
		for _, user := range []string{"user:w", "internal:q"} {
			name, with, _ := strings.Cut(user, ":")
			token().form("grant_type", "password", "client_id", "documentation", "username", name, "password", with).gives(200).do(s)
		}
	})
}

// TestCommands has an operator do with commands what the gateway then knows.
func TestCommands(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, e engine) {
		t.Helper()
		o := e.options()
		w := start(t, e, o)
		s := w.scene(t)
		run := func(want int, pattern, input string, args ...string) {
			t.Helper()
			out, errs, code := command(t, o, input, append(args, "--json")...)
			if code != want {
				t.Fatalf("%v: %d %s%s", args, code, out, errs)
			}
			if pattern == "" {
				return
			}
			if err := match(s.fill(pattern, func(v string) string { return v }), out, func(name, v string) { s.vars[name] = v }); err != nil {
				t.Errorf("%v: %v\n%s", args, err, out)
			}
		}
		run(0, `{"...":0}`, strongOther+"\n", "user", "add", "ann@example.org", "--username", "ann", "--role", "ADMIN")
		logIn("ann@example.org", strongOther).gives(200, `{"access_token":"<jwt:ann>","...":0}`).do(s)
		post("/email").bearer("{ann}").json(`{}`).gives(400).do(s)
		run(1, "", strongOther+"\n", "user", "add", "ANN@example.org")
		run(2, "", "", "user", "add")
		run(3, "", "", "user", "role", "nobody@example.org", "ADMIN")
		run(0, `{"...":0}`, "", "user", "list")
		run(0, "", "", "user", "role", "ann", "USER")
		eventually(post("/email").bearer("{ann}").json(`{}`).gives(403)).do(s)
		run(0, `{"token":"<text:token>","...":0}`, "", "token", "create", "--user", "ann", "--scope", "tokens:read", "--description", "nightly")
		get(programTokens).bearer("{token}").gives(200, `[{"id":"<uuid>","number":"<int:id>","typ":"usr","description":"nightly","...":0}]`).do(s)
		run(0, `{"...":0}`, "", "token", "list")
		run(0, "", "", "token", "revoke", s.vars["id"])
		eventually(get(programTokens).bearer("{token}").gives(401)).do(s)
		run(0, `{"client_id":"<text:made.id>","client_secret":"<text:made.secret>","...":0}`, "", "client", "add", "robot", "--owner", "ann", "--scope", "auth:read", "--grant", "client_credentials")
		token("grant_type", "client_credentials").basic("{made.id}", "{made.secret}").gives(200, `{"access_token":"<jwt:access>","...":0}`).do(s)
		lives("{access}").do(s)
		run(0, `{"...":0}`, "", "client", "list")
		run(0, "", "", "client", "revoke", s.vars["made.id"])
		eventually(whole("{access}").gives(401)).do(s)
		run(0, "", "Yet another: 5 bunkers\n", "user", "passwd", "ann")
		eventually(logIn("ann@example.org", strongOther).gives(401).or(429)).do(s)
		eventually(logIn("ann@example.org", "Yet another: 5 bunkers").gives(200, `{"access_token":"<jwt:ann>","...":0}`)).do(s)
		lives("{ann}").do(s)
		run(0, "", "", "secrets", "rotate")
		lives("{ann}").do(s)
		// What the newest key has signed is taken, and the keys are told.
		await(s, 200*time.Millisecond, func() error {
			return match(`{"keys":[{"...":0},{"...":0},"..."]}`, s.send(get("/.well-known/jwks.json")).Body, func(string, string) {})
		})
		run(0, "", "", "user", "delete", "ann")
		eventually(whole("{ann}").gives(401)).do(s)
		run(0, "", "", "db", "status")
		run(0, "", "", "db", "version")
	})
}
