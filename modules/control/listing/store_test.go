package listing_test

import (
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/fairway-gateway/fairway/modules/control/controltest"
	"github.com/fairway-gateway/fairway/modules/control/listing"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

// engines are those of this package's tests.
var engines = controltest.NewEngines()

func TestMain(m *testing.M) { os.Exit(engines.Main(m)) }

// TestOnBothEngines holds that both run what the language can say, and come to the same.
func TestOnBothEngines(t *testing.T) {
	t.Parallel()
	engines.Both(t, func(t *testing.T, dsn string) {
		t.Helper()
		s, err := queries.Open(t.Context(), queries.Config{DSN: dsn})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
		for i := range 30 {
			u := db.User{Email: fmt.Sprintf("u%d@x.org", i), Name: []string{"Ann", "BEN", "Éva"}[i%3], Role: []string{"USER", "ADMIN"}[i%2], IsActive: i%5 == 0}
			if i%4 == 0 {
				name := fmt.Sprintf("N%d", i)
				u.Username = &name
			}
			if _, err := s.CreateUser(t.Context(), controltest.By(), u); err != nil {
				t.Fatal(err)
			}
		}
		r := resource(t, listing.Always)
		for _, c := range []struct {
			p    listing.Params
			want int
		}{
			{listing.Params{}, 30},
			{listing.Params{Filter: `name='éVA'`, Sort: "name"}, 10},
			{listing.Params{Filter: `name!=ann,(role=admin OR is_active=true)`, Sort: "-name,email"}, 12},
			{listing.Params{Filter: `email like 'U1%'`, Sort: "email desc"}, 11},
			{listing.Params{Filter: `role>ADMIN,name like '%n%'`, Sort: "role,-username"}, 10},
			{listing.Params{Filter: `username=null`, Sort: "username,name"}, 22},
			{listing.Params{Filter: `username!=null`, Sort: "-username"}, 8},
			{listing.Params{Filter: `username>n2`, Sort: "-username"}, 5},
			{listing.Params{Filter: `created_at>2026-01-01 00:00,created_at<2126-01-01,last_login_at=null`, Sort: "created_at,-id"}, 30},
			{listing.Params{Filter: `created_at!=2026-01-01,last_login_at>2026-01-01`}, 0},
			{listing.Params{Filter: `id!=0190aaaa-bbbb-7ccc-8ddd-eeeeeeeeeeee,number>=1,number<100`, Sort: "id"}, 30},
			{listing.Params{Filter: `is_active!=true`, Sort: "is_active,version"}, 24},
		} {
			t.Run(c.p.Filter, func(t *testing.T) {
				t.Parallel()
				q, err := r.Parse(c.p, true)
				if err != nil {
					t.Fatal(err)
				}
				if n, err := queries.CountOf(t.Context(), s, queries.Users(), q.Request.Where); err != nil || n != int64(c.want) {
					t.Errorf("%d, %v; want %d", n, err, c.want)
				}
				q.Request.Limit = 100
				whole, err := queries.List(t.Context(), s, queries.Users(), q.Request)
				if err != nil || len(whole) != c.want {
					t.Fatalf("%d, %v", len(whole), err)
				}
				var walked []db.User
				c.p.Limit = "7"
				for c.p.Cursor = "*"; c.p.Cursor != ""; {
					q, err := r.Parse(c.p, true)
					if err != nil {
						t.Fatal(err)
					}
					page, err := queries.List(t.Context(), s, queries.Users(), q.Request)
					if err != nil {
						t.Fatal(err)
					}
					walked = append(walked, page...)
					if c.p.Cursor, err = listing.Next(q, queries.Users(), page); err != nil {
						t.Fatal(err)
					}
				}
				if !slices.EqualFunc(whole, walked, func(a, b db.User) bool { return a.ID == b.ID }) {
					t.Errorf("a walk gives %d users, or others", len(walked))
				}
			})
		}
		p := listing.Params{Cursor: "*", Sort: "name", Limit: "5"}
		q, err := r.Parse(p, true)
		if err != nil {
			t.Fatal(err)
		}
		page, err := queries.List(t.Context(), s, queries.Users(), q.Request)
		if err != nil {
			t.Fatal(err)
		}
		if p.Cursor, err = listing.Next(q, queries.Users(), page); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Parse(p, true); err != nil {
			t.Error(err)
		}
		p.Sort = "email"
		if _, err := r.Parse(p, true); err == nil {
			t.Error("a cursor is taken for another order")
		}
	})
}
