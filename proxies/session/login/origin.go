package login

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"

	"golang.org/x/net/idna"
)

// origin is scheme, host and port of a URL, each in one spelling.
type origin struct{ scheme, host, port string }

// String gives the origin as in a configuration.
func (o origin) String() string {
	host := o.host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if o.scheme == "https" && o.port == "443" || o.scheme == "http" && o.port == "80" {
		return o.scheme + "://" + host
	}
	return o.scheme + "://" + host + ":" + o.port
}

// secure says that credentials may go there over a network, or go over none.
func (o origin) secure() bool { return o.scheme == "https" || o.loopback() }

// loopback says that the origin is of this machine by its name already.
func (o origin) loopback() bool {
	a, err := netip.ParseAddr(o.host)
	return o.host == "localhost" || err == nil && a.Unmap().IsLoopback()
}

// address says that the origin's host is no name that has to be resolved.
func (o origin) address() bool {
	_, err := netip.ParseAddr(o.host)
	return err == nil
}

// originOf gives the origin of a URL that a browser would go to. The errors hold nothing of the URL.
func originOf(u *url.URL) (origin, error) {
	o := origin{scheme: strings.ToLower(u.Scheme), host: strings.ToLower(u.Hostname()), port: u.Port()}
	switch {
	case o.scheme != "http" && o.scheme != "https":
		return o, errors.New("only http and https are followed")
	case u.User != nil:
		return o, errors.New("no user and password in a URL")
	case u.Opaque != "" || o.host == "":
		return o, errors.New("a URL needs a host")
	}
	switch {
	case o.port != "":
	case o.scheme == "https":
		o.port = "443"
	default:
		o.port = "80"
	}
	for i := range len(o.host) {
		if o.host[i] < 0x80 {
			continue
		}
		host, err := idna.Lookup.ToASCII(o.host)
		if err != nil {
			return o, errors.New("the host is no name")
		}
		o.host = host
		break
	}
	for _, c := range []byte(o.host) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`"%<>\^{|}`+"`", c) >= 0 {
			return o, errors.New("the host is no name")
		}
	}
	return o, nil
}

// parseOrigin reads an origin of a configuration.
func parseOrigin(s string) (origin, error) {
	u, err := url.Parse(s)
	if err != nil {
		return origin{}, errors.New("login_origins: not a URL")
	}
	o, err := originOf(u)
	switch {
	case err != nil:
		return o, fmt.Errorf("login_origins: %w", err)
	case u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.ForceQuery || strings.Contains(s, "#"):
		return o, fmt.Errorf("login_origins: %s has more than scheme, host and port", o)
	case !o.secure():
		return o, fmt.Errorf("login_origins: %s must be https, since credentials go there", o)
	}
	return o, nil
}

// resolve gives the URL that a reference in a page or a header means, as browsers read it: without blanks around it and
// line breaks in it, with slashes for backslashes. The errors hold nothing of it.
func resolve(base *url.URL, ref string) (*url.URL, error) {
	ref = strings.TrimFunc(ref, func(r rune) bool { return r <= ' ' })
	ref = strings.NewReplacer("\t", "", "\r", "", "\n", "").Replace(ref)
	ref, _, _ = strings.Cut(ref, "#")
	path, query, found := strings.Cut(ref, "?")
	path = strings.ReplaceAll(path, `\`, "/")
	if found {
		path += "?" + escapeQuery(query)
	}
	u, err := base.Parse(path)
	if err != nil {
		return nil, errors.New("not a URL")
	}
	u.Fragment, u.RawFragment = "", ""
	return u, nil
}

// escapeQuery escapes what may not stand in a request line.
func escapeQuery(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if c <= ' ' || c >= 0x7f || c == '"' || c == '<' || c == '>' {
			fmt.Fprintf(&b, "%%%02X", c)
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}
