package patch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// To patches a value by its JSON: current is not changed, and what is not in its JSON is zero in the next. Members of the JSON
// that differ are told, sorted. A member of a wrong type, "name": 3, is a *FieldError. Other errors are those of Apply.
//
// Write-only members are fields of T which current does not show: `json:"password,omitempty"`.
func To[T any](ctx context.Context, p *Patch, current T, r Rules) (next T, changed []string, err error) {
	before, err := json.Marshal(current)
	if err != nil {
		return next, nil, fmt.Errorf("the value to be patched: %w", err)
	}
	after, changed, err := p.Apply(ctx, before, r)
	if err != nil {
		return next, nil, err
	}
	d := json.NewDecoder(strings.NewReader(string(after)))
	d.DisallowUnknownFields()
	if err := d.Decode(&next); err != nil {
		var none T
		return none, nil, fieldError(err)
	}
	return next, changed, nil
}

// fieldError names the member that JSON's error is about, and shows nothing of its value.
func fieldError(err error) error {
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		name, _, _ := strings.Cut(wrong.Field, ".")
		return &FieldError{Field: name, Reason: "it is of another type than a JSON " + cut(wrong.Value)}
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return &FieldError{Field: cut(strings.Trim(name, `"`)), Reason: "there is no such field"}
	}
	return &FieldError{Field: "", Reason: "it is no value of its type"}
}
