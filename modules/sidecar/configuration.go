package sidecar

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/fairway-gateway/fairway/modules/caddyfiles"
	"github.com/fairway-gateway/fairway/modules/fairway"
)

// option is what can be said of a runner without a Caddyfile.
type option struct {
	name, variable, help string
	// set writes what was said; variable is the one that said it, empty: it was an option.
	set func(c *config, value, variable string) error
}

// config is what Caddy is told.
type config struct {
	Databases  []fairway.Database  `json:"databases,omitempty"`
	Blobs      string              `json:"blobs,omitempty"`
	Runner     *fairway.Runner     `json:"runner,omitempty"`
	Executions *fairway.Executions `json:"executions,omitempty"`

	listen string
}

// named is what stands in a configuration for a value: a variable's name, where one said it, so that a password is in no configuration.
func named(value, variable string) string {
	if variable == "" {
		return value
	}
	return "{env." + variable + "}"
}

func options() []option {
	return []option{
		{"database", "FAIRWAY_DATABASE", "The store, postgres://user@host:port/name", func(c *config, value, variable string) error {
			c.Databases = []fairway.Database{{DSN: named(value, variable)}}
			return nil
		}},
		{"blobs", "FAIRWAY_BLOBS", "Where scripts and results are kept", func(c *config, value, variable string) error {
			c.Blobs = named(value, variable)
			return nil
		}},
		{"name", "FAIRWAY_NAME", "What people call the runner", func(c *config, value, _ string) error {
			c.Runner.Name = value
			return nil
		}},
		{"slots", "FAIRWAY_SLOTS", "How many executions run at once", func(c *config, value, _ string) (err error) {
			if c.Runner.Slots, err = strconv.Atoi(value); err != nil || c.Runner.Slots < 1 {
				return fmt.Errorf("%q is no number from 1", value)
			}
			return nil
		}},
		{"queues", "FAIRWAY_QUEUES", "Whose executions it takes, with commas", func(c *config, value, _ string) error {
			c.Runner.Queues = strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' })
			return nil
		}},
		{"lease", "FAIRWAY_LEASE", "For how long an execution is its own after it was heard of", func(c *config, value, _ string) (err error) {
			c.Runner.Lease, err = duration(value)
			return err
		}},
		{"drain", "FAIRWAY_DRAIN", "For how long what runs may go on when it ends", func(c *config, value, _ string) error {
			of, err := duration(value)
			c.Runner.Drain = &of
			return err
		}},
		{"api", "FAIRWAY_API", "Told to scripts as API_URL", func(c *config, value, _ string) error {
			c.Runner.API = value
			return nil
		}},
		{"executor", "FAIRWAY_EXECUTOR", "How executions are isolated: a name, or JSON", setExecutor},
		{"listen", "FAIRWAY_LISTEN", "Where /, /ready and /metrics are served", func(c *config, value, _ string) error {
			host, port, err := net.SplitHostPort(value)
			if err != nil {
				return fmt.Errorf("%q is no address like 127.0.0.1:9090", value)
			}
			if _, err := strconv.ParseUint(port, 10, 16); err != nil || strings.ContainsAny(host, "/ ") {
				return fmt.Errorf("%q is no address like 127.0.0.1:9090", value)
			}
			c.listen = value
			return nil
		}},
	}
}

func duration(value string) (caddy.Duration, error) {
	of, err := caddy.ParseDuration(value)
	if err != nil || of < 0 {
		return 0, fmt.Errorf("%q is no length of time, like 30s", value)
	}
	return caddy.Duration(of), nil
}

func setExecutor(c *config, value, _ string) (err error) {
	if strings.HasPrefix(strings.TrimSpace(value), "{") {
		if !json.Valid([]byte(value)) {
			return errors.New("it is no JSON")
		}
		c.Runner.ExecutorRaw = json.RawMessage(value)
		return nil
	}
	c.Runner.ExecutorRaw, err = json.Marshal(map[string]string{"executor": value})
	return err
}

