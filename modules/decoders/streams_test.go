package decoders

import (
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/lines"
	"github.com/fairway-gateway/fairway/proxies/wrap"
)

// compiledEach says what the loading of a route with `reply each` says of a format.
func compiledEach(name string, dec decode.Decoder) error {
	_, err := wrap.Compile(&wrap.Config{
		Prefixes: []string{"/s"},
		Metadata: wrap.Metadata{Version: "1.0.0", Repository: "https://example.org/source", Description: "A service"},
		Backends: []wrap.Backend{{Addresses: []string{"http://127.0.0.1:9"}}},
		Routes: []wrap.Route{{
			Method: "GET", Pattern: "/x", Fetches: []wrap.Fetch{{Target: "/x", Decoder: dec, Format: name}}, Each: new(wrap.Each),
		}},
	}, wrap.Deps{})
	return err
}

// TestReplyEach holds `reply each` to the modules there are: those that give records are taken, and in the list that the error
// of all others shows.
func TestReplyEach(t *testing.T) {
	t.Parallel()
	err := compiledEach("text", new(Text))
	if err == nil {
		t.Fatal("reply each takes decode text")
	}
	_, list, ok := strings.Cut(err.Error(), "those that give records are ")
	if !ok {
		t.Fatalf("the error names no formats: %v", err)
	}
	var listed []string
	for entry := range strings.SplitSeq(strings.ReplaceAll(list, " and ", ", "), ", ") {
		name, _, _ := strings.Cut(entry, " ") // behind it stands the option that it needs
		listed = append(listed, name)
	}
	for _, m := range caddy.GetModules(strings.TrimSuffix(namespace, ".")) {
		t.Run(m.ID.Name(), func(t *testing.T) {
			t.Parallel()
			name := m.ID.Name()
			dec, ok := m.New().(decode.Decoder)
			if !ok {
				t.Fatalf("%T is no decoder", m.New())
			}
			_, records := dec.(decode.Streamer)
			if slices.Contains(listed, name) != records {
				t.Errorf("it gives records: %v; the error lists %s", records, list)
			}
			if d, ok := dec.(interface{ Streams() bool }); ok {
				records = records && d.Streams() // by its options
			}
			switch err := compiledEach(name, dec); {
			case records && err != nil:
				t.Errorf("reply each refuses it: %v", err)
			case !records && (err == nil || !strings.Contains(err.Error(), "reply each needs records, and decode "+name+" gives one value") || !strings.HasSuffix(err.Error(), list)):
				t.Errorf("the error is %v; it should list %s", err, list)
			}
		})
	}
	for _, name := range listed {
		if _, err := caddy.GetModule(namespace + name); err != nil {
			t.Errorf("the error lists %s: %v", name, err)
		}
	}
}

// TestReplyEachByOptions has formats that give records by an option only.
func TestReplyEachByOptions(t *testing.T) {
	t.Parallel()
	x := new(XML)
	x.Records = "a/b"
	if err := x.Check(); err != nil {
		t.Fatal(err)
	}
	if err := compiledEach("xml", x); err != nil {
		t.Error(err)
	}
	r := new(Regexp)
	r.Pattern, r.Mode = `(?<a>.)`, lines.RegexpLines
	if err := r.Check(); err != nil {
		t.Fatal(err)
	}
	if err := compiledEach("regexp", r); err != nil {
		t.Error(err)
	}
}
