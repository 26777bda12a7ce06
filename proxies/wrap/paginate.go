package wrap

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/fairway-gateway/fairway/proxies/problem"
	"github.com/fairway-gateway/fairway/proxies/reply"
	"github.com/fairway-gateway/fairway/proxies/upstream"
)

// How the next page is found.
const (
	PagesLink   = "link"   // the header Link with rel=next (RFC 8288)
	PagesNext   = "next"   // a program gives its URL
	PagesCursor = "cursor" // a program gives its cursor, which a query parameter takes
	PagesNumber = "page"   // a query parameter takes its number
)

// Defaults of Pages.
const (
	DefaultPages     = 100
	DefaultPageItems = 10_000
)

// pages is a compiled Pages.
type pages struct {
	Pages
	next  *program // of the URL or cursor
	items *program // nil: the page is the list
}

func (rt *route) compilePages(f *fetch, at place) error {
	if f.Fetch.Pages == nil {
		return nil
	}
	p := &pages{Pages: *f.Fetch.Pages}
	at = at.field("pages")
	ways := []string{PagesLink, PagesNext, PagesCursor, PagesNumber}
	program, param := p.By == PagesNext || p.By == PagesCursor, p.By == PagesCursor || p.By == PagesNumber
	switch {
	case !slices.Contains(ways, p.By):
		return at.field("by").errf("paginate %q is unknown: the next page is found by %s%s", p.By, strings.Join(ways, ", "), Suggest(p.By, ways))
	case program != (p.JQ != ""):
		return at.errf("paginate next and cursor take a jq program, the others none: paginate cursor `.next` after")
	case param != (p.Param != ""):
		return at.errf("paginate cursor and page take the name of a query parameter, the others none: paginate page p")
	case p.First != nil && p.By != PagesNumber:
		return at.errf("first is the number of the first page, for paginate page alone")
	case p.MaxPages < 0 || p.MaxItems < 0:
		return at.errf("a number below 0 has no meaning here")
	case f.Method != http.MethodGet:
		return at.errf("only a GET has pages")
	}
	if p.MaxPages == 0 {
		p.MaxPages = DefaultPages
	}
	if p.MaxItems == 0 {
		p.MaxItems = DefaultPageItems
	}
	var err *ConfigError
	sees := f.plan.without(f.step)
	if program {
		if p.next, err = rt.compileProgram("paginate", p.JQ, f.step, sees, at.field("jq")); err != nil {
			return err
		}
		p.next.fetch = f.path
	}
	if p.Items != "" {
		if p.items, err = rt.compileProgram("items", p.Items, f.step, sees, at.field("items")); err != nil {
			return err
		}
		p.items.fetch = f.path
	}
	f.pages, f.tree = p, true
	return nil
}

// walk is the pages of one fetch while they come.
type walk struct {
	f     *fetch
	to    destination
	seen  map[string]bool
	page  int
	items []any
	text  []byte // of the items as they were decoded
	whole result // of all pages
}

// paginate asks for one page after the other; the value is the list of all their items.
func (f *fetch) paginate(ctx context.Context, fr *frame, to destination) *problem.Problem {
	within := *fr
	within.deadline = f.until(fr) // of all pages together
	fr = &within
	w := &walk{f: f, to: to, seen: map[string]bool{}, items: []any{}}
	if f.pages.By == PagesNumber {
		w.to.target = withQuery(to.target, f.pages.Param, itoa(f.pages.first()))
	}
	for more := true; more; {
		var p *problem.Problem
		if more, p = w.one(ctx, fr); p != nil {
			fr.results[f.index] = w.whole // its answers are given back
			return p
		}
	}
	w.whole.tree, w.whole.json = w.items, append(append([]byte{'['}, w.text...), ']')
	fr.results[f.index] = w.whole
	return nil
}

func (p *pages) first() int {
	if p.First != nil {
		return *p.First
	}
	return 1
}

