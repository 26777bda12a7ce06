package identity

import (
	"runtime/debug"
	"testing"
)

func TestFromModules(t *testing.T) {
	t.Parallel()
	other := debug.Module{Path: "github.com/caddyserver/caddy/v2", Version: "v2.11.9"}
	tests := []struct {
		name string
		main debug.Module
		deps []*debug.Module
		want string
	}{
		{name: "go run", main: debug.Module{Path: modulePath, Version: "(devel)"}, want: release},
		{name: "no version", main: debug.Module{Path: modulePath}, want: release},
		{name: "commit without tag", main: debug.Module{Path: modulePath, Version: "v0.0.0-20261121010203-abcdef012345"}, want: release},
		{name: "commit after tag", main: debug.Module{Path: modulePath, Version: "v0.3.1-0.20261121010203-abcdef012345+dirty"}, want: release},
		{name: "go install", main: debug.Module{Path: modulePath, Version: "v0.3.0"}, want: "0.3.0"},
		{name: "release candidate", main: debug.Module{Path: modulePath, Version: "v0.3.0-rc.1"}, want: "0.3.0-rc.1"},
		{name: "tag with changes", main: debug.Module{Path: modulePath, Version: "v0.3.0+dirty"}, want: "0.3.0"},
		{
			name: "xcaddy",
			main: debug.Module{Path: "caddy", Version: "(devel)"},
			deps: []*debug.Module{&other, {Path: modulePath, Version: "v0.4.2"}},
			want: "0.4.2",
		},
		{
			name: "xcaddy with a working copy",
			main: debug.Module{Path: "caddy", Version: "(devel)"},
			deps: []*debug.Module{{Path: modulePath, Version: "v0.9.0", Replace: &debug.Module{Path: "../fairway"}}},
			want: release,
		},
		{name: "not ours", main: other, want: release},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := fromModules(&debug.BuildInfo{Main: tt.main, Deps: tt.deps}); got != tt.want {
				t.Errorf("fromModules() = %q, want %q", got, tt.want)
			}
		})
	}
}

func TestCommandWord(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"using 'caddy run' instead":       "using 'fairway run' instead",
		"  $ caddy stop":                  "  $ fairway stop",
		"\n> caddy storage import":        "\n> fairway storage import",
		"Caddy is a server":               "Caddy is a server",
		"https://caddyserver.com/docs":    "https://caddyserver.com/docs",
		"/etc/caddy and mycaddy run":      "/etc/caddy and mycaddy run",
		"--config caddy.json, caddy\nrun": "--config caddy.json, caddy\nrun",
	}
	for in, want := range tests {
		if got := commandWord.ReplaceAllString(in, "${1}fairway${2}"); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}
