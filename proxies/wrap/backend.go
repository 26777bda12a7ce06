package wrap

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fairway-gateway/fairway/proxies/decode/charset"
	"github.com/fairway-gateway/fairway/proxies/session"
	"github.com/fairway-gateway/fairway/proxies/upstream"
)

func itoa(n int) string { return strconv.Itoa(n) }

// backend is a compiled Backend. Its pool is nil while a configuration is only checked.
type backend struct {
	Backend
	header  []header
	config  upstream.Config
	pool    *upstream.Backend
	timeout time.Duration
	// allowed are the backends that URLs in values may lead to, by origin.
	allowed map[string]*backend
	// settings are what an origin's backend was made of.
	settings Backend
}

func (s *Service) compileBackends(c *Config, deps Deps, at place) error {
	for i := range c.Backends {
		b := &c.Backends[i]
		where := "backend"
		if b.Name != "" {
			where += " " + b.Name
		}
		at := at.in("backends/"+itoa(i), where)
		for _, other := range c.Backends[:i] {
			switch {
			case other.Name != b.Name:
			case b.Name == "":
				return at.errf("the service has two backends without a name; name the second: backend <name> <url>")
			default:
				return at.errf("the service has two backends of the name %s", b.Name)
			}
		}
		compiled, err := s.compileBackend(b, deps, at)
		if err != nil {
			return err
		}
		s.backends = append(s.backends, compiled)
	}
	return nil
}

func (s *Service) compileBackend(b *Backend, deps Deps, at place) (*backend, error) {
	out := &backend{Backend: *b}
	if out.Auth == nil {
		out.Auth = session.None{}
	}
	sc := scope{secret: deps.Secret, plan: new(plan), users: s.users}
	if b.Charset != "" {
		name, err := charset.Check(b.Charset)
		if err != nil {
			return nil, at.field("charset").errf("%v", err)
		}
		out.Charset = name
	}
	if err := checkCharsetErrors(b.CharsetErrors, at); err != nil {
		return nil, err
	}
	for i, h := range b.Header {
		compiled, err := sc.compileHeader(h, at.field("header/"+itoa(i)))
		if err != nil {
			return nil, err
		}
		out.header = append(out.header, *compiled)
	}
	if err := s.compileIdentity(out, sc, at); err != nil {
		return nil, err
	}
	if err := checkAuth(out, at); err != nil {
		return nil, err
	}
	cfg, err := out.upstream(s.Name, sc, at)
	if err != nil {
		return nil, err
	}
	out.config, out.timeout = cfg, cfg.Timeout
	if err := s.compileOrigins(out, deps, sc, at); err != nil {
		return nil, err
	}
	return out, s.open(out, deps, at)
}

// open gets the pool of a backend, and keeps it for Close.
func (s *Service) open(b *backend, deps Deps, at place) error {
	if deps.Backend == nil {
		return nil
	}
	pool, release, err := deps.Backend(b.config)
	if err != nil {
		return at.errf("%v", err)
	}
	b.pool = pool
	s.release = append(s.release, release)
	return s.bind(b, at)
}

