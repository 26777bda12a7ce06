// Package listing reads what a caller says about a list: filter, sort, include, exclude, and which page. It makes a request for
// the store of it, in which nothing is the caller's text but values that are bound.
//
//	users, err := listing.New(listing.Resource{
//		Fields: []listing.Field{
//			{Name: "id", Column: rows.NewColumn("id", rows.ID)},
//			{Name: "email", Column: rows.NewColumn("email_key", rows.Key)},
//			{Name: "role", Column: rows.NewColumn("role", rows.Word), Words: []string{"USER", "ADMIN", "SUPERADMIN"}},
//			{Name: "created_at", Column: rows.NewColumn("created_at", rows.Time)},
//		},
//		Key: rows.NewColumn("number", rows.Integer), Sort: "-created_at", Paging: listing.OnRequest,
//	})
//	q, err := users.Parse(params, admin)
//	all, err := queries.List(ctx, store, queries.Users(), q.Request)
//
// # Language
//
// filter: conditions with commas between them, which all must hold: role='ADMIN',created_at>=2026-01-01. In parentheses there are
// OR and AND, which a comma is, too: (role='ADMIN' OR name like '%ann%'). Comparisons are = != < <= > >= and like, whose pattern has
// % for any text, _ for one character, and \ before one of these that means itself. A value is in ' or ", doubled inside, or bare up
// to a blank, a comma or a parenthesis; null is one where a field can be without a value. Texts are compared without regard to
// case. A comparison with what has no value does not hold, whichever it is, but for = null.
//
// sort: fields with commas between them, each with asc or desc behind it or - before it. What has no value sorts as if it were
// larger than everything.
//
// page and per_page, or limit and offset, say which part; cursor=* begins a walk through all, whose pages name the next one: rows
// that come and go meanwhile move nothing.
package listing

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/fairway-gateway/fairway/queries/rows"
)

// Field is something that a list can be filtered and sorted by.
type Field struct {
	// Name is the caller's word for it, in lower case.
	Name string
	// Column is where it is. Its kind says how it is compared.
	Column rows.Column
	// Words are the values of a column of words, as they are stored; a caller may write them in any case. Default: any.
	Words []string
	// NoFilter and NoSort say what cannot be done with it. Default false.
	NoFilter, NoSort bool
	// Admin is for administrators; others are told that they may not. Default false.
	Admin bool
}

// Extra is something that an answer has only if it is asked for.
type Extra struct {
	Name string
	// Admin is for administrators; others do not get it, and are told nothing. Default false.
	Admin bool
}

// Paging is what a list does where nothing is said about pages, and how it takes what is wrong.
type Paging int

const (
	// OnRequest is Trends.Earth's: there are pages only if page or per_page, or one of ours, is given; rubbish is the default, and
	// what is too large is the most there may be.
	OnRequest Paging = iota + 1
	// Always is Houston's: there are always pages, and a limit or an offset out of its range is a 422.
	Always
)

// Resource is what can be listed.
type Resource struct {
	// Fields are what there is to filter and sort by.
	Fields []Field
	// Key is the column that no two rows share: the table's. It must be given.
	Key rows.Column
	// Includes are what include may name. Default none.
	Includes []Extra
	// Ignored are further names that include may have, which older systems know and nobody gets. Default none.
	Ignored []string
	// Members are what exclude may name. Default: the names of Fields and Includes.
	Members []string
	// Sort is the order where nothing is said, in the language of sort. Default: the table's key.
	Sort string
	// Paging says what is done about pages. It must be given.
	Paging Paging
	// Most is how many rows a page has at most, Usual how many where nothing is said. Defaults MostPage and UsualPage.
	Most, Usual int
	// Unpaged is how many rows a list without pages has at most. Default 100,000.
	Unpaged int

	fields map[string]*Field
	sort   []rows.Order
}

// Limits of the language.
const (
	// MostBytes is how long a filter may be, and each other parameter.
	MostBytes = 4096
	// MostConditions is how many comparisons a filter may have, MostNesting how deep its parentheses.
	MostConditions = 50
	MostNesting    = 5
	// MostValue is how long a value may be, in bytes.
	MostValue = 1000
	// MostSorts is by how many fields a list is sorted.
	MostSorts = 5
	// MostPage is how many rows a page may have, UsualPage how many it has by default.
	MostPage  = 100
	UsualPage = 20
	// mostOffset is how far a page may be from the beginning.
	mostOffset = 1_000_000_000
)

