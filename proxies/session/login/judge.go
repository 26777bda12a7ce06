package login

import (
	"bytes"
	"context"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/fairway-gateway/fairway/proxies/coding"
	"github.com/fairway-gateway/fairway/proxies/decode/charset"
	"github.com/fairway-gateway/fairway/proxies/session"
)

// longestRefresh is how long a page may ask to wait before it leads on. It is not waited.
const longestRefresh = 10 * time.Second

// judge says what comes after an answer: another request, nothing more since there is a session now, or an error.
func (f *flow) judge(ctx context.Context, at *request, resp *http.Response) (*request, error) {
	status := resp.StatusCode
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		if f.d.cfg.Kind == Htpasswd && f.fresh {
			return nil, nil
		}
		return f.follow(at, resp)
	}
	// oauth2-proxy says so of what it let through to the application.
	if !at.secret && !at.callback && f.onSite(f.at) && resp.Header.Get("Gap-Auth") != "" {
		if f.submitted {
			return nil, nil
		}
		// Whose session it is, nobody knows: the credentials were not looked at.
		return nil, f.fail(session.UnsupportedPage, "the backend lets in who has not shown the credentials to anybody")
	}
	if status == http.StatusTooManyRequests || status >= 500 {
		if f.landed(at) {
			return nil, nil
		}
		return nil, f.unavailable(resp)
	}
	p, err := f.read(ctx, at, resp)
	if err != nil {
		return nil, err
	}
	if !f.submitted {
		return f.before(at, status, p)
	}
	return f.after(at, status, p)
}

// landed says that an answer is of a page of the backend behind the login: what the application itself says there is not our
// concern.
func (f *flow) landed(at *request) bool {
	return f.submitted && f.onSite(f.at) && at.followed && at.method == http.MethodGet && !at.callback && f.fresh
}

// read gives the page of an answer, nil if there is none.
func (f *flow) read(ctx context.Context, at *request, resp *http.Response) (*page, error) {
	kind, params, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	sniffed := kind == "" || kind == "text/plain" && resp.Header.Get("X-Content-Type-Options") == ""
	if kind != "text/html" && kind != "application/xhtml+xml" && !sniffed {
		return nil, nil
	}
	body, err := coding.New(resp.Body, coding.Options{Encoding: strings.Join(resp.Header.Values("Content-Encoding"), ","), Limit: maxPage})
	if err != nil {
		return nil, f.fail(session.UnsupportedPage, "a page of the login is in an encoding that nobody here reads")
	}
	raw, err := io.ReadAll(io.LimitReader(body, maxPage+1))
	if err != nil {
		return nil, f.broken(ctx, err)
	}
	if sniffed && !bytes.HasPrefix(bytes.TrimSpace(raw), []byte("<")) {
		return nil, nil
	}
	if len(raw) > maxPage && !f.landed(at) {
		return nil, f.fail(session.UnsupportedPage, "a page of the login is larger than 1 MiB")
	}
	text, choice, err := charset.Text(raw[:min(len(raw), maxPage)], charset.Options{Header: params["charset"], Document: charset.OfHTML, Replace: true})
	if err != nil {
		return nil, f.fail(session.UnsupportedPage, "a page of the login is in a charset that nobody reads")
	}
	p, err := readPage(text, choice.Name)
	if err != nil {
		if f.landed(at) {
			return nil, nil
		}
		return nil, f.fail(session.UnsupportedPage, "a page of the login has more forms or fields than a login needs")
	}
	if r := parseRefresh(resp.Header.Get("Refresh")); r != nil {
		p.refresh = r
	}
	return p, nil
}

// before judges a page that was shown before the credentials were sent.
func (f *flow) before(at *request, status int, p *page) (*request, error) {
	if p == nil {
		if status >= 400 {
			return nil, f.unexpected(status)
		}
		return nil, f.fail(session.UnsupportedPage, "the login led to no page with a login form")
	}
	if l := p.login(&f.d.cfg); l != nil {
		return f.fillIn(at, p, l)
	}
	switch {
	case p.asksForCode(false):
		return nil, f.fail(session.MFARequired, "the login asks for a second factor")
	case p.asksForNewPassword():
		return nil, f.fail(session.UnsupportedPage, "the login asks for a new password")
	case p.asksForUser():
		return nil, f.fail(session.UnsupportedPage, "the login asks for the user name first and for the password on another page")
	case f.onSite(f.at) && f.begins(at, p):
		return nil, f.fail(session.UnsupportedPage, "the backend's proxy shows a page with a button; the login begins at "+DefaultStart)
	case status >= 400:
		return nil, f.unexpected(status)
	}
	if next, err := f.lead(at, p); next != nil || err != nil {
		return next, err
	}
	return nil, f.noForm(p)
}

// fillIn sends the credentials.
func (f *flow) fillIn(at *request, p *page, l *loginForm) (*request, error) {
	switch {
	case l.user == nil:
		return nil, f.fail(session.UnsupportedPage, "the login form has no field for the user name that could be recognised; see username_field")
	case l.captcha:
		return nil, f.fail(session.UnsupportedPage, "the login form asks for a captcha")
	}
	extra := make(map[string]bool)
	for _, e := range f.d.cfg.ExtraFields {
		extra[e.Name] = true
	}
	for _, o := range l.fields {
		if o != l.user && o != l.password && o.code() == certainly && !extra[o.name] {
			return nil, f.fail(session.MFARequired, "the login form asks for a second factor")
		}
	}
	next, err := f.submit(at, p, l.form, l.defaultButton(), map[*field]string{l.user: f.c.User, l.password: f.c.Password})
	if err != nil {
		return nil, err
	}
	f.form = next.url
	return next, nil
}

// lead follows a page that only leads on.
func (f *flow) lead(at *request, p *page) (*request, error) {
	if m := p.posted(); m != nil {
		return f.submit(at, p, m, nil, nil)
	}
	if p.refresh == nil || p.refresh.after > longestRefresh {
		return nil, nil
	}
	u := at.url
	if p.refresh.target != "" {
		base, err := f.base(at, p)
		if err != nil {
			return nil, err
		}
		if u, err = resolve(base, p.refresh.target); err != nil {
			return nil, f.fail(session.UnsupportedPage, "a page of the login leads to what is no URL")
		}
	}
	if at.method == http.MethodGet && u.String() == at.url.String() {
		return nil, nil // it waits for something
	}
	return &request{method: http.MethodGet, url: u, followed: true}, nil
}

// begins says that a page has the button of oauth2-proxy that leads to where its logins begin.
func (f *flow) begins(at *request, p *page) bool {
	for _, m := range p.forms {
		if u, err := resolve(at.url, m.action); err == nil && u.Path == DefaultStart {
			return true
		}
	}
	return false
}

// noForm says why nothing can be done with a page.
func (f *flow) noForm(p *page) error {
	switch {
	case p.loose || p.scripts > 0 && len(p.forms) == 0:
		return f.fail(session.UnsupportedPage, "the login page needs scripts")
	case len(p.forms) > 0:
		return f.fail(session.UnsupportedPage, "the login led to a page with forms, none of which asks for a user name and a password")
	}
	return f.fail(session.UnsupportedPage, "the login led to a page without a login form")
}
