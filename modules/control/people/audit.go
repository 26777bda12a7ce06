package people

import (
	"context"
	"encoding/json"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"github.com/fairway-gateway/fairway/modules/control/listing"
	"github.com/fairway-gateway/fairway/modules/control/paged"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
	"github.com/fairway-gateway/fairway/queries/rows"
)

// Entry is a line of the audit log.
type Entry struct {
	ID      string `json:"id"`
	At      string `json:"at" doc:"When, in UTC" example:"2026-01-31T12:30:00.000000Z"`
	Actor   string `json:"actor" doc:"Who did it" example:"user:019a0000-0000-7000-8000-000000000001"`
	User    string `json:"actor_user,omitempty" doc:"The user who did it, or for whom a program did"`
	Request string `json:"request_id,omitempty"`
	Action  string `json:"action" example:"user.change"`
	Subject string `json:"subject" example:"user:019a0000-0000-7000-8000-000000000001"`
	Diff    diff   `json:"diff"`
}

// diff is an object that is written as it is.
type diff json.RawMessage

// MarshalJSON implements json.Marshaler.
func (d diff) MarshalJSON() ([]byte, error) { return json.RawMessage(d).MarshalJSON() }

// Schema implements huma.SchemaProvider.
func (diff) Schema(r huma.Registry) *huma.Schema {
	s := huma.SchemaFromType(r, reflect.TypeFor[map[string]any]())
	s.Description = "By columns, what it was and what it is; of what is secret, that it changed"
	return s
}

func entry(row db.AuditLog) Entry {
	e := Entry{
		ID: row.ID.String(), At: row.At.UTC().Format("2006-01-02T15:04:05.000000Z07:00"), Actor: row.Actor, Request: row.RequestID, Action: row.Action, Subject: row.Subject, Diff: diff(row.Diff),
	}
	if row.ActorUser != nil {
		e.User = row.ActorUser.String()
	}
	return e
}

// auditResource is what the audit log can be listed by. It is sorted by its times and ids alone: of these there is an index.
func auditResource() listing.Resource {
	return listing.Resource{
		Fields: []listing.Field{
			{Name: "id", Column: rows.NewColumn("id", rows.ID)},
			{Name: "at", Column: rows.NewColumn("at", rows.Time)},
			{Name: "actor", Column: rows.NewColumn("actor", rows.Word), NoSort: true},
			{Name: "actor_user", Column: rows.NewColumn("actor_user", rows.ID).Nullable(), NoSort: true},
			{Name: "request_id", Column: rows.NewColumn("request_id", rows.Word), NoSort: true},
			{Name: "action", Column: rows.NewColumn("action", rows.Word), NoSort: true},
			{Name: "subject", Column: rows.NewColumn("subject", rows.Word), NoSort: true},
		},
		Key: rows.NewColumn("id", rows.ID), Sort: "-at,-id", Paging: listing.Always, Members: []string{},
	}
}

func (p *People) listAudit(ctx context.Context, _ *struct{ listing.Params }) (*paged.Bare[Entry], error) {
	return paged.List(ctx, p.store, p.audit, queries.Audit(), entry)
}
