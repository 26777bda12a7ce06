package queries

import (
	"context"
	"encoding/json"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries/db"
)

// UserClient is a program with which a user calls. Empty texts are not known.
type UserClient struct {
	// Type is the kind of program, 1 to 50 characters. There is one row for each.
	Type string
	// Version, OS, QGIS and Language have at most 50 characters each.
	Version, OS, QGIS, Language string
	// Extra is an object with what else is known. Nil: nothing.
	Extra json.RawMessage
}

// SeeClient writes down that a user calls with a program: what is new, and else that it was seen, at most once a minute. Of a
// user's programs those that were seen last are kept, most of them.
func (s *Store) SeeClient(ctx context.Context, user uuid.UUID, c UserClient, most int) error {
	if err := plain(c.Type, c.Version, c.OS, c.QGIS, c.Language, string(c.Extra)); err != nil {
		return err
	}
	if c.Extra == nil {
		c.Extra = json.RawMessage("{}")
	}
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	n, err := s.queries().SeeUserClient(ctx, db.SeeUserClientParams{
		ID: id, UserID: user, ClientType: c.Type, ClientVersion: c.Version, Os: c.OS, QgisVersion: c.QGIS, Language: c.Language,
		ExtraMetadata: c.Extra,
	})
	if err != nil || n == 0 {
		return err
	}
	_, err = s.queries().TrimUserClients(ctx, db.TrimUserClientsParams{UserID: user, Keep: int64(most)})
	return err
}
