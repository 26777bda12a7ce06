package teams

import (
	"context"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/modules/control/body"
	"github.com/fairway-gateway/fairway/modules/control/inflate"
	"github.com/fairway-gateway/fairway/modules/control/listing"
	"github.com/fairway-gateway/fairway/modules/control/paged"
	"github.com/fairway-gateway/fairway/modules/control/patch"
	"github.com/fairway-gateway/fairway/modules/control/typed"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
	"github.com/fairway-gateway/fairway/queries/rows"
)

// Register has the operations of teams handled, and {team} looked up by a.
func (t *Teams) Register(a *api.API, to *typed.API) {
	a.Resolve("team", t.Resolve)
	inflated := []func(http.Handler) http.Handler{
		func(h http.Handler) http.Handler { return inflate.Handler(h, inflate.Options{Fail: api.Refuse}) },
	}
	forms := func(v any) map[string]any {
		return map[string]any{"application/json": v, "application/x-www-form-urlencoded": v, "multipart/form-data": v}
	}
	typed.Register(to, typed.Operation{ID: "teams.list", Summary: "Teams", Description: "Always a page, by limit and offset; X-Total-Count has how many there are."}, t.list)
	typed.Register(to, typed.Operation{
		ID: "teams.create", Summary: "A new team", Description: "Who makes it leads it. 409 where the title is too short.", Bodies: forms(newTeam{}), Wrap: inflated,
	}, t.create)
	typed.Register(to, typed.Operation{ID: "teams.get", Summary: "A team with its members", Description: "By the number, or by the UUID."}, t.get)
	typed.Register(to, typed.Operation{
		ID: "teams.change", Summary: "Changes a team", Description: "An array has the operations of RFC 6902, an object is laid over the team. There is the title to be changed.",
		Bodies: map[string]any{"application/json": []typed.PatchOperation{}, patch.OperationsType: []typed.PatchOperation{}, patch.MergeType: newTeam{}}, Wrap: inflated,
	}, t.change)
	typed.Register(to, typed.Operation{ID: "teams.delete", Summary: "Deletes a team"}, t.remove)
	typed.Register(to, typed.Operation{ID: "teams.members.list", Summary: "The members of a team", Description: "Always a page, by limit and offset; X-Total-Count has how many there are."}, t.listMembers)
	typed.Register(to, typed.Operation{
		ID: "teams.members.add", Summary: "Adds a member to a team", Description: "409 where the user is one already, 404 where there is no such user.", Bodies: forms(newMember{}), Wrap: inflated,
	}, t.add)
	typed.Register(to, typed.Operation{ID: "teams.members.remove", Summary: "Takes a member out of a team", Description: "409 where it is the last leader. The answer is null."}, t.take)
}

// newTeam is what a team is made of, for the document.
type newTeam struct {
	Title string `json:"title" required:"true" minLength:"3" maxLength:"256" example:"Rangers"`
}

// newMember is what a membership is made of, for the document.
type newMember struct {
	User   int64 `json:"user_id" required:"true" doc:"The number, or the UUID, of the user" example:"2"`
	Leader bool  `json:"is_leader,omitempty" doc:"Default false"`
}

// inPath is what the path names, for the document.
type inPath struct {
	Team string `path:"team" doc:"The number, or the UUID" example:"1"`
}

// conditional is a change that is bound to what the team is.
type conditional struct {
	inPath
	IfMatch string `header:"If-Match" doc:"The ETag that the team must still have"`
}

// sent is a body that is read as it is.
type sent struct {
	RawBody []byte
}

// changed is a conditional change with a body. Its fields are its own, since huma looks for those of one struct below.
type changed struct {
	Team    string `path:"team" doc:"The number, or the UUID" example:"1"`
	IfMatch string `header:"If-Match" doc:"The ETag that the team must still have"`
	RawBody []byte
}

// leaving is who is taken out of a team.
type leaving struct {
	Team    string `path:"team" doc:"The number, or the UUID" example:"1"`
	User    string `path:"user" doc:"The number, or the UUID" example:"2"`
	IfMatch string `header:"If-Match" doc:"The ETag that the team must still have"`
}

// teamAnswer is a team with its members.
type teamAnswer struct {
	ETag string `header:"ETag" doc:"For If-Match of a change, and If-None-Match"`
	Body Team
}

