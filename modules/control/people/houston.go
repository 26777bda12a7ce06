package people

import (
	"context"

	"github.com/fairway-gateway/fairway/modules/control/accounts"
	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/modules/control/listing"
	"github.com/fairway-gateway/fairway/modules/control/paged"
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
		Bodies: map[string]any{"application/json": signUp{}, "application/x-www-form-urlencoded": signUp{}, "multipart/form-data": signUp{}}, Wrap: inflated(), Empty: true,
	}, p.createHouston)
	typed.Register(t, typed.Operation{ID: "users.signup_form", Summary: "What signing up needs"}, p.signUpForm)
	typed.Register(t, typed.Operation{ID: "users.me.get", Summary: "Who I am"}, p.getMeHouston)
	typed.Register(t, typed.Operation{ID: "users.get", Summary: "A user", Description: "By the number, or by the UUID."}, p.getHouston)
	typed.Register(t, typed.Operation{
		ID: "users.change", Summary: "Changes a user",
		Description: "An array has the operations of RFC 6902, an object is laid over the user. Before anything is written, current_password is tested: the caller's own, or the user's.",
		Bodies:      map[string]any{"application/json": []typed.PatchOperation{}, patch.OperationsType: []typed.PatchOperation{}, patch.MergeType: houstonPatch{}}, Wrap: inflated(),
	}, p.changeHouston)
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
	return &houstonAnswer{ETag: tagOf(u), Body: accounts.Houston(u)}, nil
}

func (p *People) getHouston(ctx context.Context, _ *numbered) (*houstonAnswer, error) {
	return answerHouston(api.Found[db.User](ctx))
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

func (p *People) listHouston(ctx context.Context, _ *struct{ listing.Params }) (*paged.Bare[accounts.BriefUser], error) {
	return paged.List(ctx, p.store, p.houston, queries.Users(), accounts.Brief)
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
