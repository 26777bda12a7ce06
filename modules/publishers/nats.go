package publishers

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/fairway-gateway/fairway/modules/caddyfiles"
	"github.com/fairway-gateway/fairway/modules/control/events/jetstream"
	"github.com/fairway-gateway/fairway/modules/fairway"
)

// NATS publishes events into a stream of NATS JetStream, which has to be there. {env.X} and {file./path} in it are replaced.
type NATS struct {
	fairway.Publication
	// URL is nats://host:port or tls://host:port, several with commas.
	URL string `json:"url,omitempty"`
	// Username and Password, or Token, are what the server wants to see; Password and Token are {env.X} or {file./path}. Default: nothing.
	Username string `json:"username,omitempty"`
	Password string `json:"password,omitempty"`
	Token    string `json:"token,omitempty"`
	// Credentials is the path of a file of credentials, as nsc makes them. Default: none.
	Credentials string `json:"credentials,omitempty"`
	// CA is a file of certificates that the server's has to be signed by. Default: those of the system.
	CA string `json:"ca,omitempty"`
	// Timeout is how long one event may take until the server has it. Default 10s.
	Timeout caddy.Duration `json:"timeout,omitempty"`
	// Parallel is how many events of different subjects are on their way at once, at most 256. Default 16.
	Parallel int `json:"parallel,omitempty"`
}

const (
	usualParallel = 16
	mostParallel  = 256
)

// CaddyModule returns the Caddy module information.
func (*NATS) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: namespace + "nats", New: func() caddy.Module { return new(NATS) }}
}

// UnmarshalCaddyfile reads:
//
//	publish nats://<host>:<port> | tls://<host>:<port> {
//		name        <name>
//		topic       <topic>
//		types       <type>...
//		username    <name>
//		password    {env.X} | {file./path}
//		token       {env.X} | {file./path}
//		credentials <file>
//		ca          <file>
//		timeout     <duration>
//		parallel    <n>
//	}
func (m *NATS) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	n, err := caddyfiles.Read(d)
	if err != nil {
		return err
	}
	m.URL = n.Word.Text
	if err := m.check(); err != nil {
		return n.Errorf("%w", err)
	}
	return caddyfiles.Words{Owner: "publish", Known: m.Words(map[string]caddyfiles.Word{
		"username":    m.word("username fairway", func(v string) error { m.Username = v; return nil }),
		"password":    m.word("password {env.NATS_PASSWORD}", func(v string) error { m.Password = v; return nil }),
		"token":       m.word("token {env.NATS_TOKEN}", func(v string) error { m.Token = v; return nil }),
		"credentials": m.word("credentials /etc/fairway/nats.creds", func(v string) error { m.Credentials = v; return nil }),
		"ca":          m.word("ca /etc/fairway/nats.pem", func(v string) error { m.CA = v; return nil }),
		"timeout":     m.word("timeout 10s", m.setTimeout),
		"parallel":    m.word("parallel 16", m.setParallel),
	})}.Parse(n)
}

func (m *NATS) word(usage string, set func(string) error) caddyfiles.Word {
	return caddyfiles.Word{Parse: func(n caddyfiles.Node) error {
		t, err := n.One(usage)
		if err != nil {
			return err
		}
		if t.Text == "" {
			return n.Errorf("%s is empty; write: %s", n.Word.Text, usage)
		}
		if err := errors.Join(set(t.Text)); err != nil {
			return caddyfiles.Errorf(t, "%w", err)
		}
		if err := m.check(); err != nil {
			return caddyfiles.Errorf(t, "%w", err)
		}
		return nil
	}}
}

func (m *NATS) setTimeout(v string) error {
	d, err := caddy.ParseDuration(v)
	if err != nil || d <= 0 {
		return fmt.Errorf("%q is no length of time, like 10s", v)
	}
	m.Timeout = caddy.Duration(d)
	return nil
}

func (m *NATS) setParallel(v string) error {
	if _, err := fmt.Sscanf(v, "%d", &m.Parallel); err != nil || m.Parallel < 1 {
		return fmt.Errorf("parallel is from 1 to %d", mostParallel)
	}
	return nil
}

func (m *NATS) check() error {
	placeholder := regexp.MustCompile(`^\{(env\.|file\.)[^{}]+\}$`)
	for word, v := range map[string]string{"password": m.Password, "token": m.Token} {
		if v != "" && !placeholder.MatchString(v) {
			return fmt.Errorf("the %s must be {env.X} or {file./path}, so that it is in no configuration", word)
		}
	}
	for word, v := range map[string]string{"credentials": m.Credentials, "ca": m.CA} {
		if v != "" && !strings.HasPrefix(v, "{") && !filepath.IsAbs(v) {
			return fmt.Errorf("%s is the path of a file, like /etc/fairway/nats.%s", word, word)
		}
	}
	switch {
	case m.Parallel < 0 || m.Parallel > mostParallel:
		return fmt.Errorf("parallel is from 1 to %d", mostParallel)
	case m.Timeout < 0:
		return errors.New("timeout is a length of time")
	case m.Token != "" && m.Password != "":
		return errors.New("it is a token or a password, not both")
	case strings.Contains(m.URL, "{env.") || strings.Contains(m.URL, "{file."):
		return nil
	}
	return checkURLs(m.URL)
}

func checkURLs(all string) error {
	for one := range strings.SplitSeq(all, ",") {
		if err := jetstream.CheckURL(strings.TrimSpace(one)); err != nil {
			return err
		}
	}
	return nil
}

// Provision implements caddy.Provisioner.
func (m *NATS) Provision(caddy.Context) error { return errors.Join(m.Check(), m.check()) }

// Published implements fairway.Publisher.
func (m *NATS) Published() *fairway.Publication { return &m.Publication }

// AtOnce implements fairway.Publisher.
func (m *NATS) AtOnce() int {
	if m.Parallel == 0 {
		return usualParallel
	}
	return m.Parallel
}

// Open implements fairway.Publisher.
func (m *NATS) Open(d fairway.PublisherDeps) (message.Publisher, error) {
	cfg := jetstream.Config{Timeout: time.Duration(m.Timeout), Logger: d.Logger}
	for to, from := range map[*string]string{&cfg.URL: m.URL, &cfg.Username: m.Username, &cfg.Password: m.Password, &cfg.Token: m.Token, &cfg.Credentials: m.Credentials, &cfg.CA: m.CA} {
		var err error
		if *to, err = fairway.Resolve(from); err != nil {
			return nil, err
		}
	}
	return jetstream.Open(cfg)
}

// Interface guards.
var (
	_ fairway.Publisher     = (*NATS)(nil)
	_ caddyfile.Unmarshaler = (*NATS)(nil)
)
