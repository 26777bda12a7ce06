package login

import (
	"net/http"
	"slices"
	"strings"

	"github.com/fairway-gateway/fairway/proxies/session"
)

// signIn is the request that fills in the form of oauth2-proxy, which stands beside the start URL.
func (f *flow) signIn() *request {
	u := *f.start
	if before, ok := strings.CutSuffix(u.Path, "/start"); ok {
		u.Path, u.RawPath = before+"/sign_in", ""
	}
	u.RawQuery, u.ForceQuery = "", false
	to := f.start.Query().Get("rd")
	if !strings.HasPrefix(to, "/") {
		to = "/"
	}
	pairs := slices.Concat([]Field{{"username", f.c.User}, {"password", f.c.Password}, {"rd", to}}, f.d.cfg.ExtraFields)
	body, contentType, _ := encode("", pairs, nil, "UTF-8") // it fails for other encodings only
	f.form = &u
	return &request{method: http.MethodPost, url: &u, body: body, contentType: contentType, from: f.startOrigin, secret: true}
}

// afterSignIn judges an answer that is no redirect with a cookie.
func (f *flow) afterSignIn(at *request, status int) error {
	if !at.secret {
		return f.notAccepted()
	}
	switch status {
	case http.StatusUnauthorized:
		return f.fail(session.BadCredentials, "the sign-in was answered with status 401")
	case http.StatusForbidden:
		return f.fail(session.NotAllowed, "the sign-in was refused to this user with status 403")
	}
	return f.unexpected(status)
}
