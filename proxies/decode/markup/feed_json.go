package markup

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/document"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/interrupt"
)

// jsonFeed tells a JSON Feed.
func (t *feedTeller) jsonFeed(ctx context.Context, format, text string) error {
	tree := decode.NewTree(decode.Limits{})
	if err := new(document.JSON).Decode(ctx, &decode.Input{Body: []byte(text)}, tree); err != nil {
		if syntax, ok := errors.AsType[*decode.SyntaxError](err); ok {
			syntax.Format = format
		}
		return err
	}
	feed, _ := tree.Value().(map[string]any)
	items, ok := feed["items"].([]any)
	if !ok || !strings.Contains(jsonText(feed, "version"), "jsonfeed.org") {
		return &decode.SyntaxError{Format: format, Msg: "the document is no feed"}
	}
	head := jsonItem(feed)
	head.link = jsonText(feed, "home_page_url")
	for _, item := range items {
		if item, ok := item.(map[string]any); ok && head.updated == "" {
			head.updated = jsonText(item, "date_modified", "date_published")
		}
	}
	t.head(&head)
	p := interrupt.Poll{Ctx: ctx}
	for _, item := range items {
		if err := p.Err(); err != nil {
			return err
		}
		if item, ok := item.(map[string]any); ok {
			one := jsonItem(item)
			t.item(&one)
		}
	}
	return t.tail()
}

func jsonItem(v map[string]any) feedItem {
	f := feedItem{
		id: jsonText(v, "id"), title: jsonText(v, "title"), link: jsonText(v, "url", "external_url"),
		summary: jsonText(v, "summary", "description"), content: jsonText(v, "content_html", "content_text"),
		published: jsonText(v, "date_published"), updated: jsonText(v, "date_modified"),
	}
	people, _ := v["authors"].([]any)
	var names []string
	for _, p := range append(people, v["author"]) {
		if p, ok := p.(map[string]any); ok {
			names = appendNew(names, jsonText(p, "name", "url"))
		}
	}
	f.author = strings.Join(names, ", ")
	tags, _ := v["tags"].([]any)
	for _, tag := range tags {
		if tag, ok := tag.(string); ok && tag != "" {
			f.categories = append(f.categories, tag)
		}
	}
	files, _ := v["attachments"].([]any)
	for _, file := range files {
		if file, ok := file.(map[string]any); ok {
			f.enclosures = append(f.enclosures, enclosure{jsonText(file, "url"), jsonText(file, "mime_type"), jsonText(file, "size_in_bytes")})
		}
	}
	return f
}

// jsonText gives the first member that is a text or a number.
func jsonText(v map[string]any, names ...string) string {
	for _, name := range names {
		switch s := v[name].(type) {
		case string:
			if s != "" {
				return s
			}
		case json.Number:
			return s.String()
		}
	}
	return ""
}
