package accounts

import (
	"errors"
	"net/http"

	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/modules/control/body"
	"github.com/fairway-gateway/fairway/modules/control/passwords"
	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/modules/control/throttle"
	"github.com/fairway-gateway/fairway/queries"
)

// fail answers a request about accounts that failed.
func fail(w http.ResponseWriter, r *http.Request, err error) {
	if d, ok := errors.AsType[*permit.DeniedError](err); ok {
		api.Deny(w, r, d)
		return
	}
	if f, ok := Failure(err); ok {
		err = f
	}
	api.Refuse(w, r, err)
}

// Failure is what a caller is told of an error of this package, of body or of passwords; false: it is none such.
func Failure(err error) (api.Failure, bool) {
	if e, ok := errors.AsType[*body.Error](err); ok {
		return about(e.Status, e.Field, e.Detail), true
	}
	if e, ok := errors.AsType[*InvalidError](err); ok {
		return about(http.StatusBadRequest, e.Field, e.Message), true
	}
	if e, ok := errors.AsType[*WeakError](err); ok {
		return api.Failure{Status: http.StatusUnprocessableEntity, Detail: e.Error(), Messages: map[string][]string{"password": e.Weaknesses}}, true
	}
	if e, ok := errors.AsType[*queries.TakenError](err); ok {
		detail := "Email address is already registered"
		if e.Field == "username" {
			detail = "Username is already taken"
		}
		return about(http.StatusBadRequest, e.Field, detail), true
	}
	if e, ok := errors.AsType[*LimitedError](err); ok {
		return tooMany(api.Failure{Detail: e.Error(), RetryAfter: e.RetryAfter}), true
	}
	if e, ok := errors.AsType[*throttle.DelayedError](err); ok {
		return tooMany(api.Failure{Detail: "Too many attempts. Please try again later.", RetryAfter: e.RetryAfter}), true
	}
	if e, ok := errors.AsType[*passwords.BusyError](err); ok {
		return api.Failure{Status: http.StatusServiceUnavailable, Detail: "Too many passwords are being checked. Please try again later.", RetryAfter: e.RetryAfter}, true
	}
	switch {
	case errors.Is(err, passwords.ErrWrong):
		return api.Failure{Status: http.StatusUnauthorized, Detail: "Current password is incorrect"}, true
	case errors.Is(err, ErrNoUser):
		return api.Failure{Status: http.StatusNotFound, Detail: "There is no such user."}, true
	case errors.Is(err, ErrLink):
		return api.Failure{Status: http.StatusNotFound, Detail: "Invalid or expired token"}, true
	}
	return api.Failure{}, false
}

// about is a failure that a member of the body has caused; "": the whole body.
func about(status int, field, detail string) api.Failure {
	f := api.Failure{Status: status, Detail: detail}
	if field != "" {
		f.Messages = map[string][]string{field: {detail}}
	}
	return f
}

func tooMany(f api.Failure) api.Failure {
	f.Status, f.Code = http.StatusTooManyRequests, "RATE_LIMIT_EXCEEDED"
	return f
}