func answer(t db.Team, members []TeamMember) (*teamAnswer, error) {
	etag, err := tag(t, members)
	if err != nil {
		return nil, err
	}
	return &teamAnswer{ETag: etag, Body: show(t, members)}, nil
}

// teamResource is what teams can be listed by.
func teamResource() listing.Resource {
	return listing.Resource{
		Fields: []listing.Field{
			{Name: "id", Column: rows.NewColumn("number", rows.Integer)},
			{Name: "title", Column: rows.NewColumn("title", rows.Text)},
			{Name: "created", Column: rows.NewColumn("created_at", rows.Time)},
			{Name: "updated", Column: rows.NewColumn("updated_at", rows.Time)},
		},
		Key: rows.NewColumn("number", rows.Integer), Paging: listing.Always, Members: []string{},
	}
}

// memberResource is what members can be listed by.
func memberResource() listing.Resource {
	return listing.Resource{
		Fields: []listing.Field{
			{Name: "id", Column: rows.NewColumn("u.number", rows.Integer)},
			{Name: "username", Column: rows.NewColumn("u.username_key", rows.Key).Nullable()},
			{Name: "first_name", Column: rows.NewColumn("u.first_name", rows.Text)},
			{Name: "middle_name", Column: rows.NewColumn("u.middle_name", rows.Text)},
			{Name: "last_name", Column: rows.NewColumn("u.last_name", rows.Text)},
			{Name: "is_leader", Column: rows.NewColumn("m.is_leader", rows.Bool)},
		},
		Key: rows.NewColumn("u.number", rows.Integer), Paging: listing.Always, Members: []string{},
	}
}

func (t *Teams) list(ctx context.Context, _ *struct{ listing.Params }) (*paged.Bare[BriefTeam], error) {
	return paged.List(ctx, t.store, t.teams, queries.Teams(), brief)
}

func (t *Teams) get(ctx context.Context, _ *inPath) (*teamAnswer, error) {
	team, err := api.Found[db.Team](ctx)
	if err != nil {
		return nil, err
	}
	members, err := t.membersOf(ctx, team)
	if err != nil {
		return nil, err
	}
	return answer(team, members)
}

// Bounds of a title, in characters. The longest is the store's.
const (
	shortest = 3
	longest  = 256
)

// checkTitle says whether a team can be called so.
func checkTitle(title string) error {
	switch {
	case utf8.RuneCountInString(strings.TrimSpace(title)) < shortest:
		return api.Failure{Status: http.StatusConflict, Detail: "Title has to be at least 3 characters long."}
	case utf8.RuneCountInString(title) > longest:
		return wrongField("title", "Longer than maximum length 256.")
	case strings.ContainsFunc(title, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return wrongField("title", "Not a valid string.")
	}
	return nil
}

// wrongField is Houston's answer to a member that is at fault.
func wrongField(name, text string) error {
	return api.Failure{Status: http.StatusUnprocessableEntity, Detail: name + ": " + text, Messages: map[string][]string{name: {text}}}
}

// fields reads a body; names must be there.
func fields(ctx context.Context, raw []byte, names ...string) (*body.Fields, error) {
	f, err := body.Parse(api.RequestIn(ctx).Header.Get("Content-Type"), raw)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if !f.Has(name) {
			return nil, wrongField(name, "Missing data for required field.")
		}
	}
	return f, nil
}

func (t *Teams) create(ctx context.Context, in *sent) (*teamAnswer, error) {
	f, err := fields(ctx, in.RawBody, "title")
	if err != nil {
		return nil, failure(err)
	}
	title := f.Text("title")
	if f.Err() != nil {
		return nil, wrongField("title", "Not a valid string.")
	}
	if err := checkTitle(title); err != nil {
		return nil, err
	}
	caller, err := api.CallerIn(ctx)
	if err != nil {
		return nil, err
	}
	leader, err := api.IDOf(caller)
	if err != nil {
		return nil, err
	}
	team, err := t.store.CreateTeam(ctx, api.By(api.RequestIn(ctx)), title, leader)
	if err != nil {
		return nil, failure(err)
	}
	members, err := t.membersOf(ctx, team)
	if err != nil {
		return nil, err
	}
	return answer(team, members)
}

