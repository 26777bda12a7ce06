// Package teams has the teams of a store over HTTP, as Houston has them: who makes a team leads it, its leaders say who its members
// are, and administrators may do what leaders may.
package teams

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/accounts"
	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/modules/control/callers"
	"github.com/fairway-gateway/fairway/modules/control/listing"
	"github.com/fairway-gateway/fairway/modules/control/patch"
	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
	"github.com/fairway-gateway/fairway/queries/rows"
)

// Teams has the handlers of teams. It is used concurrently.
type Teams struct {
	store *queries.Store
	table *permit.Table

	teams, members *listing.Resource
}

// New makes Teams over an open store. The error is a mistake in what can be listed.
func New(store *queries.Store, table *permit.Table) (*Teams, error) {
	t := &Teams{store: store, table: table}
	var errs [2]error
	t.teams, errs[0] = listing.New(teamResource())
	t.members, errs[1] = listing.New(memberResource())
	return t, errors.Join(errs[:]...)
}

// BriefTeam is a team in lists.
type BriefTeam struct {
	ID    int64  `json:"id" required:"true" doc:"A number; paths take the UUID, too" example:"1"`
	Title string `json:"title" required:"true" example:"Rangers"`
}

// TeamMember is a user as a member of a team.
type TeamMember struct {
	Team   *BriefTeam         `json:"team,omitempty"`
	User   accounts.BriefUser `json:"user" required:"true"`
	Leader bool               `json:"is_leader" required:"true" doc:"Leaders may change the team, and say who its members are"`
}

// Team is a team with its members.
type Team struct {
	BriefTeam
	Members []TeamMember `json:"members" required:"true"`
	Created string       `json:"created" required:"true" example:"2016-10-20T14:00:35.912576+00:00"`
	Updated string       `json:"updated" required:"true" doc:"When its title or its members were changed"`
}

func brief(t db.Team) BriefTeam { return BriefTeam{ID: t.Number, Title: t.Title} }

func member(m queries.Member) TeamMember {
	return TeamMember{User: accounts.BriefOf(m.Number, m.Username, m.FirstName, m.MiddleName, m.LastName), Leader: m.Leader}
}

// show gives a team with the members that it has.
func show(t db.Team, members []TeamMember) Team {
	return Team{BriefTeam: brief(t), Members: members, Created: accounts.HoustonTime(t.CreatedAt), Updated: accounts.HoustonTime(t.UpdatedAt)}
}

// of gives the condition that rows are of a team.
func of(t db.Team) (rows.Condition, error) {
	return rows.Compare(rows.NewColumn("m.team_id", rows.ID), rows.Equal, t.ID)
}

// membersOf gives who lives of a team's members.
func (t *Teams) membersOf(ctx context.Context, team db.Team) ([]TeamMember, error) {
	where, err := of(team)
	if err != nil {
		return nil, err
	}
	all, err := queries.List(ctx, t.store, queries.Members(), rows.Request{Where: where, Limit: queries.MostMembers})
	if err != nil {
		return nil, err
	}
	out := make([]TeamMember, len(all))
	for i := range all {
		out[i] = member(all[i])
	}
	return out, nil
}

// tag is the entity tag of a team, which changes with the names of its members, too.
func tag(t db.Team, members []TeamMember) (string, error) {
	shown, err := json.Marshal(members)
	return patch.TagOf(t.Version, shown), err
}

// Resolve gives the team of a number or a UUID. Its value is a db.Team, and it is the caller's if he leads it.
func (t *Teams) Resolve(ctx context.Context, value string, c *callers.Caller) (api.Target, error) {
	team, err := t.find(ctx, value)
	if errors.Is(err, sql.ErrNoRows) {
		return api.Target{}, api.ErrNotFound
	}
	if err != nil {
		return api.Target{}, err
	}
	object, err := object(ctx, t.store.Queries(), team, c)
	return api.Target{Object: object, Value: team}, err
}

func (t *Teams) find(ctx context.Context, value string) (db.Team, error) {
	number, id, ok := named(value)
	switch {
	case !ok:
		return db.Team{}, sql.ErrNoRows
	case number > 0:
		return t.store.Queries().GetTeamByNumber(ctx, number)
	}
	return t.store.Queries().GetTeam(ctx, id)
}

// named reads what names something in a path: a number, or a UUID as UUIDs are written.
func named(value string) (number int64, id uuid.UUID, ok bool) {
	if n, err := strconv.ParseInt(value, 10, 64); err == nil {
		return n, uuid.UUID{}, n > 0
	}
	id, err := uuid.Parse(value)
	return 0, id, err == nil && strings.EqualFold(id.String(), value)
}

// object is what permissions are asked about a team: of its leaders the caller alone, who is who asks.
func object(ctx context.Context, q db.Querier, team db.Team, c *callers.Caller) (permit.Object, error) {
	user, err := api.IDOf(c)
	if err != nil {
		return permit.Object{}, nil //nolint:nilerr // nobody leads nothing
	}
	switch m, err := q.GetTeamMember(ctx, db.GetTeamMemberParams{TeamID: team.ID, UserID: user}); {
	case errors.Is(err, sql.ErrNoRows):
	case err != nil:
		return permit.Object{}, err
	case m.IsLeader:
		return permit.Object{Owners: []string{c.ID}}, nil
	}
	return permit.Object{}, nil
}

// check asks once more who may, when nobody else can change the team, and whether it is as the caller believes.
func (t *Teams) check(ctx context.Context, q db.Querier, team db.Team) error {
	caller, err := api.CallerIn(ctx)
	if err != nil {
		return err
	}
	o, err := object(ctx, q, team, caller)
	if err != nil {
		return err
	}
	if d := t.table.Decide(api.OperationIn(ctx), caller.Permit(), o); d != nil {
		return d
	}
	return patch.IfMatch(patch.Tag(team.Version), api.RequestIn(ctx).Header.Values("If-Match")...)
}

// user gives the living user of a number or a UUID. The error is a 404 in Houston's words.
func (t *Teams) user(ctx context.Context, number int64, id uuid.UUID) (db.User, error) {
	var u db.User
	var err error
	name := id.String()
	if number > 0 {
		name = strconv.FormatInt(number, 10)
		u, err = t.store.Queries().GetUserByNumber(ctx, number)
	} else {
		u, err = t.store.Queries().GetUser(ctx, id)
	}
	if errors.Is(err, sql.ErrNoRows) || err == nil && u.DeletedAt != nil {
		return db.User{}, api.Failure{Status: http.StatusNotFound, Detail: fmt.Sprintf("User with id %s does not exist", name)}
	}
	return u, err
}

// failure makes what a caller is told of an error.
func failure(err error) error {
	if f, ok := errors.AsType[api.Failure](err); ok {
		return f
	}
	if _, ok := errors.AsType[*queries.TakenError](err); ok {
		return api.Failure{Status: http.StatusConflict, Detail: "This user is a member of the team already."}
	}
	if full, ok := errors.AsType[*queries.LimitError](err); ok {
		return api.Failure{Status: http.StatusConflict, Detail: fmt.Sprintf("A team has at most %d members.", full.Most)}
	}
	switch {
	case errors.Is(err, queries.ErrLastLeader):
		return api.Failure{Status: http.StatusConflict, Detail: "The last leader of a team cannot leave it: let another user lead it before, or delete it."}
	case errors.Is(err, sql.ErrNoRows): // it was deleted a moment ago
		return api.ErrNotFound
	}
	if f, ok := accounts.Failure(err); ok {
		return f
	}
	return err
}
