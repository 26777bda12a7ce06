package pages_test

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fairway-gateway/fairway/e2e/chromium"
	"github.com/fairway-gateway/fairway/e2e/gateway"
	"github.com/fairway-gateway/fairway/internal/pgtest"
	"github.com/fairway-gateway/fairway/runner/runnertest"
)

// TestQueue has an administrator look at the queue, by the password that his browser asks for, and cancel a job; the site has the
// page under a path of its own.
func TestQueue(t *testing.T) {
	t.Parallel()
	server := pgtest.For(t)
	g := gateway.Start(t, builder, gateway.Options{
		Fairway: "\t\tdatabase {env.DATABASE_URL}\n\t\tsecret {env.FAIRWAY_SECRET}",
		Env: []string{
			"DATABASE_URL=" + server.DSN("postgres"), "FAIRWAY_SECRET=" + gateway.NewSecret(),
			"FAIRWAY_ADMIN_EMAIL=" + adminEmail, "FAIRWAY_ADMIN_PASSWORD=" + adminPassword,
		},
		Site: "\tlog\n" + fence(t, "caddyfile"),
	})
	const page = "/gateway/console/jobs/"
	if a := g.Get(page, "", ""); a.Status != http.StatusUnauthorized || !strings.HasPrefix(a.Header.Get("WWW-Authenticate"), "Basic ") {
		t.Fatalf("nobody: %s", a)
	}
	if a := g.Get(page, adminEmail, "Not it 1"); a.Status != http.StatusUnauthorized {
		t.Fatalf("a wrong password: %s", a)
	}
	site := runnertest.New(t, server.DSN("postgres")+"&pool_max_conns=5")
	site.Queue(t)
	site.Execute(t, 3, "{}", nil)

	_, asked, _ := strings.Cut(strings.TrimSpace(fence(t, "sh")), "https://localhost:8443")
	if a := g.Get(asked, adminEmail, adminPassword); a.Status != http.StatusOK || strings.Count(a.Body, `"kind":"attempt"`) != 3 {
		t.Errorf("%s: %s", asked, a)
	}

	tab := chromium.Open(t, g.URL)
	tab.Expect("/favicon.ico")   // of the site, for the picture alone
	tab.Expect("kEvalViolation") // its library tries whether it may, and goes on without
	signedIn := url.URL{Scheme: "http", User: url.UserPassword(adminEmail, adminPassword), Host: strings.TrimPrefix(g.URL, "http://"), Path: page + "icon.svg"}
	tab.Expect(signedIn.String())
	tab.Visit(signedIn.String())
	tab.Go(page + "jobs?state=available")
	tab.Sees("main", "attempt")
	tab.Is(`document.querySelectorAll('main a[href*="/gateway/console/jobs/jobs/"]').length === 3`)
	tab.Shoot("jobs")
	tab.Press(`main a[href*="/gateway/console/jobs/jobs/"]`)
	tab.Sees("main", "execution")
	tab.Shoot("job")
	tab.Is(`(() => { const b = [...document.querySelectorAll("button")].find(b => b.innerText.includes("Cancel")); b?.click(); return !!b })()`)
	tab.Is(`!!document.body.innerText.match(/cancelled/i)`)
	tab.Shoot("cancelled")
	tab.Go(page + "queues")
	tab.Is(`!!document.body.innerText.match(/Available\s+Running\s+Status/)`)
	tab.Shoot("queues")

	a := g.Get("/gateway/api/v1/audit-log?sort=-id", adminEmail, adminPassword)
	if a.Status != http.StatusOK || !strings.Contains(a.Body, `"queue.job.cancel"`) {
		t.Errorf("the audit log: %s", a)
	}
	for _, text := range []string{adminPassword, base64.StdEncoding.EncodeToString([]byte(adminEmail + ":" + adminPassword))} {
		if strings.Contains(g.Log(), text) {
			t.Error("the password is in the log")
		}
	}
}

// fence is the first one of a language in the documentation of the page.
func fence(t *testing.T, lang string) string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(repository, "docs", "console-jobs.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(page), "\n```"+lang+"\n")
	text, _, ended := strings.Cut(rest, "```\n")
	if !found || !ended {
		t.Fatalf("the page has no fence of %s", lang)
	}
	return text
}

// TestNoQueue says where the page is.
func TestNoQueue(t *testing.T) {
	t.Parallel()
	g := start(t, "")
	for _, path := range []string{"/console/jobs", "/console/jobs/api/jobs"} {
		if a := g.Get(path, adminEmail, adminPassword); a.Status != http.StatusNotFound || !strings.Contains(a.Body, "where the store is PostgreSQL") {
			t.Errorf("%s: %s", path, a)
		}
	}
}
