package teams_test

import (
	"context"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/fairway-gateway/fairway/modules/control/controltest"
	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/modules/control/teams"
	"github.com/fairway-gateway/fairway/modules/control/typed"
	"github.com/fairway-gateway/fairway/queries/db"
)

// engines are those of this package's tests.
var engines = controltest.NewEngines()

func TestMain(m *testing.M) { os.Exit(engines.Main(m)) }

var must = controltest.Must

// world is the API of teams over a store, with users whose passwords are their names.
type world struct {
	*controltest.Gateway
	typed *typed.API
}

// both runs a test over a store of each engine that has users: root, ann, ben, cid, and staff, who is internal.
func both(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	engines.Both(t, func(t *testing.T, dsn string) {
		t.Helper()
		w := newWorld(t, dsn)
		w.User(t, "root", permit.Admin)
		for _, name := range []string{"ann", "ben", "cid"} {
			w.User(t, name, permit.User)
		}
		staff := w.User(t, "staff", permit.User)
		w.alter(t, staff, func(u *db.User) { u.IsInternal, u.IsRegularUser = true, false })
		test(t, w)
	})
}

func newWorld(t testing.TB, dsn string) *world {
	t.Helper()
	w := &world{}
	w.Gateway = controltest.Open(t, dsn, func(g *controltest.Gateway) {
		one, err := teams.New(g.Store, g.Table())
		must(t, err)
		w.typed = typed.New(g.API, "")
		one.Register(g.API, w.typed)
	})
	return w
}

func (w *world) alter(t testing.TB, u db.User, change func(*db.User)) {
	t.Helper()
	_, err := w.Store.ChangeUser(t.Context(), controltest.By(), u.ID, func(row *db.User) error {
		change(row)
		return nil
	})
	must(t, err)
}

// send is Ask with headers, which are pairs.
func (w *world) send(ctx context.Context, who, method, target, body string, header ...string) controltest.Answer {
	r := httptest.NewRequestWithContext(ctx, method, target, strings.NewReader(body))
	r.SetBasicAuth(who+"@example.org", who)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for pair := range slices.Chunk(header, 2) {
		r.Header.Set(pair[0], pair[1])
	}
	return w.Do(r)
}

// team is a team as it is answered.
type team struct {
	ID      int64
	Title   string
	Members []member
	Created string
	Updated string
}

type member struct {
	Team *struct {
		ID    int64
		Title string
	}
	User struct {
		ID       int64
		Username string
	}
	Leader bool `json:"is_leader"`
}

// made makes a team that ann leads, with ben in it.
func (w *world) made(t testing.TB) (made team, path string) {
	t.Helper()
	w.Want(t, "ann:", "POST", "/api/v1/teams/", "title=Rangers", 200).JSON(t, &made)
	path = "/api/v1/teams/" + number(made.ID)
	w.Want(t, "ann:", "POST", path+"/members/", "user_id="+number(w.Find(t, "ben").Number), 200)
	return made, path
}

// audited gives the actions of the audit log about a team, the oldest first.
func (w *world) audited(t testing.TB, id int64) []string {
	t.Helper()
	row, err := w.Store.Queries().GetTeamByNumber(t.Context(), id)
	must(t, err)
	all, err := w.Store.Queries().ListAuditOf(t.Context(), db.ListAuditOfParams{Subject: "team:" + row.ID.String(), AtMost: 100})
	must(t, err)
	out := make([]string, len(all))
	for i, a := range all {
		out[len(all)-1-i] = a.Action
		if a.RequestID != "r1" || a.ActorUser == nil {
			t.Errorf("%+v", a)
		}
	}
	return out
}
