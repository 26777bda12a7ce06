package stored

import (
	"context"
	"database/sql"
	"errors"

	"github.com/fairway-gateway/fairway/modules/control/tokens"
	"github.com/fairway-gateway/fairway/queries"
)

// Runs finds attempts by the tokens of their scripts, for tokens.Config.
func Runs(s *queries.Store) func(context.Context, []byte) (tokens.Run, bool, error) {
	return func(ctx context.Context, hash []byte) (tokens.Run, bool, error) {
		a, err := s.AttemptOfToken(ctx, hash)
		if errors.Is(err, sql.ErrNoRows) {
			return tokens.Run{}, false, nil
		}
		run := tokens.Run{ID: a.ID, Execution: a.ExecutionID, Fence: a.Fence}
		if a.DeadlineAt != nil {
			run.Expires = *a.DeadlineAt
		}
		return run, err == nil, err
	}
}
