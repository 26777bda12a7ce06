package db

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/fairway-gateway/fairway/modules/command"
	"github.com/fairway-gateway/fairway/queries"
)

func backupCommand() *cobra.Command {
	return command.Sub("backup <file>", "Writes the store of a file, as it is now, into another one", backup)
}

func restoreCommand() *cobra.Command {
	cmd := command.Sub("restore <file>", "Makes the store be what a backup is; the gateway must not run", restore)
	cmd.Flags().BoolP("yes", "y", false, "Do not ask")
	return cmd
}

// saved is what backup did.
type saved struct {
	File string `json:"file"`
	Size int64  `json:"size"`
}

// Text implements command.Report.
func (s saved) Text(w io.Writer) error {
	return command.Line(w, "%s is a backup of the store, %d bytes", s.File, s.Size)
}

// restored is what restore did.
type restored struct {
	File    string `json:"file"`
	Version int64  `json:"version"`
}

// Text implements command.Report.
func (r restored) Text(w io.Writer) error {
	return command.Line(w, "the store is what %s was, with the schema %d", r.File, r.Version)
}

// storeFile is the file of the store.
func storeFile(c *command.Call) (string, error) {
	schema, err := c.App.Schema("")
	if err != nil {
		return "", &command.Error{Code: command.Usage, Err: err}
	}
	file := schema.File()
	if file == "" {
		return "", command.Usagef("the store is on a server: pg_dump and pg_restore are for that, see docs/backups.md")
	}
	return file, nil
}

func backup(ctx context.Context, c *command.Call) (command.Report, error) {
	file, err := storeFile(c)
	if err != nil {
		return nil, err
	}
	to := c.Args[0]
	switch err := queries.Backup(ctx, file, to); {
	case errors.Is(err, fs.ErrExist):
		return nil, command.Usagef("%s is there already, and a backup is never written over", to)
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("nothing was backed up: %w", err)
	case err != nil:
		return nil, err
	}
	info, err := os.Stat(to)
	if err != nil {
		return nil, err
	}
	return saved{File: to, Size: info.Size()}, nil
}

func restore(ctx context.Context, c *command.Call) (command.Report, error) {
	file, err := storeFile(c)
	if err != nil {
		return nil, err
	}
	if info, err := os.Stat(file); err == nil && info.Size() > 0 {
		if err := agreedTo(c, file); err != nil {
			return nil, err
		}
	}
	version, err := queries.Restore(ctx, file, c.Args[0])
	if err != nil {
		return nil, err
	}
	return restored{File: c.Args[0], Version: version}, nil
}

// agreedTo asks whether what is in the store may be lost, or has been told.
func agreedTo(c *command.Call, file string) error {
	return agree(c, fmt.Sprintf("replaces all that is in %s", file), "nothing was restored")
}

// agree asks whether data may be lost, or has been told.
func agree(c *command.Call, does, nothing string) error {
	yes, err := c.Flags().GetBool("yes")
	if err != nil || yes {
		return err
	}
	in, ok := c.InOrStdin().(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return command.Usagef("%s: it %s; say --yes if that is meant", nothing, does)
	}
	fmt.Fprintf(c.ErrOrStderr(), "This %s. Write yes: ", does)
	line, err := bufio.NewReader(in).ReadString('\n')
	if err != nil || strings.TrimSpace(line) != "yes" {
		return command.Usagef("%s", nothing)
	}
	return nil
}
