package executors

import (
	"fmt"
	"math"
	"path/filepath"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/fairway-gateway/fairway/modules/caddyfiles"
	"github.com/fairway-gateway/fairway/modules/fairway"
	"github.com/fairway-gateway/fairway/proxies/wrap"
	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/process"
)

// Process runs scripts as processes of this machine, see process.Options. {env.X} and {file./path} in pip_index are replaced.
type Process struct {
	process.Options
}

// CaddyModule returns the Caddy module information.
func (*Process) CaddyModule() caddy.ModuleInfo {
	return info("process", func() caddy.Module { return new(Process) })
}

// UnmarshalCaddyfile reads:
//
//	executor process {
//		level     standard | strict
//		read      <path>...
//		hidden    <path>...
//		users     <first> [<how many>]
//		path      <path>
//		python    <program>
//		pip_index <url>
//		connect   <port>...
//		cgroup    <directory>
//		directory <directory>
//		keep      <duration>
//	}
func (m *Process) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return options(d, "process", map[string]caddyfiles.Word{
		"level":     {Parse: m.parseLevel},
		"read":      paths("read /opt/conda", &m.Read),
		"hidden":    paths("hidden /srv/private", &m.Hidden),
		"users":     {Parse: m.parseUsers},
		"path":      text("path /usr/local/bin:/usr/bin:/bin", &m.Path),
		"python":    text("python python3", &m.Python),
		"pip_index": text("pip_index https://pypi.org/simple", &m.PipIndex),
		"connect":   {Parse: m.parseConnect},
		"cgroup":    path("cgroup /sys/fs/cgroup/fairway", &m.Cgroup),
		"directory": path("directory /var/lib/fairway/runner", &m.Directory),
		"keep":      {Parse: keep(&m.Keep)},
	})
}

// Home implements fairway.Executor.
func (m *Process) Home() string { return m.Directory }

// Open implements fairway.Executor: it tries the isolation once.
func (m *Process) Open(place fairway.Place) (executor.Executor, error) {
	options := m.Options
	options.Directory = place.Directory
	options.Hidden = append(append([]string{}, options.Hidden...), place.Hidden...)
	var err error
	if options.PipIndex, err = fairway.Resolve(options.PipIndex); err != nil {
		return nil, fmt.Errorf("pip_index: %w", err)
	}
	return process.New(options)
}

func (m *Process) parseLevel(n caddyfiles.Node) error {
	t, err := n.One("level standard")
	if err != nil {
		return err
	}
	levels := []string{string(executor.Standard), string(executor.Strict)}
	if m.Level = executor.Level(t.Text); t.Text != levels[0] && t.Text != levels[1] {
		return caddyfiles.Errorf(t, "level is standard or strict, and not %q%s", t.Text, wrap.Suggest(t.Text, levels))
	}
	return nil
}

func (m *Process) parseUsers(n caddyfiles.Node) error {
	if n.HasBlock || len(n.Args) == 0 || len(n.Args) > 2 {
		return n.Errorf("users takes the first user ID and how many there are: users 60600 256")
	}
	for i, to := range []*uint32{&m.FirstUser, &m.Users}[:len(n.Args)] {
		v, err := strconv.ParseUint(n.Args[i].Text, 10, 32)
		if err != nil || v == 0 {
			return caddyfiles.Errorf(n.Args[i], "users takes numbers from 1, and not %q", n.Args[i].Text)
		}
		*to = uint32(v)
	}
	return nil
}

func (m *Process) parseConnect(n caddyfiles.Node) error {
	if n.HasBlock || len(n.Args) == 0 {
		return n.Errorf("connect takes ports: connect 443 5432")
	}
	for _, t := range n.Args {
		v, err := strconv.ParseUint(t.Text, 10, 16)
		if err != nil || v == 0 {
			return caddyfiles.Errorf(t, "connect takes ports from 1 to %d, and not %q", math.MaxUint16, t.Text)
		}
		m.Connect = append(m.Connect, uint16(v))
	}
	return nil
}

// keep reads for how long something is kept.
func keep(to *time.Duration) func(caddyfiles.Node) error {
	return func(n caddyfiles.Node) error {
		t, err := n.One("keep 168h")
		if err != nil {
			return err
		}
		if *to, err = caddy.ParseDuration(t.Text); err != nil || *to < time.Hour {
			return caddyfiles.Errorf(t, "keep takes a length of time from 1h, and not %q", t.Text)
		}
		return nil
	}
}

// text reads a word with one value.
func text(usage string, to *string) caddyfiles.Word {
	return caddyfiles.Word{Parse: func(n caddyfiles.Node) error {
		t, err := n.One(usage)
		if err == nil && t.Text == "" {
			err = n.Errorf("%s is empty; write: %s", n.Word.Text, usage)
		}
		*to = t.Text
		return err
	}}
}

// path reads a word with one absolute path.
func path(usage string, to *string) caddyfiles.Word {
	return caddyfiles.Word{Parse: func(n caddyfiles.Node) error {
		t, err := n.One(usage)
		if err != nil {
			return err
		}
		*to = t.Text
		return absolute(t, n.Word.Text)
	}}
}

// paths reads a word with several absolute paths.
func paths(usage string, to *[]string) caddyfiles.Word {
	return caddyfiles.Word{Parse: func(n caddyfiles.Node) error {
		if n.HasBlock || len(n.Args) == 0 {
			return n.Errorf("%s takes paths: %s", n.Word.Text, usage)
		}
		for _, t := range n.Args {
			if err := absolute(t, n.Word.Text); err != nil {
				return err
			}
			*to = append(*to, t.Text)
		}
		return nil
	}}
}

func absolute(t caddyfile.Token, word string) error {
	if !filepath.IsAbs(t.Text) {
		return caddyfiles.Errorf(t, "%s takes absolute paths, and not %q", word, t.Text)
	}
	return nil
}

// Interface guards.
var (
	_ fairway.Executor      = (*Process)(nil)
	_ caddyfile.Unmarshaler = (*Process)(nil)
)
