package decode

import (
	"context"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/mmcdole/gofeed"
	"golang.org/x/net/html"
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
type Feed struct {
	// Format is the name for errors. Default: "rss".
	Format string `json:"-"`
}

// feedFactor is what items without anything in them take. See TestFactorFeed.
const feedFactor = 80

// Check implements the check at load; feeds have no options.
func (*Feed) Check() error { return nil }

// Factor implements Decoder.
func (*Feed) Factor() float64 { return feedFactor }

// DeclaredCharset implements Declarer: the encoding of the prolog.
func (*Feed) DeclaredCharset(prefix []byte) string { return XMLCharset(prefix) }

func (d *Feed) format() string {
	if d.Format == "" {
		return "rss"
	}
	return d.Format
}

// Decode implements Decoder.
func (d *Feed) Decode(ctx context.Context, in *Input, out Sink) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	text := strings.TrimLeft(string(in.Body), asciiSpace+"\ufeff")
	if !strings.HasPrefix(text, "{") {
		var err error
		if text, err = plainFeed(ctx, d.format(), string(in.Body)); err != nil {
			return err
		}
	} else if err := checkJSONFeed(ctx, d.format(), text); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	feed, err := gofeed.NewParser().Parse(strings.NewReader(text))
	switch {
	case errors.Is(err, gofeed.ErrFeedTypeNotDetected):
		return &SyntaxError{Format: d.format(), Msg: "the document is no feed"}
	case err != nil:
		// The library's messages quote the feed, and have places in what was made of it.
		return &SyntaxError{Format: d.format(), Msg: "the feed cannot be read"}
	}
	t := feedTeller{out: out, base: in.URL, poll: poll{ctx: ctx}}
	return t.feed(feed)
}

// checkJSONFeed looks for what the library, which takes any JSON, would not refuse.
func checkJSONFeed(ctx context.Context, format, text string) error {
	w := NewWriter(nil, Limits{})
	err := new(JSON).Decode(ctx, &Input{Body: []byte(text)}, w)
	if syntax, ok := errors.AsType[*SyntaxError](err); ok {
		syntax.Format = format
	}
	return err
}

type feedTeller struct {
	out  Sink
	base *url.URL
	poll poll
	err  error
}

// feed tells a feed. After an error nothing more is told.
func (t *feedTeller) feed(f *gofeed.Feed) error {
	t.do(t.out.BeginObject)
	t.text("title", title(f.Title))
	t.text("link", t.link(f.Link))
	t.text("description", f.Description)
	t.time("updated", f.UpdatedParsed, f.PublishedParsed)
	t.key("items")
	t.do(t.out.BeginArray)
	for _, item := range f.Items {
		if t.err == nil {
			t.err = t.poll.err()
		}
		t.item(item)
	}
	t.do(t.out.EndArray)
	t.do(t.out.EndObject)
	return t.err
}

func (t *feedTeller) item(item *gofeed.Item) {
	link := t.link(item.Link)
	id := item.GUID
	if id == "" {
		id = link
	}
	t.do(t.out.BeginObject)
	t.text("id", id)
	t.text("title", title(item.Title))
	t.text("link", link)
	t.time("published", item.PublishedParsed)
	t.time("updated", item.UpdatedParsed)
	t.text("author", people(item.Authors))
	t.text("summary", item.Description)
	t.text("content", item.Content)
	t.key("categories")
	t.do(t.out.BeginArray)
	for _, c := range item.Categories {
		t.string(strings.TrimSpace(c))
	}
	t.do(t.out.EndArray)
	t.key("enclosures")
	t.do(t.out.BeginArray)
	for _, e := range item.Enclosures {
		t.enclosure(e)
	}
	t.do(t.out.EndArray)
	t.do(t.out.EndObject)
}

func (t *feedTeller) enclosure(e *gofeed.Enclosure) {
	t.do(t.out.BeginObject)
	t.text("url", t.link(e.URL))
	t.text("type", e.Type)
	t.key("length")
	if n, err := strconv.ParseUint(strings.TrimSpace(e.Length), 10, 63); err == nil && n > 0 {
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

// time tells the first time that there is.
func (t *feedTeller) time(name string, times ...*time.Time) {
	for _, at := range times {
		// Beyond these years RFC 3339 ends.
		if at != nil && at.UTC().Year() >= 1 && at.UTC().Year() <= 9999 {
			t.text(name, at.UTC().Format(time.RFC3339))
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

func people(all []*gofeed.Person) string {
	var names []string
	for _, p := range all {
		switch {
		case p == nil:
		case strings.TrimSpace(p.Name) != "":
			names = append(names, strings.TrimSpace(p.Name))
		case strings.TrimSpace(p.Email) != "":
			names = append(names, strings.TrimSpace(p.Email))
		}
	}
	return strings.Join(names, ", ")
}

// title makes plain text of a title that may have markup, whose references may be coded twice, too.
func title(s string) string {
	if !strings.ContainsAny(s, "<&\n\t") {
		return s
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
	_ Decoder  = (*Feed)(nil)
	_ Declarer = (*Feed)(nil)
)
