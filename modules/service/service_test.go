package service_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"

	_ "github.com/fairway-gateway/fairway/modules"
)

// adapt gives the JSON of a site with a service of this body. The file does not exist: only the tokens count.
func adapt(body string) (string, error) {
	text := "http://localhost:8080 {\nservice /s {\n" + body + "\n}\n}\n"
	out, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(text), map[string]any{"filename": "none/Caddyfile"})
	return string(out), err
}

const (
	words = "version 1.0.0\nrepository https://example.org/source\ndescription \"A service\"\n"
	whole = words + "backend https://backend.example.org\nGET /x {\nfetch /x {\ndecode json\n}\n}"
)

func TestService(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ body, want, err string }{
		"least":               {body: whole, want: `"handler":"services","services":[{"backends"`},
		"a name":              {body: "name other\n" + whole, want: `"name":"other"`},
		"a budget":            {body: "budget 1m\n" + whole, want: `"budget":"1m0s"`},
		"an authentication":   {body: strings.Replace(whole, "example.org\nGET", "example.org {\nauth basic\n}\nGET", 1), want: `"auth":{"mode":"basic"}`},
		"shorthands":          {body: strings.ReplaceAll(whole, "/x ", "/{host} "), want: `"target":"/{host}"`},
		"a relative secret":   {body: strings.Replace(whole, "/x {\nd", "/{file.token} {\nd", 1), err: "{file.token} needs an absolute path: {file./run/secrets/name}, at none/Caddyfile:8"},
		"no body":             {body: "", err: "a service needs a block: service /s { ... }, at none/Caddyfile:2"},
		"no version":          {body: strings.Replace(whole, "version 1.0.0\n", "", 1), err: "the service needs a version: version 1.0.0, at none/Caddyfile:2"},
		"a misspelt word":     {body: "versio 1\n" + whole, err: `service has no word "versio"; did you mean "version"?, at none/Caddyfile:3`},
		"a jq mistake's line": {body: strings.TrimSuffix(whole, "}") + "reply `\n.a |\n| .b`\n}", err: `jq: unexpected token "|", at none/Caddyfile:13`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := adapt(tt.body)
			if (err != nil) != (tt.err != "") || err != nil && !strings.HasSuffix(err.Error(), tt.err) {
				t.Fatalf("the error is %v, want %q", err, tt.err)
			}
			if !strings.Contains(got, tt.want) {
				t.Errorf("%s is not in\n%s", tt.want, got)
			}
		})
	}
}

// FuzzService adapts any text as the body of a service: nothing panics, and every error of ours says where.
func FuzzService(f *testing.F) {
	for _, s := range []string{
		"", whole, words, "GET /x {\n}", "backend", "backend a b c", "backend {", "}", "{", "callers", "GET", "GET /{", "GET /{a}/{b...} {\nfetch /{a}/{b} {\ndecode text\n}\n}",
		"GET /x {\nparam a in\n}", "GET /x {\nparam a enum\n}", "GET /x {\nparam a string enum x \"y\" z\n}", "GET /x {\nfetch {\n}\n}", "GET /x {\nfetch a B C D\n}",
		"GET /x {\nfetch /x {\ndecode\n}\n}", "GET /x {\nfetch /x {\ndecode regexp `(?P<a>x)` {\nmode\n}\n}\n}", "GET /x {\nfetch /x {\ndecode kv {\ndelimiter\n}\n}\n}",
		"backend http://a {\nauth\n}", "backend http://a {\nauth basic a\n}", "backend http://a {\nauth none {\nx\n}\n}", "backend http://a {\ntls {\nca\nserver_name\n}\n}",
		"backend http://a {\nbreaker 1 2\nheader\n}", "GET /x {\nreply <<E\n\t.a\n\tE\n}", "GET /x {\nfetch POST /x {\nbody json `{`\n}\n}", "name \"\"", "GET /x {\nreply `$nobody`\n}",
	} {
		f.Add(s)
	}
	placed := regexp.MustCompile(`Caddyfile:[1-9][0-9]*`)
	f.Fuzz(func(t *testing.T, body string) {
		if strings.Contains(body, "import") {
			t.Skip("it would read files")
		}
		_, err := adapt(body)
		if err != nil && strings.Contains(err.Error(), "for 'service'") && !placed.MatchString(err.Error()) {
			t.Errorf("the error does not say where: %v", err)
		}
	})
}
