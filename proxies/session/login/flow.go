package login

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/fairway-gateway/fairway/proxies/session"
)

// flow is one login.
type flow struct {
	d    *Driver
	site session.Site
	c    session.Credentials
	jar  *jar

	siteOrigin  origin
	startOrigin origin
	start       *url.URL

	at        origin // of the last request
	steps     int
	submitted bool // the credentials were sent
	resent    bool // and again, since they were sent to another place
	verified  bool // the start was asked for again
	fresh     bool // the site has set cookies since
	returned  bool // the identity provider has sent us back to the site
	form      *url.URL
	callbacks []string // paths
}

// request is the next step of a login.
type request struct {
	method      string
	url         *url.URL
	body        []byte
	contentType string
	referer     string
	from        origin // of the page whose form this is
	secret      bool   // the body holds the credentials
	followed    bool   // to where a redirect led
	callback    bool   // brings the identity provider's answer to the site
}

func (d *Driver) newFlow(site session.Site, c session.Credentials) (*flow, error) {
	f := &flow{d: d, site: site, c: c, start: d.start}
	if site.URL == nil || site.Transport == nil {
		return nil, &session.LoginError{Kind: session.Unavailable, Err: errors.New("the site has no URL or no transport")}
	}
	var err error
	if f.siteOrigin, err = originOf(site.URL); err != nil {
		return nil, &session.LoginError{Kind: session.Unavailable, Err: err}
	}
	f.startOrigin = f.siteOrigin
	if f.start.Host == "" {
		u := *f.start
		u.Scheme, u.Host = f.siteOrigin.scheme, site.URL.Host
		f.start = &u
	} else if f.startOrigin, err = originOf(f.start); err != nil {
		return nil, &session.LoginError{Kind: session.Unavailable, Err: err}
	}
	f.at = f.startOrigin
	f.jar = newJar(func(o origin) origin {
		if o == f.startOrigin {
			return f.siteOrigin
		}
		return o
	})
	return f, nil
}

// onSite says that an origin is the backend's, or that of the start URL, which stands for it.
func (f *flow) onSite(o origin) bool { return o == f.siteOrigin || o == f.startOrigin }

// run goes on until there is a session. Its errors are *session.LoginError.
func (f *flow) run(ctx context.Context) error {
	next := &request{method: http.MethodGet, url: f.start}
	if f.d.cfg.Kind == Htpasswd {
		next = f.signIn()
	}
	for next != nil {
		resp, err := f.send(ctx, next)
		if err != nil {
			return err
		}
		next, err = f.judge(ctx, next, resp)
		resp.Body.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// state gives the cookies of a login that went well.
func (f *flow) state() (*session.State, error) {
	s := &session.State{Cookies: f.jar.cookies(f.site.URL, f.siteOrigin)}
	size, ends := 0, true
	for _, c := range s.Cookies {
		size += len(c.Name) + len(c.Value) + len("=; ")
		ends = ends && !c.Expires.IsZero()
		if c.Expires.After(s.Expires) {
			s.Expires = c.Expires
		}
	}
	switch {
	case len(s.Cookies) == 0 && f.jar.dropped:
		return nil, f.fail(session.UnsupportedPage, "the login gave only cookies for https, and the backend's address is http")
	case len(s.Cookies) == 0:
		return nil, f.fail(session.UnsupportedPage, "the login gave no cookie for the backend")
	case size > maxCookies:
		return nil, f.fail(session.UnsupportedPage, "the login gave more cookies than a request can carry")
	}
	if !ends {
		s.Expires = time.Time{}
	}
	return s, nil
}

// check refuses a request before anything of it is sent.
func (f *flow) check(r *request) (origin, error) {
	o, err := originOf(r.url)
	if err != nil {
		return o, f.fail(session.UnsupportedPage, "the login leads to a URL that cannot be followed: "+err.Error())
	}
	if o != f.siteOrigin && !f.d.origins[o] {
		return o, f.notListed(o)
	}
	if r.secret {
		switch {
		case r.method != http.MethodPost:
			return o, f.fail(session.UnsupportedPage, "the login form would put the password into a URL")
		case o != f.siteOrigin && !o.secure():
			return o, f.notListed(o)
		case f.submitted && f.resent:
			return o, f.fail(session.UnsupportedPage, "the credentials are sent on in a circle")
		}
	}
	if f.steps == maxSteps {
		return o, f.fail(session.UnsupportedPage, "the login has too many steps, or goes in a circle")
	}
	return o, f.note(r, o)
}

// note keeps account of the way back from an identity provider. Whoever is sent away again after that was not let in.
func (f *flow) note(r *request, o origin) error {
	if f.d.cfg.Kind != Proxy || !f.submitted || r.secret {
		return nil
	}
	if !f.onSite(o) {
		if f.returned {
			return f.notAccepted()
		}
		return nil
	}
	if r.callback = isCallback(r); r.callback {
		if slices.Contains(f.callbacks, r.url.Path) {
			return f.notAccepted()
		}
		f.callbacks = append(f.callbacks, r.url.Path)
	}
	if form, err := originOf(f.form); r.callback || err != nil || !f.onSite(form) {
		f.returned = true
	}
	return nil
}

// isCallback says that a request brings an identity provider's answer: OpenID Connect's in the query or posted, or SAML's.
func isCallback(r *request) bool {
	has := func(q url.Values) bool {
		if q.Has("state") && (q.Has("code") || q.Has("error") || q.Has("id_token")) {
			return true
		}
		return q.Has("SAMLResponse") || q.Has("wresult") || q.Has("ticket")
	}
	if q, err := url.ParseQuery(r.url.RawQuery); err == nil && has(q) {
		return true
	}
	if r.contentType == encodingURL {
		if q, err := url.ParseQuery(string(r.body)); err == nil {
			return has(q)
		}
	}
	return false
}

// send makes one request, if it is allowed.
func (f *flow) send(ctx context.Context, r *request) (*http.Response, error) {
	o, err := f.check(r)
	if err != nil {
		return nil, err
	}
	f.steps++
	f.at = o
	req := (&http.Request{Method: r.method, URL: r.url, Host: r.url.Host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{
		"Accept": {"text/html"}, "Accept-Encoding": {"gzip"}, "User-Agent": {"fairway"},
	}}).WithContext(ctx)
	if r.method == http.MethodPost {
		req.Header["Content-Type"] = []string{r.contentType}
		// Only what was not sent at all may be sent on another connection, and that is what transports do with a POST.
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(r.body)), nil }
		req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(r.body)), int64(len(r.body))
		req.Header["Origin"] = []string{r.from.String()}
	}
	if r.referer != "" {
		req.Header["Referer"] = []string{r.referer}
	}
	if cookies := f.jar.header(r.url, o); cookies != "" {
		req.Header["Cookie"] = []string{cookies}
	}
	through := f.d.cfg.Elsewhere
	switch {
	case o == f.siteOrigin:
		through = f.site.Transport
	case through == nil:
		return nil, f.notListed(o)
	}
	if r.secret {
		f.resent = f.submitted
		f.submitted = true
	}
	resp, err := through.RoundTrip(req)
	if err != nil {
		return nil, f.broken(ctx, err)
	}
	if f.jar.store(r.url, o, resp) && f.submitted && f.onSite(o) {
		f.fresh = true
	}
	return resp, nil
}

