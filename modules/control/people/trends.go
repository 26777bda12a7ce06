package people

import (
	"context"

	"github.com/fairway-gateway/fairway/modules/control/accounts"
	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/modules/control/listing"
	"github.com/fairway-gateway/fairway/modules/control/paged"
	"github.com/fairway-gateway/fairway/modules/control/patch"
	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/modules/control/typed"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
	"github.com/fairway-gateway/fairway/queries/rows"
)

func (p *People) registerTrends(t *typed.API) {
	lists := "filter, sort and exclude as the parameters say; there are pages where page or per_page is given. "
	typed.Register(t, typed.Operation{ID: "user.list", Summary: "Users", Description: lists}, p.listTrends)
	typed.Register(t, typed.Operation{ID: "user.export", Summary: "Users as CSV", Description: lists + "At most 100,000 rows; the audit log says who exported them."}, p.export)
	typed.Register(t, typed.Operation{ID: "user.get", Summary: "A user", Description: "By id, number or address."}, p.getTrends)
	typed.Register(t, typed.Operation{ID: "user.me.get", Summary: "Who I am"}, p.getMe)
	patches := map[string]any{
		"application/json": trendsPatch{}, patch.MergeType: trendsPatch{}, patch.OperationsType: []typed.PatchOperation{},
	}
	typed.Register(t, typed.Operation{
		ID: "user.me.change", Summary: "Changes who I am", Bodies: patches, Wrap: inflated(),
		Description: "An object is laid over the user, an array has the operations of RFC 6902. password and repeatPassword, which are equal, set another password and end all logins. The role is ignored where anything else is to be changed.",
	}, p.changeMe)
	typed.Register(t, typed.Operation{ID: "user.me.delete", Summary: "Deletes who I am", Description: "The user stays in the store, and can be restored."}, p.deleteMe)
	typed.Register(t, typed.Operation{ID: "user.change", Summary: "Changes a user", Bodies: patches, Wrap: inflated(), Description: "An object is laid over the user, an array has the operations of RFC 6902."}, p.changeTrends)
	typed.Register(t, typed.Operation{ID: "user.delete", Summary: "Deletes a user", Description: "The user stays in the store, and can be restored."}, p.deleteTrends)
	typed.Register(t, typed.Operation{ID: "user.restore", Summary: "Restores a deleted user", Description: "409 where somebody else has the address now."}, p.restore)
}

// trendsPatch is what an object may have, for the document.
type trendsPatch struct {
	accounts.TrendsUser
	Password       string `json:"password,omitempty" doc:"Another password of /user/me"`
	RepeatPassword string `json:"repeatPassword,omitempty" doc:"The same once more"`
}

// inPath is what the path names, for the document.
type inPath struct {
	User string `path:"user" doc:"The id, the number, or the e-mail address" example:"ann@example.org"`
}

// trendsAnswer is a user in the envelope.
type trendsAnswer struct {
	ETag string `header:"ETag" doc:"For If-Match of a change"`
	Body typed.Data[accounts.TrendsUser]
}

func showTrends(u db.User) *trendsAnswer {
	return &trendsAnswer{ETag: tagOf(u), Body: typed.Data[accounts.TrendsUser]{Data: accounts.Trends(u)}}
}

// answer is the end of most handlers.
func answer(u db.User, err error) (*trendsAnswer, error) {
	if err != nil {
		return nil, trendsFailure(err)
	}
	return showTrends(u), nil
}

// removing is the header of who deletes, for the document.
type removing struct {
	IfMatch string `header:"If-Match" doc:"The ETag that the user must still have"`
}

// removingUser is removing, of the user whom the path names.
type removingUser struct {
	User    string `path:"user" doc:"The id, the number, or the e-mail address" example:"ann@example.org"`
	IfMatch string `header:"If-Match" doc:"The ETag that the user must still have"`
}

func (p *People) deleteMe(ctx context.Context, _ *removing) (*trendsAnswer, error) {
	return answer(p.remove(ctx, "user.me.delete", p.me))
}

