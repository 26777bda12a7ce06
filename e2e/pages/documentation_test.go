package pages_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/fairway-gateway/fairway/e2e/chromium"
)

// farm is a service for users, with a scope of its own.
func farm(t *testing.T) string {
	t.Helper()
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = fmt.Fprintf(w, "QUEUE=%s\nWAITING=3\n", strings.Trim(r.URL.Path, "/")) // the client's loss
	}))
	t.Cleanup(backend.Close)
	return `	service /queues {
		version 1.2.0
		repository https://github.com/example/queues
		description "The queues of the build farm"
		callers users queues:read
		backend ` + backend.URL + `
		GET /{name} {
			summary "How long a queue is"
			describe "Waiting jobs of one queue."
			param name in path string required pattern [a-z]+ "The queue's name"
			param unit in query string default jobs enum jobs hours "What is counted"
			fetch /{name} {
				decode kv
			}
			reply ` + "`{ queue: .QUEUE, waiting: .WAITING, unit: $query.unit }`" + `
		}
	}`
}

// operation opens an operation of the page to be tried, and gives its selector.
func operation(tab *chromium.Tab, tag, id string) string {
	s := fmt.Sprintf(".opblock:has(a[href='#/%s/%s'])", tag, id)
	tab.Press("#operations-tag-" + tag)
	tab.Press(s + " .opblock-summary-control")
	tab.Press(s + " .try-out__btn")
	return s
}

// TestDocumentation logs in on the page of the API document by the password flow, and runs an operation of the control API and one of
// a service there.
func TestDocumentation(t *testing.T) {
	t.Parallel()
	g := start(t, farm(t))
	tab := chromium.Open(t, g.URL)
	tab.Go("/api/v1/")
	tab.Sees(".info", "Fairway")
	tab.Sees("#operations-tag-queues", "The queues of the build farm")
	tab.Shoot("start")

	tab.Press(".auth-wrapper .btn.authorize")
	tab.Sees(".modal-ux", "oauth2_password")
	tab.Shoot("dialog")
	logIn(tab, adminEmail, adminPassword)
	tab.Shoot("logged-in")
	tab.Press(".modal-ux .btn-done")

	me := operation(tab, "user", "user.me.get")
	tab.Press(me + " .execute")
	tab.Sees(me+" .live-responses-table tbody .response-col_status", "200")
	tab.Sees(me+" .live-responses-table tbody .response-col_description", `"email": "`+adminEmail+`"`)
	tab.Sees(me+" .curl-command", "Authorization: Bearer ey")
	tab.Shoot("an-operation")

	queue := operation(tab, "queues", "queues_GET_name")
	tab.Type(queue+" .parameters input[placeholder=name]", "main")
	tab.Press(queue + " .execute")
	tab.Sees(queue+" .live-responses-table tbody .response-col_status", "200")
	tab.Sees(queue+" .live-responses-table tbody .response-col_description", `"waiting": "3"`)
	tab.Sees(queue+" .live-responses-table tbody .response-col_description", `"unit": "jobs"`)
	tab.Shoot("a-service")

	// All of it came from here, and the password in the body alone.
	for _, url := range tab.Asked() {
		if strings.Contains(url, "password=") || strings.Contains(url, "token=") {
			t.Errorf("a secret is in an address: %s", url)
		}
	}
}

// logIn fills in the dialog's first form, that of the password flow, whose client is filled in already.
func logIn(tab *chromium.Tab, user, password string) {
	const form = ".modal-ux .auth-container:has(#oauth_password)"
	tab.Type(form+" #oauth_username", user)
	tab.Type(form+" #oauth_password", password)
	tab.Is(`document.querySelector("` + form + ` [id^=client_id]").value === "documentation"`)
	tab.Press(form + " .scopes h2 a")
	tab.Press(form + " .btn.authorize")
	tab.Sees(".modal-ux", "Logout")
}

// TestDocumentationIsGuarded has the page run no script but its own, and ask nobody else.
func TestDocumentationIsGuarded(t *testing.T) {
	t.Parallel()
	g := start(t, "")
	asked := make(chan string, 10)
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked <- r.URL.Path }))
	t.Cleanup(other.Close)
	tab := chromium.Open(t, g.URL)
	tab.Go("/api/v1/")
	tab.Sees(".info", "Fairway")
	for _, part := range []string{"ContentSecurityPolicyIssue", "Content Security Policy", other.URL} {
		tab.Expect(part)
	}
	for _, script := range []string{
		`fetch("` + other.URL + `/fetch").catch(() => {}); true`,
		`new Image().src = "` + other.URL + `/image"; true`,
		`(() => { const s = document.createElement("script"); s.src = "` + other.URL + `/script"; document.body.append(s); return true })()`,
		`(() => { const s = document.createElement("script"); s.textContent = "window.injected = 1"; document.body.append(s); return true })()`,
		`(() => { const a = document.createElement("div"); a.innerHTML = "<img src='data:,' onerror='window.injected = 2'>"; document.body.append(a); return true })()`,
		`(() => { const f = document.createElement("iframe"); f.src = "` + other.URL + `/frame"; document.body.append(f); return true })()`,
		`(() => { const f = document.createElement("form"); f.action = "` + other.URL + `/form"; document.body.append(f); f.submit(); return true })()`,
	} {
		chromium.Run(tab, chromedp.Evaluate[bool](script))
	}
	for _, directive := range []string{"connect-src", "img-src", "script-src-elem", "script-src-attr", "frame-src", "form-action"} {
		tab.Heard(directive)
	}
	tab.Is(`window.injected === undefined`)
	select {
	case path := <-asked:
		t.Errorf("%s of another server was asked for", path)
	default:
	}
}
