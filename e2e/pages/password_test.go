package pages_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/e2e/chromium"
	"github.com/fairway-gateway/fairway/e2e/gateway"
)

// TestSettingAPassword follows a mailed link and sets a password, after some that are refused.
func TestSettingAPassword(t *testing.T) {
	t.Parallel()
	g := start(t, "")
	link := recoveryLink(t, g)
	tab := chromium.Open(t, g.URL)
	tab.Go(link)
	tab.Sees("h1", "Set a password")
	tab.Shoot("form")

	// The status is said by the browser, too.
	tab.Expect("the server responded with a status of 422")
	set := func(password, again string) {
		tab.Type("#password", password)
		tab.Type("#again", again)
		tab.Press("button")
	}
	set("Another one at the 2nd tee", "Another one at the 3rd tee")
	tab.Sees(".wrong", "The two passwords are not the same")
	tab.Shoot("not-the-same")
	set("another one at the second tee", "another one at the second tee")
	tab.Sees("body", "Password must contain at least one digit")
	tab.Shoot("weak")
	const password = "Another one at the 2nd tee"
	set(password, password)
	tab.Sees("h1", "Your password is set")
	tab.Shoot("done")
	tab.Is(`!document.querySelector("form")`)

	// It was good once.
	tab.Expect("the server responded with a status of 404")
	tab.Go(link)
	tab.Sees("h1", "Set a password")
	set(password, password)
	tab.Sees("h1", "This link is not good any more")
	tab.Shoot("dead")
	tab.Go("/reset-password")
	tab.Sees("h1", "This link is not good any more")

	if a := g.Get("/api/v1/user/me", adminEmail, password); a.Status != http.StatusOK {
		t.Errorf("the password that was set: %s", a)
	}
	for _, asked := range tab.Asked() {
		if strings.Contains(asked, "password=") || strings.Contains(asked, "tee") {
			t.Errorf("a password is in an address: %s", asked)
		}
	}
}

// recoveryLink asks for a link for the first administrator, and gives its path. Without a server of mail, letters are in the log.
func recoveryLink(t *testing.T, g *gateway.Gateway) string {
	t.Helper()
	a, err := g.Do(g.Request(http.MethodPost, "/api/v1/user/"+url.PathEscape(adminEmail)+"/recover-password", "", "", nil))
	if err != nil || a.Status != http.StatusOK {
		t.Fatalf("%v %s", err, a)
	}
	links := regexp.MustCompile(`/reset-password\?token=[A-Za-z0-9_.-]+`)
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if link := links.FindString(g.Log()); link != "" {
			return link
		}
	}
	t.Fatal("no letter came")
	return ""
}
