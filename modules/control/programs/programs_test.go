package programs_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/fairway-gateway/fairway/modules/control/callers"
	"github.com/fairway-gateway/fairway/modules/control/controltest"
	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/modules/control/programs"
	"github.com/fairway-gateway/fairway/modules/control/tokens"
	"github.com/fairway-gateway/fairway/modules/control/typed"
	"github.com/fairway-gateway/fairway/queries"
	"github.com/fairway-gateway/fairway/queries/db"
)

// engines are those of this package's tests.
var engines = controltest.NewEngines()

func TestMain(m *testing.M) { os.Exit(engines.Main(m)) }

func TestParse(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 60)
	for _, c := range []struct {
		header, agent string
		want          *queries.UserClient
	}{
		{"type=qgis_plugin; version=2.2.4; qgis_version=3.34.0; os=Windows; lang=en", "x/1", &queries.UserClient{Type: "qgis_plugin", Version: "2.2.4", QGIS: "3.34.0", OS: "Windows", Language: "en"}},
		{"type=api_ui; version=0.1.0; os=linux; lang=en; commit=abc123", "", &queries.UserClient{Type: "api_ui", Version: "0.1.0", OS: "linux", Language: "en", Extra: json.RawMessage(`{"commit":"abc123"}`)}},
		{" type = cli ;version", "", &queries.UserClient{Type: "cli"}},
		{"type=cli;version=" + long, "", &queries.UserClient{Type: "cli", Version: long[:50]}},
		{"type=cli;version=a=b\x01", "", &queries.UserClient{Type: "cli"}},
		{"version=1", "curl/8.5.0", &queries.UserClient{Type: "curl", Version: "8.5.0"}},
		{"type=a b", "Python-Requests/2.31.0 x", &queries.UserClient{Type: "python-requests", Version: "2.31.0"}},
		{"", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36", &queries.UserClient{Type: "chrome", Version: "126.0.0.0", OS: "Linux"}},
		{"", "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:127.0) Gecko/20100101 Firefox/127.0", &queries.UserClient{Type: "firefox", Version: "127.0", OS: "Windows"}},
		{"", "Mozilla/5.0 QGIS/33400/macOS 14.1", &queries.UserClient{Type: "qgis", Version: "33400/macOS"}},
		{"", "Mozilla/5.0", &queries.UserClient{Type: "mozilla", Version: "5.0"}},
		{"", "curl", &queries.UserClient{Type: "curl"}},
		{"", "\xff/1", nil},
		{"", "<script>/1", nil},
		{"", "", nil},
	} {
		got, ok := programs.Parse(c.header, c.agent)
		if ok != (c.want != nil) {
			t.Errorf("%q %q: %v", c.header, c.agent, ok)
		} else if ok {
			if d := cmp.Diff(*c.want, got); d != "" {
				t.Errorf("%q %q: %s", c.header, c.agent, d)
			}
		}
	}
	many := "type=cli"
	for i := range 40 {
		many += fmt.Sprintf(";k%d=v", i)
	}
	if c, _ := programs.Parse(many, ""); bytes.Count(c.Extra, []byte(":")) != 10 {
		t.Errorf("%s", c.Extra)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("type=qgis_plugin; version=2.2.4; qgis_version=3.34.0; os=Windows; lang=en", "curl/8.5.0")
	f.Add("type=\xff;=;;=x", "Mozilla/5.0 QGIS/")
	f.Fuzz(func(t *testing.T, header, agent string) {
		c, ok := programs.Parse(header, agent)
		for _, text := range []string{c.Type, c.Version, c.OS, c.QGIS, c.Language} {
			if ok && (len([]rune(text)) > 50 || strings.ContainsAny(text, "\x00\n\x7f")) {
				t.Errorf("%+v", c)
			}
		}
		if ok && (c.Type == "" || c.Extra != nil && !json.Valid(c.Extra)) {
			t.Errorf("%+v", c)
		}
	})
}

// program is an entry of the list.
type program struct {
	ID      uuid.UUID `json:"id"`
	User    uuid.UUID `json:"user_id"`
	Type    string    `json:"client_type"`
	Version *string   `json:"client_version"`
	Extra   any       `json:"extra_metadata"`
	Seen    string    `json:"last_seen_at"`
}

func TestSee(t *testing.T) {
	t.Parallel()
	engines.Both(t, func(t *testing.T, dsn string) {
		t.Helper()
		var p *programs.Programs
		g := controltest.Open(t, dsn, func(g *controltest.Gateway) {
			p = programs.New(g.Store, programs.Options{Patience: time.Minute})
			p.Register(typed.New(g.API, ""))
		})
		ann, ben := g.User(t, "ann", permit.User), g.User(t, "ben", permit.User)
		see := func(u db.User, token *tokens.Access, header ...string) {
			r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
			r.Header.Del("User-Agent")
			for i := 0; i < len(header); i += 2 {
				r.Header.Set(header[i], header[i+1])
			}
			p.See(r, &callers.Caller{User: tokens.User{ID: u.ID.String()}, Token: token})
		}
		list := func(who controltest.As) (out []program) {
			t.Helper()
			var said struct{ Data []program }
			g.Want(t, who, "GET", "/api/v1/user/me/clients/", "", 200).JSON(t, &said)
			return said.Data
		}
		if all := list("ann:"); all == nil || len(all) != 0 {
			t.Errorf("%+v", all)
		}
		see(ann, nil, "X-TE-Client", "type=qgis_plugin; version=2.2.4", "User-Agent", "curl/8")
		see(ann, &tokens.Access{}, "X-TE-Client", "type=qgis_plugin; version=2.2.5; build=7")
		see(ann, nil, "User-Agent", "curl/8.5.0")
		see(ann, &tokens.Access{ByClient: true}, "User-Agent", "client/1")
		see(ann, &tokens.Access{ByAPIToken: true}, "User-Agent", "robot/1")
		see(ann, nil, "User-Agent", strings.Repeat("x", 600))
		see(ann, nil)
		p.See(httptest.NewRequestWithContext(t.Context(), "GET", "/", nil), nil)
		all := list("ann:")
		if len(all) != 2 || all[0].Type != "curl" || all[1].Type != "qgis_plugin" || *all[1].Version != "2.2.5" || all[1].User != ann.ID || all[0].Extra != nil || len(all[0].Seen) != len("2026-03-18T12:00:00.000000") {
			t.Errorf("%+v", all)
		}
		if d := cmp.Diff(map[string]any{"build": "7"}, all[1].Extra); d != "" {
			t.Error(d)
		}
		if all := list("ben:"); len(all) != 0 {
			t.Errorf("%+v", all)
		}
		if u, err := g.Store.Queries().GetUser(t.Context(), ann.ID); err != nil || u.LastActivityAt == nil || u.LastLoginAt != nil {
			t.Errorf("%+v, %v", u, err)
		}
		// However many a caller names, few are written, and fewer are kept.
		var done sync.WaitGroup
		for i := range 60 {
			done.Go(func() { see(ben, nil, "User-Agent", fmt.Sprintf("p%d/1", i)) })
		}
		done.Wait()
		if n := len(list("ben:")); n != 20 {
			t.Errorf("%d programs", n)
		}
		g.Want(t, "", "GET", "/api/v1/user/me/clients", "", 401)
	})
}

// TestSeeCostsLittle holds that who is known costs no query: the store is closed.
func TestSeeCostsLittle(t *testing.T) {
	t.Parallel()
	store, err := queries.Open(t.Context(), queries.Config{DSN: "sqlite:" + filepath.Join(t.TempDir(), "store.db")})
	if err != nil {
		t.Fatal(err)
	}
	u, err := store.CreateUser(t.Context(), controltest.By(), db.User{Email: "ann@example.org", Role: "USER"})
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	p := programs.New(store, programs.Options{Patience: time.Minute, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
	r.Header = http.Header{"User-Agent": {"curl/8.5.0"}}
	c := &callers.Caller{User: tokens.User{ID: u.ID.String()}}
	p.See(r, c)
	store.Close()
	if p.See(r, c); log.Len() > 0 {
		t.Error(log.String())
	}
	r.Header.Set("User-Agent", "curl/9")
	if p.See(r, c); log.Len() == 0 {
		t.Error("a store that fails is not told")
	}
}
