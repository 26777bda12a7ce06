package integration_test

import (
	"bytes"
	"encoding/json"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/bcrypt"

	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

const tokensPage = "docs/tokens.md"

// newUser makes a user with a password in a store.
func newUser(t testing.TB, dsn, email, password, role string) {
	t.Helper()
	store, err := queries.Open(t.Context(), queries.Config{DSN: dsn})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.CreateUser(t.Context(), queries.By{Actor: "test"}, db.User{
		Email: email, Name: "Ann", Role: role, PasswordHash: string(hash), IsActive: true, IsRegularUser: true,
	}); err != nil {
		t.Fatal(err)
	}
}

// TestTokensPage executes the page with each engine, command after command: `$name` is what an answer before had as member name.
func TestTokensPage(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, dsn string) {
		t.Helper()
		newUser(t, dsn, "ann@example.org", "correct horse battery", "USER")
		g := startGateway(t, withStore("\tcontrol"), "DATABASE_URL="+dsn, "FAIRWAY_SECRET="+someSecret)
		asked := runPage(t, g, tokensPage)
		if asked < 25 {
			t.Errorf("%d commands were executed", asked)
		}
	})
}

// runPage has a gateway answer the commands of a page, and gives how many there are.
func runPage(t *testing.T, g *gateway, page string) (asked int) {
	t.Helper()
	found := map[string]string{}
	for _, f := range pageFences(t, page) {
		if f.language == "caddyfile" {
			if out, err := validate(t, f.caddyfile(t)); err != nil {
				t.Errorf("%s:%d: %v\n%s", f.page, f.line, err, out)
			}
		}
		if f.language != "console" {
			continue
		}
		for _, block := range strings.Split("\n"+f.text, "\n$ ")[1:] {
			command, shown, _ := strings.Cut(block, "\n")
			for _, name := range []string{"access_token", "refresh_token", "client_id", "client_secret", "token", "id", "schedule_id", "location"} {
				command = strings.ReplaceAll(command, "$"+name, found[name])
			}
			got := g.ask(t, curl(t, command, pageFiles(t, page)))
			asked++
			wantPattern(t, command, strings.TrimSpace(shown), strings.TrimSpace(got.body))
			var v any
			_ = json.Unmarshal([]byte(got.body), &v) // where there is a body wantPattern has read it
			remember(found, v)
		}
	}
	return asked
}

// pageFiles are the files that a page shows, by their names: <!-- file hello.sh --> is before such a block.
func pageFiles(t *testing.T, page string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, f := range pageFences(t, page) {
		if name, ok := strings.CutPrefix(f.hint, "file "); ok {
			out[name] = f.text
		}
	}
	return out
}

// remember takes the texts of an answer.
func remember(found map[string]string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for name, one := range v {
			if s, ok := one.(string); ok {
				found[name] = s
			}
			remember(found, one)
		}
	case []any:
		for _, one := range v {
			remember(found, one)
		}
	}
}

// wantPattern compares an answer with one in which … stands for anything.
func wantPattern(t *testing.T, command, shown, got string) {
	t.Helper()
	if shown == "" || got == "" {
		if shown != got {
			t.Errorf("%s: %q, not %q", command, got, shown)
		}
		return
	}
	var want, have any
	if err := json.Unmarshal([]byte(shown), &want); err != nil {
		t.Errorf("%s: the page shows no JSON: %v", command, err)
	}
	if err := json.Unmarshal([]byte(got), &have); err != nil {
		t.Errorf("%s: %s", command, got)
	}
	like := cmp.FilterValues(func(a, b any) bool {
		x, ok := a.(string)
		y, ok2 := b.(string)
		return ok && ok2 && (strings.Contains(x, "…") || strings.Contains(y, "…"))
	}, cmp.Comparer(func(a, b any) bool {
		x, y := a.(string), b.(string)
		if !strings.Contains(x, "…") {
			x, y = y, x
		}
		return regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(x), "…", ".+") + "$").MatchString(y)
	}))
	if d := cmp.Diff(want, have, like); d != "" {
		t.Errorf("%s: (-page +answer)\n%s", command, d)
	}
}

// curl reads a command line of the page.
func curl(t *testing.T, line string, files map[string]string) request {
	t.Helper()
	words := regexp.MustCompile(`'[^']*'|[^ ]+`).FindAllString(line, -1)
	r := request{header: http.Header{}}
	var form bytes.Buffer
	parts := multipart.NewWriter(&form)
	many := false
	for i := 1; i < len(words); i++ {
		next := func() string {
			i++
			return strings.Trim(words[i], "'")
		}
		switch word := strings.Trim(words[i], "'"); word {
		case "-k":
		case "-u":
			r.user = next()
		case "-X":
			r.method = next()
		case "-H":
			name, value, _ := strings.Cut(next(), ": ")
			r.header.Set(name, value)
		case "-d":
			r.body = next()
			if r.header.Get("Content-Type") == "" {
				r.header.Set("Content-Type", "application/x-www-form-urlencoded")
			}
		case "-F":
			name, value, _ := strings.Cut(next(), "=")
			many = true
			if file, ok := strings.CutPrefix(value, "@"); ok {
				if files[file] == "" {
					t.Fatalf("%s: the page has no file %s", line, file)
				}
				part, err := parts.CreateFormFile(name, file)
				if err != nil {
					t.Fatal(err)
				}
				_, _ = part.Write([]byte(files[file])) // into memory
				continue
			}
			if err := parts.WriteField(name, value); err != nil {
				t.Fatal(err)
			}
		default:
			u, err := url.Parse(word)
			if err != nil || u.Host != "localhost:8443" {
				t.Fatalf("%s is no command that is known: %q", line, word)
			}
			r.path = u.RequestURI()
		}
	}
	if many {
		_ = parts.Close() // into memory
		r.body = form.String()
		r.header.Set("Content-Type", parts.FormDataContentType())
	}
	if r.body != "" && r.method == "" {
		r.method = http.MethodPost
	}
	return r
}
