package db

import (
	"context"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fairway-gateway/fairway/modules/command"
	"github.com/fairway-gateway/fairway/modules/control/accounts"
	"github.com/fairway-gateway/fairway/modules/control/passwords"
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
	if err := command.Line(w, "made the users: %s", strings.Join(s.Users, ", ")); err != nil {
		return err
	}
	return command.Line(w, "made the clients: %s", strings.Join(s.Clients, ", "))
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
	err = accounts.Starter{Store: s, Passwords: checker}.SeedDevelopment(ctx, c.By())
	if err != nil {
		return nil, err
	}
	return seeded{Users: []string{"root", "user", "internal"}, Clients: []string{accounts.DocumentationClient}}, nil
}
