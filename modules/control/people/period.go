package people

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/modules/control/listing"
	"github.com/fairway-gateway/fairway/queries/rows"
)

// Period bounds an export, as Trends.Earth's clients do.
type Period struct {
	DateField string `query:"date_field" default:"created_at" doc:"What date_from and date_to are about: created_at or updated_at."`
	DateFrom  string `query:"date_from" maxLength:"100" doc:"Since when: a date, or a time" example:"2026-01-01"`
	DateTo    string `query:"date_to" maxLength:"100" doc:"Until when: a date, which has its whole day, or a time" example:"2026-12-31"`
}

// periodIn are the conditions of the query of ctx. The error is a *listing.Error.
func periodIn(ctx context.Context) (rows.Condition, error) {
	values, err := url.ParseQuery(api.RequestIn(ctx).URL.RawQuery)
	if err != nil {
		return rows.Condition{}, api.Failure{Status: http.StatusBadRequest, Detail: "The query is no list of parameters."}
	}
	field := "created_at"
	if f := values.Get("date_field"); f != "" {
		field = f
	}
	if field != "created_at" && field != "updated_at" {
		return rows.Condition{}, &listing.Error{Parameter: "date_field", Field: field[:min(len(field), 40)], Known: []string{"created_at", "updated_at"}, Reason: "that is no field of dates"}
	}
	column := rows.NewColumn("created_at", rows.Time)
	if field == "updated_at" {
		column = rows.NewColumn("updated_at", rows.Time)
	}
	var all []rows.Condition
	for _, bound := range []struct {
		name string
		op   rows.Op
	}{{"date_from", rows.GreaterOrEqual}, {"date_to", rows.LessOrEqual}} {
		text := strings.TrimSpace(values.Get(bound.name))
		if text == "" {
			continue
		}
		at, err := listing.ParseTime(text)
		if err != nil {
			return rows.Condition{}, &listing.Error{Parameter: bound.name, Reason: err.Error()}
		}
		if bound.op == rows.LessOrEqual && len(text) == len(time.DateOnly) {
			bound.op, at = rows.Less, at.AddDate(0, 0, 1)
		}
		c, err := rows.Compare(column, bound.op, at)
		if err != nil {
			return rows.Condition{}, &listing.Error{Parameter: bound.name, Reason: err.Error()}
		}
		all = append(all, c)
	}
	return rows.All(all...), nil
}
