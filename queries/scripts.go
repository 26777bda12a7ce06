package queries

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries/db"
)

// States of a script and of its versions. A script has that of its newest version, and can be run while that is BuildSuccess.
const (
	BuildPending  = "PENDING"  // it waits for a builder
	BuildBuilding = "BUILDING" // a builder has it
	BuildSuccess  = "SUCCESS"  // it can be run
	BuildFail     = "FAIL"     // it cannot
)

// Resources are what a version asks for, and what it runs in.
type Resources struct {
	// CPU in billionths of a core, memory in bytes. 0: nothing is asked for, or no limit.
	CPUReservation, CPULimit, MemoryReservation, MemoryLimit int64
	// Environment and EnvironmentVersion name what it runs in, Compute how, as its configuration says it. Default: nothing.
	Environment, EnvironmentVersion, Compute string
	UsesGEE                                  bool
}

// VersionUpload is what somebody uploaded.
type VersionUpload struct {
	// BlobKey is where the blobs have it, BlobSHA256 and BlobSize are those of the blob. Required.
	BlobKey    string
	BlobSHA256 []byte
	BlobSize   int64
	// Configuration is its configuration.json, Parameters the JSON Schema of its parameters. Default null.
	Configuration, Parameters json.RawMessage
	Resources                 Resources
}

// ScriptUpload is a script that somebody uploads for the first time.
type ScriptUpload struct {
	// ID is the script's. Default: a new one.
	ID uuid.UUID
	// Slug names it, as no other living script is named. Name, Slug and User, whose it is, are required.
	Slug, Name, Description string
	User                    uuid.UUID
	Version                 VersionUpload
}

// CreateScript makes a script of an upload, its version 1, which waits for a builder. The error is a *TakenError of "slug" where a
// living script has it.
func (s *Store) CreateScript(ctx context.Context, by By, u ScriptUpload) (db.Script, error) {
	if err := plain(u.Slug, u.Name, u.Description); err != nil {
		return db.Script{}, err
	}
	if u.ID == uuid.Nil {
		id, err := uuid.NewV7()
		if err != nil {
			return db.Script{}, err
		}
		u.ID = id
	}
	var made db.Script
	err := s.inTx(ctx, func(q db.Querier) (err error) {
		r, now := u.Version.Resources, s.clock.Now()
		if made, err = q.InsertScript(ctx, db.InsertScriptParams{
			ID: u.ID, Slug: u.Slug, Name: u.Name, Description: u.Description, UserID: u.User,
			CpuReservation: r.CPUReservation, CpuLimit: r.CPULimit, MemoryReservation: r.MemoryReservation, MemoryLimit: r.MemoryLimit,
			Environment: r.Environment, EnvironmentVersion: r.EnvironmentVersion, ComputeType: r.Compute, UsesGee: r.UsesGEE, Now: now,
		}); err != nil {
			return err
		}
		if err := insertVersion(ctx, q, now, u.ID, 1, u.User, u.Version); err != nil {
			return err
		}
		return auditScript(ctx, q, by, "script.create", db.Script{}, made)
	})
	if err != nil {
		return db.Script{}, missing(taken(err))
	}
	s.changed() // builders look
	return made, nil
}

func insertVersion(ctx context.Context, q db.Querier, now time.Time, script uuid.UUID, number int64, by uuid.UUID, v VersionUpload) error {
	if len(v.Configuration) == 0 {
		v.Configuration = []byte("null")
	}
	if len(v.Parameters) == 0 {
		v.Parameters = []byte("null")
	}
	r := v.Resources
	if err := plain(v.BlobKey, string(v.Configuration), string(v.Parameters), r.Environment, r.EnvironmentVersion, r.Compute); err != nil {
		return err
	}
	_, err := q.InsertScriptVersion(ctx, db.InsertScriptVersionParams{
		ScriptID: script, Number: number, BlobKey: v.BlobKey, BlobSha256: v.BlobSHA256, BlobSize: v.BlobSize, Configuration: v.Configuration, Parameters: v.Parameters,
		CpuReservation: r.CPUReservation, CpuLimit: r.CPULimit, MemoryReservation: r.MemoryReservation, MemoryLimit: r.MemoryLimit,
		Environment: r.Environment, EnvironmentVersion: r.EnvironmentVersion, ComputeType: r.Compute, UsesGee: r.UsesGEE, CreatedBy: by, Now: now,
	})
	return err
}

