package docs

import (
	"maps"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

// described is what people are told of an operation whose handler has no types that huma knows. Method, path, scopes, permissions
// and what they refuse are permit's to say.
type described struct {
	// summary is a line, text a paragraph.
	summary, text string
	// query are parameters beside those of the path.
	query []*huma.Param
	// body is a value of the type of the body; nil: there is none.
	body any
	// types are the media types that the body may have. Default: application/json.
	types []string
	// optional: the body may be absent.
	optional bool
	// answer is a value of the type of a good answer; nil: it has no body, or none with a schema.
	answer any
	// status is that of a good answer. Default 200.
	status int
	// media is the media type of a good answer. Default application/json where there is an answer.
	media string
	// also is a value of the type of another good answer, in JSON, for who accepts that. Default: there is none.
	also any
	// nothing says when the answer is 204. Default: never.
	nothing string
	// header are headers of a good answer, with what they say.
	header map[string]string
	// fails are statuses, beside those of permit's, that callers have to expect, with what they mean. Of paths with variables, lists
	// and bodies the usual ones need not be here.
	fails map[int]string
	// page: those are pages, too.
	page bool
	// oauth: errors are those of RFC 6749.
	oauth bool
}

// handwritten describes the operations of the table that are not typed, and says of those that are what they do not say themselves.
// A test holds it to the table.
func handwritten() map[string]described {
	out := map[string]described{}
	for _, part := range []map[string]described{logins(), oauth2(), clients(), users(), ofTyped(), apiTokens(), service(), documents(), uploaded(), executed(), followed(), scheduled(), hooked(), inward()} {
		maps.Copy(out, part)
	}
	return out
}

func query(name, kind, text string) *huma.Param {
	return &huma.Param{Name: name, In: "query", Description: text, Schema: &huma.Schema{Type: kind}}
}

func choice(name, text string, values ...any) *huma.Param {
	p := query(name, huma.TypeString, text)
	p.Schema.Enum = values
	return p
}

// bounded is a number with a default.
func bounded(name, text string, least, most, usual float64) *huma.Param {
	p := query(name, huma.TypeInteger, text)
	p.Schema.Minimum, p.Schema.Default = &least, usual
	if most > 0 {
		p.Schema.Maximum = &most
	}
	return p
}

// trendsList are the parameters of Trends.Earth's lists.
func trendsList() []*huma.Param {
	return []*huma.Param{
		query("filter", huma.TypeString, "Conditions, a comma is AND: `role='ADMIN',(country='Chile' OR country='Peru')`. Operators are = != > < >= <= and like."),
		query("sort", huma.TypeString, "Fields with asc or desc, by commas: `name asc, created_at desc`."),
		query("include", huma.TypeString, "Further members, by commas."),
		query("exclude", huma.TypeString, "Members to leave out, by commas."),
		bounded("page", "The page, from 1. With it, or with per_page, the answer has page, per_page and total.", 1, 0, 1),
		bounded("per_page", "How many a page has.", 1, 100, 20),
	}
}

// houstonList are the parameters of Houston's lists.
func houstonList() []*huma.Param {
	return []*huma.Param{bounded("limit", "How many.", 1, 100, 20), bounded("offset", "How many of the first to leave out.", 0, 0, 0)}
}

// form are the media types of forms.
func form() []string { return []string{"application/x-www-form-urlencoded", "multipart/form-data"} }

// jsonOrForm are those of Trends.Earth's logins.
func jsonOrForm() []string { return []string{"application/json", "application/x-www-form-urlencoded"} }

func badBody(text string) map[int]string { return map[int]string{http.StatusBadRequest: text} }

func none() map[int]string {
	return map[int]string{http.StatusNotFound: "There is nothing of that name."}
}

func and(all ...map[int]string) map[int]string {
	out := map[int]string{}
	for _, m := range all {
		maps.Copy(out, m)
	}
	return out
}
