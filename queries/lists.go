package queries

import (
	"context"
	"iter"

	"github.com/fairway-gateway/fairway/queries/db"
	"github.com/fairway-gateway/fairway/queries/rows"
)

// Users are the living users, for List.
func Users() *rows.Table[db.User] {
	return rows.NewTable[db.User]("users", rows.NewColumn("number", rows.Integer)).Where("deleted_at is null")
}

// DeletedUsers are those who were deleted, for List.
func DeletedUsers() *rows.Table[db.User] {
	return rows.NewTable[db.User]("users", rows.NewColumn("number", rows.Integer)).Where("deleted_at is not null")
}

// Audit is the audit log, for List.
func Audit() *rows.Table[db.AuditLog] {
	return rows.NewTable[db.AuditLog]("audit_log", rows.NewColumn("id", rows.ID))
}

// Teams are all teams, for List.
func Teams() *rows.Table[db.Team] {
	return rows.NewTable[db.Team]("teams", rows.NewColumn("number", rows.Integer))
}

// List gives rows of a table as a request says, the same on both engines.
func List[T any](ctx context.Context, s *Store, t *rows.Table[T], r rows.Request) ([]T, error) {
	statement, err := t.Select(s.dialect(), r)
	if err != nil {
		return nil, err
	}
	out := []T{}
	err = s.list(ctx, statement, func(scan func(...any) error) error {
		var row T
		if err := scan(t.Into(&row)...); err != nil {
			return err
		}
		out = append(out, row)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// CountOf counts the rows of a table for which a condition holds.
func CountOf[T any](ctx context.Context, s *Store, t *rows.Table[T], where rows.Condition) (n int64, err error) {
	err = s.list(ctx, t.Count(s.dialect(), where), func(scan func(...any) error) error { return scan(&n) })
	return n, err
}

// batch is how many rows Each reads at once.
const batch = 1000

// Each gives rows one by one, at most Limit of the request, and reads some at a time, so that a slow reader keeps no connection. Of
// rows that change meanwhile it gives what they are when they are read. It ends with the first error.
func Each[T any](ctx context.Context, s *Store, t *rows.Table[T], r rows.Request) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		for left := r.Limit; left > 0; {
			r.Limit = min(left, batch)
			all, err := List(ctx, s, t, r)
			if err != nil {
				yield(none, err)
				return
			}
			for _, row := range all {
				if !yield(row, nil) {
					return
				}
			}
			if left -= len(all); len(all) < r.Limit {
				return
			}
			r.Offset = 0
			if r.After, err = t.Values(all[len(all)-1], r); err != nil {
				yield(none, err)
				return
			}
		}
	}
}
