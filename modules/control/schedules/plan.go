package schedules

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

// Plan has a row say which version of its script is run, and how, and holds its parameters to the schema of that. admin says whether its
// owner may what administrators may. An error that is an api.Failure is for people.
func Plan(ctx context.Context, store *queries.Store, by Planner, row *db.Schedule, sc db.Script, admin bool) error {
	var w wishes
	if err := json.Unmarshal(row.Wishes, &w); err != nil {
		return fmt.Errorf("the wishes of a schedule: %w", err)
	}
	number := sc.CurrentVersion
	switch {
	case row.ScriptVersion != nil:
		number = *row.ScriptVersion
	case sc.Status != queries.BuildSuccess && row.PlanVersion > 0:
		number = row.PlanVersion // the newest one is not built, or cannot be
	}
	version, err := store.ScriptVersion(ctx, sc.ID, number)
	if errors.Is(err, sql.ErrNoRows) {
		return wrong("script_version", fmt.Sprintf("the script has no version %d", number))
	}
	if err != nil {
		return err
	}
	plan, err := by.Planned(ctx, version, row.Params, w.wished(), admin)
	if err != nil {
		return err
	}
	if row.Plan, err = json.Marshal(plan); err != nil {
		return err
	}
	row.PlanVersion = number
	return nil
}