// one asks for a page and finds the next one; false: there is none.
func (w *walk) one(ctx context.Context, fr *frame) (more bool, p *problem.Problem) {
	f := w.f
	key := w.to.backend.Name + " " + w.to.target
	if w.seen[key] {
		return false, f.notAllowed(problem.PaginationLoop, fmt.Sprintf("Page %d leads to a page that was there before.", w.page))
	}
	w.seen[key] = true
	w.page++
	p = w.patiently(ctx, fr)
	res := fr.results[f.index]
	fr.results[f.index] = result{}
	w.whole.pages = append(w.whole.pages, res.answer)
	if p != nil {
		if f.pages.By == PagesNumber && w.page > 1 && p.BackendStatus == http.StatusNotFound {
			return false, nil // many say so that there is no such page any more
		}
		return false, p
	}
	w.whole.status = res.status
	w.whole.parts = append(w.whole.parts, res.parts...)
	items, p := w.list(ctx, fr, res.tree)
	if p != nil {
		return false, p
	}
	if p := w.add(res.json, items); p != nil {
		return false, p
	}
	found, p := w.next(ctx, fr, &res, len(items))
	if p != nil || !found {
		return false, p
	}
	switch {
	case len(w.items) >= f.pages.MaxItems:
		w.cut(fmt.Sprintf("There are more than the %d items of max_items.", f.pages.MaxItems))
		return false, nil
	case w.page >= f.pages.MaxPages:
		w.cut(fmt.Sprintf("There are more than the %d pages of max_pages.", f.pages.MaxPages))
		return false, nil
	}
	return true, nil
}

// patiently asks for a page, and waits where the backend says that it is asked too often and for how long, as long as there
// is time.
func (w *walk) patiently(ctx context.Context, fr *frame) *problem.Problem {
	for {
		p := w.f.ask(ctx, fr, w.to)
		if p == nil || p.BackendStatus != http.StatusTooManyRequests || !time.Now().Add(p.RetryAfter).Before(w.f.until(fr)) {
			return p
		}
		timer := time.NewTimer(p.RetryAfter)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			if fr.ctx.Err() != nil {
				return &problem.Problem{Status: statusClientClosed, Detail: "The caller hung up.", Cause: fr.ctx.Err()}
			}
			return p
		}
	}
}

// list gives the items of a page.
func (w *walk) list(ctx context.Context, fr *frame, page any) ([]any, *problem.Problem) {
	v := page
	if w.f.pages.items != nil {
		var err error
		if v, err = w.f.pages.items.run(ctx, fr, page); err != nil {
			return nil, replyFailed(fmt.Sprintf("The items of page %d could not be found.", w.page), w.f.Name, err)
		}
	}
	items, ok := v.([]any)
	if !ok {
		return nil, replyFailed(fmt.Sprintf("Page %d is no list; say where its list is: items `.data`.", w.page), w.f.Name, nil)
	}
	return items, nil
}

// add appends the items of a page, as many as there may be.
func (w *walk) add(text []byte, items []any) *problem.Problem {
	room := w.f.pages.MaxItems - len(w.items)
	over := len(items) > room
	if over {
		items = items[:room]
		w.cut(fmt.Sprintf("There are more than the %d items of max_items.", w.f.pages.MaxItems))
	}
	w.items = append(w.items, items...)
	if !w.f.text || len(items) == 0 {
		return nil
	}
	if len(w.text) > 0 {
		w.text = append(w.text, ',')
	}
	if w.f.pages.items == nil && !over {
		text = bytes.TrimSpace(text)
		w.text = append(w.text, text[1:len(text)-1]...)
		return nil
	}
	for i, item := range items {
		out, err := w.itemText(text, i, item)
		if err != nil {
			return replyFailed(fmt.Sprintf("An item of page %d could not be written.", w.page), w.f.Name, err)
		}
		if i > 0 {
			w.text = append(w.text, ',')
		}
		w.text = append(w.text, out...)
	}
	return nil
}

