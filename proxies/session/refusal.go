package session

import (
	"net/http"
	"strings"

	"github.com/fairway-gateway/fairway/proxies/problem"
)

// CallerOf reads the Basic credentials of r, if there are any. Two headers Authorization are none.
func CallerOf(r *http.Request) Caller {
	if len(r.Header["Authorization"]) != 1 {
		return Caller{}
	}
	user, password, ok := r.BasicAuth()
	return Caller{User: user, Password: password, Basic: ok}
}

// Challenge asks for HTTP Basic credentials (RFC 7617).
func Challenge(realm string) http.Header {
	realm = strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(realm)
	return http.Header{"Www-Authenticate": {`Basic realm="` + realm + `", charset="UTF-8"`}}
}

// NoCredentials is the answer to a caller without credentials whose backend needs them.
func NoCredentials(realm string) *problem.Problem {
	return &problem.Problem{
		Code: problem.NoCredentials, Status: http.StatusUnauthorized, Header: Challenge(realm),
		Detail: "This service needs HTTP Basic credentials, which it passes on to its backend.",
	}
}

// Refusal says to a caller why there is no session with a backend. Who is what the backend is called at the beginning of a
// sentence ("The backend builds"), realm what credentials are asked for. Of a service account the caller can change nothing,
// so that each kind is a 502 or 503 then.
func (e *LoginError) Refusal(who, realm string, serviceAccount bool) *problem.Problem {
	p := &problem.Problem{Code: e.Kind.String(), Status: e.status(serviceAccount), RetryAfter: e.RetryAfter, Cause: e}
	if e.Detail != "" {
		p.Detail = strings.ToUpper(e.Detail[:1]) + e.Detail[1:] + "."
	}
	if p.Status == http.StatusUnauthorized {
		p.Header = Challenge(realm)
	}
	whose := "the credentials"
	if serviceAccount {
		whose = "the gateway's own credentials"
	}
	switch e.Kind {
	case BadCredentials:
		p.Describe(problem.BadCredentials, who+" does not accept "+whose+".")
	case MFARequired:
		p.Describe(problem.MFARequired, who+" asks for a second factor after "+whose+", which the gateway does not have.")
	case UnsupportedPage:
		p.Describe(problem.UnsupportedLoginPage, who+" has a login page that the gateway cannot fill in.")
	case NotAllowed:
		p.Describe(problem.NotAllowed, who+" knows the user of "+whose+" and does not let it in.")
	case Unavailable:
		p.Describe(problem.LoginUnavailable, who+" cannot be logged in to now.")
	default:
		p.Describe(problem.LoginUnavailable, who+" did not let the gateway log in.")
	}
	return p
}

func (e *LoginError) status(serviceAccount bool) int {
	switch {
	case e.Kind == Unavailable && e.RetryAfter > 0:
		return http.StatusServiceUnavailable
	case serviceAccount:
		return http.StatusBadGateway
	case e.Kind == BadCredentials, e.Kind == MFARequired:
		return http.StatusUnauthorized
	case e.Kind == NotAllowed:
		return http.StatusForbidden
	}
	return http.StatusBadGateway
}
