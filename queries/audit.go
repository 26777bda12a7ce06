package queries

import (
	"bytes"
	"context"
	"encoding/json"
	"reflect"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries/db"
)

// By says who changes something, for the audit log.
type By struct {
	// Actor is who it was: "user:<id>", "client:<id>", "command", ... Required.
	Actor string
	// User is the user who did it, or for whom a client did; nil: nobody.
	User *uuid.UUID
	// RequestID is that of the request; empty: there was none.
	RequestID string
}

// audit writes one row of the audit log with q, so in its transaction.
func audit(ctx context.Context, q db.Querier, by By, action, subject string, diff json.RawMessage) error {
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	return q.InsertAudit(ctx, db.InsertAuditParams{
		ID: id, Actor: by.Actor, ActorUser: by.User, RequestID: by.RequestID, Action: action, Subject: subject, Diff: diff,
	})
}

// Record writes into the audit log, with q, what was done and changed no row that is audited by itself: mail that somebody sent.
// action is like "mail.send", subject like "mail:<id>", detail JSON that holds nothing secret.
func Record(ctx context.Context, q db.Querier, by By, action, subject string, detail json.RawMessage) error {
	if err := plain(action, subject, string(detail)); err != nil {
		return err
	}
	return audit(ctx, q, by, action, subject, detail)
}

// diffOf tells what differs between two rows of one type, by columns: {"role":["USER","ADMIN"]}. What is secret is told without
// its values: {"password_hash":true}. What changes with every change, and what is made of other columns, is left out.
func diffOf[T any](old, next T) (json.RawMessage, error) {
	out := map[string]any{}
	a, b := reflect.ValueOf(old), reflect.ValueOf(next)
	for i := range a.NumField() {
		column := a.Type().Field(i).Tag.Get("db")
		x, y := a.Field(i).Interface(), b.Field(i).Interface()
		switch {
		case same(x, y):
		case derived(column):
		case secret(column):
			out[column] = true
		default:
			out[column] = []any{x, y}
		}
	}
	return json.Marshal(out)
}

// same compares two values. Of bytes, none and null are the same: engines differ.
func same(x, y any) bool {
	if a, ok := x.([]byte); ok {
		b, _ := y.([]byte)
		return bytes.Equal(a, b)
	}
	return reflect.DeepEqual(x, y)
}

func derived(column string) bool {
	switch column {
	case "version", "created_at", "updated_at", "email_key", "username_key", "password_parameters", "password_changed_at":
		return true
	}
	return false
}

func secret(column string) bool {
	switch column {
	case "password_hash", "secret_hash", "hash":
		return true
	}
	return false
}