func (p *People) deleteTrends(ctx context.Context, _ *removingUser) (*trendsAnswer, error) {
	return answer(p.remove(ctx, "user.delete", api.Found[db.User]))
}

func (p *People) remove(ctx context.Context, operation string, whom func(context.Context) (db.User, error)) (db.User, error) {
	u, err := whom(ctx)
	if err != nil {
		return db.User{}, err
	}
	if err := patch.IfMatch(tagOf(u), api.RequestIn(ctx).Header.Values("If-Match")...); err != nil {
		return db.User{}, err
	}
	who, _, err := p.accounts.Who(ctx)
	if err != nil {
		return db.User{}, err
	}
	return p.accounts.Delete(ctx, who, operation, u.ID)
}

func (p *People) restore(ctx context.Context, _ *inPath) (*trendsAnswer, error) {
	u, err := api.Found[db.User](ctx)
	if err != nil {
		return nil, err
	}
	who, _, err := p.accounts.Who(ctx)
	if err != nil {
		return nil, err
	}
	if u, err = p.accounts.Restore(ctx, who, u.ID); err != nil {
		return nil, houstonFailure(err) // 409 where the address is taken
	}
	return showTrends(u), nil
}

// trendsResource is what users can be listed by.
func trendsResource() listing.Resource {
	return listing.Resource{
		Fields: []listing.Field{
			{Name: "id", Column: rows.NewColumn("id", rows.ID)},
			{Name: "email", Column: rows.NewColumn("email_key", rows.Key)},
			{Name: "name", Column: rows.NewColumn("name", rows.Text)},
			{Name: "first_name", Column: rows.NewColumn("first_name", rows.Text)},
			{Name: "last_name", Column: rows.NewColumn("last_name", rows.Text)},
			{Name: "role", Column: rows.NewColumn("role", rows.Word), Words: []string{string(permit.User), string(permit.Admin), string(permit.Superadmin)}},
			{Name: "country", Column: rows.NewColumn("country", rows.Text)},
			{Name: "institution", Column: rows.NewColumn("institution", rows.Text)},
			{Name: "created_at", Column: rows.NewColumn("created_at", rows.Time)},
			{Name: "updated_at", Column: rows.NewColumn("updated_at", rows.Time)},
			{Name: "last_login_at", Column: rows.NewColumn("last_login_at", rows.Time).Nullable()},
			{Name: "last_activity_at", Column: rows.NewColumn("last_activity_at", rows.Time).Nullable()},
			{Name: "email_verified", Column: rows.NewColumn("(email_verified_at is not null)", rows.Bool), NoSort: true},
			{Name: "email_verified_at", Column: rows.NewColumn("email_verified_at", rows.Time).Nullable()},
			{Name: "is_plugin_user", Column: rows.NewColumn("is_plugin_user", rows.Bool)},
			{Name: "is_in_mailing_list", Column: rows.NewColumn("is_in_mailing_list", rows.Bool)},
		},
		Key:     rows.NewColumn("number", rows.Integer),
		Ignored: []string{"scripts", "google_groups", "gee_credentials", "openeo_credentials"},
		Members: paged.Members[accounts.TrendsUser](), Paging: listing.OnRequest,
	}
}

// listed is a user without what is to be excluded.
type listed = paged.Shown[accounts.TrendsUser]

func (p *People) listTrends(ctx context.Context, _ *struct{ listing.Params }) (*paged.Envelope[listed], error) {
	q, request, err := paged.Query(ctx, p.trends, true) // whoever may list users is an administrator
	if err != nil {
		return nil, err
	}
	all, link, total, err := paged.Page(ctx, p.store, queries.Users(), q, request)
	if err != nil {
		return nil, err
	}
	out := make([]listed, len(all))
	for i := range all {
		out[i] = listed{Of: accounts.Trends(all[i]), Without: q.Exclude}
	}
	return paged.Of(out, q, link, total), nil
}
