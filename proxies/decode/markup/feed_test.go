package markup

import (
	"net/url"
	"strings"
	"testing"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/decodetest"
)

func TestFeed(t *testing.T) {
	t.Parallel()
	item := func(members string) string {
		out := `{"title":null,"link":null,"description":null,"updated":null,"items":[{"id":null,"title":null,"link":null,"published":null,"updated":null,"author":null,"summary":null,"content":null,"categories":[],"enclosures":[]}]}`
		for m := range strings.SplitSeq(members, "|") {
			name, value, _ := strings.Cut(m, "=")
			at := strings.LastIndex(out, `"`+name+`":`) + len(name) + 3
			end := at + 4
			if out[at] == '[' {
				end = at + 2
			}
			out = out[:at] + value + out[end:]
		}
		return out
	}
	rss := func(name, in, members string) decodetest.Test {
		return decodetest.Test{Name: name, Dec: new(Feed), In: "<rss version='2.0'><channel><item>" + in + "</item></channel></rss>", Want: item(members)}
	}
	atom := func(name, in, members string) decodetest.Test {
		return decodetest.Test{Name: name, Dec: new(Feed), In: "<feed xmlns='http://www.w3.org/2005/Atom'><entry>" + in + "</entry></feed>", Want: item(members)}
	}
	decodetest.Run(t, []decodetest.Test{
		{Name: "empty RSS", Dec: new(Feed), In: "<rss><channel/></rss>", Want: `{"title":null,"link":null,"description":null,"updated":null,"items":[]}`},
		{Name: "empty Atom", Dec: new(Feed), In: "<feed/>", Want: `{"title":null,"link":null,"description":null,"updated":null,"items":[]}`},
		{Name: "channel", Dec: new(Feed), In: "<rss><channel><title>T</title><link>http://x/</link><description>D</description><lastBuildDate>Mon, 06 Sep 2010 00:01:00 +0200</lastBuildDate></channel></rss>", Want: `{"title":"T","link":"http://x/","description":"D","updated":"2010-09-05T22:01:00Z","items":[]}`},
		{Name: "RDF", Dec: new(Feed), In: `<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/" xmlns:d="http://purl.org/dc/elements/1.1/"><channel rdf:about="x"><title>T</title></channel><item><title>I</title><link>http://x/1</link><d:date>2024-05-01T12:00:00+02:00</d:date><d:creator>A</d:creator></item></rdf:RDF>`, Want: `{"title":"T","link":null,"description":null,"updated":null,"items":[{"id":"http://x/1","title":"I","link":"http://x/1","published":"2024-05-01T10:00:00Z","updated":null,"author":"A","summary":null,"content":null,"categories":[],"enclosures":[]}]}`},
		rss("nothing", "", "id=null"),
		rss("id", "<guid isPermaLink='false'> 7 </guid><link>http://x/</link>", `id="7"|link="http://x/"`),
		rss("id from the link", "<link> http://x/ </link>", `id="http://x/"|link="http://x/"`),
		rss("wrong date", "<pubDate>yesterday</pubDate>", "id=null"),
		rss("date", "<pubDate>Mon, 6 Sep 2010 00:01 CEST</pubDate>", `published="2010-09-05T22:01:00Z"`),
		rss("markup in a title", "<title>&lt;b&gt;A&lt;/b&gt; &amp;amp;\n <![CDATA[B &uuml; <i>C</i>]]> 1 &lt; 2</title>", `title="A & B ü C 1 < 2"`),
		rss("elements in a title", "<title>A <b>B</b></title>", `title="A B"`),
		rss("CDATA twice", "<description><![CDATA[<p>a]]></description>", `summary="<p>a"`),
		rss("CDATA and text", "<description><![CDATA[<p>a</p>]]> b <![CDATA[c]]]]><![CDATA[>]]> d</description>", `summary="<p>a</p> b c]]> d"`),
		rss("entities", "<description>R&D &nbsp;&eacute; &foo;</description>", "summary=\"R&D \u00a0é &foo;\""),
		rss("content", "<content:encoded><![CDATA[<p>x</p>]]></content:encoded><description>s</description>", `summary="s"|content="<p>x</p>"`),
		rss("categories", "<category> a </category><category domain='x'>b</category>", `categories=["a","b"]`),
		rss("enclosure", "<enclosure url='http://x/a.mp3' type='audio/mpeg' length='123'/><enclosure url='http://x/b' length='1 MB'/>", `enclosures=[{"url":"http://x/a.mp3","type":"audio/mpeg","length":123},{"url":"http://x/b","type":null,"length":null}]`),
		rss("author", "<author>joe@example.org (Joe)</author>", `author="Joe"`),
		rss("unknown elements", "<media:group xmlns:media='m'><title>no</title></media:group><foo>x</foo><atom:link xmlns:atom='http://www.w3.org/2005/Atom' href='no'/>", "id=null"),
		atom("times", "<id>urn:1</id><published>2024-05-01T12:00:00.5+02:00</published><updated>2024-06-01T00:00:00Z</updated>", `id="urn:1"|published="2024-05-01T10:00:00Z"|updated="2024-06-01T00:00:00Z"`),
		atom("links", "<link rel='self' href='http://x/s'/><link href='http://x/a'/><link rel='enclosure' href='http://x/e' type='t' length='5'/>", `id="http://x/a"|link="http://x/a"|enclosures=[{"url":"http://x/e","type":"t","length":5}]`),
		atom("authors", "<author><name>A</name></author><author><email>b@x</email></author>", `author="A, b@x"`),
		atom("XHTML", "<content type='xhtml'><div xmlns='http://www.w3.org/1999/xhtml'>a <b class='c'>b &lt;</b><br/></div></content>", `content="a <b class=\"c\">b &lt;</b><br>"`),
		atom("HTML", "<summary type='html'>&lt;p&gt;a&lt;/p&gt;</summary>", `summary="<p>a</p>"`),
		atom("text", "<title>1 &lt; 2</title><summary>1 &lt; 2 &amp;amp; 3</summary>", `title="1 < 2"|summary="1 < 2 &amp; 3"`),
		atom("category", "<category term='t' label='l'/>", `categories=["l"]`),
		{Name: "JSON Feed", Dec: new(Feed), In: `{"version":"https://jsonfeed.org/version/1.1","title":"T","items":[{"id":"1","url":"http://x/","content_html":"<p>","date_published":"2024-05-01T12:00:00+02:00","tags":["a"]}]}`, Want: `{"title":"T","link":null,"description":null,"updated":"2024-05-01T10:00:00Z","items":[{"id":"1","title":null,"link":"http://x/","published":"2024-05-01T10:00:00Z","updated":null,"author":null,"summary":null,"content":"<p>","categories":["a"],"enclosures":[]}]}`},
		{Name: "before and behind", Dec: new(Feed), In: "\n\nNotice: x\n<?xml version='1.0' encoding='ISO-8859-1'?><rss><channel><title>é</rss> x", Want: `{"title":"é","link":null,"description":null,"updated":null,"items":[]}`},
		{Name: "cut", Dec: new(Feed), In: "<rss><channel><item><title>x", Fail: "rss: the text ends inside the feed", At: 28},
		{Name: "HTML", Dec: new(Feed), In: "<!DOCTYPE html><html><body>x", Fail: "rss: the document is no feed", At: 16},
		{Name: "XML", Dec: &Feed{Format: "atom"}, In: "<a/>", Fail: "atom: the document is no feed", At: 1},
		{Name: "text", Dec: new(Feed), In: "x", Fail: "rss: there is no element", At: 1},
		{Name: "nothing", Dec: new(Feed), In: "", Fail: "rss: the body is empty", At: 0},
		{Name: "cut JSON", Dec: new(Feed), In: "{", Fail: "rss: the text ends inside", At: 1},
		{Name: "other JSON", Dec: new(Feed), In: "{\"items\":7}", Fail: "rss: the document is no feed", At: 0},
		{Name: "deep", Dec: new(Feed), In: "<rss>" + strings.Repeat("<a>", 600) + "</rss>", Fail: "more than 512 depth", At: -1},
	})
}

