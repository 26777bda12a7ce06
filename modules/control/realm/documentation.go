package realm

import (
	"context"
	"slices"

	"github.com/fairway-gateway/fairway/modules/control/accounts"
	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/modules/control/scopes"
	"github.com/fairway-gateway/fairway/modules/control/tokens"
	"github.com/fairway-gateway/fairway/modules/control/tokens/stored"
)

// clients are those of the store, where the public client of documentation has every scope that the API document offers: those of
// services too, which come and go with the configuration, and those of later versions. Whoever has no secret gives nothing away by
// that, since people log in with their own passwords, and have their own rights.
type clients struct {
	*stored.Store
	book *scopes.Book
}

// Client implements tokens.Store.
func (c clients) Client(ctx context.Context, id string) (tokens.Client, bool, error) {
	client, ok, err := c.Store.Client(ctx, id)
	if err != nil || !ok || id != accounts.DocumentationClient || client.Confidential {
		return client, ok, err
	}
	for _, s := range c.book.All() {
		if s.Name != permit.All && !slices.Contains(client.Scopes, s.Name) {
			client.Scopes = append(client.Scopes, s.Name)
		}
	}
	return client, true, nil
}

var (
	_ tokens.Store = clients{}
	_ tokens.Waker = clients{}
)
