package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"

	"github.com/caddyserver/caddy/v2"

	"github.com/fairway-gateway/fairway/modules/fairway"
	"github.com/fairway-gateway/fairway/proxies/upstream"
	"github.com/fairway-gateway/fairway/proxies/wrap"
)

// backend is an address that the configuration names.
type backend struct {
	// check is what it is called; written is its address as it stands in the configuration.
	check, written string
	tls            wrap.TLS
	proxy          string
}

// backends are those of services, and of Caddy's reverse_proxy, in the order of the configuration, each once.
func (e *examination) backends() []backend {
	var out []backend
	seen := map[string]bool{}
	add := func(b backend) {
		if !seen[b.check] {
			seen[b.check] = true
			out = append(out, b)
		}
	}
	e.objects(func(raw json.RawMessage, has map[string]json.RawMessage) {
		if has["prefixes"] != nil && has["backends"] != nil {
			var of struct {
				Prefixes []string       `json:"prefixes"`
				Backends []wrap.Backend `json:"backends"`
			}
			if json.Unmarshal(raw, &of) != nil || len(of.Prefixes) == 0 {
				return // the configuration is at fault, which is said
			}
			for i := range of.Backends {
				b := &of.Backends[i]
				for _, address := range b.Addresses {
					add(backend{check: "backend " + of.Prefixes[0] + " " + address, written: address, tls: b.TLS, proxy: b.Proxy})
				}
			}
		}
		if string(has["handler"]) == `"reverse_proxy"` {
			var of []struct {
				Dial string `json:"dial"`
			}
			if json.Unmarshal(has["upstreams"], &of) != nil {
				return
			}
			for _, u := range of {
				if address, ok := dialled(u.Dial); ok {
					add(backend{check: "reverse_proxy " + u.Dial, written: address})
				}
			}
		}
	})
	return out
}

// dialled makes an address of what Caddy's reverse_proxy dials; false: it is known when there is a request.
func dialled(dial string) (string, bool) {
	if strings.Contains(dial, "{") && !strings.HasPrefix(dial, "{env.") {
		return "", false
	}
	at, err := caddy.ParseNetworkAddress(dial)
	switch {
	case strings.HasPrefix(dial, "{"):
		return "http://" + dial, true
	case err != nil || at.PortRangeSize() > 1:
		return "", false
	case at.IsUnixNetwork():
		return "unix/" + at.Host, true
	}
	return "http://" + at.JoinHostPort(0), at.Network == "tcp"
}

// objects calls found for each object in what the configuration has of HTTP, in its order as far as there is one.
func (e *examination) objects(found func(raw json.RawMessage, has map[string]json.RawMessage)) {
	var walk func(json.RawMessage)
	walk = func(raw json.RawMessage) {
		var object map[string]json.RawMessage
		var list []json.RawMessage
		switch {
		case json.Unmarshal(raw, &object) == nil:
			found(raw, object)
			for _, name := range slices.Sorted(maps.Keys(object)) {
				walk(object[name])
			}
		case json.Unmarshal(raw, &list) == nil:
			for _, item := range list {
				walk(item)
			}
		}
	}
	var cfg struct {
		Apps struct {
			HTTP json.RawMessage `json:"http"`
		} `json:"apps"`
	}
	if json.Unmarshal(e.raw, &cfg) == nil {
		walk(cfg.Apps.HTTP)
	}
}

// backend connects to an address, and looks at its certificate. Nothing is sent.
func (e *examination) backend(ctx context.Context, b backend) Finding {
	cfg, address, err := b.config()
	if err != nil {
		return Finding{b.check, Failure, err.Error(), "set what the placeholder stands for in the environment of the gateway, and of this command"}
	}
	found, err := upstream.Reach(ctx, cfg, address)
	if err != nil {
		return e.unreached(ctx, b, found, address, err)
	}
	if found.Proxy {
		return fine(b.check, "the forward proxy at %s takes connections; what is beyond it was not looked at", found.At)
	}
	if len(found.Certificates) == 0 {
		return fine(b.check, "%s takes connections", found.At)
	}
	out := validity(b.check, found.Certificates, e.now())
	switch {
	case cfg.TLS.InsecureSkipVerify:
		out.State, out.Do = Warning, "name the authority that signed it in tls { ca … } of the backend, and leave out insecure_skip_verify: anybody can say that he is the backend"
		out.Found += "; it is not verified"
	case found.Untrusted != nil && out.State != Failure:
		out = Finding{b.check, Failure, found.Untrusted.Error(), "name the authority that signed it in tls { ca … } of the backend, or have it show a certificate of its name with all that are between"}
	}
	return out
}

// config resolves an address with how it is trusted.
func (b backend) config() (cfg upstream.Config, address string, err error) {
	resolved := func(text string) string {
		v, failed := fairway.Resolve(text)
		err = errors.Join(err, failed)
		return v
	}
	address = resolved(b.written)
	cfg.Proxy = resolved(b.proxy)
	cfg.TLS.ServerName, cfg.TLS.InsecureSkipVerify = resolved(b.tls.ServerName), b.tls.InsecureSkipVerify
	for _, file := range b.tls.CA {
		cfg.TLS.CA = append(cfg.TLS.CA, resolved(file))
	}
	return cfg, address, err
}

// unreached says why a backend was not reached.
func (e *examination) unreached(ctx context.Context, b backend, found upstream.Reached, address string, err error) Finding {
	out := Finding{Check: b.check, State: Failure, Found: err.Error()}
	name, unknown := errors.AsType[*net.DNSError](err)
	switch {
	case unknown:
		out.Found = fmt.Sprintf("the name %s: %s", name.Name, name.Err)
		out.Do = "correct the name, or what resolves names here (/etc/resolv.conf)"
	case errors.Is(err, syscall.ECONNREFUSED) && e.own(address):
		return fine(b.check, "%s is of this configuration, which does not run now", found.At)
	case errors.Is(err, syscall.ECONNREFUSED):
		out.Found = found.At + " refuses connections"
		out.Do = "start it, or correct the port"
	case ctx.Err() != nil:
		out.Found = fmt.Sprintf("%s does not answer within %s", found.At, e.timeout)
		out.Do = "see that it runs, and that no firewall is between; --timeout waits for longer"
	default:
		out.Do = "see that it runs, and speaks what its address says"
	}
	if found.Proxy {
		out.Found = "the forward proxy: " + out.Found
	}
	return out
}

// own says whether the configuration itself listens at an address of this machine.
func (e *examination) own(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Port() == "" {
		return false
	}
	if ip, err := netip.ParseAddr(u.Hostname()); u.Hostname() != "localhost" && (err != nil || !ip.IsLoopback()) {
		return false
	}
	var cfg struct {
		Apps struct {
			HTTP struct {
				Servers map[string]struct {
					Listen []string `json:"listen"`
				} `json:"servers"`
			} `json:"http"`
		} `json:"apps"`
	}
	if json.Unmarshal(e.raw, &cfg) != nil {
		return false
	}
	for _, s := range cfg.Apps.HTTP.Servers {
		for _, listen := range s.Listen {
			if _, port, err := net.SplitHostPort(listen); err == nil && port == u.Port() {
				return true
			}
		}
	}
	return false
}
