package accounts_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/fairway-gateway/fairway/modules/control/accounts"
	"github.com/fairway-gateway/fairway/modules/control/controltest"
	"github.com/fairway-gateway/fairway/modules/control/passwords"
	"github.com/fairway-gateway/fairway/modules/control/permit"
	"github.com/fairway-gateway/fairway/modules/control/tokens"
)

// printer is somewhere to print that many may write to.
type printer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (p *printer) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.Buffer.Write(b)
}

// TestFirstAdmin holds who the first administrator is, and what is printed.
func TestFirstAdmin(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "password")
	must(t, os.WriteFile(file, []byte(other+"\n"), 0o600))
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		w := newWorld(t, dsn)
		for name, c := range map[string]struct {
			env map[string]string
			say string
		}{
			"weak":         {map[string]string{"FAIRWAY_ADMIN_PASSWORD": "q"}, "FAIRWAY_ADMIN_PASSWORD: Password must be"},
			"no file":      {map[string]string{"FAIRWAY_ADMIN_PASSWORD_FILE": file + "x"}, "FAIRWAY_ADMIN_PASSWORD_FILE: open"},
			"both":         {map[string]string{"FAIRWAY_ADMIN_PASSWORD_FILE": file, "FAIRWAY_ADMIN_PASSWORD": good}, "which of both?"},
			"no address":   {map[string]string{"FAIRWAY_ADMIN_EMAIL": "root", "FAIRWAY_ADMIN_PASSWORD": good}, "FAIRWAY_ADMIN_EMAIL: Email not valid"},
			"nothing told": {nil, "nowhere to print"},
		} {
			first := accounts.FirstAdminOf(func(key string) string { return c.env[key] }, nil)
			if made, err := w.starter.EnsureFirstAdmin(t.Context(), first); made || err == nil || !strings.Contains(err.Error(), c.say) || strings.Contains(err.Error(), good) {
				t.Errorf("%s: %v", name, err)
			}
		}
		var out printer
		env := map[string]string{"FAIRWAY_ADMIN_EMAIL": "boss@example.org", "FAIRWAY_ADMIN_PASSWORD_FILE": file}
		first := accounts.FirstAdminOf(func(key string) string { return env[key] }, &out)
		if made, err := w.starter.EnsureFirstAdmin(t.Context(), first); !made || err != nil || out.Len() != 0 {
			t.Errorf("%v, %v, %q", made, err, out.String())
		}
		u, err := w.store.FindUser(t.Context(), "boss@example.org")
		if err != nil || u.Role != "SUPERADMIN" || !u.IsActive || !w.logsIn(t, "boss@example.org", other) {
			t.Errorf("%+v, %v", u, err)
		}
		// There is none again, also not where the first one was deleted.
		_, err = w.store.DeleteUser(t.Context(), controltest.By(), u.ID)
		must(t, err)
		if made, err := w.starter.EnsureFirstAdmin(t.Context(), first); made || err != nil {
			t.Errorf("%v, %v", made, err)
		}
	})
}

