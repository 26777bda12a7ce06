package scripts

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/modules/control/listing"
	"github.com/fairway-gateway/fairway/modules/control/paged"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
	"github.com/fairway-gateway/fairway/queries/rows"
	"github.com/fairway-gateway/fairway/runner/blobs"
)

// blobRetry is after what time who could not be given a blob is told to come back.
const blobRetry = 2 * time.Second

func (s *Scripts) download(ctx context.Context, _ *one) (*huma.StreamResponse, error) {
	sc, err := api.Found[queries.ListedScript](ctx)
	if err != nil {
		return nil, err
	}
	return s.send(ctx, sc.Script, sc.CurrentVersion, sc.Slug+".tar.gz")
}

func (s *Scripts) downloadVersion(ctx context.Context, in *struct {
	Script  string `path:"script" doc:"The id, or the slug" example:"land-productivity"`
	Version string `path:"version" doc:"The number" example:"1"`
},
) (*huma.StreamResponse, error) {
	sc, err := api.Found[queries.ListedScript](ctx)
	if err != nil {
		return nil, err
	}
	n, err := strconv.ParseInt(in.Version, 10, 64)
	if err != nil || n < 1 {
		return nil, api.ErrNotFound
	}
	return s.send(ctx, sc.Script, n, fmt.Sprintf("%s-%d.tar.gz", sc.Slug, n))
}

// send answers with a version of a script as a file of a name, in which there is nothing but what slugs have.
func (s *Scripts) send(ctx context.Context, sc db.Script, version int64, name string) (*huma.StreamResponse, error) {
	v, err := s.store.Queries().GetScriptVersion(ctx, db.GetScriptVersionParams{ScriptID: sc.ID, Number: version})
	if err != nil {
		return nil, failure(err)
	}
	place, err := s.place(ctx)
	if err != nil {
		return nil, err
	}
	content, err := place.Read(ctx, v.BlobKey)
	if errors.Is(err, blobs.ErrNotFound) {
		return nil, fmt.Errorf("script %s has no blob any more: %w", sc.ID, err)
	}
	if err != nil {
		return nil, away(err)
	}
	return &huma.StreamResponse{Body: func(h huma.Context) {
		defer content.Close()
		r, w := humago.Unwrap(h)
		header := w.Header()
		header.Set("Content-Type", bundleMedia)
		header.Set("Content-Disposition", `attachment; filename="`+name+`"`)
		header.Set("Content-Length", strconv.FormatInt(content.Size, 10))
		header.Set("X-Content-Type-Options", "nosniff")
		if r.Method == http.MethodHead {
			w.WriteHeader(http.StatusOK)
			return
		}
		if _, err := io.Copy(w, content); err != nil {
			panic(http.ErrAbortHandler) // nobody takes a part for the whole
		}
	}}, nil
}

// ScriptVersion is a version of a script.
type ScriptVersion struct {
	Number     int64   `json:"version" required:"true" doc:"From 1; the last one is that of the script"`
	Status     string  `json:"status" required:"true" enum:"PENDING,BUILDING,SUCCESS,FAIL"`
	BuildError string  `json:"build_error" required:"true"`
	Size       int64   `json:"size" required:"true" doc:"Of the archive, in bytes"`
	SHA256     string  `json:"sha256" required:"true" doc:"Of the archive, in hexadecimal letters"`
	Created    string  `json:"created_at" required:"true"`
	User       string  `json:"user_id" required:"true" doc:"Who uploaded it"`
	Built      *string `json:"built_at" required:"true"`
}

func showVersion(v db.ScriptVersion) ScriptVersion {
	return ScriptVersion{
		Number: v.Number, Status: v.Status, BuildError: v.BuildError, Size: v.BlobSize, SHA256: hex.EncodeToString(v.BlobSha256),
		Created: instant(v.CreatedAt), User: v.CreatedBy.String(), Built: moment(v.BuiltAt),
	}
}

// versionResource is what versions can be listed by.
func versionResource() listing.Resource {
	return listing.Resource{
		Fields: []listing.Field{
			{Name: "version", Column: rows.NewColumn("number", rows.Integer)},
			{Name: "status", Column: rows.NewColumn("status", rows.Word), Words: []string{queries.BuildPending, queries.BuildBuilding, queries.BuildSuccess, queries.BuildFail}},
			{Name: "created_at", Column: rows.NewColumn("created_at", rows.Time)},
		},
		Key: rows.NewColumn("number", rows.Integer), Sort: "-version", Paging: listing.OnRequest, Members: []string{}, Unpaged: 1000,
	}
}

func (s *Scripts) listVersions(ctx context.Context, _ *struct {
	one
	listing.Params
},
) (*paged.Envelope[ScriptVersion], error) {
	sc, err := api.Found[queries.ListedScript](ctx)
	if err != nil {
		return nil, err
	}
	q, request, err := paged.Query(ctx, s.versions, false)
	if err != nil {
		return nil, err
	}
	of, err := queries.VersionsOf(sc.ID)
	if err != nil {
		return nil, err
	}
	q.And(of)
	all, link, total, err := paged.Page(ctx, s.store, queries.VersionRows(), q, request)
	if err != nil {
		return nil, err
	}
	out := make([]ScriptVersion, len(all))
	for i := range all {
		out[i] = showVersion(all[i])
	}
	return paged.Of(out, q, link, total), nil
}
