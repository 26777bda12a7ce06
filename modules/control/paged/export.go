package paged

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/modules/control/export"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

// Exported is a list that somebody takes away as CSV.
type Exported struct {
	// Action is what the audit log calls it, Table what is exported: the object in that log, and the file's name.
	Action, Table string
	// By is who takes it away, and Asked what he asked for, for the audit log; it has to be text of the store.
	By    queries.By
	Asked map[string]string
	// Columns are the names in the first line, Lines the others.
	Columns []string
	Lines   iter.Seq2[[]any, error]
}

// Export writes into the audit log who takes what away, before he gets the first byte: nobody gets what nobody knows of. Then it answers.
func Export(ctx context.Context, s *queries.Store, e Exported) (*huma.StreamResponse, error) {
	detail, err := json.Marshal(e.Asked)
	if err != nil {
		return nil, err
	}
	if err := s.InTx(ctx, func(q db.Querier) error { return queries.Record(ctx, q, e.By, e.Action, e.Table, detail) }); err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(h huma.Context) {
		r, w := humago.Unwrap(h)
		begun, err := export.Write(w, export.Table{Name: e.Table, Columns: e.Columns, At: time.Now()}, e.Lines)
		switch {
		case err == nil || errors.Is(err, context.Canceled):
		case begun:
			panic(http.ErrAbortHandler) // nobody takes a part for the whole
		default:
			api.Refuse(w, r, err)
		}
	}}, nil
}