// New makes a Resource that can be asked. The error is a mistake in what was declared. It does not change, and is used
// concurrently.
func New(r Resource) (*Resource, error) {
	r.fields = map[string]*Field{}
	for i := range r.Fields {
		f := &r.Fields[i]
		if !isName(f.Name) || r.fields[f.Name] != nil || f.Column.Kind() == 0 {
			return nil, fmt.Errorf("the field %q: a name in lower case, once, and a column", f.Name)
		}
		r.fields[f.Name] = f
	}
	if r.Key.Kind() == 0 {
		return nil, errors.New("a list says which column no two rows share")
	}
	if r.Paging != OnRequest && r.Paging != Always {
		return nil, errors.New("a list says what it does about pages")
	}
	r.Most, r.Usual = cmp.Or(r.Most, MostPage), cmp.Or(r.Usual, UsualPage)
	if r.Unpaged <= 0 {
		r.Unpaged = 100_000
	}
	if r.Members == nil {
		for _, f := range r.Fields {
			r.Members = append(r.Members, f.Name)
		}
		for _, e := range r.Includes {
			r.Members = append(r.Members, e.Name)
		}
	}
	var err error
	r.sort, err = r.orders(r.Sort, true)
	return &r, err
}

func isName(s string) bool {
	return s != "" && s[0] >= 'a' && s[0] <= 'z' && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789_") == ""
}

// field finds what a caller names.
func (r *Resource) field(param, name string, admin bool) (*Field, error) {
	f := r.fields[strings.ToLower(name)]
	usable := func(f *Field) bool { return param == sorts && !f.NoSort || param == filters && !f.NoFilter }
	if f == nil || !usable(f) {
		var known []string
		for i := range r.Fields {
			if g := &r.Fields[i]; usable(g) && (admin || !g.Admin) {
				known = append(known, g.Name)
			}
		}
		return nil, &Error{Parameter: param, Field: cut(name), Known: known, Reason: "there is no field " + quote(name)}
	}
	if f.Admin && !admin {
		return nil, &Error{Parameter: param, Field: f.Name, Forbidden: true, Reason: f.Name + " is for administrators"}
	}
	return f, nil
}

// orders reads sort.
func (r *Resource) orders(text string, admin bool) ([]rows.Order, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	var out []rows.Order
	var seen []string
	for part := range strings.SplitSeq(text, ",") {
		words := strings.Fields(part)
		if len(words) == 0 || len(words) > 2 {
			return nil, wrong(sorts, "a field, with asc or desc behind it or - before it, is wanted, and not "+quote(part))
		}
		name, descending := strings.CutPrefix(words[0], "-")
		if len(words) == 2 {
			switch strings.ToLower(words[1]) {
			case "asc":
			case "desc":
				descending = !descending
			default:
				return nil, wrong(sorts, "behind a field is asc or desc, and not "+quote(words[1]))
			}
		}
		f, err := r.field(sorts, name, admin)
		if err != nil {
			return nil, err
		}
		if slices.Contains(seen, f.Name) {
			return nil, wrong(sorts, f.Name+" is there twice")
		}
		if seen = append(seen, f.Name); len(seen) > MostSorts {
			return nil, wrong(sorts, fmt.Sprintf("there are at most %d fields", MostSorts))
		}
		out = append(out, rows.Order{Column: f.Column, Descending: descending})
	}
	return out, nil
}

// included reads include.
func (r *Resource) included(text string, admin bool) ([]string, error) {
	names, err := names("include", text)
	if err != nil {
		return nil, err
	}
	var out, known []string
	for _, e := range r.Includes {
		if admin || !e.Admin {
			known = append(known, e.Name)
		}
	}
	for _, name := range names {
		i := slices.IndexFunc(r.Includes, func(e Extra) bool { return e.Name == name })
		switch {
		case i >= 0 && r.Includes[i].Admin && !admin, slices.Contains(r.Ignored, name), slices.Contains(out, name):
		case i < 0:
			return nil, &Error{Parameter: "include", Field: cut(name), Known: known, Reason: "there is no " + quote(name) + " to be included"}
		default:
			out = append(out, name)
		}
	}
	return out, nil
}

// excluded reads exclude.
func (r *Resource) excluded(text string) ([]string, error) {
	names, err := names("exclude", text)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if !slices.Contains(r.Members, name) {
			return nil, &Error{Parameter: "exclude", Field: cut(name), Known: r.Members, Reason: "there is no " + quote(name) + " to be excluded"}
		}
	}
	return names, nil
}

// names reads a list of names, each once.
func names(param, text string) (out []string, err error) {
	for part := range strings.SplitSeq(text, ",") {
		name := strings.ToLower(strings.TrimSpace(part))
		if name == "" || slices.Contains(out, name) {
			continue
		}
		if out = append(out, name); len(out) > MostConditions {
			return nil, wrong(param, fmt.Sprintf("there are at most %d names", MostConditions))
		}
	}
	return out, nil
}