// configuration is what Caddy is to run, and where it listens, if it does: what file says, a variable above that, and an option above both.
func configuration(file, adapter string, flag, env func(string) string) ([]byte, string, error) {
	c, logging, err := read(file, adapter)
	if err != nil {
		return nil, "", err
	}
	for _, o := range options() {
		value, variable, what := flag(o.name), "", "--"+o.name
		if value == "" {
			value, variable, what = env(o.variable), o.variable, o.variable
		}
		if value == "" {
			continue
		}
		if err := o.set(c, value, variable); err != nil {
			return nil, "", fmt.Errorf("%s: %w", what, err)
		}
	}
	c.Runner.Mode = fairway.RunnerAlone
	app, err := json.Marshal(c)
	if err != nil {
		return nil, "", err
	}
	if err := shared(app); err != nil {
		return nil, "", err
	}
	apps := map[string]any{"fairway": json.RawMessage(app)}
	if c.listen != "" {
		apps["http"] = served(c.listen)
	}
	whole := map[string]any{"admin": map[string]any{"disabled": true, "config": map[string]any{"persist": false}}, "apps": apps}
	if len(logging) > 0 {
		whole["logging"] = logging
	}
	out, err := json.Marshal(whole)
	return out, c.listen, err
}

// read gives what of a gateway's configuration a runner needs: where none is named and none is here, nothing.
func read(file, adapter string) (*config, json.RawMessage, error) {
	c := &config{Runner: new(fairway.Runner)}
	if file == "" {
		if _, err := os.Stat("Caddyfile"); errors.Is(err, fs.ErrNotExist) {
			return c, nil, nil
		}
	}
	raw, err := caddyfiles.ReadConfig(file, adapter)
	if err != nil {
		return nil, nil, err
	}
	var whole struct {
		Logging json.RawMessage `json:"logging"`
		Apps    struct {
			Fairway *config `json:"fairway"`
		} `json:"apps"`
	}
	if err := json.Unmarshal(raw, &whole); err != nil {
		return nil, nil, fmt.Errorf("the configuration: %w", err)
	}
	if of := whole.Apps.Fairway; of != nil {
		c = of
		if c.Runner == nil {
			c.Runner = new(fairway.Runner)
		}
	}
	for i, d := range c.Databases { // the others are services'
		if d.Name == "" {
			c.Databases = c.Databases[i : i+1]
			return c, whole.Logging, nil
		}
	}
	c.Databases = nil
	return c, whole.Logging, nil
}

// shared says why a store is none that a runner of its own can have.
func shared(app []byte) error {
	whole, err := json.Marshal(map[string]any{"apps": map[string]any{"fairway": json.RawMessage(app)}})
	if err != nil {
		return err
	}
	a, err := fairway.Read(whole)
	if err != nil {
		return err
	}
	schema, err := a.Address()
	if err != nil {
		return err
	}
	if strings.HasPrefix(schema, "sqlite:") {
		return errors.New("the store is SQLite, a file of one machine, and the gateway there runs executions itself: write runner embedded; " +
			"a runner of its own needs PostgreSQL, which the option database names, or FAIRWAY_DATABASE")
	}
	return nil
}

// served answers /, /ready and /metrics.
func served(listen string) map[string]any {
	return map[string]any{"servers": map[string]any{"runner": map[string]any{
		"listen": []string{listen}, "automatic_https": map[string]any{"disable": true},
		"routes": []any{
			map[string]any{"match": []any{map[string]any{"path": []string{"/metrics"}}}, "handle": []any{map[string]any{"handler": "metrics"}}, "terminal": true},
			map[string]any{"handle": []any{map[string]any{"handler": "health"}}},
		},
		"errors": map[string]any{"routes": []any{map[string]any{"handle": []any{map[string]any{"handler": "problem"}}}}},
	}}}
}