// itemText gives an item as it was decoded, or as jq made it.
func (w *walk) itemText(page []byte, i int, item any) ([]byte, error) {
	if w.f.pages.items != nil {
		return reply.Marshal(item)
	}
	texts, err := itemTexts(page)
	if err != nil || i >= len(texts) {
		return reply.Marshal(item)
	}
	return texts[i], nil
}

// itemTexts splits a JSON array.
func itemTexts(array []byte) ([]jsontext.Value, error) {
	dec := jsontext.NewDecoder(bytes.NewReader(array), jsontext.AllowDuplicateNames(true))
	if _, err := dec.ReadToken(); err != nil {
		return nil, fmt.Errorf("no array: %w", err)
	}
	var out []jsontext.Value
	for dec.PeekKind() != ']' {
		v, err := dec.ReadValue()
		if err != nil {
			return nil, fmt.Errorf("item %d: %w", len(out), err)
		}
		out = append(out, v.Clone())
	}
	return out, nil
}

// cut says that items are left out, as a failed part of the answer.
func (w *walk) cut(detail string) {
	if !slices.ContainsFunc(w.whole.parts, func(p *problem.Problem) bool { return p.Code == problem.Truncated }) {
		w.whole.parts = append(w.whole.parts, &problem.Problem{Code: problem.Truncated, Status: http.StatusBadGateway, Detail: detail, Fetch: w.f.Name})
	}
}

// next finds where the next page is.
func (w *walk) next(ctx context.Context, fr *frame, res *result, items int) (bool, *problem.Problem) {
	pg := w.f.pages
	switch pg.By {
	case PagesNumber:
		w.to.target = withQuery(w.to.target, pg.Param, itoa(pg.first()+w.page))
		return items > 0, nil
	case PagesLink:
		return w.lead(nextLink(res.header["Link"]))
	}
	v, err := pg.next.run(ctx, fr, res.tree)
	if err != nil {
		return false, replyFailed(fmt.Sprintf("The next page of page %d could not be found.", w.page), w.f.Name, err)
	}
	text, p := w.pointer(v)
	if p != nil || text == "" {
		return false, p
	}
	if pg.By == PagesNext {
		return w.lead(text)
	}
	w.to.target = withQuery(w.to.target, pg.Param, text)
	return true, nil
}

// pointer is what a program says of the next page; null, false and "" say that there is none.
func (w *walk) pointer(v any) (string, *problem.Problem) {
	switch v := v.(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	case json.Number:
		return string(v), nil
	case bool:
		if !v {
			return "", nil
		}
	case map[string]any, []any:
	default:
		if text, err := reply.Marshal(v); err == nil {
			return string(text), nil
		}
	}
	return "", replyFailed(fmt.Sprintf("What page %d says of the next one is neither text nor a number.", w.page), w.f.Name, nil)
}

// lead goes to the URL of the next page, which may be relative to that of this one.
func (w *walk) lead(text string) (bool, *problem.Problem) {
	if text == "" {
		return false, nil
	}
	ref, err := url.Parse(text)
	base, berr := url.Parse(w.to.target)
	if err == nil && berr == nil && !ref.IsAbs() && ref.Host == "" && ref.User == nil && checkText(text) == "" && len(text) <= longestURL {
		w.to.target = requestTarget(base.ResolveReference(ref))
		return true, nil
	}
	to, p := w.f.leads(text)
	if p != nil {
		return false, p
	}
	w.to = to
	return true, nil
}

// withQuery gives a target with one query parameter set.
func withQuery(target, name, value string) string {
	path, query, _ := strings.Cut(target, "?")
	var kept []string
	for pair := range strings.SplitSeq(query, "&") {
		key, _, _ := strings.Cut(pair, "=")
		if plain, err := url.QueryUnescape(key); pair != "" && (err != nil || plain != name) {
			kept = append(kept, pair)
		}
	}
	kept = append(kept, url.QueryEscape(name)+"="+url.QueryEscape(value))
	return path + "?" + strings.Join(kept, "&")
}

// releasePages gives back what the answers of pages hold.
func releasePages(answers []*upstream.Answer) {
	for _, a := range answers {
		a.Release()
	}
}
