// Package cors says to browsers which pages may read answers (Cross-Origin Resource Sharing of the Fetch standard).
//
//	policy, err := cors.New(cors.Config{Origins: []string{"https://app.example.org"}}, cors.Defaults{Methods: []string{"GET"}})
//	…
//	if policy.Serve(w, r) {
//		return // it was the question that a browser asks before the request itself
//	}
//
// The rules are those of github.com/rs/cors; here is what a configuration may say, and which origins it means.
package cors

import (
	"cmp"
	"fmt"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rs/cors"
	"golang.org/x/net/http/httpguts"
	"golang.org/x/net/idna"
)

// Config is whose pages may read answers.
type Config struct {
	// Origins are scheme://host[:port], or https://*.example.org for all hosts below a name, but not that itself; "*" alone is
	// every origin. At least one.
	Origins []string `json:"origins,omitempty"`
	// Methods are those that pages may use, in capitals. Default: those that there are.
	Methods []string `json:"methods,omitempty"`
	// Headers are those that pages may send, beside those that are usual; "*" is any. Default: none beside those.
	Headers []string `json:"headers,omitempty"`
	// Expose are headers of answers that pages may read, beside those that are usual. Default: none beside those.
	Expose []string `json:"expose,omitempty"`
	// Credentials lets pages send what the browser keeps for this site: cookies, passwords, certificates. A page may send a
	// header Authorization of its own without. Default false.
	Credentials bool `json:"credentials,omitempty"`
	// MaxAge is for how many seconds a browser need not ask again whether a page may. Default 600; browsers have limits of their
	// own, of some hours. -1: it asks each time.
	MaxAge int `json:"max_age,omitempty"`
}

// Defaults are what whoever answers has, and pages may therefore use.
type Defaults struct {
	Methods, Headers, Expose []string
}

// DefaultMaxAge is for how long a browser need not ask again.
const DefaultMaxAge = 10 * time.Minute

// Error is a mistake in a Config, and which of its fields it is in: "origins/1".
type Error struct{ Field, Msg string }

func (e *Error) Error() string { return e.Msg }

func errf(field string, format string, args ...any) *Error {
	return &Error{Field: field, Msg: fmt.Sprintf(format, args...)}
}

// Policy answers for a Config. Nil answers for nobody. It is used concurrently.
type Policy struct{ cors *cors.Cors }

// New makes a Policy. The error is an *Error.
func New(c Config, d Defaults) (*Policy, error) {
	origins, err := compile(c)
	if err != nil {
		return nil, err
	}
	for i, m := range c.Methods {
		if !httpguts.ValidHeaderFieldName(m) || m != strings.ToUpper(m) {
			return nil, errf("methods/"+strconv.Itoa(i), "%q is no method; write it in capitals: GET", m)
		}
	}
	for field, names := range map[string][]string{"headers": c.Headers, "expose": c.Expose} {
		for i, name := range names {
			if !httpguts.ValidHeaderFieldName(name) {
				return nil, errf(field+"/"+strconv.Itoa(i), "%q is no name of a header", name)
			}
			if name == "*" && field == "expose" {
				return nil, errf(field+"/"+strconv.Itoa(i), "name the headers that pages may read; * is for origins and headers")
			}
		}
	}
	o := cors.Options{
		AllowedMethods: c.Methods, AllowedHeaders: append(slices.Concat(usual(), d.Headers), c.Headers...),
		ExposedHeaders: unique(slices.Concat(exposed(), d.Expose, c.Expose)), AllowCredentials: c.Credentials,
		MaxAge: cmp.Or(c.MaxAge, int(DefaultMaxAge/time.Second)), OptionsSuccessStatus: http.StatusNoContent,
	}
	if len(o.AllowedMethods) == 0 {
		o.AllowedMethods = d.Methods
	}
	if origins.every {
		o.AllowedOrigins = []string{"*"}
	} else {
		o.AllowOriginFunc = origins.has
	}
	return &Policy{cors: cors.New(o)}, nil
}

// usual are the headers that pages may send anyway.
func usual() []string {
	return []string{"Accept", "Authorization", "Content-Type", "Idempotency-Key", "If-Modified-Since", "If-None-Match", "X-Request-Id", "X-Requested-With"}
}

// exposed are the headers that pages may read anyway, beside those that the Fetch standard exposes.
func exposed() []string {
	return []string{
		"ETag", "Link", "Location", "Ratelimit", "Ratelimit-Policy", "Retry-After", "Www-Authenticate",
		"X-Ratelimit-Limit", "X-Ratelimit-Remaining", "X-Ratelimit-Reset", "X-Request-Id",
	}
}

