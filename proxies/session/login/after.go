package login

import (
	"net/http"
	"path"
	"strings"

	"github.com/fairway-gateway/fairway/proxies/session"
)

// after judges an answer to the credentials, or one that came later.
func (f *flow) after(at *request, status int, p *page) (*request, error) {
	onSite := f.onSite(f.at)
	if p != nil {
		if p.asksForCode(onSite && f.landed(at)) {
			return nil, f.fail(session.MFARequired, "the login asks for a second factor")
		}
		if l := p.login(&f.d.cfg); l != nil && (!f.returned || f.leadsToLogin(at, p)) {
			if f.returned {
				return nil, f.notAccepted()
			}
			return nil, f.badCredentials()
		}
	}
	if f.d.cfg.Kind == Htpasswd {
		return nil, f.afterSignIn(at, status)
	}
	if onSite && (f.returned || f.d.cfg.Kind == Page || f.landed(at)) {
		return f.back(at, status, p)
	}
	return f.between(at, status, p)
}

// between judges an answer of an identity provider to the credentials.
func (f *flow) between(at *request, status int, p *page) (*request, error) {
	switch {
	case status == http.StatusUnauthorized:
		return nil, f.fail(session.BadCredentials, "the login was answered with status 401")
	case status == http.StatusForbidden:
		return nil, f.fail(session.NotAllowed, "the login was refused to this user with status 403")
	case status >= 400:
		return nil, f.unexpected(status)
	case p == nil:
		return nil, f.fail(session.UnsupportedPage, "the login did not lead back to the backend")
	case p.asksForNewPassword():
		return nil, f.fail(session.UnsupportedPage, "the login asks for a new password")
	}
	if next, err := f.lead(at, p); next != nil || err != nil {
		return next, err
	}
	if approve, others := p.approvals(); len(approve) > 0 {
		switch {
		case !f.d.cfg.Consent:
			return nil, f.fail(session.UnsupportedPage, "the login asks for consent, and consent approve is not set")
		case len(approve) == 1:
			return f.submit(at, p, approve[0].form, approve[0].button, nil)
		}
		return nil, f.fail(session.UnsupportedPage, "the login asks for consent with several buttons that could mean it")
	} else if others {
		return nil, f.fail(session.UnsupportedPage, "the login led to a page with buttons that are not known")
	}
	return nil, f.noForm(p)
}

// back judges an answer of the backend, or of the proxy before it, after the identity provider had sent us back.
func (f *flow) back(at *request, status int, p *page) (*request, error) {
	landed := f.landed(at)
	switch {
	case status == http.StatusUnauthorized:
		switch {
		case at.callback:
			return nil, f.fail(session.NotAllowed, "the login went well, and the backend's proxy refused this user with status 401")
		case at.secret:
			return nil, f.fail(session.BadCredentials, "the login was answered with status 401")
		}
		return nil, f.notAccepted()
	case status == http.StatusForbidden:
		if landed && (p == nil || !f.leadsToLogin(at, p)) {
			return nil, nil // the application's own
		}
		if landed {
			return nil, f.notAccepted()
		}
		return nil, f.fail(session.NotAllowed, "the login went well, and this user may not in")
	case status >= 400:
		if landed {
			return nil, nil
		}
		return nil, f.unexpected(status)
	case p == nil:
		return nil, nil
	case at.callback || at.secret:
		if next, err := f.lead(at, p); next != nil || err != nil {
			return next, err
		}
	}
	if f.d.cfg.Kind == Page && !f.fresh && !f.verified {
		// Nothing says yet that this is another page than one that says no.
		f.verified = true
		return &request{method: http.MethodGet, url: f.start}, nil
	}
	if f.d.cfg.Kind == Proxy && f.leadsToLogin(at, p) {
		return nil, f.notAccepted()
	}
	return nil, nil
}

// leadsToLogin says that a form of a page begins a login, as the page does that oauth2-proxy shows in the place of others, or is
// the one that was filled in.
func (f *flow) leadsToLogin(at *request, p *page) bool {
	base, err := f.base(at, p)
	if err != nil {
		return false
	}
	for _, m := range p.forms {
		u := at.url
		if strings.TrimSpace(m.action) != "" {
			if u, err = resolve(base, m.action); err != nil {
				continue
			}
		}
		o, err := originOf(u)
		if err != nil {
			continue
		}
		if o == f.startOrigin && len(f.start.Path) > 1 && (u.Path == f.start.Path || u.Path == path.Join(path.Dir(f.start.Path), "sign_in")) {
			return true
		}
		if m.login(&f.d.cfg) != nil && (!f.onSite(o) && f.d.origins[o] || f.form != nil && u.Host == f.form.Host && u.Path == f.form.Path) {
			return true
		}
	}
	return false
}