// TestFirstAdminRace starts 20 gateways at once on an empty store: one makes an administrator, and prints his password.
func TestFirstAdminRace(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		gateways := []*world{newWorld(t, dsn), newWorld(t, dsn), newWorld(t, dsn)}
		var out printer
		made := make([]bool, 20)
		var wait sync.WaitGroup
		for i := range made {
			wait.Go(func() {
				first := accounts.FirstAdmin{Print: &out}
				if i%2 == 0 {
					first.Email = fmt.Sprintf("admin%d@example.org", i) // gateways that were told different things
				}
				var err error
				if made[i], err = gateways[i%3].starter.EnsureFirstAdmin(t.Context(), first); err != nil {
					t.Error(err)
				}
				if err := gateways[i%3].starter.EnsureDocumentation(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		wait.Wait()
		n := 0
		for _, ok := range made {
			if ok {
				n++
			}
		}
		users, err := gateways[0].store.Queries().CountUsers(t.Context())
		if n != 1 || users != 1 || err != nil {
			t.Fatalf("%d were made, there are %d, %v", n, users, err)
		}
		said := regexp.MustCompile(`(?s)e-mail: +(\S+)\n +password: (\S+)\n`).FindAllStringSubmatch(out.String(), -1)
		if len(said) != 1 || !gateways[0].logsIn(t, said[0][1], said[0][2]) || len(passwords.Weaknesses(said[0][2])) != 0 {
			t.Errorf("it was printed: %s", out.String())
		}
		c, err := gateways[0].store.Queries().GetLivingClient(t.Context(), "documentation")
		if err != nil || c.Confidential || len(c.SecretHash) != 0 || c.Grants != "password refresh_token" || !strings.Contains(c.Scopes, "users:read") || strings.Contains(" "+c.Scopes+" ", " all ") {
			t.Errorf("%+v, %v", c, err)
		}
		_, err = gateways[0].store.RevokeClient(t.Context(), controltest.By(), c.ID)
		must(t, err)
		must(t, gateways[0].starter.EnsureDocumentation(t.Context()))
		if _, err := gateways[0].store.Queries().GetLivingClient(t.Context(), "documentation"); err == nil {
			t.Error("a client that was revoked is back")
		}
	})
}

// TestSeed holds who is in a store for development, and that such a one is made of an empty store only.
func TestSeed(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		w := newWorld(t, dsn)
		must(t, w.starter.SeedDevelopment(t.Context(), controltest.By()))
		for i, c := range []struct {
			login, password, role      string
			regular, internal, isFirst bool
		}{
			{"root", "q", "SUPERADMIN", true, false, true}, {"user", "w", "USER", true, false, false}, {"internal", "q", "USER", false, true, false},
		} {
			u, err := w.store.FindUser(t.Context(), c.login)
			if err != nil || u.Role != c.role || u.IsRegularUser != c.regular || u.IsInternal != c.internal || !u.IsActive || u.Number != int64(i+1) || u.Email != c.login+"@localhost" || u.FirstName != "" {
				t.Errorf("%+v, %v", u, err)
			}
			if !w.logsIn(t, c.login, c.password) || !w.logsIn(t, c.login+"@localhost", c.password) {
				t.Errorf("%s does not log in", c.login)
			}
		}
		client, err := w.store.Queries().GetLivingClient(t.Context(), "documentation")
		if err != nil || client.Confidential || client.OwnerID == nil || !bytes.Equal(client.SecretHash, tokens.HashSecret("KQ()SWK)SQK)QWSKQW(SKQ)S(QWSQW(SJ*HQ&HQW*SQ*^SSQWSGQSG")) {
			t.Errorf("%+v, %v", client, err)
		}
		if err := w.starter.SeedDevelopment(t.Context(), controltest.By()); !errors.Is(err, accounts.ErrSeeded) {
			t.Error(err)
		}
		must(t, w.starter.EnsureDocumentation(t.Context()))
		if made, err := w.starter.EnsureFirstAdmin(t.Context(), accounts.FirstAdmin{}); made || err != nil {
			t.Errorf("%v, %v", made, err)
		}
	})
}

// TestSeedRefusesUsers holds that nobody gets the users of development into a store that has, or had, others; also while a gateway
// makes its first.
func TestSeedRefusesUsers(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, dsn string) {
		t.Helper()
		w := newWorld(t, dsn)
		var seeded, started error
		var made bool
		var wait sync.WaitGroup
		wait.Go(func() { seeded = w.starter.SeedDevelopment(t.Context(), controltest.By()) })
		wait.Go(func() { made, started = w.starter.EnsureFirstAdmin(t.Context(), accounts.FirstAdmin{Password: good}) })
		wait.Wait()
		n, err := w.store.Queries().CountUsers(t.Context())
		must(t, err)
		if started != nil || made != errors.Is(seeded, accounts.ErrSeeded) || made && n != 1 || !made && (n != 3 || seeded != nil) {
			t.Errorf("%v, %v, %v: %d users", seeded, made, started, n)
		}
	})
	w := newWorld(t, engines.SQLite(t))
	_, err := w.store.DeleteUser(t.Context(), controltest.By(), w.ofRole(t, permit.User, "ann@example.org").ID)
	must(t, err)
	if err := w.starter.SeedDevelopment(t.Context(), controltest.By()); !errors.Is(err, accounts.ErrSeeded) {
		t.Error(err)
	}
}
