package api

import (
	"net/http"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/queries"
)

// RequestID names a request, as errors do.
func RequestID(r *http.Request) string { return callOf(r).api.options.RequestID(r) }

// By says who does what r asks for, for the audit log.
func By(r *http.Request) queries.By {
	by := queries.By{Actor: "anonymous", RequestID: RequestID(r)}
	caller, err := CallerOf(r)
	if err != nil || caller == nil {
		return by
	}
	by.Actor = caller.Name()
	if id, err := uuid.Parse(caller.ID); err == nil {
		by.User = &id
	}
	return by
}

// Refuse answers r with an error: a Failure, one of CallerOf, ErrNotFound, one with a method Status that gives 400 to 499, as those of
// packages patch, listing, inflate and idempotency have it, or one of the store's.
func Refuse(w http.ResponseWriter, r *http.Request, err error) { Fail(w, r, failureOf(r, err)) }

// Deny answers r with a decision that a handler had made by the table.
func Deny(w http.ResponseWriter, r *http.Request, d *permit.DeniedError) {
	caller, err := CallerOf(r)
	if err != nil {
		Refuse(w, r, err)
		return
	}
	Fail(w, r, denial(r, caller, d))
}

// TableOf gives the table by which r was decided.
func TableOf(r *http.Request) *permit.Table { return callOf(r).api.table }
