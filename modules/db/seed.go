package db

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/fairway-gateway/fairway/modules/command"
	"github.com/fairway-gateway/fairway/modules/control/accounts"
	"github.com/fairway-gateway/fairway/modules/control/passwords"
	"github.com/fairway-gateway/fairway/modules/control/permit"
)

func seedCommand() *cobra.Command {
	cmd := command.Sub("seed", "Makes users for development in an empty store: root with the password q, user with w, internal with q", seed)
	cmd.Flags().Bool("development", false, "Say that everybody may know the passwords")
	return cmd
}

// seeded is what seed did.
type seeded struct {
	Users   []string `json:"users"`
	Clients []string `json:"clients"`
}

// Text implements command.Report.
func (s seeded) Text(w io.Writer) error {
	for _, name := range s.Users {
		if err := command.Line(w, "made the user %s", name); err != nil {
			return err
		}
	}
	for _, name := range s.Clients {
		if err := command.Line(w, "made the client %s", name); err != nil {
			return err
		}
	}
	return nil
}

func seed(ctx context.Context, c *command.Call) (command.Report, error) {
	meant, err := c.Flags().GetBool("development")
	if err != nil {
		return nil, err
	}
	if !meant {
		return nil, command.Usagef("db seed makes users whose passwords everybody knows; say --development if that is meant")
	}
	s, err := c.Store(ctx)
	if err != nil {
		return nil, err
	}
	checker, err := passwords.New(accounts.NewDirectory(s, accounts.DirectoryConfig{}), passwords.Config{Realm: "users"})
	if err != nil {
		return nil, err
	}
	err = accounts.Starter{Store: s, Passwords: checker, Table: permit.New()}.SeedDevelopment(ctx, c.By())
	if err != nil {
		return nil, err
	}
	return seeded{Users: []string{"root", "user", "internal"}, Clients: []string{accounts.DocumentationClient}}, nil
}
