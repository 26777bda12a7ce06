package try

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/fairway-gateway/fairway/modules/caddyfiles"
	"github.com/fairway-gateway/fairway/modules/fairway"
	"github.com/fairway-gateway/fairway/proxies/wrap"
)

// loaded is a configuration, provisioned and not started.
type loaded struct {
	services []*wrap.Service
	secrets  []string // values of its {env.X} and {file./path}
}

// load reads a configuration and provisions what answers requests. The process is expected
// to end soon: what was provisioned is not taken down.
func load(file, adapter string) (*loaded, error) {
	app, raw, err := Provision(file, adapter)
	if err != nil {
		return nil, err
	}
	out := &loaded{secrets: secretsIn(raw), services: app.Services()}
	if len(out.services) == 0 {
		return nil, errors.New("the configuration has no service")
	}
	return out, nil
}

// Provision reads a configuration, and provisions what answers requests, as ProvisionJSON does. It gives the app, and the configuration as
// Caddy's JSON.
func Provision(file, adapter string) (*fairway.App, []byte, error) {
	raw, err := caddyfiles.ReadConfig(file, adapter)
	if err != nil {
		return nil, nil, err
	}
	app, err := ProvisionJSON(raw)
	return app, raw, err
}

// ProvisionJSON provisions what answers requests of a configuration in Caddy's JSON: nothing listens, no certificate is asked for, and no
// store is opened. The process is expected to end soon. No secret is in an error.
func ProvisionJSON(raw []byte) (*fairway.App, error) {
	cfg, err := reduce(raw)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	ctx, err := caddy.ProvisionContext(cfg)
	if err != nil {
		return nil, errors.New(Redactor(raw).Replace(err.Error()))
	}
	v, err := ctx.App("fairway")
	if err != nil {
		return nil, err
	}
	app, ok := v.(*fairway.App)
	if !ok {
		return nil, fmt.Errorf("the app fairway is a %T", v)
	}
	return app, nil
}

// Redactor replaces the secrets of a configuration in Caddy's JSON by ***, in all their spellings.
func Redactor(raw []byte) *strings.Replacer { return redactor(secretsIn(raw)) }

// reduce leaves of a configuration what answers requests: no admin endpoint, no certificate, no storage.
func reduce(raw []byte) (*caddy.Config, error) {
	var full struct {
		Apps map[string]json.RawMessage `json:"apps"`
	}
	if err := json.Unmarshal(raw, &full); err != nil {
		return nil, err
	}
	cfg := &caddy.Config{
		Admin:   &caddy.AdminConfig{Disabled: true},
		AppsRaw: caddy.ModuleMap{},
		Logging: &caddy.Logging{Logs: map[string]*caddy.CustomLog{
			caddy.DefaultLoggerName: {BaseLog: caddy.BaseLog{Level: "ERROR"}},
		}},
	}
	if app, ok := full.Apps["fairway"]; ok {
		cfg.AppsRaw["fairway"] = app
	}
	if app, ok := full.Apps["http"]; ok {
		quiet, err := withoutTLS(app)
		if err != nil {
			return nil, err
		}
		cfg.AppsRaw["http"] = quiet
	}
	return cfg, nil
}

// withoutTLS takes from the http app what would manage certificates or write logs.
func withoutTLS(raw json.RawMessage) (json.RawMessage, error) {
	var app map[string]json.RawMessage
	if err := json.Unmarshal(raw, &app); err != nil {
		return nil, err
	}
	if app["servers"] == nil {
		return raw, nil
	}
	var servers map[string]map[string]json.RawMessage
	if err := json.Unmarshal(app["servers"], &servers); err != nil {
		return nil, err
	}
	for _, s := range servers {
		for _, field := range [...]string{"tls_connection_policies", "logs", "listener_wrappers"} {
			delete(s, field)
		}
		s["automatic_https"] = json.RawMessage(`{"disable":true}`)
	}
	var err error
	if app["servers"], err = json.Marshal(servers); err != nil {
		return nil, err
	}
	return json.Marshal(app)
}

// secretsIn gives the values of the placeholders in raw that come from the environment or a file. One that has no
// value is left to whoever needs it.
func secretsIn(raw []byte) []string {
	var config any
	if json.Unmarshal(raw, &config) != nil {
		return nil
	}
	placeholder := regexp.MustCompile(`\{(env\.|file\.)[^{}]*\}`)
	var out []string
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case string:
			for _, m := range placeholder.FindAllString(v, -1) {
				if value, err := fairway.Secret(m); err == nil {
					out = append(out, value)
				}
			}
		case []any:
			for _, item := range v {
				walk(item)
			}
		case map[string]any:
			for _, item := range v {
				walk(item)
			}
		}
	}
	walk(config)
	return out
}
