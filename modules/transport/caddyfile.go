package transport

import (
	"net/http"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/fairway-gateway/fairway/modules/caddyfiles"
	"github.com/fairway-gateway/fairway/proxies/session"
	"github.com/fairway-gateway/fairway/proxies/wrap"
)

// UnmarshalCaddyfile reads:
//
//	transport session {
//		name      <word>
//		origin    <url>
//		auth      <mode> ...
//		identity  request <name>...
//		identity  answer  <name>...
//		identity  set     <name> <value>
//		transport <module> { ... }
//	}
func (s *Session) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	n, err := caddyfiles.Read(d)
	if err != nil {
		return err
	}
	if len(n.Args) > 0 {
		return n.Errorf("transport session takes a block, and nothing on its line")
	}
	s.base, s.line = new(reverseproxy.HTTPTransport), n.Word
	err = caddyfiles.Words{Owner: "transport session", Known: map[string]caddyfiles.Word{
		"name":      {Parse: s.parseName},
		"origin":    {Parse: s.parseOrigin},
		"auth":      {Parse: s.parseAuth},
		"identity":  {Parse: s.parseIdentity, Many: true},
		"transport": {Parse: s.parseBase},
	}}.Parse(n)
	if err != nil {
		return err
	}
	if s.AuthRaw == nil {
		return n.Errorf("transport session needs an auth: auth oauth2_proxy; auth none sends nothing, and takes care of identity headers alone")
	}
	return nil
}

func (s *Session) parseName(n caddyfiles.Node) error {
	t, err := n.One("name legacy")
	if err != nil {
		return err
	}
	if !wrap.IsName(t.Text) {
		return caddyfiles.Errorf(t, "%q is no name: it has letters, digits and _, and begins with no digit", t.Text)
	}
	s.Name = t.Text
	return nil
}

func (s *Session) parseOrigin(n caddyfiles.Node) error {
	t, err := n.One("origin https://legacy.example.org")
	if err != nil {
		return err
	}
	if _, err := parseOrigin(t.Text); err != nil {
		return caddyfiles.Errorf(t, "%w", err)
	}
	s.Origin = t.Text
	return nil
}

func (s *Session) parseAuth(n caddyfiles.Node) error {
	_, raw, _, err := caddyfiles.Guest[session.Strategy](n, "fairway.auth", "mode", caddyfiles.Modules("fairway.auth"))
	s.AuthRaw = raw
	return err
}

func (s *Session) parseBase(n caddyfiles.Node) error {
	base, _, name, err := caddyfiles.Guest[http.RoundTripper](n.Expanded(), "http.reverse_proxy.transport", "protocol", caddyfiles.Modules("http.reverse_proxy.transport"))
	if err != nil {
		return err
	}
	if name == "session" {
		return n.Errorf("transport session stands in itself")
	}
	s.base = base
	return s.encodeBase()
}

func (s *Session) parseIdentity(n caddyfiles.Node) error {
	const usage = "identity request <name>..., identity answer <name>..., or identity set <name> <value>"
	if len(n.Args) < 2 || n.HasBlock {
		return n.Errorf("identity says which identity headers pass; write: %s", usage)
	}
	kind, names := n.Args[0], n.Args[1:]
	switch kind.Text {
	case "request":
		s.Identity.Request = append(s.Identity.Request, texts(names)...)
	case "answer":
		s.Identity.Answer = append(s.Identity.Answer, texts(names)...)
	case "set":
		if len(names) != 2 {
			return n.Errorf("identity set takes a name and a value: identity set X-Forwarded-User {http.auth.user.id}")
		}
		value := n.Expanded().Args[2].Text
		s.Identity.Set = append(s.Identity.Set, Header{Name: names[0].Text, Value: value})
	default:
		return caddyfiles.Errorf(kind, "identity has no word %q%s; write: %s", kind.Text, wrap.Suggest(kind.Text, []string{"request", "answer", "set"}), usage)
	}
	if err := s.Identity.Check(); err != nil {
		return n.Errorf("%w", err)
	}
	return nil
}

func texts(tokens []caddyfile.Token) []string {
	out := make([]string, 0, len(tokens))
	for _, t := range tokens {
		out = append(out, t.Text)
	}
	return out
}

// Interface guard.
var _ caddyfile.Unmarshaler = (*Session)(nil)
