// Package paged answers lists of what the store has: it reads what the caller says of them, the rows, and what is told of the
// other pages.
package paged

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/modules/control/listing"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/rows"
)

// Query reads the parameters of a list out of the request of ctx itself: there a parameter can be twice. Admin says whether the
// caller may use the fields for administrators.
func Query(ctx context.Context, r *listing.Resource, admin bool) (*listing.Query, *http.Request, error) {
	request := api.RequestIn(ctx)
	values, err := url.ParseQuery(request.URL.RawQuery)
	if err != nil {
		return nil, nil, api.Failure{Status: http.StatusBadRequest, Detail: "The query is no list of parameters."} // URL.Query would leave some out
	}
	params, err := listing.ParamsOf(values)
	if err != nil {
		return nil, nil, err
	}
	q, err := r.Parse(params, admin)
	return q, request, err
}

// Chosen reads of the request of ctx what the answer about one thing should have, and what not. Admin is as in Query.
func Chosen(ctx context.Context, r *listing.Resource, admin bool) (*listing.Query, error) {
	params, err := listing.ParamsOf(api.RequestIn(ctx).URL.Query())
	if err != nil {
		return nil, err
	}
	return r.Parse(listing.Params{Include: params.Include, Exclude: params.Exclude}, admin)
}

// Page reads what a query is about, with the header Link. Total is how many there are in all, nil in a walk and without pages.
func Page[T any](ctx context.Context, s *queries.Store, t *rows.Table[T], q *listing.Query, r *http.Request) (all []T, link string, total *int64, err error) {
	if all, err = queries.List(ctx, s, t, q.Request); err != nil || !q.Paged {
		return all, "", nil, err
	}
	if q.Walk {
		next, err := listing.Next(q, t, all)
		return all, q.Links(r.URL, 0, next), nil, err
	}
	n, err := queries.CountOf(ctx, s, t, q.Request.Where)
	return all, q.Links(r.URL, n, ""), &n, err
}

// Bare is a list of Houston's: a bare array, and how many there are in a header, but in a walk.
type Bare[T any] struct {
	Total string `header:"X-Total-Count" doc:"How many there are in all"`
	Link  string `header:"Link" doc:"The other pages"`
	Body  []T
}

// List makes a bare list of the rows that the request of ctx asks for, for which also all of must hold.
func List[T, R any](ctx context.Context, s *queries.Store, of *listing.Resource, t *rows.Table[R], show func(R) T, must ...rows.Condition) (*Bare[T], error) {
	q, request, err := Query(ctx, of, true)
	if err != nil {
		return nil, err
	}
	for _, c := range must {
		q.And(c)
	}
	all, link, total, err := Page(ctx, s, t, q, request)
	if err != nil {
		return nil, err
	}
	out := &Bare[T]{Link: link, Body: make([]T, len(all))}
	for i := range all {
		out.Body[i] = show(all[i])
	}
	if total != nil {
		out.Total = strconv.FormatInt(*total, 10)
	}
	return out, nil
}
