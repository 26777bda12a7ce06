package queries

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries/db"
)

// Build is a version of a script that a builder has under a lease.
type Build struct {
	db.ScriptVersion
}

// ClaimBuild gives the version that has waited longest to a builder, or one whose builder was not heard of for its lease. False:
// there is none.
func (s *Store) ClaimBuild(ctx context.Context, builder uuid.UUID, lease time.Duration) (Build, bool, error) {
	var out Build
	found := false
	err := s.inTx(ctx, func(q db.Querier) error {
		now := s.clock.Now()
		until := now.Add(lease)
		rows, err := q.ClaimBuild(ctx, db.ClaimBuildParams{Builder: &builder, LeaseUntil: &until, Now: &now})
		if err != nil || len(rows) == 0 {
			return err
		}
		out, found = Build{rows[0]}, true
		_, err = q.SetScriptStatus(ctx, db.SetScriptStatusParams{ID: out.ScriptID, Number: out.Number, Status: BuildBuilding, Now: now})
		return err
	})
	if err != nil {
		return Build{}, false, err
	}
	return out, found, nil
}

// RenewBuild has the lease of a build last so long from now; ErrFenced: somebody else has it.
func (s *Store) RenewBuild(ctx context.Context, b Build, lease time.Duration) error {
	until := s.clock.Now().Add(lease)
	n, err := s.queries().RenewBuild(ctx, db.RenewBuildParams{ScriptID: b.ScriptID, Number: b.Number, Fence: b.Fence, LeaseUntil: &until})
	if err == nil && n == 0 {
		err = ErrFenced
	}
	return err
}

// Built is how a build ended.
type Built struct {
	OK bool
	// Error says why not, at most 1000 characters of it.
	Error string
	// Key is where the blobs have what was made, or what it is called. Default "".
	Key string
}

// FinishBuild ends a build, and says to the script how, where the version is its newest still; ErrFenced: somebody else has it.
func (s *Store) FinishBuild(ctx context.Context, b Build, r Built) error {
	if err := plain(r.Key); err != nil {
		return err
	}
	status, said := BuildSuccess, ""
	if !r.OK {
		status, said = BuildFail, shorten(r.Error)
	}
	return s.inTx(ctx, func(q db.Querier) error {
		now := s.clock.Now()
		_, err := q.FinishBuild(ctx, db.FinishBuildParams{ScriptID: b.ScriptID, Number: b.Number, Fence: b.Fence, Status: status, BuildError: said, BuiltKey: r.Key, Now: &now})
		if errors.Is(err, sql.ErrNoRows) {
			return ErrFenced
		}
		if err != nil {
			return err
		}
		_, err = q.SetScriptStatus(ctx, db.SetScriptStatusParams{ID: b.ScriptID, Number: b.Number, Status: status, BuildError: said, Now: now})
		return err
	})
}
