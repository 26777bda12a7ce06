package pool

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/fairway-gateway/fairway/proxies/session"
)

// What a session's cookies may be. A proxy that wants more is not one of those.
const (
	mostCookies  = 64
	longestValue = 8 << 10 // bytes
)

// cookies are those of a session, as they are sent.
type cookies struct {
	list []session.Cookie // longest path first (RFC 6265, 5.4)
	// header is the value of the header where it is the same for every request, until the first of them ends; zero: none does.
	header []string
	until  time.Time
	plain  bool
	bases  []string
}

// newCookies prepares cookies for being sent. hidden are names that belong to sessions, too.
func newCookies(list []session.Cookie, hidden []string) cookies {
	c := cookies{list: slices.Clone(list), plain: true, bases: slices.Clone(hidden)}
	slices.SortStableFunc(c.list, func(a, b session.Cookie) int { return cmp.Compare(len(b.Path), len(a.Path)) })
	for _, one := range c.list {
		c.plain = c.plain && (one.Path == "" || one.Path == "/")
		if e := one.Expires; !e.IsZero() && (c.until.IsZero() || e.Before(c.until)) {
			c.until = e
		}
		if b := base(one.Name); !slices.Contains(c.bases, b) {
			c.bases = append(c.bases, b)
		}
	}
	if c.plain && len(c.list) > 0 {
		c.header = []string{join(c.list)}
	}
	return c
}

func join(list []session.Cookie) string {
	var b strings.Builder
	for _, one := range list {
		if b.Len() > 0 {
			b.WriteString("; ")
		}
		b.WriteString(one.Name + "=" + one.Value)
	}
	return b.String()
}

// base is a cookie's name without the number that oauth2-proxy gives to the parts of a long one.
func base(name string) string {
	i := strings.LastIndexByte(name, '_')
	if i <= 0 || i == len(name)-1 || strings.Trim(name[i+1:], "0123456789") != "" {
		return name
	}
	return name[:i]
}

// family says that a name belongs to the session: its cookies, their parts, and what stands beside them (_csrf).
func (c *cookies) family(name string) bool {
	return slices.ContainsFunc(c.bases, func(b string) bool {
		rest, ok := strings.CutPrefix(name, b)
		return ok && (rest == "" || rest[0] == '_')
	})
}

// own says that a name is that of a cookie of the session, or of a part of one.
func (c *cookies) own(name string) bool { return slices.Contains(c.bases, base(name)) }

// apply sets the cookies of a request. Those of the session's family that it has, which are somebody else's, go.
func (c *cookies) apply(req *http.Request, now time.Time) {
	theirs := req.Header["Cookie"]
	same := c.plain && (c.until.IsZero() || now.Before(c.until))
	if len(theirs) == 0 {
		if same {
			if c.header != nil {
				req.Header["Cookie"] = c.header
			}
			return
		}
	} else {
		theirs = c.others(theirs)
	}
	ours := c.list
	if !same {
		ours = slices.DeleteFunc(slices.Clone(c.list), func(one session.Cookie) bool {
			return !one.Expires.IsZero() && !now.Before(one.Expires) || !within(req.URL.Path, one.Path)
		})
	}
	if len(ours) > 0 {
		theirs = append(theirs, join(ours))
	}
	delete(req.Header, "Cookie")
	if len(theirs) > 0 {
		req.Header["Cookie"] = []string{strings.Join(theirs, "; ")}
	}
}

// others gives what is in headers Cookie beside the session's family.
func (c *cookies) others(headers []string) []string {
	var out []string
	for _, h := range headers {
		for pair := range strings.SplitSeq(h, ";") {
			pair = strings.TrimSpace(pair)
			name, _, _ := strings.Cut(pair, "=")
			if pair != "" && !c.family(strings.TrimSpace(name)) {
				out = append(out, pair)
			}
		}
	}
	return out
}

// within is the match of paths of RFC 6265, 5.1.4.
func within(path, cookie string) bool {
	if cookie == "" || cookie == "/" || path == cookie {
		return true
	}
	rest, ok := strings.CutPrefix(path, cookie)
	return ok && (strings.HasSuffix(cookie, "/") || strings.HasPrefix(rest, "/"))
}

// rotated gives the cookies after what an answer set; false: nothing has changed.
func (c *cookies) rotated(set []*http.Cookie, now time.Time) ([]session.Cookie, bool) {
	next, changed := c.list, false
	for _, one := range set {
		if !c.own(one.Name) || len(one.Value) > longestValue {
			continue
		}
		path := one.Path
		if !strings.HasPrefix(path, "/") {
			path = ""
		}
		i := slices.IndexFunc(next, func(o session.Cookie) bool {
			return o.Name == one.Name && (o.Path == path || o.Path+path == "/")
		})
		gone := one.MaxAge < 0 || one.MaxAge == 0 && !one.Expires.IsZero() && !now.Before(one.Expires)
		fresh := session.Cookie{Name: one.Name, Value: one.Value, Path: path, Expires: lifetime(one, now)}
		switch {
		case gone && i < 0, i < 0 && len(next) >= mostCookies:
			continue
		case !gone && i >= 0 && next[i].Value == fresh.Value && !soon(next[i].Expires, fresh.Expires, now):
			continue
		}
		if !changed {
			next, changed = slices.Clone(next), true
		}
		switch {
		case gone:
			next = slices.Delete(next, i, i+1)
		case i >= 0:
			next[i] = fresh
		default:
			next = append(next, fresh)
		}
	}
	if changed {
		next = slices.DeleteFunc(next, func(o session.Cookie) bool { return replaced(o.Name, set) })
	}
	return next, changed
}

// replaced says that a cookie is left over from a value that had other parts: oauth2-proxy numbers the parts of a long one,
// and deletes none when there are more or fewer. With it, the old session would be found.
func replaced(name string, set []*http.Cookie) bool {
	other := false
	for _, one := range set {
		switch {
		case one.Name == name:
			return false
		case base(one.Name) == base(name):
			other = true
		}
	}
	return other
}

// lifetime is until when a cookie may be sent; zero: as long as the session.
func lifetime(c *http.Cookie, now time.Time) time.Time {
	if c.MaxAge > 0 {
		return now.Add(time.Duration(min(c.MaxAge, 1<<30)) * time.Second)
	}
	return c.Expires
}

// soon says that the end of a cookie has to be written anew: much of its life is over, and it got a longer one.
func soon(old, fresh, now time.Time) bool {
	if old.IsZero() || fresh.IsZero() {
		return old.IsZero() != fresh.IsZero()
	}
	return fresh.Before(old) || fresh.Sub(old) > old.Sub(now)/4
}

// hide takes the headers Set-Cookie of the session's family out of an answer, and gives them.
func (c *cookies) hide(h http.Header) []*http.Cookie {
	lines := h["Set-Cookie"]
	if len(lines) == 0 {
		return nil
	}
	var kept []string
	var out []*http.Cookie
	for _, line := range lines {
		name, _, _ := strings.Cut(line, "=")
		if !c.family(strings.TrimSpace(name)) {
			kept = append(kept, line)
			continue
		}
		if one, err := http.ParseSetCookie(line); err == nil {
			out = append(out, one)
		}
	}
	delete(h, "Set-Cookie")
	if len(kept) > 0 {
		h["Set-Cookie"] = kept
	}
	return out
}
