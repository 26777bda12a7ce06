package scripts

import (
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/proxies/problem"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/runner/blobs"
	"github.com/fairway-gateway/fairway/runner/bundle"
)

// mostBundle is how long a bundle may be, in bytes: longer than what may be in it, and around that.
const mostBundle = 160 << 20

// bundleMedia is the media type of a bundle.
const bundleMedia = "application/gzip"

func (s *Scripts) create(ctx context.Context, in *struct{ sent }) (*scriptAnswer, error) {
	c, err := api.Me(ctx)
	if err != nil {
		return nil, err
	}
	user, err := api.IDOf(c)
	if err != nil {
		return nil, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, err
	}
	up, err := receive(&in.sent, s.options.Limits.Archive)
	if err != nil {
		return nil, err
	}
	defer up.Close()
	p, err := s.pack(ctx, id, up)
	if err != nil {
		return nil, err
	}
	defer p.drop(ctx)
	cfg := p.bundle.Configuration
	if slug := cfg.Slug(); reserved(slug) {
		return nil, refused(fmt.Sprintf("Invalid File: %s: the name makes the slug %s, which paths have another use for", bundle.ConfigurationName, slug))
	}
	sc, err := s.store.CreateScript(ctx, api.By(api.RequestIn(ctx)), queries.ScriptUpload{
		ID: id, Slug: cfg.Slug(), Name: cfg.Name, Description: cfg.Description, User: user, Version: p.version(),
	})
	if _, taken := errors.AsType[*queries.TakenError](err); taken {
		err = refused(fmt.Sprintf("Script with name %s generates an existing script slug", cfg.Name))
	}
	p.keep(err)
	return answer(sc, err)
}

// reserved says that a slug would not lead to its script.
func reserved(slug string) bool {
	_, err := uuid.Parse(slug)
	return slices.Contains([]string{"export"}, slug) || err == nil
}

func (s *Scripts) upload(ctx context.Context, in *struct {
	Script string `path:"script" doc:"The id, or the slug" example:"land-productivity"`
	sent
},
) (*scriptAnswer, error) {
	sc, err := api.Found[queries.ListedScript](ctx)
	if err != nil {
		return nil, err
	}
	c, err := api.Me(ctx)
	if err != nil {
		return nil, err
	}
	user, err := api.IDOf(c)
	if err != nil {
		return nil, err
	}
	up, err := receive(&in.sent, s.options.Limits.Archive)
	if err != nil {
		return nil, err
	}
	defer up.Close()
	p, err := s.pack(ctx, sc.ID, up)
	if err != nil {
		return nil, err
	}
	defer p.drop(ctx)
	next, err := s.store.UploadScript(ctx, api.By(api.RequestIn(ctx)), sc.ID, user, p.version())
	p.keep(err)
	return answer(next, err)
}

// packed is an upload that lies among the blobs.
type packed struct {
	blobs  *blobs.Blobs
	key    string
	bundle *bundle.Bundle
	sum    []byte
	kept   bool
}

// pack checks an upload, and writes it among the blobs.
func (s *Scripts) pack(ctx context.Context, script uuid.UUID, up *upload) (*packed, error) {
	place, err := s.place(ctx)
	if err != nil {
		return nil, err
	}
	name, err := uuid.NewV7()
	if err != nil {
		return nil, err
	}
	select {
	case s.options.Packing <- struct{}{}:
		defer func() { <-s.options.Packing }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	p := &packed{blobs: place, key: "scripts/" + script.String() + "/" + name.String() + ".tar.gz"}
	var bad error // of the upload, in the place of what is said of a blob that is not written
	if _, err = place.Write(ctx, p.key, bundleMedia, mostBundle, func(w io.Writer) error {
		p.bundle, bad = bundle.Pack(ctx, w, up.of(), s.options.Limits)
		return bad
	}); err != nil {
		if bad != nil {
			err = bad
		}
		return nil, refusal(err)
	}
	p.sum, err = hex.DecodeString(p.bundle.SHA256)
	return p, err
}

// place gives the place of the blobs. The error is one for callers.
func (s *Scripts) place(ctx context.Context) (*blobs.Blobs, error) {
	b, err := s.options.Blobs(ctx)
	if err != nil {
		return nil, away(err)
	}
	return b, nil
}

// away is what a caller is told where blobs cannot be read or written.
func away(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	return api.Failure{Status: http.StatusServiceUnavailable, Type: problem.StoreUnavailable, Detail: "What is uploaded cannot be reached now.", RetryAfter: blobRetry, Cause: err}
}

// refusal makes what a caller is told of an upload that could not be packed.
func refusal(err error) error {
	if no, ok := errors.AsType[*bundle.RefusedError](err); ok {
		if no.Path == "" && strings.HasPrefix(no.Reason, "it is neither a .tar.gz") {
			return refused("File must be a .tar.gz archive, a .zip, or one file that begins with #!")
		}
		return refused("Invalid File: " + no.Error())
	}
	_, long := errors.AsType[*bundle.TooLargeError](err)
	if _, blob := errors.AsType[*blobs.LimitError](err); blob || long {
		return errTooLarge()
	}
	return away(err)
}

// version is what the store is told.
func (p *packed) version() queries.VersionUpload {
	c := p.bundle.Configuration
	return queries.VersionUpload{
		BlobKey: p.key, BlobSHA256: p.sum, BlobSize: p.bundle.Size, Configuration: c.Raw, Parameters: c.Parameters,
		Resources: queries.Resources{
			CPUReservation: c.CPUReservation, CPULimit: c.CPULimit, MemoryReservation: c.MemoryReservation, MemoryLimit: c.MemoryLimit,
			Environment: c.Environment, EnvironmentVersion: c.EnvironmentVersion, Compute: c.ComputeType, UsesGEE: c.UsesGEE,
		},
	}
}

// keep has the blob stay, unless it is certain that nothing in the store names it: of a transaction that failed somewhere nobody
// knows how it ended, and a blob too many does no harm.
func (p *packed) keep(err error) {
	_, told := errors.AsType[api.Failure](err)
	p.kept = err == nil || !told && !errors.Is(err, sql.ErrNoRows)
}

// drop removes the blob that is not to be kept.
func (p *packed) drop(ctx context.Context) {
	if !p.kept {
		_ = p.blobs.Remove(context.WithoutCancel(ctx), p.key) // it does no harm
	}
}
