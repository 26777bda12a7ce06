package executors

import (
	"context"
	"fmt"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/fairway-gateway/fairway/modules/caddyfiles"
	"github.com/fairway-gateway/fairway/modules/fairway"
	"github.com/fairway-gateway/fairway/runner/docker"
	"github.com/fairway-gateway/fairway/runner/executor"
)

// Docker runs scripts in containers of a Docker Engine, see docker.Options. {env.X} and {file./path} in host and pip_index are replaced.
type Docker struct {
	docker.Options
}

// CaddyModule returns the Caddy module information.
func (*Docker) CaddyModule() caddy.ModuleInfo {
	return info("docker", func() caddy.Module { return new(Docker) })
}

// UnmarshalCaddyfile reads:
//
//	executor docker {
//		host          <url>
//		image         <image>
//		environment   <name> <image>
//		pull          never | missing | always
//		network       <name>
//		build_network <name>
//		runtime       <name>
//		user          <user>:<group>
//		python        <program>
//		pip_index     <url>
//		directory     <directory>
//		keep          <duration>
//	}
func (m *Docker) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	if err := options(d, "docker", map[string]caddyfiles.Word{
		"host":          text("host unix:///run/docker.sock", &m.Host),
		"image":         m.checked("image python:3.13-slim", &m.Image),
		"environment":   {Many: true, Parse: m.parseEnvironment},
		"pull":          m.checked("pull missing", &m.Pull),
		"network":       m.checked("network none", &m.Network),
		"build_network": text("build_network bridge", &m.BuildNetwork),
		"runtime":       text("runtime runsc", &m.Runtime),
		"user":          m.checked("user 65534:65534", &m.User),
		"python":        text("python python3", &m.Python),
		"pip_index":     text("pip_index https://pypi.org/simple", &m.PipIndex),
		"directory":     path("directory /var/lib/fairway/runner", &m.Directory),
		"keep":          {Parse: keep(&m.Keep)},
	}); err != nil {
		return err
	}
	if m.Image == "" && len(m.Environments) == 0 {
		return d.Errf("executor docker has to say what scripts run in; write: image python:3.13-slim")
	}
	return nil
}

// checked reads a word with one value that has to be a good one.
func (m *Docker) checked(usage string, to *string) caddyfiles.Word {
	read := text(usage, to)
	return caddyfiles.Word{Parse: func(n caddyfiles.Node) error {
		if err := read.Parse(n); err != nil {
			return err
		}
		return m.check(n.Args[0])
	}}
}

// check says what is wrong with the options, at the word that was read last.
func (m *Docker) check(at caddyfile.Token) error {
	if err := m.Check(); err != nil {
		return caddyfiles.Errorf(at, "%w", err)
	}
	return nil
}

func (m *Docker) parseEnvironment(n caddyfiles.Node) error {
	if n.HasBlock || len(n.Args) != 2 || n.Args[0].Text == "" {
		return n.Errorf("environment takes the name that scripts say and an image, in which {version} is their environment_version: environment gdal ghcr.io/osgeo/gdal:{version}")
	}
	if _, twice := m.Environments[n.Args[0].Text]; twice {
		return caddyfiles.Errorf(n.Args[0], "environment %s is there twice", n.Args[0].Text)
	}
	if m.Environments == nil {
		m.Environments = map[string]string{}
	}
	m.Environments[n.Args[0].Text] = n.Args[1].Text
	return m.check(n.Args[1])
}

// Home implements fairway.Executor.
func (m *Docker) Home() string { return m.Directory }

// Open implements fairway.Executor: it asks the engine what it can.
func (m *Docker) Open(place fairway.Place) (executor.Executor, error) {
	options := m.Options
	options.Directory = place.Directory
	var err error
	if options.Host, err = fairway.Resolve(options.Host); err != nil {
		return nil, fmt.Errorf("host: %w", err)
	}
	if options.PipIndex, err = fairway.Resolve(options.PipIndex); err != nil {
		return nil, fmt.Errorf("pip_index: %w", err)
	}
	return docker.New(context.Background(), options)
}

// Interface guards.
var (
	_ fairway.Executor      = (*Docker)(nil)
	_ caddyfile.Unmarshaler = (*Docker)(nil)
)