// upstream makes the configuration of the pool, with every placeholder resolved.
func (b *Backend) upstream(service string, sc scope, at place) (upstream.Config, error) {
	cfg := upstream.Config{
		Service: service, Name: b.Name,
		Timeout:         time.Duration(b.Timeout),
		Retries:         2,
		BreakerFailures: b.Breaker.Failures,
		BreakerOpen:     time.Duration(b.Breaker.Open),
		Limit:           int64(b.Limit),
		Redirects:       b.Redirects,
		Guarded:         b.guarded,
		TLS: upstream.TLS{
			CA: b.TLS.CA, ServerName: b.TLS.ServerName, ClientCertificateFile: b.TLS.ClientCertificate,
			ClientKeyFile: b.TLS.ClientKey, InsecureSkipVerify: b.TLS.InsecureSkipVerify,
		},
	}
	if b.Retries != nil {
		cfg.Retries = *b.Retries
	}
	if cfg.Retries < 0 || b.Redirects < 0 || b.Breaker.Failures < 0 || b.Limit < 0 || b.Timeout < 0 || b.Breaker.Open < 0 {
		return cfg, at.errf("a number below 0 has no meaning here")
	}
	if len(b.Addresses) == 0 {
		return cfg, at.errf("a backend needs an address: backend https://host")
	}
	for i, a := range b.Addresses {
		address, err := sc.text(a, at.field("addresses/"+itoa(i)))
		if err != nil {
			return cfg, err
		}
		if sc.secret == nil && strings.Contains(a, "{") {
			address = "https://unresolved.invalid:" + itoa(i+1)
		}
		if slices.Contains(cfg.Addresses, address) {
			return cfg, at.field("addresses/"+itoa(i)).errf("the address %s is there twice", a)
		}
		cfg.Addresses = append(cfg.Addresses, address)
	}
	proxy, err := sc.text(b.Proxy, at.field("proxy"))
	if err != nil {
		return cfg, err
	}
	cfg.Proxy = proxy
	cfg = cfg.WithDefaults()
	if err := cfg.Check(); err != nil {
		return cfg, at.errf("%v", err)
	}
	return cfg, nil
}

// text resolves the secrets in a text that may hold nothing else.
func (s scope) text(text string, at place) (string, error) {
	parts, err := s.parse(text, at, nil)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, p := range parts {
		if p.from != nil {
			return "", at.errf("only {env.X} and {file./path} may stand in %q", text)
		}
		b.WriteString(p.text)
	}
	return b.String(), nil
}

func (s scope) compileHeader(h Header, at place) (*header, error) {
	name, err := canonicalHeader(h.Name, at)
	if err != nil {
		return nil, err
	}
	value, err := s.parse(h.Value, at, nil)
	if err != nil {
		return nil, err
	}
	out := &header{name: name, value: value}
	if len(value) == 1 {
		out.lone = value[0].from
	}
	for _, p := range value {
		if p.from == nil {
			if bad := checkText(p.text); bad != "" {
				return nil, at.errf("the value of the header %s has %s", name, bad)
			}
		}
	}
	return out, nil
}

// backend finds what a fetch speaks to. An absolute target gets a backend of its own, without credentials.
func (s *Service) backendOf(f *Fetch, t *target, deps Deps, at place) (*backend, error) {
	if t != nil && t.origin != "" {
		if f.Backend != "" {
			return nil, at.field("backend").errf("the target has a host of its own; leave backend out, or write only the path")
		}
		return s.absolute(&Backend{Addresses: []string{t.origin}}, deps, at)
	}
	var names []string
	for _, b := range s.backends {
		if b.Name == f.Backend && !b.implicit() {
			return b, nil
		}
		if b.Name != "" {
			names = append(names, b.Name)
		}
	}
	switch {
	case f.Backend != "":
		return nil, at.field("backend").errf("there is no backend %s%s", f.Backend, Suggest(f.Backend, names))
	case len(s.backends) == 0:
		return nil, at.errf("the service has no backend; add a line: backend https://host")
	case len(names) == 1 && len(s.backends) == 1:
		return s.backends[0], nil
	}
	return nil, at.errf("the fetch must say which backend: %s", strings.Join(names, ", "))
}

// implicitPrefix marks the names of backends that absolute targets make.
const implicitPrefix = "origin "

func (b *backend) implicit() bool { return strings.HasPrefix(b.Name, implicitPrefix) }

// absolute gives the backend of an origin, which has an address and no name yet. One that is guarded refuses to connect to
// addresses inside.
func (s *Service) absolute(origin *Backend, deps Deps, at place) (*backend, error) {
	origin.Name = implicitPrefix + origin.Addresses[0]
	if origin.guarded {
		origin.Name += " of a value"
	}
	for _, b := range s.origins {
		if reflect.DeepEqual(b.settings, *origin) {
			return b, nil
		}
	}
	settings := *origin
	b, err := s.compileBackend(origin, deps, at)
	if err != nil {
		return nil, err
	}
	b.settings = settings
	s.origins = append(s.origins, b)
	return b, nil
}