// follow goes where a redirect leads. Only 307 and 308 keep method and body.
func (f *flow) follow(at *request, resp *http.Response) (*request, error) {
	location := resp.Header.Get("Location")
	if location == "" {
		return nil, f.unexpected(resp.StatusCode)
	}
	u, err := resolve(at.url, location)
	if err != nil {
		return nil, f.fail(session.UnsupportedPage, "the login leads to what is no URL")
	}
	next := &request{method: http.MethodGet, url: u, followed: true}
	if kept := resp.StatusCode == http.StatusTemporaryRedirect || resp.StatusCode == http.StatusPermanentRedirect; kept && at.method == http.MethodPost {
		next.method, next.body, next.contentType, next.referer, next.from = at.method, at.body, at.contentType, at.referer, at.from
		next.secret = at.secret
	}
	return next, nil
}

// submit makes the request of a form's button.
func (f *flow) submit(at *request, p *page, m *form, b *button, values map[*field]string) (*request, error) {
	action, method, enctype := m.action, m.method, m.enctype
	if b != nil {
		action = cmp.Or(b.action, action)
		method = cmp.Or(b.method, method)
		enctype = cmp.Or(b.enctype, enctype)
	}
	u := *at.url
	if strings.TrimSpace(action) != "" {
		base, err := f.base(at, p)
		if err != nil {
			return nil, err
		}
		to, err := resolve(base, action)
		if err != nil {
			return nil, f.fail(session.UnsupportedPage, "a form of the login leads to what is no URL")
		}
		u = *to
	}
	var extra []Field
	if values != nil {
		extra = f.d.cfg.ExtraFields
	}
	enc, charset := m.encoder(p.charset)
	pairs := m.compose(b, values, extra)
	next := &request{method: http.MethodPost, url: &u, from: f.at, referer: f.referer(at.url, &u), secret: values != nil}
	if method != "post" {
		if values != nil || method == "dialog" {
			return nil, f.fail(session.UnsupportedPage, "the login form would put the password into a URL")
		}
		query, _, err := encode("", pairs, enc, charset)
		if err != nil {
			return nil, f.fail(session.UnsupportedPage, "a form of the login cannot be written")
		}
		next.method, u.RawQuery, u.ForceQuery = http.MethodGet, string(query), false
		return next, nil
	}
	if enctype == "text/plain" {
		return nil, f.fail(session.UnsupportedPage, "a form of the login is sent as plain text")
	}
	var err error
	if next.body, next.contentType, err = encode(enctype, pairs, enc, charset); err != nil {
		return nil, f.fail(session.UnsupportedPage, "a form of the login cannot be written")
	}
	return next, nil
}

// base gives what references of a page are relative to.
func (f *flow) base(at *request, p *page) (*url.URL, error) {
	if p.base == "" {
		return at.url, nil
	}
	u, err := resolve(at.url, p.base)
	if err != nil {
		return nil, f.fail(session.UnsupportedPage, "a page of the login has a base that is no URL")
	}
	return u, nil
}

// referer gives what browsers say of the page that a form is on: all of it to its own origin, and the origin to others. Some
// servers refuse forms without it.
func (f *flow) referer(from, to *url.URL) string {
	if o, err := originOf(to); err == nil && o == f.at {
		u := *from
		u.User, u.Fragment, u.RawFragment = nil, "", ""
		return u.String()
	}
	return f.at.String() + "/"
}
