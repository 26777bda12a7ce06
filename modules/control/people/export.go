package people

import (
	"context"
	"iter"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/fairway-gateway/fairway/modules/control/accounts"
	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/modules/control/listing"
	"github.com/fairway-gateway/fairway/modules/control/paged"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

// exported are the columns of an export.
func exported() []string {
	return []string{
		"id", "email", "name", "first_name", "last_name", "role", "country", "institution", "created_at", "updated_at",
		"last_login_at", "last_activity_at", "email_verified", "email_verified_at", "is_plugin_user", "is_in_mailing_list",
	}
}

func cells(u db.User) []any {
	t := accounts.Trends(u)
	return []any{
		t.ID, t.Email, t.Name, t.FirstName, t.LastName, t.Role, t.Country, t.Institution, t.Created, t.Updated,
		t.LastLogin, t.LastActivity, t.Verified, t.VerifiedAt, t.PluginUser, t.MailingList,
	}
}

// exportOf are the parameters of an export.
type exportOf struct {
	listing.Params
	Period
}

func (p *People) export(ctx context.Context, _ *exportOf) (*huma.StreamResponse, error) {
	q, request, err := paged.Query(ctx, p.trends, true)
	if err != nil {
		return nil, err
	}
	if q.Walk {
		return nil, api.Failure{Status: http.StatusBadRequest, Detail: "cursor: an export has no pages"}
	}
	within, err := periodIn(ctx)
	if err != nil {
		return nil, err
	}
	q.And(within)
	who, _, err := p.accounts.Who(ctx)
	if err != nil {
		return nil, err
	}
	// These have been read, so they are text of the store; who knows what else is in a query.
	asked := request.URL.Query()
	said := map[string]string{"filter": asked.Get("filter"), "sort": asked.Get("sort")}
	for _, name := range []string{"date_field", "date_from", "date_to"} {
		if text := asked.Get(name); text != "" {
			said[name] = text
		}
	}
	return paged.Export(ctx, p.store, paged.Exported{Action: "user.export", Table: "users", By: who.By, Asked: said, Columns: exported(), Lines: p.lines(ctx, q)})
}

// lines are the users of a query, as the lines of a table.
func (p *People) lines(ctx context.Context, q *listing.Query) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		for u, err := range queries.Each(ctx, p.store, queries.Users(), q.Request) {
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(cells(u), nil) {
				return
			}
		}
	}
}
