package login

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"time"

	"golang.org/x/net/publicsuffix"

	"github.com/fairway-gateway/fairway/proxies/session"
)

// jar keeps the cookies of one login. The rules of domains, paths and Secure are cookiejar's, with two differences: cookies
// without a Domain stay with the origin that set them, where browsers ignore the port, so that an identity provider on another
// port of the backend's host keeps its session for itself; and it remembers the paths and ends that cookiejar keeps to itself.
type jar struct {
	group   func(origin) origin // origins that share their cookies
	shared  *cookiejar.Jar      // with a Domain
	own     map[origin]*cookiejar.Jar
	seen    []seenCookie
	dropped bool // cookies for https only came from a site that is not
}

// seenCookie is a cookie that was set.
type seenCookie struct {
	session.Cookie
	domain string
	jar    *cookiejar.Jar
}

func newJar(group func(origin) origin) *jar {
	return &jar{group: group, shared: emptyJar(), own: make(map[origin]*cookiejar.Jar)}
}

func emptyJar() *cookiejar.Jar {
	j, _ := cookiejar.New(&cookiejar.Options{PublicSuffixList: publicsuffix.List}) // its error is always nil
	return j
}

func (j *jar) of(o origin) *cookiejar.Jar {
	g := j.group(o)
	if j.own[g] == nil {
		j.own[g] = emptyJar()
	}
	return j.own[g]
}

// store takes the cookies of an answer of u. It says whether there were any that are not being deleted.
func (j *jar) store(u *url.URL, o origin, resp *http.Response) bool {
	kept := false
	now := time.Now()
	for _, c := range resp.Cookies() {
		if !prefixKept(c, o) {
			continue
		}
		if c.Secure && !o.secure() {
			j.dropped = true
		}
		to := j.of(o)
		if c.Domain != "" && strings.Contains(o.host, ".") && !o.address() {
			to = j.shared
		}
		to.SetCookies(u, []*http.Cookie{c})
		if j.note(u, to, c, now) {
			kept = true
		}
	}
	return kept
}

// note remembers a cookie in the place of the one that it replaces.
func (j *jar) note(u *url.URL, to *cookiejar.Jar, c *http.Cookie, now time.Time) bool {
	s := seenCookie{
		Cookie: session.Cookie{Name: c.Name, Value: written(c), Path: c.Path},
		domain: strings.ToLower(strings.TrimPrefix(c.Domain, ".")),
		jar:    to,
	}
	if !strings.HasPrefix(s.Path, "/") {
		s.Path = "/"
		if i := strings.LastIndexByte(u.Path, '/'); i > 0 {
			s.Path = u.Path[:i]
		}
	}
	switch {
	case c.MaxAge > 0:
		s.Expires = now.Add(time.Duration(min(c.MaxAge, 1<<30)) * time.Second).UTC().Truncate(time.Second)
	case c.MaxAge == 0 && !c.Expires.IsZero():
		s.Expires = c.Expires.UTC()
	}
	gone := c.MaxAge < 0 || !s.Expires.IsZero() && !s.Expires.After(now)
	for i, old := range j.seen {
		if old.Name != s.Name || old.domain != s.domain || old.Path != s.Path || old.jar != to {
			continue
		}
		j.seen = append(j.seen[:i], j.seen[i+1:]...)
		break
	}
	if !gone {
		j.seen = append(j.seen, s)
	}
	return !gone
}

// written is a cookie's value as it was sent, with its quotes if it had some.
func written(c *http.Cookie) string {
	if c.Quoted {
		return `"` + c.Value + `"`
	}
	return c.Value
}

// prefixKept says whether a cookie keeps what its name promises (RFC 6265bis, 4.1.3).
func prefixKept(c *http.Cookie, o origin) bool {
	name := strings.ToLower(c.Name)
	switch {
	case strings.HasPrefix(name, "__host-"):
		return c.Secure && o.secure() && c.Domain == "" && c.Path == "/"
	case strings.HasPrefix(name, "__secure-"):
		return c.Secure && o.secure()
	}
	return true
}

// header gives the value of the header Cookie of a request, byte for byte as the cookies were set; "" for none.
func (j *jar) header(u *url.URL, o origin) string {
	var b strings.Builder
	for _, from := range []*cookiejar.Jar{j.of(o), j.shared} {
		for _, c := range from.Cookies(u) {
			if b.Len() > 0 {
				b.WriteString("; ")
			}
			b.WriteString(c.Name + "=" + written(c))
		}
	}
	return b.String()
}

// cookies gives those that would be sent to an origin, whatever the path.
func (j *jar) cookies(u *url.URL, o origin) []session.Cookie {
	var all []session.Cookie
	for _, s := range j.seen {
		if s.jar != j.shared && s.jar != j.of(o) {
			continue
		}
		for _, c := range s.jar.Cookies(&url.URL{Scheme: u.Scheme, Host: u.Host, Path: s.Path}) {
			if c.Name == s.Name && written(c) == s.Value {
				all = append(all, s.Cookie)
				break
			}
		}
	}
	return all
}