func (t *Teams) change(ctx context.Context, in *changed) (*teamAnswer, error) {
	team, err := api.Found[db.Team](ctx)
	if err != nil {
		return nil, err
	}
	request, err := patch.Parse(api.RequestIn(ctx).Header.Get("Content-Type"), in.RawBody, patch.Limits{})
	if err != nil {
		return nil, failure(err)
	}
	members, err := t.membersOf(ctx, team)
	if err != nil {
		return nil, err
	}
	may := map[string]patch.Field{"title": {NotNull: true}}
	if request.IsMerge() { // clients send back what they were shown
		for _, name := range []string{"id", "members", "created", "updated"} {
			may[name] = patch.Field{Access: patch.ReadOnly}
		}
	}
	next, err := t.store.ChangeTeam(ctx, api.By(api.RequestIn(ctx)), team.ID, func(ctx context.Context, q db.Querier, row *db.Team) error {
		if err := t.check(ctx, q, *row); err != nil {
			return err
		}
		next, differ, err := patch.To(ctx, request, show(*row, members), patch.Rules{Fields: may, RemoveByValue: true})
		if err != nil || len(differ) == 0 {
			return err
		}
		row.Title = next.Title
		return checkTitle(next.Title)
	})
	if err != nil {
		return nil, failure(err)
	}
	return answer(next, members)
}

func (t *Teams) remove(ctx context.Context, _ *conditional) (*struct{}, error) {
	team, err := api.Found[db.Team](ctx)
	if err != nil {
		return nil, err
	}
	if err := t.store.DeleteTeam(ctx, api.By(api.RequestIn(ctx)), team.ID, t.check); err != nil {
		return nil, failure(err)
	}
	return nil, nil
}

func (t *Teams) listMembers(ctx context.Context, _ *struct {
	inPath
	listing.Params
},
) (*paged.Bare[TeamMember], error) {
	team, err := api.Found[db.Team](ctx)
	if err != nil {
		return nil, err
	}
	where, err := of(team)
	if err != nil {
		return nil, err
	}
	in := brief(team)
	return paged.List(ctx, t.store, t.members, queries.Members(), func(m queries.Member) TeamMember {
		out := member(m)
		out.Team = &in
		return out
	}, where)
}

// memberAnswer is a membership.
type memberAnswer struct {
	Body TeamMember
}

func (t *Teams) add(ctx context.Context, in *changed) (*memberAnswer, error) {
	team, err := api.Found[db.Team](ctx)
	if err != nil {
		return nil, err
	}
	f, err := fields(ctx, in.RawBody, "user_id")
	if err != nil {
		return nil, failure(err)
	}
	number, id := f.ID("user_id")
	if f.Err() != nil {
		return nil, wrongField("user_id", "Not a valid integer.")
	}
	leader := f.Bool("is_leader", false)
	if f.Err() != nil {
		return nil, wrongField("is_leader", "Not a valid boolean.")
	}
	user, err := t.user(ctx, number, id)
	if err != nil {
		return nil, err
	}
	m, err := t.store.AddMember(ctx, api.By(api.RequestIn(ctx)), team.ID, user.ID, leader, t.check)
	if err != nil {
		return nil, failure(err)
	}
	out := member(queries.Member{Number: user.Number, Username: user.Username, FirstName: user.FirstName, MiddleName: user.MiddleName, LastName: user.LastName, Leader: m.IsLeader})
	where := brief(team)
	out.Team = &where
	return &memberAnswer{Body: out}, nil
}

// null is an answer that is null.
type null struct{}

// MarshalJSON implements json.Marshaler.
func (null) MarshalJSON() ([]byte, error) { return []byte("null"), nil }

// Schema implements huma.SchemaProvider.
func (null) Schema(huma.Registry) *huma.Schema { return &huma.Schema{Description: "null"} }

func (t *Teams) take(ctx context.Context, in *leaving) (*struct{ Body null }, error) {
	team, err := api.Found[db.Team](ctx)
	if err != nil {
		return nil, err
	}
	number, id, ok := named(in.User)
	if !ok {
		return nil, api.ErrNotFound
	}
	user, err := t.user(ctx, number, id)
	if err != nil {
		return nil, err
	}
	if err := t.store.RemoveMember(ctx, api.By(api.RequestIn(ctx)), team.ID, user.ID, t.check); err != nil {
		return nil, failure(err)
	}
	return &struct{ Body null }{}, nil
}
