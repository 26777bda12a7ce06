package caddyfiles

import (
	"slices"
	"strings"
	"sync"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
)

// shorthands are Caddy's words that its adapter expands in every token of a site, jq and backquotes included, before a
// directive sees them. Our placeholders have the same spelling and another meaning, so each is mapped back.
func shorthands() []string {
	return []string{
		"host", "hostport", "port", "orig_method", "orig_uri", "orig_path", "orig_dir", "orig_file", "orig_query",
		"orig_?query", "method", "uri", "%uri", "path", "%path", "dir", "file", "query", "%query", "?query", "remote",
		"remote_host", "remote_port", "scheme", "uuid", "tls_cipher", "tls_version", "tls_client_fingerprint",
		"tls_client_issuer", "tls_client_serial", "tls_client_subject", "tls_client_certificate_pem",
		"tls_client_certificate_der_base64", "upstream_hostport", "client_ip",
	}
}

// prefixes are those of shorthands with a name of the user's behind a dot.
func prefixes() []string {
	return []string{"header", "cookie", "labels", "path", "file", "query", "re", "vars", "rp", "resp", "err", "file_match"}
}

// undo is the inverse of Caddy's expansion. It is a constant that takes a millisecond to make and a thousand services need.
var undo = sync.OnceValue(makeUndo)

// makeUndo makes the inverse from Caddy's own forward map, whatever its version expands to.
func makeUndo() *strings.Replacer {
	const probe = "fairway_probe"
	expand := httpcaddyfile.NewShorthandReplacer()
	forward := func(s string) string {
		seg := caddyfile.Segment{{Text: s}}
		expand.ApplyToSegment(&seg)
		return seg[0].Text
	}
	type pair struct{ long, short string }
	var pairs []pair
	for _, word := range shorthands() {
		short := "{" + word + "}"
		if long := forward(short); long != short {
			pairs = append(pairs, pair{long, short})
		}
	}
	for _, prefix := range prefixes() {
		short := "{" + prefix + "." + probe + "}"
		long, rest, ok := strings.Cut(forward(short), probe)
		if ok && rest == "}" && long != "{"+prefix+"." {
			pairs = append(pairs, pair{long, "{" + prefix + "."})
		}
	}
	// The longest first: {http.request.uri.path.file. must win over {http.request.uri.path.
	slices.SortFunc(pairs, func(a, b pair) int { return len(b.long) - len(a.long) })
	oldnew := make([]string, 0, 2*len(pairs))
	for _, p := range pairs {
		oldnew = append(oldnew, p.long, p.short)
	}
	return strings.NewReplacer(oldnew...)
}
