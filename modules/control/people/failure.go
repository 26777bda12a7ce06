package people

import (
	"errors"
	"net/http"

	"github.com/fairway-gateway/fairway/modules/control/accounts"
	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/queries"
)

// errWrongPassword is Houston's sentence.
var errWrongPassword = errors.New("Wrong password") //nolint:staticcheck // a sentence for callers

// trendsFailure makes what a client of Trends.Earth is told of an error.
func trendsFailure(err error) error {
	if f, ok := accounts.Failure(err); ok {
		return f
	}
	return err
}

// houstonFailure makes what a client of Houston is told of an error: 409 of what is taken, 422 of what cannot be.
func houstonFailure(err error) error {
	_, taken := errors.AsType[*queries.TakenError](err)
	_, invalid := errors.AsType[*accounts.InvalidError](err)
	f, ok := accounts.Failure(err)
	switch {
	case errors.Is(err, errWrongPassword):
		return api.Failure{Status: http.StatusForbidden, Detail: "Wrong password", Message: "Wrong password"}
	case taken:
		f.Status, f.Messages = http.StatusConflict, nil
	case invalid:
		f.Status = http.StatusUnprocessableEntity
	}
	if ok {
		return f
	}
	return err
}
