// Package scripts has the scripts that users upload over HTTP, as Trends.Earth has them: uploading and its versions, who may see
// them, logs of builds, downloads. What is in an upload package bundle checks; it is built and run by others.
//
// A script is seen by its owner, by administrators, by everybody where it is public, and by those whom it was given where it is
// restricted. For others there is none, whatever they ask: lists and names are read by one condition, in the SQL.
package scripts

import (
	"context"
	"database/sql"
	"errors"
	"net/http"

	"github.com/fairway-gateway/fairway/modules/control/accounts"
	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/modules/control/callers"
	"github.com/fairway-gateway/fairway/modules/control/listing"
	"github.com/fairway-gateway/fairway/modules/control/patch"
	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/modules/control/typed"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/rows"
	"github.com/fairway-gateway/fairway/runner/blobs"
	"github.com/fairway-gateway/fairway/runner/bundle"
)

// PackedAtOnce is how many uploads are packed at the same time: each may cost 80 MB of memory.
const PackedAtOnce = 2

// Options are what Scripts may have beside a store.
type Options struct {
	// Blobs gives the place where scripts are kept. Required.
	Blobs func(context.Context) (*blobs.Blobs, error)
	// Packing has room for as many as may look at an upload at once, in the whole process. Default: PackedAtOnce, of these Scripts.
	Packing chan struct{}
	// Limits are those of an upload. Default: those of package bundle.
	Limits bundle.Limits
}

// Scripts has the handlers of scripts. It is used concurrently.
type Scripts struct {
	store   *queries.Store
	options Options

	scripts, versions *listing.Resource
}

// New makes Scripts over an open store. The error is a mistake in what can be listed.
func New(store *queries.Store, o Options) (*Scripts, error) {
	if o.Packing == nil {
		o.Packing = make(chan struct{}, PackedAtOnce)
	}
	if o.Limits.Archive <= 0 {
		o.Limits.Archive = mostArchive
	}
	s := &Scripts{store: store, options: o}
	var errs [2]error
	s.scripts, errs[0] = listing.New(scriptResource())
	s.versions, errs[1] = listing.New(versionResource())
	return s, errors.Join(errs[:]...)
}

// Register has the operations of scripts handled, and {script} looked up by a.
func (s *Scripts) Register(a *api.API, t *typed.API) {
	a.Resolve("script", s.Resolve)
	lists := "filter, sort, include and exclude as the parameters say; there are pages where page or per_page is given. "
	typed.Register(t, typed.Operation{ID: "script.list", Summary: "Scripts", Description: "Those that the caller may see. " + lists}, s.list)
	typed.Register(t, typed.Operation{ID: "script.export", Summary: "Scripts as CSV", Description: "At most 100,000 rows; the audit log says who exported them."}, s.export)
	typed.Register(t, typed.Operation{ID: "script.get", Summary: "A script", Description: "By its id or its slug. What the caller may not see is not there."}, s.get)
	uploads := map[string]any{"multipart/form-data": newScript{}}
	archive := "A .tar.gz or .zip with configuration.json at its root, and src/main.py or what its command names; or one file that begins with #!. At most 10 MB. "
	typed.Register(t, typed.Operation{ID: "script.create", Summary: "Uploads a script", Description: archive + "Its slug is made of its name.", Bodies: uploads}, s.create)
	typed.Register(t, typed.Operation{ID: "script.upload", Summary: "Uploads another version of a script", Description: archive + "What is built of the version before stays until this one is. Name, slug and description stay.", Bodies: uploads}, s.upload)
	patches := map[string]any{"application/json": settings{}, patch.MergeType: settings{}, patch.OperationsType: []typed.PatchOperation{}}
	typed.Register(t, typed.Operation{
		ID: "script.config", Summary: "Changes what is said of a script", Bodies: patches,
		Description: "An object is laid over it, an array has the operations of RFC 6902. There are name, description and uses_gee to be changed; the slug stays.",
	}, s.config)
	typed.Register(t, typed.Operation{ID: "script.publish", Summary: "Has everybody see a script"}, s.publish)
	typed.Register(t, typed.Operation{ID: "script.unpublish", Summary: "Has nobody else see a script any more"}, s.unpublish)
	typed.Register(t, typed.Operation{ID: "script.delete", Summary: "Deletes a script", Description: "Its slug is free then. Its executions stay."}, s.remove)
	typed.Register(t, typed.Operation{ID: "script.download", Summary: "The newest version of a script", Description: "A .tar.gz of plain files, whatever was uploaded."}, s.download)
	typed.Register(t, typed.Operation{ID: "script.log", Summary: "The log of a script's builds", Description: "At most 100,000 lines, or 8 MiB of them, at once: those behind them are asked for by last-id."}, s.log)
	typed.Register(t, typed.Operation{ID: "script.versions", Summary: "The versions of a script", Description: "The newest first. There are pages where page or per_page is given."}, s.listVersions)
	typed.Register(t, typed.Operation{ID: "script.version.download", Summary: "A version of a script", Description: "A .tar.gz of plain files, whatever was uploaded."}, s.downloadVersion)
	s.registerAccess(t)
}

// Resolve gives the script of an id or a slug, if the caller may see it. Its value is a queries.ListedScript.
func (s *Scripts) Resolve(ctx context.Context, value string, c *callers.Caller) (api.Target, error) {
	named, err := queries.ScriptNamed(value)
	if err != nil {
		return api.Target{}, api.ErrNotFound // it is no text of the store
	}
	seen, err := seenBy(c)
	if err != nil {
		return api.Target{}, err
	}
	all, err := queries.List(ctx, s.store, queries.ListedScripts(), rows.Request{Where: rows.All(named, seen), Limit: 1})
	if err != nil {
		return api.Target{}, err
	}
	if len(all) == 0 {
		return api.Target{}, api.ErrNotFound
	}
	object := permit.Object{Owners: []string{all[0].UserID.String()}, Shared: true} // it was seen
	return api.Target{Object: object, Value: all[0]}, nil
}

// seenBy holds for scripts that a caller may see.
func seenBy(c *callers.Caller) (rows.Condition, error) {
	if c.IsAdmin() {
		return rows.All(), nil
	}
	id, err := api.IDOf(c)
	if err != nil {
		return rows.Any(), nil //nolint:nilerr // nobody sees nothing
	}
	return queries.VisibleTo(id, c.Role)
}

// refused is what a client is told of what he sent.
func refused(text string) error { return api.Failure{Status: http.StatusBadRequest, Detail: text} }

// failure makes what a caller is told of an error.
func failure(err error) error {
	if errors.Is(err, sql.ErrNoRows) { // it was deleted a moment ago
		return api.ErrNotFound
	}
	if f, ok := accounts.Failure(err); ok {
		return f
	}
	return err
}
