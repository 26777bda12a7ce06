package queries

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/queries/db"
)

func userClientSteps() []step {
	user := fresh()
	see := func(version string) func(ctx context.Context, q db.Querier) (any, error) {
		return func(ctx context.Context, q db.Querier) (any, error) {
			return q.SeeUserClient(ctx, db.SeeUserClientParams{ID: fresh(), UserID: user, ClientType: "cli", ClientVersion: version, ExtraMetadata: []byte(`{"a": "b"}`)})
		}
	}
	return []step{
		{"", func(ctx context.Context, q db.Querier) (any, error) {
			return nil, ignore(q.InsertUser(ctx, db.InsertUserParams{ID: user, Email: "seen@x.org", EmailKey: user.String(), Profile: []byte("{}"), Role: "USER"}))
		}, nil},
		{"SeeUserClient", see("1"), int64(1)},
		{"", see("1"), int64(0)},
		{"", see("2"), int64(1)},
		{"ListUserClients", func(ctx context.Context, q db.Querier) (any, error) {
			all, err := q.ListUserClients(ctx, user)
			if err != nil || len(all) != 1 {
				return len(all), err
			}
			return []string{all[0].ClientType, all[0].ClientVersion, all[0].Os, string(all[0].ExtraMetadata)}, nil
		}, []string{"cli", "2", "", `{"a": "b"}`}},
		{"TrimUserClients", func(ctx context.Context, q db.Querier) (any, error) {
			return q.TrimUserClients(ctx, db.TrimUserClientsParams{UserID: user, Keep: 0})
		}, int64(1)},
		{"", func(ctx context.Context, q db.Querier) (any, error) { return nil, ignore(q.DeleteUser(ctx, user)) }, nil},
	}
}

func ignore[T any](_ T, err error) error { return err }

// TestSeeClient has a user call with more programs than are kept, by several at once.
func TestSeeClient(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := openStore(t, dsn)
		u, other := create(t, s, aUser("a@x.org")), create(t, s, aUser("b@x.org"))
		see := func(user db.User, c UserClient) {
			t.Helper()
			if err := s.SeeClient(t.Context(), user.ID, c, 3); err != nil {
				t.Error(err)
			}
		}
		list := func(user db.User) (out []UserClient) {
			t.Helper()
			all, err := s.Queries().ListUserClients(t.Context(), user.ID)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range all {
				out = append(out, UserClient{Type: c.ClientType, Version: c.ClientVersion, OS: c.Os, QGIS: c.QgisVersion, Language: c.Language, Extra: compact(t, c.ExtraMetadata)})
			}
			return out
		}
		see(other, UserClient{Type: "cli"})
		see(u, UserClient{Type: "qgis_plugin", Version: "1", OS: "Linux", QGIS: "3", Language: "en", Extra: json.RawMessage(`{"commit":"x"}`)})
		see(u, UserClient{Type: "qgis_plugin", Version: "2"}) // what is not known any more stays
		want := []UserClient{{Type: "qgis_plugin", Version: "2", OS: "Linux", QGIS: "3", Language: "en", Extra: json.RawMessage(`{"commit":"x"}`)}}
		if d := cmp.Diff(want, list(u)); d != "" {
			t.Error(d)
		}
		race(t, 10, func(i int) (bool, error) {
			return true, s.SeeClient(t.Context(), u.ID, UserClient{Type: fmt.Sprintf("p%d", i%5)}, 3)
		})
		see(u, UserClient{Type: "last"})
		if all := list(u); len(all) != 3 || all[0].Type == "qgis_plugin" || all[2].Type == "qgis_plugin" {
			t.Errorf("%+v", all)
		}
		if d := cmp.Diff([]UserClient{{Type: "cli", Extra: json.RawMessage("{}")}}, list(other)); d != "" {
			t.Error(d)
		}
		if err := s.SeeClient(t.Context(), fresh(), UserClient{Type: "cli"}, 3); err == nil {
			t.Error("nobody has a program")
		}
		if err := s.SeeClient(t.Context(), u.ID, UserClient{Type: "c\x00"}, 3); err == nil {
			t.Error("NUL is kept")
		}
	})
}

// compact is JSON as both engines have it.
func compact(t *testing.T, raw []byte) json.RawMessage {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