// UploadScript makes another version of a script, which waits for a builder, and so does the script. user is who uploads it.
// sql.ErrNoRows: there is no such script.
func (s *Store) UploadScript(ctx context.Context, by By, id, user uuid.UUID, v VersionUpload) (db.Script, error) {
	sc, err := s.alterScript(ctx, by, "script.upload", id, func(q db.Querier, now time.Time, sc *db.Script) error {
		sc.CurrentVersion++
		sc.Status, sc.BuildError = BuildPending, ""
		r := v.Resources
		sc.CpuReservation, sc.CpuLimit, sc.MemoryReservation, sc.MemoryLimit = r.CPUReservation, r.CPULimit, r.MemoryReservation, r.MemoryLimit
		sc.Environment, sc.EnvironmentVersion, sc.ComputeType, sc.UsesGee = r.Environment, r.EnvironmentVersion, r.Compute, r.UsesGEE
		return insertVersion(ctx, q, now, id, sc.CurrentVersion, user, v)
	})
	if err == nil {
		s.changed() // builders look
	}
	return sc, err
}

// ChangeScript has change write into a living script, whom nobody else changes meanwhile: Slug, Name, Description, UserID, Public,
// Restricted, and what it asks for. What it is built of, and its state, stay. An error of change is given back, and nothing is
// written. sql.ErrNoRows: there is none; a *TakenError: another has the slug. change must not use the store.
func (s *Store) ChangeScript(ctx context.Context, by By, id uuid.UUID, change func(*db.Script) error) (db.Script, error) {
	return s.alterScript(ctx, by, "script.change", id, func(_ db.Querier, _ time.Time, sc *db.Script) error {
		status, failure, version := sc.Status, sc.BuildError, sc.CurrentVersion
		if err := change(sc); err != nil {
			return err
		}
		sc.Status, sc.BuildError, sc.CurrentVersion = status, failure, version
		return plain(sc.Slug, sc.Name, sc.Description, sc.Environment, sc.EnvironmentVersion, sc.ComputeType)
	})
}

// PublishScript says whether a script is public.
func (s *Store) PublishScript(ctx context.Context, by By, id uuid.UUID, public bool) (db.Script, error) {
	action := "script.publish"
	if !public {
		action = "script.unpublish"
	}
	return s.alterScript(ctx, by, action, id, func(_ db.Querier, now time.Time, sc *db.Script) error {
		if sc.Public = public; public && sc.PublishedAt == nil {
			sc.PublishedAt = &now
		}
		return nil
	})
}

func (s *Store) alterScript(ctx context.Context, by By, action string, id uuid.UUID, change func(q db.Querier, now time.Time, sc *db.Script) error) (db.Script, error) {
	var made db.Script
	err := s.inTx(ctx, func(q db.Querier) error {
		old, err := q.LockScript(ctx, id)
		if err != nil {
			return err
		}
		n, now := old, s.clock.Now()
		if err := change(q, now, &n); err != nil {
			return err
		}
		if n.Public && n.PublishedAt == nil {
			n.PublishedAt = &now
		}
		if made, err = q.UpdateScript(ctx, db.UpdateScriptParams{
			Now: now, ID: id, Version: old.Version, Slug: n.Slug, Name: n.Name, Description: n.Description, UserID: n.UserID, Status: n.Status, BuildError: n.BuildError,
			Public: n.Public, Restricted: n.Restricted, CurrentVersion: n.CurrentVersion,
			CpuReservation: n.CpuReservation, CpuLimit: n.CpuLimit, MemoryReservation: n.MemoryReservation, MemoryLimit: n.MemoryLimit,
			Environment: n.Environment, EnvironmentVersion: n.EnvironmentVersion, ComputeType: n.ComputeType, UsesGee: n.UsesGee, PublishedAt: n.PublishedAt,
		}); err != nil {
			return err
		}
		return auditScript(ctx, q, by, action, old, made)
	})
	if err != nil {
		return db.Script{}, missing(taken(err))
	}
	return made, nil
}

// DeleteScript marks a living script as deleted, which frees its slug; sql.ErrNoRows: there is none. Its executions stay, and what
// of it waits is run still.
func (s *Store) DeleteScript(ctx context.Context, by By, id uuid.UUID) (db.Script, error) {
	var gone db.Script
	err := s.inTx(ctx, func(q db.Querier) (err error) {
		now := s.clock.Now()
		if gone, err = q.DeleteScript(ctx, db.DeleteScriptParams{ID: id, Now: now}); err != nil {
			return err
		}
		return audit(ctx, q, by, "script.delete", "script:"+id.String(), []byte("{}"))
	})
	if err != nil {
		return db.Script{}, err
	}
	return gone, nil
}

// FindScript gives the living script with an id or, where it is none, a slug; sql.ErrNoRows: there is none. Whether a caller may see
// it is another question: MaySee.
func (s *Store) FindScript(ctx context.Context, name string) (db.Script, error) {
	if id, err := uuid.Parse(name); err == nil && len(name) == 36 {
		return s.queries().GetScript(ctx, id)
	}
	if err := plain(name); err != nil {
		return db.Script{}, err
	}
	return s.queries().GetScriptBySlug(ctx, name)
}

func auditScript(ctx context.Context, q db.Querier, by By, action string, old, next db.Script) error {
	diff, err := diffOf(old, next)
	if err != nil {
		return err
	}
	return audit(ctx, q, by, action, "script:"+next.ID.String(), diff)
}