// unique are names of headers in their usual spelling, each once.
func unique(names []string) []string {
	out := make([]string, 0, len(names))
	for _, n := range names {
		if n = textproto.CanonicalMIMEHeaderKey(n); !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

// Preflight says whether r is the question whether a request may be made, which a browser asks without credentials.
func Preflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != ""
}

// Serve adds to the answer what the policy says. True: it was a question whether a request may be made, and is answered.
func (p *Policy) Serve(w http.ResponseWriter, r *http.Request) bool {
	if p == nil {
		return false
	}
	p.cors.HandlerFunc(w, r)
	return Preflight(r)
}

// Handler serves with the policy before next.
func (p *Policy) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !p.Serve(w, r) {
			next.ServeHTTP(w, r)
		}
	})
}

// origins are those of a Config.
type origins struct {
	every bool
	exact map[string]bool
	below []below
}

// below are all hosts below a name, with one scheme and port.
type below struct {
	scheme, suffix string // "https://" and ".example.org:8443"
}

// has says whether a page of an origin may, as browsers write one.
func (o *origins) has(origin string) bool {
	origin = strings.ToLower(origin)
	if o.exact[origin] {
		return true
	}
	return slices.ContainsFunc(o.below, func(b below) bool {
		rest, ok := strings.CutPrefix(origin, b.scheme)
		if !ok {
			return false
		}
		name, ok := strings.CutSuffix(rest, b.suffix)
		return ok && name != "" && !strings.ContainsAny(name, ":/@[]?#\\ ") && name[0] != '.' && name[len(name)-1] != '.'
	})
}

func compile(c Config) (*origins, error) {
	o := &origins{exact: map[string]bool{}}
	if len(c.Origins) == 0 {
		return nil, errf("origins", "cors takes the origins whose pages may read answers: cors https://app.example.org")
	}
	for i, text := range c.Origins {
		field := "origins/" + strconv.Itoa(i)
		if text == "*" {
			switch {
			case len(c.Origins) > 1:
				return nil, errf(field, "* is every origin, and stands alone")
			case c.Credentials:
				return nil, errf(field, "with credentials every page of the world could act as its visitor; name the origins instead of *")
			}
			o.every = true
			continue
		}
		scheme, host, err := parse(text)
		if err != nil {
			return nil, errf(field, "%v", err)
		}
		if name, ok := strings.CutPrefix(host, "*"); ok {
			o.below = append(o.below, below{scheme: scheme + "://", suffix: name})
			continue
		}
		if o.exact[scheme+"://"+host] {
			return nil, errf(field, "the origin %s is there twice", text)
		}
		o.exact[scheme+"://"+host] = true
	}
	return o, nil
}

// parse gives the parts of an origin as browsers send them: in small letters, with the ASCII form of a name, without the port
// that its scheme has.
func parse(text string) (scheme, host string, err error) {
	bad := func(format string, args ...any) (string, string, error) {
		return "", "", fmt.Errorf("%q is no origin: %s", text, fmt.Sprintf(format, args...))
	}
	if text == "null" {
		return bad("any page can have null for one, so it means *")
	}
	u, err := url.Parse(text)
	if err != nil || u.Opaque != "" {
		return bad("write scheme://host or scheme://host:port")
	}
	scheme = strings.ToLower(u.Scheme)
	switch {
	case scheme == "" || u.Host == "":
		return bad("write scheme://host or scheme://host:port")
	case u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.ForceQuery || strings.HasSuffix(text, "#"):
		return bad("it ends with the host or port, without a slash")
	}
	name, port := u.Hostname(), u.Port()
	if strings.HasSuffix(u.Host, ":") {
		return bad("a colon is followed by a port")
	}
	if n, err := strconv.ParseUint(port, 10, 16); port != "" && (err != nil || n == 0) {
		return bad("%s is no port", port)
	}
	wild := strings.HasPrefix(name, "*.")
	name = strings.TrimPrefix(name, "*.")
	switch {
	case name == "" || strings.Contains(name, "*"):
		return bad("* stands for hosts below a name, as in https://*.example.org")
	case wild && !strings.Contains(name, "."):
		return bad("* below %s would be nearly everybody", name)
	}
	if strings.Contains(name, ":") {
		name = "[" + strings.ToLower(name) + "]"
	} else if name, err = idna.Lookup.ToASCII(name); err != nil {
		return bad("its host cannot be")
	}
	if wild {
		name = "*." + name
	}
	if standard := map[string]string{"http": "80", "https": "443"}[scheme]; port != "" && port != standard {
		name += ":" + port
	}
	return scheme, name, nil
}
