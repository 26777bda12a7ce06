package fairway

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/fairway-gateway/fairway/proxies/wrap"
	"github.com/fairway-gateway/fairway/queries"
)

// Schema is a database of a configuration, as far as its migrations are concerned.
type Schema struct {
	// Label is the name of the database, or "store".
	Label string
	// dsn is where it is, resolved; files are its migrations, nil: those of the store.
	dsn   string
	files fs.FS
}

// Schema finds a database by its name; empty or "store": the store.
func (a *App) Schema(name string) (*Schema, error) {
	all := a.Databases
	if name == storeName {
		name = ""
	}
	var d Database
	if i := slices.IndexFunc(all, func(d Database) bool { return d.Name == name }); i >= 0 {
		d = all[i]
	} else if name != "" {
		return nil, fmt.Errorf("the configuration has no database %s%s", name, wrap.Suggest(name, append(declared(all).Names(), storeName)))
	}
	out := &Schema{Label: d.label()}
	if d.Name != "" {
		if d.Migrations == "" {
			return nil, fmt.Errorf("the database %s has no migrations; write: database %s %s { migrations <folder> }", name, name, d.DSN)
		}
		folder, err := Resolve(d.Migrations)
		if err != nil {
			return nil, fmt.Errorf("database %s: %w", name, err)
		}
		if _, err := os.ReadDir(folder); err != nil {
			return nil, fmt.Errorf("database %s: the migrations cannot be read: %w", name, err)
		}
		out.files = os.DirFS(folder)
	}
	var err error
	if out.dsn, err = d.resolve(); err != nil {
		return nil, fmt.Errorf("database %s: %w", out.Label, err)
	}
	if err := d.checkResolved(out.dsn); err != nil {
		return nil, fmt.Errorf("database %s: %w", out.Label, err)
	}
	if d.Name == "" {
		return out, d.makeFolder(out.dsn)
	}
	return out, nil
}

// Open connects to the database.
func (s *Schema) Open(ctx context.Context) (*queries.Migrations, error) {
	return queries.OpenMigrations(ctx, s.dsn, s.files, nil)
}

// File is the file of a database that is one; empty: it is on a server.
func (s *Schema) File() string {
	file, ok := strings.CutPrefix(s.dsn, "sqlite:")
	if !ok {
		return ""
	}
	return file
}
