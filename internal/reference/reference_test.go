package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// source says things in every way that the gateway's code does.
const source = `package p

func (s *S) plain(ctx context.Context) {
	s.log.WarnContext(ctx, "it failed", slog.String("what", "x"), slog.Any("error", err))
	a.ctx.Slogger().Info("it is served at " + address)
	err.Error() // no logger
	s.other.Info("nobody's")
}

func (s *S) put(ctx context.Context, bad bool) {
	level := slog.LevelInfo
	if bad {
		level = slog.LevelWarn
	}
	s.log.LogAttrs(ctx, level, "it was put", s.attrs()...)
}

func (s *S) attrs() []slog.Attr {
	out := []slog.Attr{slog.Int("status", 200)}
	for name, value := range map[string]string{"backend": s.b, "fetch": s.f} {
		out = append(out, slog.String(name, value))
	}
	return out
}
`

func TestMessages(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for _, dir := range []string{"modules/p", "proxies", "queries", "runner"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o750); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "modules", "p", "p.go"), []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := messages(root)
	if err != nil {
		t.Fatal(err)
	}
	want := `| message | level | fields | from |
| --- | --- | --- | --- |
| ` + "`it failed` | warn | `error`, `what`" + ` | modules/p |
| ` + "`it is served at …`" + ` | info |  | modules/p |
| ` + "`it was put` | info, warn | `backend`, `fetch`, `status`" + ` | modules/p |
`
	if diff := cmp.Diff(want, table(got)); diff != "" {
		t.Error(diff)
	}
}

func TestBetween(t *testing.T) {
	t.Parallel()
	got, err := between("a\n"+beginMark+"old\n"+endMark+"b\n", "new\n")
	if want := "a\n" + beginMark + "new\n" + endMark + "b\n"; err != nil || got != want {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := between("nothing", "new"); err == nil {
		t.Error("a page without marks was changed")
	}
}

// TestPages: what is made has what it has to have, and says nothing of the machine where it is made.
func TestPages(t *testing.T) {
	t.Parallel()
	config, err := configuration("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"\n### http.handlers.service\n", "\n### fairway.decoders.csv\n", "\n### wrap.Route\n", "| `retries` |"} {
		if !strings.Contains(config, want) {
			t.Errorf("the page of the configuration lacks %q", want)
		}
	}
	commands := commandLine()
	for _, want := range []string{"\n## fairway script\n", "\n### fairway script run\n", "--follow", "\n## fairway reload\n"} {
		if !strings.Contains(commands, want) {
			t.Errorf("the page of the command line lacks %q", want)
		}
	}
	home, err := os.UserHomeDir()
	if err == nil && len(home) > 1 && (strings.Contains(config, home+"/") || strings.Contains(commands, home+"/")) {
		t.Errorf("a page tells of %s", home)
	}
}
