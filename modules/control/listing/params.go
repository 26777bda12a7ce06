package listing

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/fairway-gateway/fairway/queries/rows"
)

// Params are the parameters of a list, as they are in the query; "": it is not given. Embed it in the input of an operation. How long
// they may be ParamsOf says, so that it is told as everything else that is wrong with them.
type Params struct {
	Filter  string `query:"filter" doc:"Conditions with commas between them, which all must hold; alternatives are in parentheses, with OR between them. Operators are = != < <= > >= and like." example:"(role='ADMIN' OR name like '%ann%'),created_at>=2026-01-01"`
	Sort    string `query:"sort" doc:"Fields with commas between them, each with asc or desc behind it, or - before it." example:"created_at desc,name"`
	Include string `query:"include" doc:"What the answer should have beside what it always has, with commas between."`
	Exclude string `query:"exclude" doc:"What the answer should not have, with commas between."`
	Page    string `query:"page" doc:"Which page, from 1." example:"1"`
	PerPage string `query:"per_page" doc:"How many there are on a page, 1 to 100. By default 20." example:"20"`
	Limit   string `query:"limit" doc:"How many there are at most, 1 to 100. By default 20." example:"20"`
	Offset  string `query:"offset" doc:"How many are left out before, from 0." example:"0"`
	Cursor  string `query:"cursor" doc:"* begins a walk through all; each page names the cursor of the next one."`
}

// ParamsOf takes the parameters out of a query. The error is an *Error: one of them is there twice, or too long, or no text.
func ParamsOf(query url.Values) (Params, error) {
	var p Params
	for name, to := range p.all() {
		values := query[name]
		if len(values) > 1 {
			return Params{}, wrong(name, "it is there twice")
		}
		if len(values) == 1 {
			*to = values[0]
		}
	}
	return p, p.check()
}

func (p *Params) all() map[string]*string {
	return map[string]*string{
		filters: &p.Filter, sorts: &p.Sort, "include": &p.Include, "exclude": &p.Exclude,
		"page": &p.Page, "per_page": &p.PerPage, "limit": &p.Limit, "offset": &p.Offset, "cursor": &p.Cursor,
	}
}

func (p *Params) check() error {
	for name, value := range p.all() {
		if len(*value) > MostBytes {
			return wrong(name, fmt.Sprintf("it has at most %d bytes", MostBytes))
		}
		if !utf8.ValidString(*value) || strings.IndexByte(*value, 0) >= 0 {
			return wrong(name, "text is UTF-8 without NUL")
		}
	}
	return nil
}

// Query is what a caller wants to see.
type Query struct {
	// Request is for the store. Further conditions, whose the rows must be, are added by And.
	Request rows.Request
	// Include and Exclude are names, each once, in the caller's order. Of Include those that are for somebody else are gone.
	Include, Exclude []string
	// Paged says that there are pages; without, Request.Limit is the most that is ever given.
	Paged bool
	// Page is which one, from 1, where they have numbers: in a walk by a cursor, or with an offset that is no multiple of the
	// limit, it is 0.
	Page int
	// Walk says that it is a walk by a cursor.
	Walk bool

	style style
	print [printSize]byte // of filter and sort, which a cursor belongs to
}

// style is how the caller says which page.
type style int

const (
	byPage style = iota + 1
	byOffset
	byCursor
)

// Includes says whether something is to be included.
func (q *Query) Includes(name string) bool { return slices.Contains(q.Include, name) }

// Excludes says whether something is to be excluded.
func (q *Query) Excludes(name string) bool { return slices.Contains(q.Exclude, name) }

// And adds a condition: that rows are the caller's.
func (q *Query) And(c rows.Condition) { q.Request.Where = rows.All(q.Request.Where, c) }

// Parse reads the parameters of a list. Admin says whether the caller may use the fields for administrators. The error is an
// *Error.
func (r *Resource) Parse(p Params, admin bool) (*Query, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	q := &Query{print: fingerprint(p)}
	var err error
	if q.Request.Where, err = r.condition(p.Filter, admin); err != nil {
		return nil, err
	}
	if q.Request.Order, err = r.orders(p.Sort, admin); err != nil {
		return nil, err
	}
	if q.Request.Order == nil {
		q.Request.Order = r.sort
	}
	if q.Include, err = r.included(p.Include, admin); err != nil {
		return nil, err
	}
	if q.Exclude, err = r.excluded(p.Exclude); err != nil {
		return nil, err
	}
	return q, r.page(q, p)
}

// page reads which page is wanted.
func (r *Resource) page(q *Query, p Params) error {
	numbered, counted := p.Page != "" || p.PerPage != "", p.Limit != "" || p.Offset != ""
	switch {
	case p.Cursor != "" && (numbered || p.Offset != ""):
		return wrong("cursor", "with a cursor there is limit alone")
	case numbered && counted:
		return wrong("page", "there are page and per_page, or limit and offset")
	case p.Cursor != "":
		q.Paged, q.Walk, q.style = true, true, byCursor
		if err := r.number("limit", p.Limit, r.Usual, 1, r.Most, &q.Request.Limit); err != nil {
			return err
		}
		return q.resume(p.Cursor, r.Key)
	case numbered:
		q.Paged, q.style = true, byPage
		if err := r.number("per_page", p.PerPage, r.Usual, 1, r.Most, &q.Request.Limit); err != nil {
			return err
		}
		if err := r.number("page", p.Page, 1, 1, mostOffset/r.Most, &q.Page); err != nil {
			return err
		}
		q.Request.Offset = (q.Page - 1) * q.Request.Limit
		return nil
	case counted || r.Paging == Always:
		q.Paged, q.style = true, byOffset
		if err := r.number("limit", p.Limit, r.Usual, 1, r.Most, &q.Request.Limit); err != nil {
			return err
		}
		if err := r.number("offset", p.Offset, 0, 0, mostOffset, &q.Request.Offset); err != nil {
			return err
		}
		if q.Request.Offset%q.Request.Limit == 0 {
			q.Page = q.Request.Offset/q.Request.Limit + 1
		}
		return nil
	}
	q.Request.Limit = r.Unpaged
	return nil
}

// number reads a number. Trends.Earth's takes rubbish for the usual, and what is out of range for the nearest that is in it.
func (r *Resource) number(param, text string, usual, least, most int, to *int) error {
	if *to = usual; text == "" {
		return nil
	}
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if r.Paging == OnRequest {
		if err == nil {
			*to = min(max(n, least), most)
		}
		return nil
	}
	if err != nil || n < least || n > most {
		return &Error{Parameter: param, Reason: fmt.Sprintf("it is a number from %d to %d", least, most), OutOfRange: true}
	}
	*to = n
	return nil
}
