package fairway

import (
	"cmp"
	"context"
	none "embed"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/fairway-gateway/fairway/modules/control/mail"
	"github.com/fairway-gateway/fairway/proxies/database/sqlpool"
	"github.com/fairway-gateway/fairway/queries"
)

// What is below is for `fairway doctor`: it looks, and changes nothing. It works on what Read gives, too, but for UsesStore and Embeds.

// UsesStore says whether this configuration, which is provisioned, needs the store.
func (a *App) UsesStore() bool { return a.store != nil }

// Embeds says whether the gateway of this configuration, which is provisioned, runs executions, and whether somebody wrote that it has a runner.
func (a *App) Embeds() (runs, written bool) { return a.store != nil && a.embeds(), a.Runner != nil }

// ExecutorKind is how executions are isolated, and the words of it as JSON.
func (a *App) ExecutorKind() (string, json.RawMessage) {
	if a.Runner == nil {
		return executorName(nil), nil
	}
	return executorName(a.Runner.ExecutorRaw), a.Runner.ExecutorRaw
}

// DatabaseNames are those of the databases beside the store, in order.
func (a *App) DatabaseNames() []string { return declared(a.Databases).Names() }

// Examined is what a database of a configuration says of itself.
type Examined struct {
	queries.Examined
	// Shared says that it is on a server, Migrated that migrations of it are known.
	Shared, Migrated bool
	// Unready says that a pooler stands before it, and that its address has to say so and does not.
	Unready bool
}

// Examine asks a database how it is, by its name; "store": the store.
func (a *App) Examine(ctx context.Context, name string) (out Examined, err error) {
	if name == storeName {
		name = ""
	}
	d := new(Database)
	if i := slices.IndexFunc(a.Databases, func(d Database) bool { return d.Name == name }); i >= 0 {
		d = &a.Databases[i]
	}
	dsn, err := d.resolve()
	if err == nil {
		err = d.checkResolved(dsn)
	}
	if err != nil {
		return out, err
	}
	out.Shared, out.Migrated = queries.IsPostgres(dsn), name == "" || d.Migrations != ""
	var files fs.FS // nil: those of the store
	if name != "" {
		files = none.FS{}
	}
	if d.Migrations != "" {
		folder, err := Resolve(d.Migrations)
		if err != nil {
			return out, err
		}
		files = os.DirFS(folder)
	}
	out.Examined, err = queries.Examine(ctx, dsn, files)
	out.Unready = name != "" && out.Pooled && !sqlpool.Pooled(dsn)
	return out, err
}

// Kept is a directory where this configuration keeps something.
type Kept struct{ What, Directory string }

// Directories are where files are kept, those of the runner with runs.
func (a *App) Directories(runs bool) []Kept {
	out := []Kept{{"data", dataDir()}}
	if _, dsn, err := a.storeAddress(); err == nil {
		if file, ok := strings.CutPrefix(dsn, "sqlite:"); ok {
			if file, err = filepath.Abs(file); err == nil {
				out = append(out, Kept{"store", filepath.Dir(file)})
			}
		}
	}
	if at, err := Resolve(a.BlobsAt); err == nil {
		if directory, ok := strings.CutPrefix(at, "file://"); ok {
			out = append(out, Kept{"blobs", directory})
		}
	}
	if runs {
		home := runnerHome("", isRoot())
		var words struct {
			Directory string `json:"directory"`
		}
		if _, raw := a.ExecutorKind(); raw != nil && json.Unmarshal(raw, &words) == nil {
			home = cmp.Or(words.Directory, home)
		}
		out = append(out, Kept{"runner", home})
	}
	return append(out, Kept{"temporary", os.TempDir()})
}

// CheckSecret says what is wrong with the secrets. made says that there is none yet, and that the gateway makes one.
func (a *App) CheckSecret() (made bool, err error) {
	if a.Secret != "" {
		_, err := a.readSecrets()
		return false, err
	}
	if _, dsn, err := a.storeAddress(); err == nil && queries.IsPostgres(dsn) {
		return false, errNoSecret()
	}
	missing, err := a.SecretMissing()
	return missing != "", err
}

// ResolvedMail is the mail server with its placeholders resolved.
func (a *App) ResolvedMail() (mail.Config, error) {
	if a.Mail == nil {
		return mail.Config{}, nil
	}
	return a.Mail.Resolve(Resolve)
}
