package webhooks

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/modules/control/body"
)

// only refuses a body that is no strict JSON, or has other members than those that are known.
func only(raw []byte, known ...string) error {
	members, err := body.Object(raw)
	if wrong, ok := errors.AsType[*body.Error](err); ok {
		return api.Failure{Status: wrong.Status, Detail: wrong.Detail}
	}
	if err != nil {
		return err
	}
	for name := range members {
		if !slices.Contains(known, name) {
			return api.Failure{Status: http.StatusBadRequest, Detail: fmt.Sprintf("there is no member %.50q: there are %s", name, strings.Join(known, ", "))}
		}
	}
	return nil
}
