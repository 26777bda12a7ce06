package executors

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/fairway-gateway/fairway/modules/caddyfiles"
	"github.com/fairway-gateway/fairway/modules/fairway"
	"github.com/fairway-gateway/fairway/runner/blobs"
	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/kubernetes"
)

// Kubernetes runs scripts as Jobs of a cluster, see kubernetes.Options. {env.X} and {file./path} in gateway and pip_index are replaced.
type Kubernetes struct {
	kubernetes.Options
	// GatewayCAFile is a file with kubernetes.Options.GatewayCA.
	GatewayCAFile string `json:"gateway_ca_file,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (*Kubernetes) CaddyModule() caddy.ModuleInfo {
	return info("kubernetes", func() caddy.Module { return new(Kubernetes) })
}

// UnmarshalCaddyfile reads:
//
//	executor kubernetes {
//		kubeconfig  <file> [<context>]
//		namespace   <name>
//		image       <image>
//		environment <name> <image>
//		agent       <image> [<program>]
//		gateway     <url>
//		gateway_ca  <file>
//		pull        never | missing | always
//		pull_secret <name>
//		runtime     <class>
//		priority    <class>
//		node        <label> <value>
//		user        <user>:<group>
//		python      <program>
//		pip_index   <url>
//		wait        <duration>
//		directory   <directory>
//		keep        <duration>
//	}
func (m *Kubernetes) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	if err := options(d, "kubernetes", map[string]caddyfiles.Word{
		"kubeconfig":  {Parse: m.parseKubeconfig},
		"namespace":   m.checked("namespace fairway-scripts", &m.Namespace),
		"image":       m.checked("image python:3.13-slim", &m.Image),
		"environment": {Many: true, Parse: m.parseEnvironment},
		"agent":       {Parse: m.parseAgent},
		"gateway":     m.checked("gateway http://fairway.fairway.svc", &m.Gateway),
		"gateway_ca":  path("gateway_ca /etc/fairway/ca.pem", &m.GatewayCAFile),
		"pull":        m.checked("pull missing", &m.Pull),
		"pull_secret": text("pull_secret registry", &m.PullSecret),
		"runtime":     text("runtime gvisor", &m.Runtime),
		"priority":    text("priority batch", &m.Priority),
		"node":        {Many: true, Parse: m.parseNode},
		"user":        m.checked("user 65534:65534", &m.User),
		"python":      text("python python3", &m.Python),
		"pip_index":   text("pip_index https://pypi.org/simple", &m.PipIndex),
		"wait":        m.duration("wait 15m", &m.Wait),
		"directory":   path("directory /var/lib/fairway/runner", &m.Directory),
		"keep":        m.duration("keep 24h", &m.Keep),
	}); err != nil {
		return err
	}
	switch {
	case m.Image == "" && len(m.Environments) == 0:
		return d.Errf("executor kubernetes has to say what scripts run in; write: image python:3.13-slim")
	case m.Agent == "":
		return d.Errf("executor kubernetes has to say which image has this program; write: agent registry.example.org/fairway:0.1")
	case m.Gateway == "":
		return d.Errf("executor kubernetes has to say where pods reach the gateway; write: gateway http://fairway.fairway.svc")
	}
	return nil
}

// checked reads a word with one value that has to be a good one.
func (m *Kubernetes) checked(usage string, to *string) caddyfiles.Word {
	read := text(usage, to)
	return caddyfiles.Word{Parse: func(n caddyfiles.Node) error {
		if err := read.Parse(n); err != nil {
			return err
		}
		return m.check(n.Args[0])
	}}
}

// duration reads a word with a length of time.
func (m *Kubernetes) duration(usage string, to *time.Duration) caddyfiles.Word {
	return caddyfiles.Word{Parse: func(n caddyfiles.Node) error {
		t, err := n.One(usage)
		if err != nil {
			return err
		}
		if *to, err = caddy.ParseDuration(t.Text); err != nil || *to <= 0 {
			return caddyfiles.Errorf(t, "%s takes a length of time, like %s, and not %q", n.Word.Text, usage, t.Text)
		}
		return m.check(t)
	}}
}

// Check says what is wrong with the options, before placeholders are replaced.
func (m *Kubernetes) Check() error {
	options := m.Options
	if strings.Contains(options.Gateway, "{") {
		options.Gateway = ""
	}
	return options.Check()
}

// check says what is wrong with the options, at the word that was read last.
func (m *Kubernetes) check(at caddyfile.Token) error {
	if err := m.Check(); err != nil {
		return caddyfiles.Errorf(at, "%w", err)
	}
	return nil
}

func (m *Kubernetes) parseKubeconfig(n caddyfiles.Node) error {
	if n.HasBlock || len(n.Args) == 0 || len(n.Args) > 2 {
		return n.Errorf("kubeconfig takes a file, and one of its contexts if it is not the current one: kubeconfig /etc/fairway/kubeconfig")
	}
	m.Kubeconfig = n.Args[0].Text
	if len(n.Args) == 2 {
		m.Context = n.Args[1].Text
	}
	return absolute(n.Args[0], "kubeconfig")
}

func (m *Kubernetes) parseAgent(n caddyfiles.Node) error {
	if n.HasBlock || len(n.Args) == 0 || len(n.Args) > 2 || n.Args[0].Text == "" {
		return n.Errorf("agent takes an image that has this program, and where in it if it is not /usr/bin/fairway: agent registry.example.org/fairway:0.1")
	}
	m.Agent = n.Args[0].Text
	if len(n.Args) == 2 {
		m.Program = n.Args[1].Text
	}
	return m.check(n.Args[len(n.Args)-1])
}

func (m *Kubernetes) parseEnvironment(n caddyfiles.Node) error {
	const usage = "environment takes the name that scripts say and an image, in which {version} is their environment_version: environment gdal ghcr.io/osgeo/gdal:{version}"
	if err := pair(n, usage, "environment", &m.Environments); err != nil {
		return err
	}
	return m.check(n.Args[1])
}

func (m *Kubernetes) parseNode(n caddyfiles.Node) error {
	return pair(n, "node takes a label and its value: node kubernetes.io/arch amd64", "node", &m.Nodes)
}

// pair reads a word with a name and a value, of which each name is there once.
func pair(n caddyfiles.Node, usage, word string, to *map[string]string) error {
	if n.HasBlock || len(n.Args) != 2 || n.Args[0].Text == "" {
		return n.Errorf("%s", usage)
	}
	if _, twice := (*to)[n.Args[0].Text]; twice {
		return caddyfiles.Errorf(n.Args[0], "%s %s is there twice", word, n.Args[0].Text)
	}
	if *to == nil {
		*to = map[string]string{}
	}
	(*to)[n.Args[0].Text] = n.Args[1].Text
	return nil
}

// Home implements fairway.Executor.
func (m *Kubernetes) Home() string { return m.Directory }

// Open implements fairway.Executor: it asks the cluster what it may do there.
func (m *Kubernetes) Open(place fairway.Place) (executor.Executor, error) {
	options := m.Options
	options.Directory = place.Directory
	var err error
	if options.Gateway, err = fairway.Resolve(options.Gateway); err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	if options.PipIndex, err = fairway.Resolve(options.PipIndex); err != nil {
		return nil, fmt.Errorf("pip_index: %w", err)
	}
	if m.GatewayCAFile != "" {
		ca, err := os.ReadFile(m.GatewayCAFile)
		if err != nil {
			return nil, fmt.Errorf("gateway_ca: %w", err)
		}
		options.GatewayCA = string(ca)
	}
	return kubernetes.New(context.Background(), options, handedOver{place.Blobs})
}

// handedOver is where gateways put what agents hand over.
type handedOver struct {
	blobs func(context.Context) (*blobs.Blobs, error)
}

// Results implements kubernetes.Handover.
func (h handedOver) Results(ctx context.Context, attempt string) (io.ReadCloser, error) {
	place, err := h.blobs(ctx)
	if err != nil {
		return nil, err
	}
	content, err := place.Read(ctx, blobs.HandoverKey(attempt))
	if errors.Is(err, blobs.ErrNotFound) {
		return nil, executor.ErrNoResults
	}
	if err != nil {
		return nil, err
	}
	return content, nil
}

// Remove implements kubernetes.Handover.
func (h handedOver) Remove(ctx context.Context, attempt string) error {
	place, err := h.blobs(ctx)
	if err != nil {
		return err
	}
	return place.Remove(ctx, blobs.HandoverKey(attempt))
}

// Interface guards.
var (
	_ fairway.Executor      = (*Kubernetes)(nil)
	_ caddyfile.Unmarshaler = (*Kubernetes)(nil)
	_ kubernetes.Handover   = handedOver{}
)
