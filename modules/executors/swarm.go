package executors

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/fairway-gateway/fairway/modules/caddyfiles"
	"github.com/fairway-gateway/fairway/modules/fairway"
	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/swarm"
)

// Swarm runs scripts as jobs of a Docker Swarm, see swarm.Options. {env.X} and {file./path} in host and gateway are replaced.
type Swarm struct {
	swarm.Options
	// GatewayCAFile is a file with swarm.Options.GatewayCA.
	GatewayCAFile string `json:"gateway_ca_file,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (*Swarm) CaddyModule() caddy.ModuleInfo {
	return info("swarm", func() caddy.Module { return new(Swarm) })
}

// UnmarshalCaddyfile reads:
//
//	executor swarm {
//		host        <url>
//		image       <image>
//		environment <name> <image>
//		program     <path>
//		gateway     <url>
//		gateway_ca  <file>
//		network     <name>
//		constraint  <expression>
//		user        <user>:<group>
//		python      <program>
//		wait        <duration>
//		directory   <directory>
//	}
func (m *Swarm) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	if err := options(d, "swarm", map[string]caddyfiles.Word{
		"host":        text("host unix:///run/docker.sock", &m.Host),
		"image":       m.checked("image registry.example.org/python-fairway:3.13", &m.Image),
		"environment": {Many: true, Parse: m.parseEnvironment},
		"program":     path("program /usr/bin/fairway", &m.Program),
		"gateway":     m.checked("gateway http://10.0.9.1:8080", &m.Gateway),
		"gateway_ca":  path("gateway_ca /etc/fairway/ca.pem", &m.GatewayCAFile),
		"network":     m.checked("network scripts", &m.Network),
		"constraint":  {Many: true, Parse: m.parseConstraint},
		"user":        m.checked("user 65534:65534", &m.User),
		"python":      text("python python3", &m.Python),
		"wait":        {Parse: m.parseWait},
		"directory":   path("directory /var/lib/fairway/runner", &m.Directory),
	}); err != nil {
		return err
	}
	switch {
	case m.Image == "" && len(m.Environments) == 0:
		return d.Errf("executor swarm has to say what scripts run in, which has this program; write: image registry.example.org/python-fairway:3.13")
	case m.Gateway == "":
		return d.Errf("executor swarm has to say where tasks reach the gateway; write: gateway http://10.0.9.1:8080")
	case m.Network == "":
		return d.Errf("executor swarm has to say in which network of the swarm tasks are; write: network scripts")
	}
	return nil
}

// checked reads a word with one value that has to be a good one.
func (m *Swarm) checked(usage string, to *string) caddyfiles.Word {
	read := text(usage, to)
	return caddyfiles.Word{Parse: func(n caddyfiles.Node) error {
		if err := read.Parse(n); err != nil {
			return err
		}
		return m.check(n.Args[0])
	}}
}

// Check says what is wrong with the options, before placeholders are replaced.
func (m *Swarm) Check() error {
	options := m.Options
	if strings.Contains(options.Gateway, "{") {
		options.Gateway = ""
	}
	return options.Check()
}

// check says what is wrong with the options, at the word that was read last.
func (m *Swarm) check(at caddyfile.Token) error {
	if err := m.Check(); err != nil {
		return caddyfiles.Errorf(at, "%w", err)
	}
	return nil
}

func (m *Swarm) parseEnvironment(n caddyfiles.Node) error {
	const usage = "environment takes the name that scripts say and an image, in which {version} is their environment_version: environment gdal registry.example.org/gdal-fairway:{version}"
	if err := pair(n, usage, "environment", &m.Environments); err != nil {
		return err
	}
	return m.check(n.Args[1])
}

func (m *Swarm) parseConstraint(n caddyfiles.Node) error {
	t, err := n.One("constraint node.labels.scripts==yes")
	if err != nil {
		return err
	}
	if !strings.Contains(t.Text, "==") && !strings.Contains(t.Text, "!=") {
		return caddyfiles.Errorf(t, "constraint compares by == or !=, as node.labels.scripts==yes, and not %q", t.Text)
	}
	m.Constraints = append(m.Constraints, t.Text)
	return nil
}

func (m *Swarm) parseWait(n caddyfiles.Node) error {
	t, err := n.One("wait 15m")
	if err != nil {
		return err
	}
	if m.Wait, err = caddy.ParseDuration(t.Text); err != nil || m.Wait <= 0 {
		return caddyfiles.Errorf(t, "wait takes a length of time, like wait 15m, and not %q", t.Text)
	}
	return m.check(t)
}

// Home implements fairway.Executor.
func (m *Swarm) Home() string { return m.Directory }

// Open implements fairway.Executor: it asks the manager whether there is a swarm.
func (m *Swarm) Open(place fairway.Place) (executor.Executor, error) {
	options := m.Options
	options.Directory = place.Directory
	var err error
	if options.Host, err = fairway.Resolve(options.Host); err != nil {
		return nil, fmt.Errorf("host: %w", err)
	}
	if options.Gateway, err = fairway.Resolve(options.Gateway); err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	if m.GatewayCAFile != "" {
		ca, err := os.ReadFile(m.GatewayCAFile)
		if err != nil {
			return nil, fmt.Errorf("gateway_ca: %w", err)
		}
		options.GatewayCA = string(ca)
	}
	return swarm.New(context.Background(), options, handedOver{place.Blobs})
}

// Interface guards.
var (
	_ fairway.Executor      = (*Swarm)(nil)
	_ caddyfile.Unmarshaler = (*Swarm)(nil)
)
