package markup

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mmcdole/gofeed"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/charset"
)

// TestFeedAgainstGofeed reads the feeds of the corpus with a library, too: where it finds something, so do we.
func TestFeedAgainstGofeed(t *testing.T) {
	t.Parallel()
	// The library knows no German days and zones, loses text behind CDATA, and resolves no link of the feed's own.
	other := []string{"02-podcast", "05-home-made", "10-cdata-html", "04-prefixed", "07-xml-base", "02-xhtml"}
	files, err := filepath.Glob("testdata/[ra][st][so]*/*")
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
		if ext := filepath.Ext(file); ext != ".xml" && ext != ".json" || strings.Contains(strings.Join(other, " "), name) {
			continue
		}
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text, _, err := charset.Text(body, charset.Options{Document: new(Feed).DeclaredCharset})
		if err != nil {
			t.Fatal(err)
		}
		plain := string(text)
		if i := strings.Index(plain, "?>"); strings.HasPrefix(plain, "<?xml") {
			plain = plain[i+2:] // the encoding there is not that of the text
		}
		want, err := gofeed.NewParser().ParseString(plain)
		if err != nil {
			continue
		}
		tree := decode.NewWriter(nil, decode.Limits{})
		if err := new(Feed).Decode(t.Context(), &decode.Input{Body: text}, tree); err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		compared++
		var got struct {
			Title, Link string
			Items       []struct {
				ID, Title, Link, Summary, Content string
				Published, Updated                *time.Time
				Categories                        []string
			}
		}
		if err := json.Unmarshal(tree.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		if got.Title != plainTitle(want.Title) || got.Link != want.Link || len(got.Items) != len(want.Items) {
			t.Errorf("%s: %q %q %d, the library has %q %q %d", file, got.Title, got.Link, len(got.Items), want.Title, want.Link, len(want.Items))
			continue
		}
		for i, item := range want.Items {
			our := got.Items[i]
			for what, pair := range map[string][2]string{
				"link": {item.Link, our.Link}, "summary": {item.Description, our.Summary}, "content": {item.Content, our.Content},
				"categories": {strings.Join(item.Categories, "|"), strings.Join(our.Categories, "|")},
			} {
				if diff := cmp.Diff(pair[0], pair[1]); diff != "" {
					t.Errorf("%s, item %d, %s (-library +ours):\n%s", file, i, what, diff)
				}
			}
			if our.Published == nil && our.Updated != nil {
				our.Published = our.Updated // as the library has it
			}
			if item.PublishedParsed != nil && (our.Published == nil || !our.Published.Equal(*item.PublishedParsed)) {
				t.Errorf("%s, item %d: published %v, the library has %v", file, i, our.Published, item.PublishedParsed)
			}
		}
	}
	if compared < 10 {
		t.Errorf("only %d feeds were compared", compared)
	}
}
