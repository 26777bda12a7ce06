package markup

import (
	"context"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/html"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/charset"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/ascii"
)

// Feed decodes RSS 0.9 to 2.0, RDF, Atom and JSON Feed to one shape, whose members are all always there:
//
//	{
//	  "title": "…", "link": "https://…", "description": "…", "updated": "2024-05-01T10:00:00Z",
//	  "items": [{
//	    "id": "…", "title": "…", "link": "https://…", "published": "2024-05-01T10:00:00Z", "updated": null,
//	    "author": "…", "summary": "…", "content": "…", "categories": ["…"],
//	    "enclosures": [{"url": "https://…", "type": "audio/mpeg", "length": 12345}]
//	  }]
//	}
//
// What a feed does not say is null; dates are RFC 3339 in UTC, and null where they are none. Titles are plain text; summary
// and content are HTML where the feed has HTML. The id of an item is its guid or id, else its link, else null. Links are
// absolute where they can be made so. What is not well-formed is read as well as it can be.
//
// It stands on the tokenizer of XML: what libraries make of a feed takes up to 1800 times its bytes.
type Feed struct {
	// Format is the name for errors. Default: "rss".
	Format string `json:"-"`
}

// feedFactor is what items with nothing in them take, which are objects of ten members. See TestFactorFeed.
const feedFactor = 80

// Check implements the check at load; feeds have no options.
func (*Feed) Check() error { return nil }

// Factor implements decode.Decoder.
func (*Feed) Factor() float64 { return feedFactor }

// DeclaredCharset implements decode.Declarer: the encoding of the prolog.
func (*Feed) DeclaredCharset(prefix []byte) string { return charset.OfXML(prefix) }

// Decode implements decode.Decoder.
func (d *Feed) Decode(ctx context.Context, in *decode.Input, out decode.Sink) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	format := d.Format
	if format == "" {
		format = "rss"
	}
	t := feedTeller{out: out, base: in.URL, length: len(in.Body)}
	text := string(in.Body)
	if strings.HasPrefix(strings.TrimLeft(text, ascii.Space+"\ufeff"), "{") {
		return t.jsonFeed(ctx, format, text)
	}
	r, err := newFeedReader(ctx, format, text)
	if err != nil {
		return err
	}
	return r.tell(&t)
}

// feedItem is what is told of an item, as the feed has it but for references.
type feedItem struct {
	id, title, link, author, summary, content string
	published, updated                        string
	categories                                []string
	enclosures                                []enclosure
}

type enclosure struct{ url, kind, length string }

// feedTeller tells a feed. After an error nothing more is told.
type feedTeller struct {
	out    decode.Sink
	base   *url.URL
	length int // of the feed
	items  int
	err    error
}

// head tells all but the items. Feed has title, link, summary and updated.
func (t *feedTeller) head(feed *feedItem) {
	t.do(t.out.BeginObject)
	t.text("title", feed.title)
	t.text("link", t.link(feed.link))
	t.text("description", feed.summary)
	t.time("updated", feed.updated, feed.published)
	t.key("items")
	t.do(t.out.BeginArray)
}

func (t *feedTeller) tail() error {
	t.do(t.out.EndArray)
	t.do(t.out.EndObject)
	return t.err
}

// item tells an item. Items of a few bytes are objects of a thousand, so there may not be too many of them.
func (t *feedTeller) item(item *feedItem) {
	const dense, few = 48, 500
	t.items += 1 + len(item.enclosures)/4
	if limit := few + t.length/dense; t.items > limit && t.err == nil {
		t.err = &decode.LimitError{What: "items for its length", Limit: limit}
	}
	link := t.link(item.link)
	id := item.id
	if strings.TrimSpace(id) == "" {
		id = link
	}
	t.do(t.out.BeginObject)
	t.text("id", id)
	t.text("title", item.title)
	t.text("link", link)
	t.time("published", item.published)
	t.time("updated", item.updated)
	t.text("author", item.author)
	t.text("summary", item.summary)
	t.text("content", item.content)
	t.key("categories")
	t.do(t.out.BeginArray)
	for _, c := range item.categories {
		t.string(c)
	}
	t.do(t.out.EndArray)
	t.key("enclosures")
	t.do(t.out.BeginArray)
	for _, e := range item.enclosures {
		t.enclosure(e)
	}
	t.do(t.out.EndArray)
	t.do(t.out.EndObject)
}

func (t *feedTeller) enclosure(e enclosure) {
	t.do(t.out.BeginObject)
	t.text("url", t.link(e.url))
	t.text("type", e.kind)
	t.key("length")
	if n, err := strconv.ParseUint(strings.TrimSpace(e.length), 10, 63); err == nil && n > 0 {
		t.do(func() error { return t.out.Number(strconv.FormatUint(n, 10)) })
	} else {
		t.do(t.out.Null)
	}
	t.do(t.out.EndObject)
}

func (t *feedTeller) do(tell func() error) {
	if t.err == nil {
		t.err = tell()
	}
}

func (t *feedTeller) key(name string) {
	if t.err == nil {
		t.err = t.out.Key(name)
	}
}

func (t *feedTeller) string(s string) {
	if t.err == nil {
		t.err = t.out.String(s)
	}
}

// text tells a member; one that is empty is null.
func (t *feedTeller) text(name, s string) {
	t.key(name)
	if s = strings.TrimSpace(s); s == "" {
		t.do(t.out.Null)
		return
	}
	t.string(s)
}

// time tells the first that is a time.
func (t *feedTeller) time(name string, times ...string) {
	for _, s := range times {
		// Before and behind these years RFC 3339 has none.
		if at, ok := feedTime(s); ok && at.Year() >= 1 && at.Year() <= 9999 {
			t.text(name, at.Format(time.RFC3339))
			return
		}
	}
	t.text(name, "")
}

// link makes a link absolute where it can.
func (t *feedTeller) link(s string) string {
	s = strings.TrimSpace(s)
	if s == "" || t.base == nil {
		return s
	}
	u, err := url.Parse(s)
	if err != nil || u.IsAbs() {
		return s
	}
	return t.base.ResolveReference(u).String()
}

// plainTitle makes text of a title that may have markup, whose references may be coded twice, too.
func plainTitle(s string) string {
	if !strings.ContainsAny(s, "<&") {
		return strings.Join(strings.Fields(s), " ")
	}
	var b strings.Builder
	z := html.NewTokenizer(strings.NewReader(s))
	for {
		switch z.Next() {
		case html.ErrorToken:
			return strings.Join(strings.Fields(b.String()), " ")
		case html.TextToken:
			b.Write(z.Text())
		case html.StartTagToken, html.SelfClosingTagToken:
			if name, _ := z.TagName(); string(name) == "br" {
				b.WriteByte(' ')
			}
		default:
		}
	}
}

var (
	_ decode.Decoder  = (*Feed)(nil)
	_ decode.Declarer = (*Feed)(nil)
)
