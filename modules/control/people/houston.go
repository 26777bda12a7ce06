package people

import (
	"context"
	"strconv"

	"github.com/fairway-gateway/fairway/modules/control/accounts"
	"github.com/fairway-gateway/fairway/modules/control/listing"
	"github.com/fairway-gateway/fairway/modules/control/patch"
	"github.com/fairway-gateway/fairway/modules/control/typed"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
	"github.com/fairway-gateway/fairway/queries/rows"
)

func (p *People) registerHouston(t *typed.API) {
	typed.Register(t, typed.Operation{ID: "users.list", Summary: "Users", Description: "Always a page, by limit and offset; X-Total-Count has how many there are."}, p.listHouston)
	typed.Register(t, typed.Operation{
		ID: "users.create", Summary: "Signs up", Description: "The user is not active until an administrator makes him so. Administrators need no recaptcha_key.",
		Bodies: map[string]any{"application/json": signUp{}, "application/x-www-form-urlencoded": signUp{}}, Wrap: inflated(),
	}, p.createHouston)
	typed.Register(t, typed.Operation{ID: "users.signup_form", Summary: "What signing up needs"}, p.signUpForm)
	typed.Register(t, typed.Operation{ID: "users.me.get", Summary: "Who I am"}, p.getMeHouston)
	typed.Register(t, typed.Operation{ID: "users.get", Summary: "A user", Description: "By the number, or by the UUID."}, p.getHouston)
	typed.Register(t, typed.Operation{
		ID: "users.change", Summary: "Changes a user",
		Description: "An array has the operations of RFC 6902, an object is laid over the user. Before anything is written, current_password is tested: the caller's own, or the user's.",
		Bodies:      map[string]any{"application/json": []operation{}, patch.OperationsType: []operation{}, patch.MergeType: houstonPatch{}}, Wrap: inflated(),
	}, p.changeHouston)
}

// BriefUser is a user as Houston shows it in lists.
type BriefUser struct {
	ID         int64  `json:"id" doc:"A number; paths take the UUID, too" example:"1"`
	Username   string `json:"username" example:"root"`
	FirstName  string `json:"first_name"`
	MiddleName string `json:"middle_name"`
	LastName   string `json:"last_name"`
}

func brief(u db.User) BriefUser {
	out := BriefUser{ID: u.Number, FirstName: u.FirstName, MiddleName: u.MiddleName, LastName: u.LastName}
	if u.Username != nil {
		out.Username = *u.Username
	}
	return out
}

// numbered is what the path names, for the document.
type numbered struct {
	User string `path:"user" doc:"The number, or the UUID" example:"1"`
}

// houstonAnswer is a bare user.
type houstonAnswer struct {
	ETag string `header:"ETag" doc:"For If-Match of a change"`
	Body accounts.HoustonUser
}

func answerHouston(u db.User, err error) (*houstonAnswer, error) {
	if err != nil {
		return nil, houstonFailure(err)
	}
	return &houstonAnswer{ETag: patch.Tag(u.Version), Body: accounts.Houston(u)}, nil
}

func (p *People) getHouston(ctx context.Context, _ *numbered) (*houstonAnswer, error) {
	return answerHouston(found(ctx))
}

func (p *People) getMeHouston(ctx context.Context, _ *struct{}) (*houstonAnswer, error) {
	return answerHouston(p.me(ctx))
}

// houstonResource is what users can be listed by.
func houstonResource() listing.Resource {
	return listing.Resource{
		Fields: []listing.Field{
			{Name: "id", Column: rows.NewColumn("number", rows.Integer)},
			{Name: "username", Column: rows.NewColumn("username_key", rows.Key).Nullable()},
			{Name: "first_name", Column: rows.NewColumn("first_name", rows.Text)},
			{Name: "middle_name", Column: rows.NewColumn("middle_name", rows.Text)},
			{Name: "last_name", Column: rows.NewColumn("last_name", rows.Text)},
			{Name: "email", Column: rows.NewColumn("email_key", rows.Key)},
			{Name: "created", Column: rows.NewColumn("created_at", rows.Time)},
			{Name: "updated", Column: rows.NewColumn("updated_at", rows.Time)},
			{Name: "is_active", Column: rows.NewColumn("is_active", rows.Bool)},
			{Name: "is_regular_user", Column: rows.NewColumn("is_regular_user", rows.Bool)},
		},
		Key: rows.NewColumn("number", rows.Integer), Paging: listing.Always, Members: []string{},
	}
}

// bareList is a list of Houston's: a bare array, and how many there are in a header, but in a walk.
type bareList[T any] struct {
	Total string `header:"X-Total-Count" doc:"How many there are in all"`
	Link  string `header:"Link" doc:"The other pages"`
	Body  []T
}

// bare makes a list of rows.
func bare[T, R any](ctx context.Context, s *queries.Store, of *listing.Resource, t *rows.Table[R], show func(R) T) (*bareList[T], error) {
	q, request, err := query(ctx, of)
	if err != nil {
		return nil, err
	}
	all, link, total, err := page(ctx, s, t, q, request)
	if err != nil {
		return nil, err
	}
	out := &bareList[T]{Link: link, Body: make([]T, len(all))}
	for i := range all {
		out.Body[i] = show(all[i])
	}
	if total != nil {
		out.Total = strconv.FormatInt(*total, 10)
	}
	return out, nil
}

func (p *People) listHouston(ctx context.Context, _ *struct{ listing.Params }) (*bareList[BriefUser], error) {
	return bare(ctx, p.store, p.houston, queries.Users(), brief)
}

// form is what signing up needs.
type form struct {
	Body struct {
		Key string `json:"recaptcha_server_key"`
	}
}

func (p *People) signUpForm(context.Context, *struct{}) (*form, error) {
	out := &form{}
	out.Body.Key = p.options.SignUpKey
	return out, nil
}
