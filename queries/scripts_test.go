package queries

import (
	"database/sql"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/queries/db"
	"github.com/fairway-gateway/fairway/queries/rows"
)

func upload(user uuid.UUID, slug string) ScriptUpload {
	return ScriptUpload{Slug: slug, Name: strings.ToUpper(slug), Description: "d", User: user, Version: VersionUpload{
		BlobKey: "k1", BlobSHA256: index(1), BlobSize: 5, Configuration: []byte(`{"name" : "x", "cpu_limit": 5e8}`), Parameters: []byte(`{"type":"object"}`),
		Resources: Resources{CPUReservation: 1, CPULimit: 2, MemoryReservation: 3, MemoryLimit: 4, Environment: "e", EnvironmentVersion: "1", Compute: "gee", UsesGEE: true},
	}}
}

// TestScript holds what a script goes through from its first upload to its end.
func TestScript(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := openStore(t, dsn)
		u := create(t, s, aUser("a@x.org"))
		sc, err := s.CreateScript(t.Context(), by(), upload(u.ID, "one"))
		if err != nil || sc.Status != BuildPending || sc.CurrentVersion != 1 || sc.MemoryLimit != 4 || !sc.UsesGee || sc.Public || sc.Restricted {
			t.Fatalf("%+v, %v", sc, err)
		}
		_, err = s.CreateScript(t.Context(), by(), upload(u.ID, "one"))
		wantTaken(t, err, "slug")
		if _, err := s.CreateScript(t.Context(), by(), upload(fresh(), "two")); !errors.As(err, new(*MissingError)) {
			t.Error(err)
		}
		for _, name := range []string{"one", sc.ID.String(), strings.ToUpper(sc.ID.String())} {
			if got, err := s.FindScript(t.Context(), name); err != nil || got.ID != sc.ID {
				t.Error(name, err)
			}
		}
		for _, name := range []string{"two", fresh().String(), ""} {
			if _, err := s.FindScript(t.Context(), name); !errors.Is(err, sql.ErrNoRows) {
				t.Error(name, err)
			}
		}
		status := func(want string, version int64) {
			t.Helper()
			got, err := s.FindScript(t.Context(), "one")
			if err != nil || got.Status != want || got.CurrentVersion != version {
				t.Errorf("%s, %d, %v; want %s, %d", got.Status, got.CurrentVersion, err, want, version)
			}
		}
		builder := fresh()
		b, ok, err := s.ClaimBuild(t.Context(), builder, time.Hour)
		if !ok || err != nil || b.Number != 1 || b.Fence != 1 {
			t.Fatal(b, ok, err)
		}
		status(BuildBuilding, 1)
		if _, ok, err := s.ClaimBuild(t.Context(), builder, time.Hour); ok || err != nil {
			t.Error("it is given twice", err)
		}
		// Another version comes while it is built: what becomes of the first is not said of the script.
		if _, err := s.UploadScript(t.Context(), by(), sc.ID, u.ID, VersionUpload{BlobKey: "k2", BlobSHA256: index(2)}); err != nil {
			t.Fatal(err)
		}
		status(BuildPending, 2)
		if err := s.RenewBuild(t.Context(), b, time.Hour); err != nil {
			t.Error(err)
		}
		if err := s.FinishBuild(t.Context(), b, Built{Error: "no\x00 \xff"}); err != nil {
			t.Error(err)
		}
		status(BuildPending, 2)
		if err := s.FinishBuild(t.Context(), b, Built{OK: true}); !errors.Is(err, ErrFenced) {
			t.Error(err)
		}
		second, ok, err := s.ClaimBuild(t.Context(), builder, time.Nanosecond) // it is not heard of any more
		if !ok || err != nil || second.Number != 2 {
			t.Fatal(second, ok, err)
		}
		third, ok, err := s.ClaimBuild(t.Context(), fresh(), time.Hour)
		if !ok || err != nil || third.Number != 2 || third.Fence != 2 {
			t.Fatal(third, ok, err)
		}
		if err := s.RenewBuild(t.Context(), second, time.Hour); !errors.Is(err, ErrFenced) {
			t.Error(err)
		}
		if err := s.FinishBuild(t.Context(), third, Built{OK: true, Key: "image"}); err != nil {
			t.Error(err)
		}
		status(BuildSuccess, 2)
		all, err := s.ScriptVersions(t.Context(), sc.ID, 10)
		if err != nil || len(all) != 2 || all[0].BuiltKey != "image" || all[1].Status != BuildFail || all[1].BuildError != "no  \uFFFD" || string(all[1].Configuration) != `{"name" : "x", "cpu_limit": 5e8}` {
			t.Errorf("%+v, %v", all, err)
		}
		if v, err := s.ScriptVersion(t.Context(), sc.ID, 1); err != nil || v.BlobKey != "k1" || v.CpuLimit != 2 {
			t.Error(v, err)
		}
		public, err := s.PublishScript(t.Context(), by(), sc.ID, true)
		if err != nil || !public.Public || public.PublishedAt == nil {
			t.Error(public, err)
		}
		changed, err := s.ChangeScript(t.Context(), by(), sc.ID, func(sc *db.Script) error {
			sc.Name, sc.Status, sc.CurrentVersion = "new", BuildFail, 9
			return nil
		})
		if err != nil || changed.Name != "new" || changed.Status != BuildSuccess || changed.CurrentVersion != 2 {
			t.Error(changed, err)
		}
		if _, err := s.PublishScript(t.Context(), by(), sc.ID, false); err != nil {
			t.Error(err)
		}
		if _, err := s.DeleteScript(t.Context(), by(), sc.ID); err != nil {
			t.Error(err)
		}
		if _, err := s.DeleteScript(t.Context(), by(), sc.ID); !errors.Is(err, sql.ErrNoRows) {
			t.Error(err)
		}
		if _, err := s.CreateScript(t.Context(), by(), upload(u.ID, "one")); err != nil {
			t.Error("the name of who is gone is not free:", err)
		}
		if names, _ := actions(t, s, "script:"+sc.ID.String()); !slices.Equal(names, []string{"script.create", "script.upload", "script.publish", "script.change", "script.unpublish", "script.delete"}) {
			t.Error(names)
		}
	})
}