func TestFeedTime(t *testing.T) {
	t.Parallel()
	if decodetest.RaceDetector {
		t.Skip("time is measured without the race detector")
	}
	for in, want := range map[string]string{
		"Wed, 01 May 2024 10:00:00 GMT": "2024-05-01T10:00:00Z", "Wed, 1 May 24 10:00 EST": "2024-05-01T15:00:00Z", "Mi, 01 Mai 2024 10:00:00 +0200": "2024-05-01T08:00:00Z", "Wed 01 May 2024 10:00:00 PDT": "2024-05-01T17:00:00Z",
		"2024-05-01T10:00:00.123+02:00": "2024-05-01T08:00:00Z", "2024-05-01": "2024-05-01T00:00:00Z", "2024-05-01 10:00:00": "2024-05-01T10:00:00Z", "Mittwoch, 1. Mai 2024": "", "01.05.2024 10:00": "2024-05-01T10:00:00Z",
		"May 1, 2024 3:04 PM": "2024-05-01T15:04:00Z", "Wed, 31 Feb 2024 10:00:00 GMT": "", "yesterday": "", "": "", "1": "", "0000-00-00 00:00:00": "", "Wed, 01 May 2024 10:00:00 XYZ": "2024-05-01T10:00:00Z", "2024": "", "20240501": "2024-05-01T00:00:00Z",
		"01 October 2024 10:00:00 CET": "2024-10-01T09:00:00Z", "Wed May  1 10:00:00 2024": "2024-05-01T10:00:00Z", "Wed, 01 May 2024 10:00:00 +02:00": "2024-05-01T08:00:00Z", "é": "", "12é": "",
	} {
		got := ""
		if at, ok := feedTime(in); ok {
			got = at.Format("2006-01-02T15:04:05Z07:00")
		}
		if got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
}

func TestFeedLinks(t *testing.T) {
	t.Parallel()
	base, err := url.Parse("http://x.example/dir/feed.xml")
	if err != nil {
		t.Fatal(err)
	}
	w := decode.NewWriter(nil, decode.Limits{})
	body := "<rss><channel><link>/</link><item><link>a?b</link></item></channel></rss>"
	if err := new(Feed).Decode(t.Context(), &decode.Input{Body: []byte(body), URL: base}, w); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"link":"http://x.example/"`, `"link":"http://x.example/dir/a?b"`} {
		if !strings.Contains(string(w.Bytes()), want) {
			t.Errorf("%s lacks %s", w.Bytes(), want)
		}
	}
}
