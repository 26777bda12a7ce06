package caddyfiles

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy" // a module that reads a Caddyfile
)

// asHandedOver is a line as Caddy's adapter hands it to a directive.
func asHandedOver(t *testing.T, text string) Node {
	t.Helper()
	d := caddyfile.NewTestDispenser(text)
	d.Next()
	seg := d.NextSegment()
	httpcaddyfile.NewShorthandReplacer().ApplyToSegment(&seg)
	n, err := Read(caddyfile.NewDispenser(seg))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestExpanded: what we give back of Caddy's shorthands, Caddy is given again.
func TestExpanded(t *testing.T) {
	t.Parallel()
	n := asHandedOver(t, "set {header.X} \"{host} and {query.q}\" {env.HOME} {http.request.host} {\n\tinner {uri}\n}")
	if n.Args[0].Text != "{header.X}" {
		t.Errorf("%q is not ours", n.Args[0].Text)
	}
	e := n.Expanded()
	for i, want := range []string{"{http.request.header.X}", "{http.request.host} and {http.request.uri.query.q}", "{env.HOME}", "{http.request.host}"} {
		if got := e.Args[i].Text; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if got := e.Block[0].Args[0].Text; got != "{http.request.uri}" {
		t.Errorf("%q in the block", got)
	}
	if n.Args[0].Text != "{header.X}" || n.Block[0].Args[0].Text != "{uri}" {
		t.Error("the line itself has changed")
	}
}

func TestGuest(t *testing.T) {
	t.Parallel()
	const namespace = "http.reverse_proxy.transport"
	known := Modules(namespace)
	if !slices.Contains(known, "http") {
		t.Fatal(known)
	}
	v, raw, name, err := Guest[http.RoundTripper](asHandedOver(t, "transport http {\n\tdial_timeout 1s\n}"), namespace, "protocol", known)
	if err != nil || v == nil || name != "http" || string(raw) != `{"dial_timeout":1000000000,"protocol":"http"}` {
		t.Errorf("%v %s %s, %v", v, raw, name, err)
	}
	for text, want := range map[string]string{
		"transport":                       "transport needs a name: transport ",
		"transport htp":                   `did you mean "http"?`,
		"transport http {\n\tnonsense\n}": "nonsense",
	} {
		if _, _, _, err := Guest[http.RoundTripper](asHandedOver(t, text), namespace, "protocol", known); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, _, _, err := Guest[http.Handler](asHandedOver(t, "transport http"), namespace, "protocol", known); err == nil || !strings.Contains(err.Error(), "is no transport") {
		t.Error(err)
	}
}