// TestScriptLogs holds that lines are numbered through, of all who write at once.
func TestScriptLogs(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := openStore(t, dsn)
		sc := aScript(t, s, create(t, s, aUser("a@x.org")).ID, "one")
		all(8, func(int) {
			for range 5 {
				if err := s.AddScriptLogs(t.Context(), sc.ID, 1, "Build: a\x00\xff", "Build: \"b\""); err != nil {
					t.Error(err)
				}
			}
		})
		lines, err := s.ScriptLogs(t.Context(), sc.ID, 0, time.Time{}, 1000)
		if err != nil || len(lines) != 80 {
			t.Fatal(len(lines), err)
		}
		for i, l := range lines {
			if l.ID != int64(i+1) || l.Text != []string{"Build: a\uFFFD\uFFFD", `Build: "b"`}[i%2] {
				t.Errorf("%d: %+v", i, l)
			}
		}
		if lines, err := s.ScriptLogs(t.Context(), sc.ID, 78, lines[0].RegisterDate.Add(-time.Second), 1); err != nil || len(lines) != 1 || lines[0].ID != 79 {
			t.Error(lines, err)
		}
		if err := s.AddScriptLogs(t.Context(), fresh(), 1, "x"); !errors.Is(err, sql.ErrNoRows) {
			t.Error(err)
		}
	})
}

// TestVisible holds who sees which scripts in lists, and that one script says the same of itself.
func TestVisible(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s := openStore(t, dsn)
		owner, friend, stranger := create(t, s, aUser("a@x.org")), create(t, s, aUser("b@x.org")), create(t, s, aUser("c@x.org"))
		var made []db.Script
		for slug, a := range map[string]Access{
			"private": {}, "public": {Public: true}, "closed": {Public: true, Restricted: true}, "given": {Restricted: true, Users: []uuid.UUID{friend.ID}},
			"admins": {Restricted: true, Roles: []string{"ADMIN"}}, "users": {Roles: []string{"USER", "ADMIN"}, Users: []uuid.UUID{friend.ID, stranger.ID}}, "gone": {Public: true},
		} {
			sc := aScript(t, s, owner.ID, slug)
			got, err := s.ChangeAccess(t.Context(), by(), sc.ID, func(is *Access) error {
				*is = a
				return nil
			})
			slices.Sort(a.Roles)
			slices.SortFunc(a.Users, func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
			if diff := cmp.Diff(Access{a.Restricted, a.Public, append([]string{}, a.Roles...), append([]uuid.UUID{}, a.Users...)}, got); err != nil || diff != "" {
				t.Error(diff, err)
			}
			if slug == "gone" {
				if _, err := s.DeleteScript(t.Context(), by(), sc.ID); err != nil {
					t.Error(err)
				}
				continue
			}
			if sc, err = s.FindScript(t.Context(), slug); err != nil {
				t.Fatal(err)
			}
			made = append(made, sc)
		}
		for _, c := range []struct {
			user uuid.UUID
			role string
			want []string
		}{
			{owner.ID, "USER", []string{"admins", "closed", "given", "private", "public", "users"}},
			{friend.ID, "USER", []string{"given", "public", "users"}},
			{stranger.ID, "USER", []string{"public", "users"}},
			{stranger.ID, "ADMIN", []string{"admins", "public", "users"}},
			{fresh(), "", []string{"public"}},
		} {
			where, err := VisibleTo(c.user, c.role)
			if err != nil {
				t.Fatal(err)
			}
			list, err := List(t.Context(), s, Scripts(), rows.Request{Where: where, Order: []rows.Order{{Column: rows.NewColumn("slug", rows.Text)}}, Limit: 100})
			if err != nil {
				t.Fatal(err)
			}
			var got, says []string
			for _, sc := range list {
				got = append(got, sc.Slug)
			}
			for _, sc := range made {
				if ok, err := s.MaySee(t.Context(), sc, c.user, c.role); err != nil {
					t.Error(err)
				} else if ok {
					says = append(says, sc.Slug)
				}
			}
			slices.Sort(says)
			if !slices.Equal(got, c.want) || !slices.Equal(says, c.want) {
				t.Errorf("%v, and by themselves %v; want %v", got, says, c.want)
			}
			if n, err := CountOf(t.Context(), s, Scripts(), where); err != nil || n != int64(len(c.want)) {
				t.Error(n, err)
			}
		}
		_, err := s.ChangeAccess(t.Context(), by(), made[0].ID, func(a *Access) error {
			a.Users = append(a.Users, fresh())
			return nil
		})
		if !errors.As(err, new(*MissingError)) {
			t.Error(err)
		}
	})
}
