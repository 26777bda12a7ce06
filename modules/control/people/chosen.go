package people

import (
	"context"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"github.com/fairway-gateway/fairway/modules/control/accounts"
	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/modules/control/listing"
	"github.com/fairway-gateway/fairway/modules/control/typed"
	"github.com/fairway-gateway/fairway/queries/db"
)

// Chosen says which members of a user the answer should have, as lists say it.
type Chosen struct {
	Include string `query:"include" maxLength:"4096" doc:"What the answer should have beside what it always has, with commas between."`
	Exclude string `query:"exclude" maxLength:"4096" doc:"What the answer should not have, with commas between."`
}

// chosenOf is that of the user whom the path names.
type chosenOf struct {
	User string `path:"user" doc:"The id, the number, or the e-mail address" example:"ann@example.org"`
	Chosen
}

// chosenAnswer is a user in the envelope, of whom something may be missing.
type chosenAnswer struct {
	ETag string `header:"ETag" doc:"For If-Match of a change"`
	Body chosen
}

// chosen is the envelope. What is in it is a user as he is where nothing is to be excluded: what encodes itself is encoded twice.
type chosen struct {
	Data any `json:"data"` // accounts.TrendsUser or listed
}

// Schema implements huma.SchemaProvider.
func (chosen) Schema(r huma.Registry) *huma.Schema {
	return r.Schema(reflect.TypeFor[typed.Data[listed]](), true, "")
}

// choose answers with a user. The parameters are looked at first, as those of lists are.
func (p *People) choose(ctx context.Context, c Chosen, whom func(context.Context) (db.User, error)) (*chosenAnswer, error) {
	q, err := p.trends.Parse(listing.Params{Include: c.Include, Exclude: c.Exclude}, true)
	if err != nil {
		return nil, err
	}
	u, err := whom(ctx)
	if err != nil {
		return nil, trendsFailure(err)
	}
	user := accounts.Trends(u)
	if len(q.Exclude) == 0 {
		return &chosenAnswer{ETag: tagOf(u), Body: chosen{user}}, nil
	}
	return &chosenAnswer{ETag: tagOf(u), Body: chosen{listed{Of: user, Without: q.Exclude}}}, nil
}

func (p *People) getTrends(ctx context.Context, in *chosenOf) (*chosenAnswer, error) {
	return p.choose(ctx, in.Chosen, api.Found[db.User])
}

func (p *People) getMe(ctx context.Context, in *Chosen) (*chosenAnswer, error) {
	return p.choose(ctx, *in, p.me)
}
